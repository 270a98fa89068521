"""The verbs config and reload: what they print, how they end, and what they leave alone."""

import tomllib
from pathlib import Path

import pytest

from tests.cli.conftest import Call, served
from tests.control.scripted import ScriptedFleet
from tests.scriptedtools import NOT_RELOADED, RELOADED
from waziterm.domain.reload import Reloaded
from waziterm.manager.files.datadir import DataDir

RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
WRONG = "[limits]\ncooldown_s = 0\n[log]\nkeep = 1\n"


@pytest.fixture(autouse=True)
def config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty config file in a directory of its own."""
    file = tmp_path / "config.toml"
    file.touch()
    monkeypatch.setenv("WAZITERM_CONFIG", str(file))
    return file


def test_config_prints_toml_with_the_origin_of_each_setting(
    call: Call, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text("[limits]\n# ours\ncooldown_s = 15\n")
    monkeypatch.setenv("WAZITERM_LOG__LINES_KEPT", "50")
    done = call("config", "--data-dir", "/srv/w")
    assert (done.code, done.err) == (0, "")
    assert f"limits.cooldown_s = 15.0  # {config}:3\n" in done.out
    assert 'data_dir = "/srv/w"  # --data-dir\n' in done.out
    assert "log.lines_kept = 50  # WAZITERM_LOG__LINES_KEPT\n" in done.out
    assert tomllib.loads(done.out)["fleet"]["connects_at_once"] == 10
    shown = {entry["key"]: entry for entry in call("config", "--json").document}
    assert shown["limits.cooldown_s"]["origin"] == {"kind": "file", "name": str(config), "line": 3}


def test_check_prints_all_errors_one_line_each(call: Call, config: Path) -> None:
    assert call("config", "--check").code == 0
    assert call("config", "--check", "--json").document == {"errors": [], "warnings": []}
    config.write_text(WRONG)
    done = call("config", "--check")
    assert (done.code, done.err) == (1, "")
    first, second = done.out.splitlines()
    assert first == f"{config}: limits.cooldown_s: must be a number from 1 to 86400, not 0 (line 2)"
    assert second.startswith(f"{config}: log.keep: no such key")
    done = call("config", "--check", "--json")
    assert done.code == 1
    assert done.document["errors"][0] == {
        "file": str(config),
        "line": 2,
        "origin": str(config),
        "key": "limits.cooldown_s",
        "value": 0,
        "allowed": "a number from 1 to 86400",
        "error": first,
    }


def test_what_is_set_is_not_shown_while_it_is_wrong(call: Call, config: Path) -> None:
    config.write_text(WRONG)
    done = call("config")
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith("(`waziterm config --check` tells 1 more)\n")


def test_check_warns_of_a_config_with_secrets_that_others_can_read(
    call: Call, config: Path, tmp_path: Path
) -> None:
    config.chmod(0o644)
    data = ("--data-dir", str(tmp_path / "data"))
    assert call("add", "shop-a", *data).code == 0

    def subjects() -> list[str]:
        found = call("check", "--json", *data).document["findings"]
        return [each["subject"] for each in found if each["kind"] == "secrets_open"]

    sink = '[[alerts.sinks]]\nname = "ops"\n'
    config.write_text(sink + 'command = ["x"]\n')
    assert subjects() == []
    config.write_text(sink + 'apprise = "json://127.0.0.1/hunter2"\n')
    assert subjects() == [str(config)]
    (tmp_path / "held").write_text("json://127.0.0.1/hunter2\n")
    (tmp_path / "held").chmod(0o604)
    config.write_text(sink + 'apprise_file = "held"\n')
    assert subjects() == [str(tmp_path / "held")]


def test_the_example_is_a_file_that_check_accepts(call: Call, config: Path) -> None:
    done = call("config", "--example")
    config.write_text(done.out)
    assert call("config", "--check").code == 0
    for argv in (("--example", "--json"), ("--example", "--check")):
        assert call("config", *argv).code == 2


def test_nothing_needs_or_makes_a_data_directory(call: Call, tmp_path: Path, config: Path) -> None:
    config.write_text(f"data_dir = '{tmp_path / 'nowhere'}'\n")
    before = set(tmp_path.rglob("*"))
    for argv in ((), ("--json",), ("--check",), ("--example",)):
        assert call("config", *argv).code == 0
    assert call("reload").code == 3
    assert set(tmp_path.rglob("*")) == before


def test_reload_tells_what_changed_and_what_waits(
    call: Call, data: DataDir, fleet: ScriptedFleet
) -> None:
    with served(data, fleet):
        done = call("reload", "--data-dir", str(data.root))
        assert (done.code, done.out.splitlines(), done.err) == (
            0,
            [
                "changed: limits.cooldown_s, instances.shop-a.isolate",
                "changed for the next screen: screen.theme",
                "changed at the next start only: log.lines_kept",
            ],
            "",
        )
        assert call("reload", "--data-dir", str(data.root), "--json").document == {
            "changed": list(RELOADED.changed),
            "needs_restart": ["log.lines_kept"],
            "next_screen": ["screen.theme"],
            "errors": [],
        }
        fleet.reloaded = Reloaded()
        assert call("reload", "--data-dir", str(data.root)).out == "nothing has changed\n"


def test_a_wrong_config_is_all_its_errors_and_exit_1(
    call: Call, data: DataDir, fleet: ScriptedFleet
) -> None:
    fleet.reloaded = NOT_RELOADED
    with served(data, fleet):
        done = call("reload", "--data-dir", str(data.root))
        assert (done.code, done.out) == (1, "")
        *errors, last = done.err.splitlines()
        assert errors == [f"waziterm: {e.error}" for e in NOT_RELOADED.errors]
        again = f"`waziterm reload --data-dir {data.root}` again"
        assert last == f"nothing was changed; correct the config, then {again}"
        done = call("reload", "--data-dir", str(data.root), "--json")
        assert (done.code, len(done.document["errors"])) == (1, 2)


def test_a_wrong_config_does_not_hide_the_manager(
    call: Call, data: DataDir, fleet: ScriptedFleet, config: Path
) -> None:
    """Who is asked is found by what is right in the file; what is wrong the manager says."""
    config.write_text(f"data_dir = '{data.root}'\n{WRONG}")
    with served(data, fleet):
        assert call("reload").code == 0
    done = call("reload")
    assert (done.code, len(done.err.splitlines())) == (1, 3)


def test_a_home_that_does_not_exist_is_one_line(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = call("list", "--data-dir", "~no-such-user/x")
    assert (done.code, done.err) == (
        2,
        "waziterm: --data-dir: ~no-such-user/x names no home directory\n",
    )
    monkeypatch.setenv("WAZITERM_DATA_DIR", "~no-such-user/x")
    done = call("list", "--json")
    assert done.code == 2
    assert done.document["error"].startswith("WAZITERM_DATA_DIR: ~no-such-user/x names no")


def test_check_warns_of_a_pattern_that_takes_long(call: Call, config: Path) -> None:
    """One that is allowed, and well for each line that it was tried with by hand."""
    table = "[[alerts.patterns]]\nname = '{}'\nregex = '{}'\n"
    config.write_text(
        table.format("usual", r"slow query \d+")
        + table.format("nested", "(a+)+$")
        + table.format("large", ".{0,500}z.{0,400}!")
    )
    done = call("config", "--check", "--json")
    assert (done.code, done.document["errors"]) == (0, [])
    (warning,) = done.document["warnings"]
    assert warning["setting"] == "alerts.patterns.large.regex" and "of a core" in warning["warning"]
    done = call("config", "--check")
    assert done.code == 0 and done.out.startswith("warning: alerts.patterns.large.regex: takes ")


def test_links_that_lead_nowhere_or_can_be_read_are_warned_of(call: Call, config: Path) -> None:
    for lines, said in (
        ('public_url = "https://scan.example"', "leads nowhere"),
        ('address = "8490"\npublic_url = "http://scan.example"', "would cross the network openly"),
        ('address = "8490"\npublic_url = "http://127.0.0.1:8490"', ""),
        ('address = "8490"\npublic_url = "https://scan.example"', ""),
        ('address = "8490"', ""),
    ):
        config.write_text(f"[web]\n{lines}\n")
        done = call("config", "--check")
        found = "warning: web.public_url: " in done.out and said in done.out
        assert found is bool(said), done.out


def test_a_backup_that_is_half_set_is_warned_of(call: Call, config: Path) -> None:
    for line, missing in (
        ('directory = "/mnt/backup"', "recipient"),
        (f'recipient = "{RECIPIENT}"', "directory"),
    ):
        config.write_text(f"[backup]\n{line}\n")
        done = call("config", "--check")
        assert (done.code, done.out) == (
            0,
            f"warning: backup.{missing}: is not set, so no regular backup is made: set both"
            " directory and recipient\n",
        )
    config.write_text(f'[backup]\ndirectory = "/mnt/backup"\nrecipient = "{RECIPIENT}"\n')
    assert call("config", "--check").out == "nothing is wrong in the config\n"
