"""Settings: which source wins, what an operator reads when one is wrong, and what is printed."""

import ast
import json
import math
import re
from collections.abc import Iterator
from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.programs import printed_by
from waziterm.config import ConfigError, Settings, load_settings
from waziterm.config.changes import reloaded
from waziterm.config.origin import OriginKind
from waziterm.config.reading import Reading, read
from waziterm.config.source import Source
from waziterm.config.toml import effective, entry_json, example_file
from waziterm.config.tree import ROOT, Declared, allowed_at, declared, variable_of
from waziterm.domain.lifecycle.limits import Limits
from waziterm.domain.reload import Reloaded
from waziterm.domain.screen import Ascii, Lang, Screen, Theme
from waziterm.domain.version import (
    HIGHEST,
    LOWEST,
    VersionChoice,
    VersionMode,
    version_text,
)

RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
PACKAGE = Path(__file__).parents[1] / "waziterm"
README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.touch()
    return path


def wrong(file: Path, text: str = "", environ: dict[str, str] | None = None) -> str:
    """What is said about wrong settings, without the file's directory."""
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(environ=environ or {}, file=file)
    assert caught.value.code == 2
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(str(file), file.name)


def test_the_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    settings = load_settings(environ={})
    assert settings.data_dir == tmp_path / "data" / "waziterm"
    assert settings.limits_for("shop") == Limits()
    assert settings.fleet.connects_at_once == 10
    assert settings.log.lines_kept == 2000


@pytest.mark.parametrize("flag", ["/srv/waziterm", "here", "~/there"])
def test_the_flag_alone_needs_no_reading(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, flag: str
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    alone = load_settings(data_dir=Path(flag), environ={})
    assert alone == read(Source(Path(flag), {})).checked()
    said = printed_by(
        "import os, sys; from pathlib import Path; from waziterm.config import load_settings;"
        f"print(load_settings(data_dir=Path({flag!r}), environ={{}}).data_dir, *sys.modules)"
    ).split()
    assert said[0] == str(Path(flag).expanduser().absolute())
    assert not {"waziterm.config.reading", "tomllib"} & set(said)


def test_a_limit_of_one_instance_beats_that_of_the_fleet(file: Path) -> None:
    file.write_text(
        "[limits]\ncooldown_s = 15\nkeepalive_misses = 4\n"
        "[instances.shop-jakarta]\ncooldown_s = 20.5\n"
    )
    settings = load_settings(environ={}, file=file)
    assert settings.limits_for("other") == Limits(cooldown_s=15, keepalive_misses=4)
    assert settings.limits_for("shop-jakarta") == Limits(cooldown_s=20.5, keepalive_misses=4)


def test_the_version_that_is_told_whatsapp(file: Path) -> None:
    assert load_settings(environ={}, file=file).library.whatsapp_version == VersionChoice()
    file.write_text('[library]\nwhatsapp_version = "2.3000.1099999999"')
    fixed = VersionChoice(VersionMode.FIXED, 1099999999)
    assert load_settings(environ={}, file=file).library.whatsapp_version == fixed
    environ = {"WAZITERM_LIBRARY__WHATSAPP_VERSION": "compiled"}
    compiled = VersionChoice(VersionMode.COMPILED)
    assert load_settings(environ=environ, file=file).library.whatsapp_version == compiled


@pytest.mark.parametrize("value", ['"2.3000.5"', '"latest"', "2.3000", "true", '""'])
def test_a_version_that_is_none_is_one_line(file: Path, value: str) -> None:
    said = wrong(file, f"[library]\nwhatsapp_version = {value}")
    allowed = 'must be "auto", "compiled" or "2.3000.N" with N from 1000000000 to 1999999999'
    assert said.startswith(f"config.toml: library.whatsapp_version: {allowed}, not ")
    said = wrong(file, "", {"WAZITERM_LIBRARY__WHATSAPP_VERSION": "2.3000.5"})
    assert said.startswith(f"WAZITERM_LIBRARY__WHATSAPP_VERSION: {allowed}")


def test_each_limit_reaches_the_rules(file: Path) -> None:
    for field in fields(Limits):
        value = 0.05 if field.name == "jitter" else 5
        environ = {f"WAZITERM_LIMITS__{field.name.upper()}": str(value)}
        assert getattr(load_settings(environ=environ, file=file).limits_for("a"), field.name) == (
            value
        )


def test_a_flag_beats_a_variable_beats_the_file(file: Path) -> None:
    file.write_text("data_dir = '/from/file'\n[log]\nlines_kept = 100\n[fleet]\n")
    variables = {"WAZITERM_DATA_DIR": "/from/variable", "WAZITERM_LOG__LINES_KEPT": "200"}
    assert load_settings(environ={}, file=file).data_dir == Path("/from/file")
    settings = load_settings(environ=variables, file=file)
    assert (settings.data_dir, settings.log.lines_kept) == (Path("/from/variable"), 200)
    settings = load_settings(data_dir=Path("/from/flag"), environ=variables, file=file)
    assert (settings.data_dir, settings.log.lines_kept) == (Path("/from/flag"), 200)


def test_keys_are_bound_by_the_names_of_actions(file: Path) -> None:
    file.write_text("[screen.keys]\nreconnect = 'f5,ctrl+r'\n")
    assert load_settings(environ={}, file=file).screen.keys == {"reconnect": "f5,ctrl+r"}


def test_how_the_screen_looks_is_set_in_words(file: Path) -> None:
    assert load_settings(environ={}, file=file).screen == Screen(Theme.DARK, Ascii.AUTO)
    file.write_text("[screen]\ntheme = 'light'\nascii = 'on'\n")
    assert load_settings(environ={}, file=file).screen == Screen(Theme.LIGHT, Ascii.ON)
    environ = {"WAZITERM_SCREEN__THEME": "high-contrast"}
    shown = load_settings(environ=environ, file=file).screen
    assert shown == Screen(Theme.HIGH_CONTRAST, Ascii.ON)


def test_the_screen_speaks_the_language_that_is_named_nearest(file: Path) -> None:
    file.write_text("[screen]\nlang = 'id'\n")
    assert load_settings(environ={}, file=file).screen.lang is Lang.ID
    environ = {"WAZITERM_SCREEN__LANG": "en"}
    screen = load_settings(environ=environ, file=file).screen
    assert screen.lang is Lang.EN
    assert screen.speaking(None) == screen
    assert screen.speaking(Lang.ID).lang is Lang.ID


def test_sources_are_merged_key_by_key(file: Path) -> None:
    file.write_text("[limits]\ncooldown_s = 15\n[instances.shop]\nguard_s = 60\n")
    environ = {
        "WAZITERM_LIMITS__STABLE_S": "400",
        "WAZITERM_INSTANCES__SHOP__COOLDOWN_S": "30",
        "WAZITERM_LOG__LINES_KEPT": "",
    }
    settings = load_settings(environ=environ, file=file)
    assert settings.limits_for("shop") == Limits(cooldown_s=30, stable_s=400, guard_s=60)
    assert settings.log.lines_kept == 2000


def test_the_file_is_the_one_that_waziterm_config_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "waziterm").mkdir()
    (tmp_path / "waziterm" / "config.toml").write_text("[log]\nlines_kept = 11\n")
    named = tmp_path / "named.toml"
    named.write_text("[log]\nlines_kept = 12\n")
    assert load_settings(environ={}).log.lines_kept == 11
    environ = {"WAZITERM_CONFIG": str(named), "WAZITERM_LAB": "lab.json"}
    assert load_settings(environ=environ).log.lines_kept == 12
    named.unlink()
    with pytest.raises(ConfigError, match=r"named\.toml: there is no such file"):
        load_settings(environ=environ)


def test_paths_become_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/of/somebody")
    assert load_settings(data_dir=Path("here"), environ={}, file=file).data_dir == tmp_path / "here"
    environ = {"WAZITERM_DATA_DIR": "~/data"}
    assert load_settings(environ=environ, file=file).data_dir == Path("/home/of/somebody/data")


ALL_LIMITS = ", ".join(field.name for field in fields(Limits))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "datadir = 'x'",
            "datadir: no such key; did you mean data_dir? allowed: data_dir, limits,",
        ),
        ("[limits]\ncooldwn_s = 1", "limits.cooldwn_s: no such key; did you mean cooldown_s?"),
        ("[limits]\nx = 1", f"limits.x: no such key; allowed: {ALL_LIMITS}"),
        ("[instances.shop]\nx = 1", f"instances.shop.x: no such key; allowed: {ALL_LIMITS}"),
        ("[log]\nkeep = 1", "log.keep: no such key; allowed: lines_kept"),
        ("[limits]\ncooldown_s = '9'", "limits.cooldown_s: must be a number from 1 to 86400, not"),
        ("[limits]\ncooldown_s = true", "limits.cooldown_s: must be a number from 1 to 86400, not"),
        ("[limits]\ncooldown_s = nan", "limits.cooldown_s: must be a number from 1 to 86400, not"),
        ("[limits]\ncooldown_s = 0.5", "must be a number from 1 to 86400, not 0.5"),
        ("[limits]\njitter = 0.2", "limits.jitter: must be a number from 0 to 0.1, not 0.2"),
        ("[limits]\nkeepalive_misses = 1.5", "must be a whole number from 1 to 100, not 1.5"),
        ("[fleet]\nconnects_at_once = 0", "fleet.connects_at_once: must be a whole number from 1"),
        ("[fleet]\npaced_per_s = 0.0001", "must be a number from 0.1 to 1000, or 0, not 0.0001"),
        ("[fleet]\npaced_per_s = true", "must be a number from 0.1 to 1000, or 0, not True"),
        ("[instances.shop]\njitter = 'a'", "instances.shop.jitter: must be a number from 0 to 0.1"),
        ("limits = 3", "limits: must be a table, not 3"),
        ("[instances]\nshop = 3", "instances.shop: must be a table, not '••••'"),
        ("[instances.'Bad Name']", "'Bad Name' cannot be an instance name: 1 to 40 of a-z"),
        (
            "[screen]\ntheme = 'neon'",
            "screen.theme: must be one of dark, dark-blue, dark-warm, light, high-contrast,"
            " not 'neon'",
        ),
        (
            "[screen.keys]\nreconect = 'f5'",
            "screen.keys.reconect: no such action; near it: reconnect",
        ),
        ("[screen]\nascii = true", "screen.ascii: must be one of auto, on, off, not True"),
        ("[screen]\nlang = 'fr'", "screen.lang: must be one of auto, en, id, not 'fr'"),
        ("data_dir = 3", "data_dir: must be a path, as text, not 3"),
        ("data_dir = ''", "data_dir: must name a directory"),
        ("data_dir = '~no-such-user/x'", "data_dir: ~no-such-user/x names no home directory"),
        (
            "[limits]\nbackoff_first_s = 900",
            "limits.backoff_first_s: must be at most backoff_cap_s",
        ),
        (
            "[instances.shop]\nbackoff_cap_s = 1",
            "instances.shop.backoff_first_s: must be at most backoff_cap_s, and 2 is more than 1",
        ),
        ("[limits\n", "not valid TOML: "),
    ],
)
def test_a_wrong_file_is_one_clear_line(file: Path, text: str, said: str) -> None:
    message = wrong(file, text)
    assert message.startswith("config.toml: ")
    assert said in message


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("WAZITERM_DATADIR", "x", "no such setting; allowed: WAZITERM_DATA_DIR, "),
        ("WAZITERM_LIMITS", "{}", "no such setting; allowed: "),
        ("WAZITERM_LIMITS__COOLDOWN_S__X", "1", "no such setting; allowed: "),
        ("WAZITERM_DATA_DIR__X", "1", "no such setting; allowed: "),
        ("WAZITERM_INSTANCES__SHOP", "1", "no such setting; allowed: "),
        ("WAZITERM_LIMITS__COOLDWN_S", "1", "no such key; did you mean cooldown_s?"),
        ("WAZITERM_LIMITS__COOLDOWN_S", "soon", "must be a number from 1 to 86400, not 'soon'"),
        ("WAZITERM_LIMITS__COOLDOWN_S", "true", "must be a number from 1 to 86400, not 'true'"),
        ("WAZITERM_LIMITS__COOLDOWN_S", "0", "must be a number from 1 to 86400, not 0"),
        ("WAZITERM_LOG__LINES_KEPT", "1.5", "must be a whole number from 10 to 1000000, not 1.5"),
        ("WAZITERM_INSTANCES__SHOP__GUARD_S", "0", "must be a number from 1 to 86400, not 0"),
        ("WAZITERM_LIMITS__BACKOFF_FIRST_S", "900", "must be at most backoff_cap_s"),
        ("WAZITERM_SCREEN__THEME", "neon", "dark-warm, light, high-contrast, not 'neon'"),
        ("WAZITERM_DATA_DIR", "~no-such-user", "~no-such-user names no home directory"),
    ],
)
def test_a_wrong_variable_is_one_clear_line(
    file: Path, variable: str, value: str, said: str
) -> None:
    message = wrong(file, environ={variable: value})
    assert message.startswith(f"{variable}: ")
    assert said in message


def test_a_wrong_flag_is_one_clear_line(file: Path) -> None:
    with pytest.raises(ConfigError, match=r"^--data-dir: ~no-such-user names no home directory"):
        load_settings(data_dir=Path("~no-such-user"), environ={}, file=file)


def test_a_file_that_cannot_be_read_is_one_clear_line(file: Path, tmp_path: Path) -> None:
    file.write_bytes(b"data_dir = '\xff'")
    with pytest.raises(ConfigError, match=r"config\.toml: not valid TOML: .*utf-8"):
        load_settings(environ={}, file=file)
    with pytest.raises(ConfigError, match="there is no such file"):
        load_settings(environ={}, file=tmp_path)
    with pytest.raises(ConfigError, match="WAZITERM_CONFIG: ~no-such-user/x names no home"):
        load_settings(environ={"WAZITERM_CONFIG": "~no-such-user/x"})


def test_a_number_of_thousands_of_digits_is_one_clear_line(file: Path) -> None:
    assert "not valid TOML" in wrong(file, f"[log]\nlines_kept = {'9' * 5000}")
    assert "nested too deeply" in wrong(file, f"x = {'[' * 100_000}")


# -- all that is wrong ------------------------------------------------------------------------


def problems(file: Path, text: str, environ: dict[str, str] | None = None) -> Reading:
    file.write_text(text)
    return read(Source(None, environ or {}, file))


def test_all_that_is_wrong_is_told_at_once_line_by_line(file: Path) -> None:
    text = """\
data_dir = ""
[limits]
cooldown_s = 0
[log]
keep = 1
[instances.shop]
guard_s = "soon"
isolate = 1
[instances.Shop]
[health]
address = "nowhere"
[screen]
theme = "neon"
keys = { reconect = "f5", add = 5 }
"""
    environ = {"WAZITERM_NO": "1", "WAZITERM_LIMITS__JITTER": "1", "WAZITERM_LIMITS__X": ""}
    told = problems(file, text, environ).problems
    assert [(each.line, each.key) for each in told] == [
        (1, "data_dir"),
        (3, "limits.cooldown_s"),
        (5, "log.keep"),
        (7, "instances.shop.guard_s"),
        (8, "instances.shop.isolate"),
        (9, "instances.Shop"),
        (11, "health.address"),
        (13, "screen.theme"),
        (14, "screen.keys.reconect"),
        (14, "screen.keys.add"),
        (None, "limits.jitter"),
        (None, "limits.x"),
        (None, "WAZITERM_NO"),
    ]
    for each in told:
        assert "\n" not in each.error
        if each.line is None:
            assert each.file is None
            assert each.error.startswith(f"{each.origin}: ")
        else:
            assert each.file == each.origin == str(file)
            assert each.error.startswith(f"{file}: {each.key}: ")
            assert each.error.endswith(f" (line {each.line})")
    assert (told[1].value, told[1].allowed) == (0, "a number from 1 to 86400")
    assert (told[4].value, told[4].allowed) == (1, "true or false")
    assert told[2].allowed == "lines_kept, history_days"
    assert told[5].allowed.startswith("1 to 40 of a-z")
    assert told[-1].allowed.startswith("WAZITERM_DATA_DIR, ")
    with pytest.raises(ConfigError) as caught:
        load_settings(environ=environ, file=file)
    assert str(caught.value) == told[0].error
    assert caught.value.hint == "`waziterm config --check` tells 12 more"


def test_what_a_stronger_place_sets_is_not_looked_at_in_a_weaker_one(file: Path) -> None:
    environ = {"WAZITERM_LIMITS__COOLDOWN_S": "20"}
    assert problems(file, "[limits]\ncooldown_s = 0\n", environ).problems == ()


def test_a_file_that_is_no_toml_is_told_with_its_line(file: Path) -> None:
    [told] = problems(file, "[limits]\n\ncooldown_s = \n").problems
    assert (told.file, told.line) == (str(file), 3)


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "1979-05-27", "[1]", "{ a = 1 }", "true"])
def test_what_is_wrong_can_be_told_as_json(file: Path, value: str) -> None:
    [told] = problems(file, f"[limits]\ncooldown_s = {value}\n").problems
    assert "must be a number from 1 to 86400, not " in told.error
    assert json.loads(json.dumps(told.value, allow_nan=False)) == told.value


def test_a_login_in_a_wrong_value_is_not_told(file: Path) -> None:
    text = "[health]\naddress = 'http://me:hunter2@h'\n[limits]\njitter = 'http://me:hunter2@h'"
    for each in problems(file, text).problems:
        assert "hunter2" not in repr(each)


def test_only_one_of_two_limits_that_do_not_fit_is_told_even_if_both_are_wrong(file: Path) -> None:
    environ = {"WAZITERM_LIMITS__BACKOFF_CAP_S": "1"}
    [told] = problems(file, "", environ).problems
    assert told.error == (
        "WAZITERM_LIMITS__BACKOFF_CAP_S: backoff_first_s must be at most backoff_cap_s,"
        " and 2 is more than 1"
    )
    text = "[limits]\nbackoff_first_s = 900\nbackoff_cap_s = 0\n[instances.a]\nguard_s = 9\n"
    [told] = problems(file, text).problems
    assert told.key == "limits.backoff_cap_s"
    text = "[limits]\nbackoff_first_s = 900\n[instances.a]\nguard_s = 9\n"
    [told] = problems(file, text).problems
    assert (told.key, told.line) == ("limits.backoff_first_s", 2)


# -- variables --------------------------------------------------------------------------------


def test_a_variable_can_set_what_is_no_number(file: Path) -> None:
    environ = {
        "WAZITERM_INSTANCES__SHOP__ISOLATE": "true",
        "WAZITERM_SCREEN__KEYS": '{"reconnect": "f5"}',
        "WAZITERM_HEALTH__ADDRESS": "9464",
    }
    file.write_text("[screen.keys]\nadd = 'f6'\n[instances.other]\nisolate = false\n")
    settings = load_settings(environ=environ, file=file)
    assert settings.configured_for("shop").isolate and not settings.configured_for("a").isolate
    assert settings.screen.keys == {"add": "f6", "reconnect": "f5"}
    assert settings.health.address == ("127.0.0.1", 9464)
    for text in ("{", "[1]", "x"):
        said = wrong(file, environ={"WAZITERM_SCREEN__KEYS": text})
        assert said.startswith("WAZITERM_SCREEN__KEYS: must be a table, not ")


# -- the tree ---------------------------------------------------------------------------------


def leaves(table: Declared = ROOT, key: tuple[str, ...] = ()) -> Iterator[tuple[str, Declared]]:
    """Every setting by its dotted name; of the maps, of an instance `shop` and of the key `add`;
    of the arrays of tables, of one that is called `ops`."""
    for name, each in declared(table.kind).items():
        at = (*key, name)
        if each.is_array:
            yield from leaves(each.element, (*at, "ops"))
        elif each.is_map:
            if each.element.is_table:
                yield from leaves(each.element, (*at, "shop"))
            else:
                yield ".".join((*at, "add")), each.element
        elif each.is_table:
            yield from leaves(each, at)
        else:
            yield ".".join(at), each


EVERY = dict(leaves())
LEAVES = {key: each for key, each in EVERY.items() if ".ops." not in key and not each.holds_secrets}
"""Those whose values are printed, and that variables reach."""


def test_every_setting_has_a_user() -> None:
    read_somewhere = {
        node.attr
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
    }
    words = {key: each.field or key.rpartition(".")[2] for key, each in EVERY.items()}
    unread = [key for key, word in words.items() if word not in read_somewhere]
    assert not unread, f"nothing in waziterm/ reads these settings: {unread}"


def test_every_setting_says_what_it_means_and_what_may_be_set() -> None:
    for key, each in EVERY.items():
        assert each.setting.means.endswith("."), key
        assert allowed_at(each), key
        other = each.setting.at_most
        assert not other or f"{key.rpartition('.')[0]}.{other}" in LEAVES, key


def value_for(draw: st.DrawFn, key: str, each: Declared) -> Any:
    if each.kind is VersionChoice:
        fixed = st.integers(LOWEST, HIGHEST).map(version_text)
        return draw(st.sampled_from(["auto", "compiled"]) | fixed)
    if key == "data_dir":
        return "/" + draw(st.text("a\"\\'é #\t\x7f", min_size=1))
    if key.endswith((".tls_cert", ".tls_key")):
        return draw(st.sampled_from(["", "/etc/é.pem"]))
    if key.endswith(".hosts"):
        return draw(st.lists(st.sampled_from(["api.example", "b-2.example"])))
    if key.endswith(".address"):
        return draw(st.sampled_from(["", "[::1]:80", "localhost:1", 9464]))
    if key == "web.public_url":
        return draw(st.sampled_from(["", "https://é.example/scan", "http://[::1]:80"]))
    if key == "pacing.quiet":
        return draw(st.sampled_from(["", "22:00-07:00", "23:30-06:00 Asia/Jakarta"]))
    if key == "backup.every":
        return draw(st.sampled_from(["90s", "6h", "0.5d"]) | st.floats(1, 86_400.0))
    if key == "backup.directory":
        return draw(st.sampled_from(["", "/mnt/backup", "/mnt/é"]))
    if key == "backup.recipient":
        return draw(st.sampled_from(["", RECIPIENT]))
    if key.startswith("screen.keys."):
        return ",".join(
            draw(st.lists(st.sampled_from(["f5", "%", "É", "€", "ctrl+up"]), min_size=1))
        )
    if key.endswith("device_name"):
        names = st.text("aB9 .é", min_size=1, max_size=40).map(lambda text: " ".join(text.split()))
        return draw(names.filter(bool))
    if key.startswith("instances.") and key.endswith("receipts"):
        return draw(st.sampled_from(["", True, False]))
    if key == "fleet.paced_per_s":
        return draw(st.just(0.0) | st.floats(0.1, 1000))
    if key == "messages.opt_out_words":
        return draw(st.lists(st.sampled_from(["STOP", "é.", "no more"]), max_size=3))
    if each.kind is str:
        return draw(st.text(st.characters(exclude_categories=["Cs"])))
    if each.kind is bool:
        return draw(st.booleans())
    if issubclass(each.kind, StrEnum):
        return draw(st.sampled_from(list(each.kind))).value
    low, high = each.setting.low, each.setting.high
    assert low is not None and high is not None
    # The first wait is at most the longest one.
    if key.endswith("backoff_first_s"):
        high = 1
    if key.endswith("backoff_cap_s"):
        low = 2
    if each.kind is int:
        return draw(st.integers(math.ceil(low), int(high)))
    return draw(st.floats(low, high))


@st.composite
def chosen(draw: st.DrawFn) -> dict[str, Any]:
    """Some settings with values that are allowed."""
    keys = draw(st.sets(st.sampled_from(list(LEAVES))))
    return {key: value_for(draw, key, LEAVES[key]) for key in sorted(keys)}


def reading_of(text: str) -> Reading:
    with TemporaryDirectory() as folder:
        file = Path(folder, "c.toml")
        file.write_text(text, encoding="utf-8")
        return read(Source(None, {}, file))


@given(chosen())
def test_what_is_printed_reads_as_the_same_settings(values: dict[str, Any]) -> None:
    text = "\n".join(
        f"{key} = {json.dumps(value, ensure_ascii=False)}".replace("\x7f", "\\u007f")
        for key, value in values.items()
    )
    first = reading_of(text)
    assert first.problems == ()
    set_by_file = [".".join(e.key) for e in first.entries if e.origin.kind is OriginKind.FILE]
    assert sorted(set_by_file) == list(values)
    for entry in first.entries:
        if entry.origin.line is not None:
            assert entry.origin.line == 1 + list(values).index(".".join(entry.key))
        assert json.loads(json.dumps(entry_json(entry), allow_nan=False))
    again = reading_of("\n".join(effective(first.entries)))
    assert again.problems == ()
    assert again.settings == first.settings


def test_every_setting_is_printed_with_the_place_that_set_it(file: Path) -> None:
    file.write_text("[limits]\ncooldown_s = 15\n[screen.keys]\nadd = 'f6'\n")
    environ = {"WAZITERM_LOG__LINES_KEPT": "50"}
    entries = read(Source(Path("/data"), environ, file)).entries
    printed = list(effective(entries))
    assert 'data_dir = "/data"  # --data-dir' in printed
    assert f"limits.cooldown_s = 15.0  # {file}:2" in printed
    assert f'screen.keys.add = "f6"  # {file}:4' in printed
    assert "log.lines_kept = 50  # WAZITERM_LOG__LINES_KEPT" in printed
    assert 'screen.theme = "dark"  # default' in printed
    shown = {entry["key"]: entry for entry in map(entry_json, entries)}
    assert shown["limits.cooldown_s"] == {
        "key": "limits.cooldown_s",
        "value": 15.0,
        "origin": {"kind": "file", "name": str(file), "line": 2},
        "default": 10.0,
        "allowed": "a number from 1 to 86400",
        "variable": "WAZITERM_LIMITS__COOLDOWN_S",
        "applies": "reload",
        "needs_restart": False,
        "description": "Seconds without any attempt after a conflict.",
    }
    assert shown["log.lines_kept"]["origin"] == {
        "kind": "variable",
        "name": "WAZITERM_LOG__LINES_KEPT",
        "line": None,
    }
    assert shown["log.lines_kept"]["needs_restart"]
    assert shown["health.address"]["value"] is None
    every = {key for key in EVERY if ".ops." not in key and ".shop." not in key}
    assert every == set(shown)


def test_a_limit_that_an_instance_leaves_out_defaults_to_that_of_the_fleet(file: Path) -> None:
    file.write_text("[limits]\ncooldown_s = 15\n[instances.shop]\ncooldown_s = 20\n")
    entries = [each for each in read(Source(None, {}, file)).entries if "shop" in each.key]
    assert [(each.value, each.default) for each in entries] == [(20.0, 15.0)]


def test_the_variable_that_is_named_sets_the_setting(file: Path) -> None:
    for key, each in LEAVES.items():
        if each.kind is str:
            continue
        parts = tuple(key.split("."))
        value = "1" if each.setting.low is None or each.setting.low <= 1 else each.setting.low
        value = {"jitter": "0.01", "backoff_cap_s": "9", "quiet": "22:00-07:00"}.get(
            parts[-1], value
        )
        if isinstance(each.kind, type) and issubclass(each.kind, StrEnum | VersionChoice):
            value = each.default
        if each.kind is bool or parts[-1] == "receipts":
            value = "false"
        variable = variable_of(parts)
        assert variable is not None
        found = read(Source(None, {variable: str(value)}, file))
        assert found.problems == ()
        [entry] = [entry for entry in found.entries if entry.key == parts]
        assert entry.origin.name == variable


# -- the example, and what README says -----------------------------------------------------------


def test_the_example_is_accepted_and_says_nothing_but_the_defaults() -> None:
    text = example_file()
    bare = "".join(line + "\n" for line in text.splitlines() if not line.startswith("#"))
    for each in (text, bare):
        found = reading_of(each)
        assert found.problems == ()
        assert found.settings == Settings()
    assert len(max(text.splitlines(), key=len)) <= 100


def test_the_example_has_every_setting_and_what_is_commented_out_is_valid() -> None:
    text = re.sub(r"(?m)^#(?=\S)", "", example_file())
    found = reading_of(text)
    assert [each.error.partition(": ")[2] for each in found.problems] == [
        "webhooks.crm: must have a secret of its own, not that of the example (line 277)"
    ]
    assert found.settings.limits_for("shop-jakarta") == Limits()
    keys = {".".join(entry.key) for entry in found.entries if entry.origin.line is not None}
    expected = {key.replace(".shop.", ".shop-jakarta.") for key in EVERY}
    expected = {key.replace("patterns.ops", "patterns.conflicts") for key in expected}
    expected = {key.replace("webhooks.ops", "webhooks.crm") for key in expected}
    assert keys == {key.replace("keys.add", "keys.reconnect") for key in expected}


def section(name: str) -> str:
    return README.split(f"\n## {name}\n")[1].split("\n## ")[0]


def test_readme_names_each_table_and_what_it_holds() -> None:
    said = dict(re.findall(r"(?m)^\| `\[(\S+)\]` \| (.+) \|$", section("Settings")))
    assert said == {
        f"{name}.NAME" if each.is_map else name: each.setting.means
        for name, each in declared(Settings).items()
        if each.is_table or each.is_map
    }


def test_the_config_in_readme_is_valid_and_states_the_defaults() -> None:
    [text] = re.findall(r"(?s)```toml\n(.*?)```", section("Settings"))
    found = reading_of(text)
    assert found.problems == ()
    assert [
        each for each in found.settings.instances if found.settings.configured_for(each).isolate
    ]
    defaults = [
        entry
        for entry in found.entries
        if entry.key[0] not in ("instances", "health", "api", "facade", "web")
        and entry.key[:2] != ("screen", "keys")
    ]
    for entry in defaults:
        assert entry.value == entry.default, entry.key
    for variable in re.findall(r"WAZITERM_\w+=\S+?(?=`)", section("Settings")):
        name, _, value = variable.partition("=")
        assert read(Source(None, {name: value}, Path("/dev/null"))).problems[1:] == ()


# -- reloading --------------------------------------------------------------------------------


def test_what_a_reload_changes_is_named_by_when_it_applies(file: Path) -> None:
    def now(text: str) -> Settings:
        file.write_text(text)
        return load_settings(environ={}, file=file)

    started = now("")
    running = now("[limits]\ncooldown_s = 20\n[log]\nlines_kept = 50\n")
    assert reloaded(started, started, running) == Reloaded(
        changed=("limits.cooldown_s",), needs_restart=("log.lines_kept",)
    )
    # What waits for the restart is told at each reload; what came back to its start is not.
    fresh = now(
        "data_dir = '/other'\n[limits]\ncooldown_s = 20\n[log]\nlines_kept = 50\n"
        "[screen]\ntheme = 'light'\n[screen.keys]\nadd = 'f5'\n[instances.a]\nisolate = true\n"
        "cooldown_s = 30\n"
    )
    assert reloaded(started, running, fresh) == Reloaded(
        changed=("instances.a.cooldown_s", "instances.a.isolate"),
        needs_restart=("data_dir", "log.lines_kept"),
        next_screen=("screen.theme", "screen.keys.add"),
    )
    back = now("[limits]\nguard_s = 99\n[instances.a]\nisolate = false\n")
    assert reloaded(started, fresh, back) == Reloaded(
        changed=(
            "limits.cooldown_s",
            "limits.guard_s",
            "instances.a.cooldown_s",
            "instances.a.isolate",
        ),
        next_screen=("screen.theme", "screen.keys.add"),
    )
    assert reloaded(started, back, back) == Reloaded()


def test_settings_are_read_again_from_where_they_were_read(file: Path) -> None:
    environ = {"WAZITERM_LIMITS__GUARD_S": "77"}
    settings = load_settings(data_dir=Path("/data"), environ=environ, file=file)
    file.write_text("data_dir = '/other'\n[limits]\ncooldown_s = 33\n")
    again = settings.read_again()
    assert again.data_dir == Path("/data")
    assert (again.limits.cooldown_s, again.limits.guard_s) == (33, 77)
    assert again.read_again() == again
