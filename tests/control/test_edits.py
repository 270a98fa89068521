"""Setting what differs for an instance over the socket: by a script, and by an attached screen."""

from pathlib import Path
from typing import Any

import pytest

from tests.control.scripted import ScriptedFleet, connected_view
from tests.control.test_server import ask
from waziterm.control.client.remote import attached
from waziterm.control.server.app import serve_control
from waziterm.domain.errors import FleetError
from waziterm.domain.fleet.api import Fleet
from waziterm.domain.fleet.history import Edit
from waziterm.domain.fleet.readonly import read_only
from waziterm.domain.lifecycle.instance import OwnKey

URL = "/v1/instances/shop-a/set"
EDIT = Edit(7, 1_767_225_600.0, "sari", "shop-a", (OwnKey.NOTE, OwnKey.PROXY))


async def test_an_attached_screen_sets_reads_and_undoes(folder: Path) -> None:
    fleet = ScriptedFleet(connected_view("shop-a"))
    fleet.edited = (EDIT,)
    path = folder / "c.sock"
    async with serve_control(fleet, path), attached(path, lambda: 4711) as far:
        view = await far.edit("shop-a", note="paid", tags="vip,jkt", proxy="http://u:p@h:1")
        assert (view.note, view.tags, view.proxy) == ("paid", ("vip", "jkt"), "http://•••@h:1")
        assert far.snapshot().instance("shop-a").name == "shop-a"
        assert (await far.edit("shop-a", proxy="", isolate="true")).proxy is None
        assert await far.edits() == (EDIT,)
        await far.undo_edit("shop-a", EDIT.id)
        watching: Fleet = read_only(far)
        with pytest.raises(FleetError, match="only watches: set"):
            await watching.edit("shop-a", note="x")
    assert fleet.calls == [
        ("edit", "shop-a", "paid", "vip,jkt", "http://u:p@h:1", None, None, None),
        ("edit", "shop-a", None, None, "", None, "true", None),
        ("undo_edit", "shop-a", 7),
    ]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            {"notes": "x"},
            "unknown field 'notes'; allowed: note, tags, proxy, device_name, isolate, receipts",
        ),
        ({"tags": ["vip"]}, "'tags' must be a text"),
        ({"isolate": True}, "'isolate' must be a text"),
        ({"proxy": "h:1"}, "a proxy URL starts with http, https, socks5 and ://"),
    ],
)
async def test_a_wrong_body_never_reaches_the_fleet(
    folder: Path, body: dict[str, Any], said: str
) -> None:
    fleet = ScriptedFleet(connected_view("shop-a"))
    async with serve_control(fleet, folder / "c.sock"):
        answer = await ask(folder / "c.sock", "POST", URL, json=body)
    assert (answer.status_code, answer.json()["error"], fleet.calls) == (400, said, [])
