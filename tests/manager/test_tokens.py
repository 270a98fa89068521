"""Tokens of the API: made and revoked with a manager and without; the token itself is nowhere."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.manager.hosting import settings
from waziterm.domain.errors import FleetError
from waziterm.domain.messages.codes import Scope
from waziterm.domain.messages.token import MOST_TOKENS
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.manager import open_manager
from waziterm.manager.stored.fleet import StoredFleet


def stored(folder: Path) -> StoredFleet:
    return StoredFleet(DataDir(folder / "data"), lambda: settings(folder))


def found_in(folder: Path, secret: str) -> list[str]:
    """The files below a folder that hold a text."""
    return [
        str(path)
        for path in folder.rglob("*")
        if path.is_file() and secret.encode() in path.read_bytes()
    ]


async def test_without_a_manager_and_with_the_next_one(folder: Path) -> None:
    fleet = stored(folder)
    assert await fleet.tokens() == ()
    with pytest.raises(FleetError, match="no token is called 'web'"):
        await fleet.revoke_token("web")
    made = await fleet.add_token("web", "shop-*, bar", "read")
    assert (made.name, made.scopes, made.instances) == ("web", (Scope.READ,), ("shop-*", "bar"))
    assert made.token.startswith("wzt_") and made.token not in repr(made)
    assert found_in(folder, made.token) == []
    async with open_manager(folder / "data", settings(folder), None) as manager:
        owner = await manager.owner_of(made.token)
        assert owner is not None and owner.name == "web"
        assert owner.allows("shop-a") and owner.allows("bar") and not owner.allows("bark")
        assert await manager.owner_of(made.token + "x") is None
        assert await manager.owner_of("") is None
    await fleet.revoke_token("web")
    assert await fleet.tokens() == ()


async def test_at_once_in_a_running_manager(folder: Path) -> None:
    async with open_manager(folder / "data", settings(folder), None) as manager:
        assert await manager.owner_of("wzt_none") is None
        made = await manager.add_token("web")
        owner = await manager.owner_of(made.token)
        assert owner is not None and owner.scopes == (Scope.SEND, Scope.READ) and owner.is_for_all
        assert [each.name for each in await manager.tokens()] == ["web"]
        await manager.revoke_token("web")
        assert await manager.owner_of(made.token) is None
        again = await manager.add_token("web")
        assert await manager.owner_of(made.token) is None
        assert await manager.owner_of(again.token) is not None
        # Whoever looks while another one is revoked does not bring it back.
        looks = [manager.owner_of(again.token) for _ in range(20)]
        await asyncio.gather(manager.revoke_token("web"), *looks)
        assert await manager.owner_of(again.token) is None
        assert found_in(folder, made.token) == found_in(folder, again.token) == []


@pytest.mark.parametrize(
    ("name", "instances", "scopes", "words"),
    [
        ("", "*", "send", "token's name"),
        ("Web", "*", "send", "token's name"),
        ("web shop", "*", "send", "token's name"),
        ("web", "", "send", "1 to 100 names"),
        ("web", "Shop", "send", "no pattern"),
        ("web", "a,b;c", "send", "no pattern"),
        ("web", "*", "", "send, read, receive and manage"),
        ("web", "*", "send,admin", "send, read, receive and manage"),
        ("taken", "*", "send", "called taken already"),
    ],
)
async def test_what_cannot_be(
    folder: Path, name: str, instances: str, scopes: str, words: str
) -> None:
    fleet = stored(folder)
    await fleet.add_token("taken")
    with pytest.raises(FleetError, match=words):
        await fleet.add_token(name, instances, scopes)
    assert [each.name for each in await fleet.tokens()] == ["taken"]


async def test_damaged_rows_allow_nothing_and_can_be_revoked(folder: Path) -> None:
    fleet = stored(folder)
    made = [await fleet.add_token(name) for name in ("a", "b", "c", "d", "e")]
    with closing(sqlite3.connect(folder / "data" / "waziterm.db")) as db, db:
        db.execute("UPDATE tokens SET scopes = '[\"admin\"]' WHERE name = 'a'")
        db.execute("UPDATE tokens SET patterns = '{' WHERE name = 'b'")
        db.execute("UPDATE tokens SET digest = 'x' WHERE name = 'c'")
        db.execute("UPDATE tokens SET at = 1e300 WHERE name = 'd'")
    async with open_manager(folder / "data", settings(folder), None) as manager:
        owners = [await manager.owner_of(each.token) for each in made]
        assert [each and each.name for each in owners] == [None, None, None, None, "e"]
        assert [each.name for each in await manager.tokens()] == ["e"]
        await manager.revoke_token("a")


async def test_how_many_there_may_be(folder: Path) -> None:
    fleet = stored(folder)
    await fleet.add_token("first")
    with closing(sqlite3.connect(folder / "data" / "waziterm.db")) as db, db:
        for number in range(1, MOST_TOKENS):
            db.execute(
                "INSERT INTO tokens SELECT ?, digest, scopes, patterns, at, who FROM tokens"
                " WHERE name = 'first'",
                (f"t{number}",),
            )
    with pytest.raises(FleetError, match=f"{MOST_TOKENS} tokens"):
        await fleet.add_token("one-more")
