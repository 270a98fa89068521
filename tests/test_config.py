"""Settings: which source wins, and what an operator reads when one is wrong."""

from dataclasses import asdict, fields
from pathlib import Path

import pytest
from pydantic import BaseModel

from waziterm.config import ConfigError, load_settings
from waziterm.config.settings import (
    FleetTable,
    LibraryTable,
    LimitsTable,
    LogTable,
    ScreenTable,
    SettingsModel,
)
from waziterm.domain.lifecycle.limits import Limits
from waziterm.domain.screen import Ascii, Lang, Screen, Theme
from waziterm.domain.version import VersionChoice, VersionMode


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


def test_every_limit_can_be_set_and_every_setting_is_described() -> None:
    assert LimitsTable().model_dump() == asdict(Limits())
    tables: tuple[type[BaseModel], ...] = (
        SettingsModel,
        LimitsTable,
        FleetTable,
        LogTable,
        ScreenTable,
        LibraryTable,
    )
    for table in tables:
        assert [name for name, field in table.model_fields.items() if not field.description] == []


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
        ("[instances.shop]\njitter = 'a'", "instances.shop.jitter: must be a number from 0 to 0.1"),
        ("limits = 3", "limits: must be a table, not 3"),
        ("[instances]\nshop = 3", "instances.shop: must be a table, not 3"),
        ("[instances.'Bad Name']", "'Bad Name' cannot be an instance name: 1 to 40 of a-z"),
        (
            "[screen]\ntheme = 'neon'",
            "screen.theme: must be one of dark, light, high-contrast, not 'neon'",
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
        ("WAZITERM_SCREEN__THEME", "neon", "must be one of dark, light, high-contrast, not 'neon'"),
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
