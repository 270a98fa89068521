"""The verb set, its undo, and what `config` says of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.control.scripted import ScriptedFleet
from waziterm.domain.fleet.history import Edit
from waziterm.domain.lifecycle.instance import OwnKey
from waziterm.manager.files.datadir import DataDir

DEAD = "http://sari:hunter2@127.0.0.1:9"
FLEET_PROXY = '[fleet]\nproxy = "http://127.0.0.1:9"\n'


@pytest.fixture(autouse=True)
def config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty config file in a directory of its own."""
    file = tmp_path / "config.toml"
    file.touch()
    monkeypatch.setenv("WAZITERM_CONFIG", str(file))
    return file


def test_it_is_kept_undone_and_audited_without_a_manager(call: Call, data: DataDir) -> None:
    at = ("--data-dir", str(data.root))
    assert call("add", "shop-a", *at).code == 0
    done = call("set", "shop-a", "note=paid until May", "tags=VIP,jakarta", *at)
    assert done.code == 0
    assert done.out.startswith("shop-a: set; paid until May; #vip #jakarta\n")
    assert call("set", "shop-a", "tags=", *at, "--json").document["tags"] == []
    shown = call("status", "shop-a", *at)
    assert "paid until May" in shown.out
    assert call("undo", *at, "--yes", "--json").document == {
        "instance": "shop-a", "entry": None, "restored": [], "refused": [], "edit": 2,
    }  # fmt: skip
    [found] = call("list", *at, "--json").document
    assert (found["note"], found["tags"]) == ("paid until May", ["vip", "jakarta"])
    done = call("undo", *at, "--yes")
    assert done.code == 0 and "shop-a: note, tags as before" in done.out
    assert call("undo", *at, "--yes").code == 1, "there is nothing left"
    acts = call("audit", *at, "--json").document
    told = [(each["act"], each["instances"], each["result"]) for each in acts]
    assert told[1:] == [
        ("set", ["shop-a"], "done"), ("set", ["shop-a"], "done"),
        ("undo-edit", ["shop-a"], "done"), ("undo-edit", ["shop-a"], "done"),
    ]  # fmt: skip


def test_a_proxy_that_fails_its_test_is_not_set_and_its_login_is_nowhere(
    call: Call, data: DataDir
) -> None:
    at = ("--data-dir", str(data.root))
    assert call("add", "shop-a", *at).code == 0
    before = data.database.read_bytes()
    done = call("set", "shop-a", f"proxy={DEAD}", *at, "--yes")
    assert done.code == 1 and "nothing was changed" in done.err
    assert "127.0.0.1:9" in done.err and "hunter2" not in done.err + done.out
    told = [call(*words, *at).out for words in (("audit", "--json"), ("list", "--json"))]
    assert "failed the test" in told[0]
    assert not [text for text in told if "hunter2" in text]
    assert b"hunter2" not in before + data.database.read_bytes()


def test_one_question_before_what_makes_a_connection_anew(
    call: Call, managed: DataDir, fleet: ScriptedFleet, types: Callable[[str], object]
) -> None:
    at = ("--data-dir", str(managed.root))
    types("n")
    done = call("set", "shop-a", f"proxy={DEAD}", *at)
    assert done.code == 1 and fleet.calls == []
    assert "tested first" in done.err and "connects again" in done.err
    assert "hunter2" not in done.err
    types("y")
    assert call("set", "shop-a", "isolate=true", *at).code == 0
    assert call("set", "shop-a", "note=x", *at).code == 0, "a note asks nobody"
    assert [each[1:3] for each in fleet.calls] == [("shop-a", None), ("shop-a", "x")]


def test_several_are_set_by_a_tag_and_counted_first(
    call: Call, managed: DataDir, fleet: ScriptedFleet
) -> None:
    at = ("--data-dir", str(managed.root))
    for name in ("shop-a", "shop-c"):
        assert call("set", name, "tags=vip,jkt", *at).code == 0
    done = call("set", "tag:vip", "note=x", *at)
    assert done.code == 2 and "2 instances: shop-a, shop-c" in done.err
    done = call("set", "tag:vip", "note=x", *at, "--yes", "--json")
    assert [each["name"] for each in done.document] == ["shop-a", "shop-c"]
    assert call("stop", "tag:jk*", *at, "--yes").code == 0
    assert fleet.calls[-2:] == [("stop", "shop-a"), ("stop", "shop-c")]
    done = call("stop", "tag:nobody", *at, "--yes")
    assert (done.code, done.err) == (
        1,
        "waziterm: no instance matches 'tag:nobody'"
        f" (see `waziterm list --data-dir {managed.root}`)\n",
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("shop-a",), "set needs something to set (allowed: note=, tags=, proxy="),
        (("note=x",), "set needs the name of an instance"),
        (("shop-a", "color=red"), "'color' cannot be set (allowed: note=, tags=, proxy="),
        (("shop-a", "tags=a:b"), "'a:b' cannot be a tag: up to 10 tags"),
        (("shop-a", "proxy=1.2.3.4"), "a proxy URL starts with http, https, socks5"),
        (("shop-a", "isolate=maybe"), "isolate is true or false, not 'maybe'"),
    ],
)
def test_what_cannot_be_set_is_one_line(
    call: Call, managed: DataDir, fleet: ScriptedFleet, words: tuple[str, ...], said: str
) -> None:
    done = call("set", *words, "--data-dir", str(managed.root), "--yes")
    assert (done.code, fleet.calls) == (2, []) and done.err.count("\n") == 1
    assert said in done.err


def test_config_tells_what_was_set_between_the_file_and_the_variables(
    call: Call, data: DataDir, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text(
        f"{FLEET_PROXY}[instances.shop-a]\ndevice_name = 'Toko'\nisolate = true\ncooldown_s = 60\n"
    )
    at = ("--data-dir", str(data.root))
    assert call("add", "shop-a", "--proxy", DEAD, *at).code == 0
    [found] = call("list", *at, "--json").document
    assert (found["device_name"], found["isolated"]) == ("Toko", True)
    assert call("set", "shop-a", "device_name=Toko Baru", "isolate=false", *at, "--yes").code == 0
    shown = call("config", *at)
    assert 'instances.shop-a.proxy = "••••"  # set\n' in shown.out
    assert 'instances.shop-a.device_name = "Toko Baru"  # set\n' in shown.out
    assert "instances.shop-a.isolate = false  # set\n" in shown.out
    assert f"instances.shop-a.cooldown_s = 60.0  # {config}:6\n" in shown.out
    told = {each["key"]: each["origin"] for each in call("config", *at, "--json").document}
    assert told["instances.shop-a.isolate"] == {"kind": "set", "name": None, "line": None}
    monkeypatch.setenv("WAZITERM_INSTANCES__SHOP-A__ISOLATE", "true")
    variable = "isolate = true  # WAZITERM_INSTANCES__SHOP-A__ISOLATE\n"
    assert f"instances.shop-a.{variable}" in call("config", *at).out
    assert call("list", *at, "--json").document[0]["isolated"]
    done = call("set", "shop-a", "isolate=false", *at, "--yes")
    assert done.code == 1 and "WAZITERM_INSTANCES__SHOP-A__ISOLATE" in done.err
    monkeypatch.delenv("WAZITERM_INSTANCES__SHOP-A__ISOLATE")
    assert call("set", "shop-a", "device_name=", "isolate=", *at, "--yes").code == 0
    [found] = call("list", *at, "--json").document
    assert (found["device_name"], found["isolated"]) == ("Toko", True)


def test_an_undo_takes_back_what_happened_last(
    call: Call, managed: DataDir, fleet: ScriptedFleet
) -> None:
    at = ("--data-dir", str(managed.root))
    trashed = fleet.entries[0].at
    older = Edit(3, trashed - 60, "sari", "shop-a", (OwnKey.NOTE,))
    fleet.edited = (older,)
    assert call("undo", *at, "--yes", "--json").document["entry"] == fleet.entries[0].id
    fleet.edited = (Edit(7, trashed + 60, "sari", "shop-a", (OwnKey.PROXY,)), older)
    done = call("undo", *at)
    assert done.code == 2 and fleet.calls[-1][0] != "undo_edit"
    done = call("undo", *at, "--yes")
    assert "shop-a: proxy as before\n" in done.out and "2 more can be undone" in done.err
    assert f"undoes the next: {fleet.entries[0].instance}" in done.err
    assert fleet.calls[-1] == ("undo_edit", "shop-a", 7)
    fleet.edited = (Edit(8, trashed + 90, "sari", "shop-a", (), "toko"), *fleet.edited)
    done = call("undo", *at, "--yes")
    assert "shop-a is toko again\n" in done.out and "3 more can be undone" in done.err
    assert fleet.calls[-1] == ("undo_edit", "shop-a", 8)
