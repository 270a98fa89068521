"""Arrays of tables, and secrets that nothing prints: `[[alerts.sinks]]` of the config."""

import base64
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waziterm.config import Settings
from waziterm.config.changes import reloaded
from waziterm.config.reading import Reading, read
from waziterm.config.source import Source
from waziterm.config.toml import effective, entry_json
from waziterm.domain.alerts.alert import AlertRule, AlertSeverity
from waziterm.domain.alerts.alert_settings import Numbers, Pattern, Sink
from waziterm.domain.alerts.quiet import Quiet
from waziterm.domain.reload import Reloaded
from waziterm.domain.secret import Secret
from waziterm.domain.settings import Regex
from waziterm.domain.webhooks.event import EventType

HIDDEN = "hunter2"
URL = f"https://hooks.example.org/{HIDDEN}"
KEYS = [f"whsec_{base64.b64encode(bytes([n]) * 32).decode()}" for n in range(3)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def reading(file: Path, text: str, environ: dict[str, str] | None = None) -> Reading:
    file.write_text(text, encoding="utf-8")
    return read(Source(None, environ or {}, file))


def wrong(file: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    """All that is wrong, without the file's directory; no secret is in any of it."""
    found = reading(file, text, environ).problems
    said = json.dumps([asdict(each) for each in found])
    assert HIDDEN not in said and not any(key in said for key in KEYS)
    return [each.error.replace(str(file), file.name) for each in found]


def test_a_secret_shows_itself_to_whom_asks_and_to_nobody_else() -> None:
    secret = Secret(HIDDEN)
    shown = (str(secret), repr(secret), f"{secret}", f"{Sink(webhook=secret, secrets=(secret,))}")
    assert all(HIDDEN not in each and "••••" in each for each in shown)
    assert secret.reveal() == HIDDEN
    assert secret == Secret(HIDDEN) != Secret("x")
    assert secret and not Secret("") and str(Secret("")) == ""
    with pytest.raises(TypeError):
        json.dumps(secret)


def test_sinks_and_patterns_are_read(file: Path) -> None:
    text = f"""
[[alerts.sinks]]
name = "ops"
webhook = "{URL}"
secret = {json.dumps(KEYS[:2])}
min_severity = "warning"
rules = ["held", "banned"]
quiet = "23:00-07:00 Asia/Jakarta"
numbers = "full"
[[alerts.sinks]]
name = "pager"
command = ["notify", "--x"]
[[alerts.patterns]]
name = "conflicts"
regex = 'Stream Errored \\(conflict\\)'
count = 3
"""
    found = reading(file, text)
    assert found.problems == ()
    alerts = found.settings.alerts
    ops, pager = alerts.sinks
    assert (ops.webhook.reveal(), [each.reveal() for each in ops.secrets]) == (URL, KEYS[:2])
    assert (ops.min_severity, ops.numbers) == (AlertSeverity.WARNING, Numbers.FULL)
    assert ops.rules == {AlertRule.HELD, AlertRule.BANNED}
    assert ops.quiet == Quiet.parse("23:00-07:00 Asia/Jakarta")
    assert pager == Sink("pager", command=("notify", "--x"))
    assert alerts.patterns == (
        Pattern("conflicts", Regex(r"Stream Errored \(conflict\)"), 3, 600.0),
    )
    assert found.settings.secret_files == (file,)
    printed = "\n".join(effective(found.entries)) + json.dumps(list(map(entry_json, found.entries)))
    assert HIDDEN not in printed + repr(found) and KEYS[0] not in printed + repr(found)
    assert f'name = "pager"  # {file}:11' in printed
    shown = {each["key"]: each for each in map(entry_json, found.entries)}
    assert shown["alerts.sinks.ops.secret"]["value"] == ["••••", "••••"]
    assert shown["alerts.sinks.ops.secret"]["variable"] is None


def test_webhooks_are_read_and_called_as_their_hosts(file: Path) -> None:
    text = f"""
[[webhooks]]
url = "{URL}"
secret = "{KEYS[0]}"
events = ["message.received", "instance.state"]
instances = ["shop-*"]
[[webhooks]]
name = "log"
url = "http://127.0.0.1:8080/{HIDDEN}"
unsigned = true
numbers = "full"
"""
    found = reading(file, text)
    assert found.problems == ()
    crm, log = (each.target for each in found.settings.webhooks)
    assert (crm.name, crm.url.reveal(), log.name) == (
        URL.split("/")[2].replace(".", "-"),
        URL,
        "log",
    )
    assert crm.wants(EventType.MESSAGE_RECEIVED, "shop-a")
    assert not crm.wants(EventType.MESSAGE_RECEIVED, "bar")
    assert not crm.wants(EventType.MESSAGE_SENT, "shop-a")
    assert log.wants(EventType.MESSAGE_SENT, "bar") and log.numbers is Numbers.FULL
    printed = "\n".join(effective(found.entries)) + json.dumps(list(map(entry_json, found.entries)))
    assert HIDDEN not in printed + repr(found) and KEYS[0] not in printed + repr(found)


WEBHOOK = f'[[webhooks]]\nurl = "{URL}"\n'
SIGNED = f'secret = "{KEYS[0]}"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (WEBHOOK, "needs a secret, by which the receiver"),
        (WEBHOOK + SIGNED + "unsigned = true", "must not set a secret, since it is unsigned"),
        ("[[webhooks]]\n" + SIGNED, "webhooks.#1: must have a name (line 1)"),
        ('[[webhooks]]\nname = "a"\n' + SIGNED, "webhooks.a: must set url"),
        (
            WEBHOOK + SIGNED + WEBHOOK + SIGNED,
            "must differ from the other names, and 'hooks-example-org'",
        ),
        (WEBHOOK + SIGNED + 'events = ["message.gone"]', "must be an array of message.received"),
        (WEBHOOK + SIGNED + 'instances = ["shop *"]', "must be an array of names of instances"),
        (WEBHOOK + SIGNED + 'form = "other"', "must be one of standard, waziper"),
        (f'[[webhooks]]\nurl = "https://me:{HIDDEN}@h/"\n' + SIGNED, "must not hold a login"),
        (f'[[webhooks]]\nurl = "https://[{HIDDEN}/"\n' + SIGNED, "must have a name"),
        (f'webhooks = "{HIDDEN}"', "webhooks: must be an array of tables, not '••••'"),
    ],
)
def test_a_wrong_webhook_is_one_line_without_its_secret(file: Path, text: str, said: str) -> None:
    errors = wrong(file, text)
    assert any(said in each for each in errors), errors
    assert not any(KEYS[0] in each for each in errors)


SINK = '[[alerts.sinks]]\nname = "ops"\n'
PATTERN = '[[alerts.patterns]]\nname = "p"\n'
COMMAND = 'command = ["x"]\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SINK + COMMAND + f'secrt = "{HIDDEN}"', "ops.secrt: no such key; did you mean secret?"),
        (f'[alerts]\nsink = "{HIDDEN}"', "alerts.sink: no such key; did you mean sinks?"),
        (f'[alerts]\nsinks = "{HIDDEN}"', "sinks: must be an array of tables, not '••••' (line 2)"),
        (
            f'[alerts]\nsinks = ["{HIDDEN}"]',
            "sinks.#1: must be a table, not '••••' (line 2)",
        ),
        (f'alerts = "{HIDDEN}"', "alerts: must be a table, not '••••'"),
        (f'token = "{HIDDEN}"', "token: no such key"),
        ("[[alerts.sinks]]\n" + COMMAND, "alerts.sinks.#1: must have a name (line 1)"),
        ('[[alerts.sinks]]\nname = "A b"\n' + COMMAND, "alerts.sinks.#1.name: must be 1 to 40 of"),
        (SINK + COMMAND + SINK + COMMAND, "sinks.#2.name: must differ from the other names, and"),
        (SINK, "must set exactly one of webhook, apprise and command, and sets none (line 1)"),
        (SINK + COMMAND + 'apprise = "x://y"', "and sets several"),
        (SINK + f'webhook = "{URL}"', "its webhook needs a secret"),
        (SINK + f'webhook = "{URL}"\nunsigned = true\nsecret = "{KEYS[0]}"', "it is unsigned"),
        (SINK + COMMAND + f'secret = "{KEYS[0]}"', "since it has no webhook"),
        (SINK + COMMAND + "unsigned = true", "must not set unsigned"),
        (SINK + f'webhook = "https://me:{HIDDEN}@h/"', "ops.webhook: must not hold a login"),
        (SINK + f'webhook = "ftp://h/{HIDDEN}"', 'ops.webhook: must be an "http://" or'),
        (SINK + f'webhook = "https:///{HIDDEN}"', 'ops.webhook: must be an "http://" or'),
        (SINK + f'webhook = "http://h:99999/{HIDDEN}"', 'ops.webhook: must be an "http://" or'),
        (SINK + f'webhook = "{URL}"\nsecret = "whsec_{HIDDEN}"', 'must be "whsec_" and 24 to 64'),
        (SINK + f'webhook = "{URL}"\nsecret = {json.dumps(KEYS)}', "must be two at most"),
        (SINK + f'apprise = "{HIDDEN}"', "ops.apprise: must be one URL of Apprise"),
        (SINK + f'apprise = "a://{HIDDEN},b://x"', "another one is another sink"),
        (SINK + "command = 'x'", "ops.command: must be an array of texts, the program first"),
        (SINK + COMMAND + "rules = ['hel']", "ops.rules: must be an array of held, conflict,"),
        (SINK + COMMAND + "quiet = '25:00-07:00'", "ops.quiet: must be "),
        (SINK + COMMAND + "quiet = '07:00-07:00'", "must not start and end at the same time"),
        (SINK + COMMAND + "quiet = '07:00-08:00 Nowhere'", "knows no time zone 'Nowhere'"),
        (SINK + COMMAND + "quiet = '07:00-08:00 ../../x'", "knows no time zone"),
        (PATTERN, "alerts.patterns.p: must set regex (line 1)"),
        (
            PATTERN + "regex = '('",
            "is no regular expression of RE2: missing ): ( (line 3)",
        ),
        (PATTERN + "regex = '(?=x)'", "p.regex: is no regular expression of RE2: invalid perl"),
        (PATTERN + "regex = 'x'\ncount = 0", "p.count: must be a whole number from 1 to 10000"),
    ],
)
def test_what_is_wrong_is_one_line_without_the_secret(file: Path, text: str, said: str) -> None:
    [error] = wrong(file, text)
    assert error.startswith("config.toml: ") and said in error


def test_all_that_is_wrong_is_told_at_once_with_its_lines(file: Path) -> None:
    text = SINK + "numbers = 'all'\n" + "x = 1\n" + SINK.replace("ops", "b") + PATTERN
    ends = [error.rpartition(" (line ")[2] for error in wrong(file, text)]
    assert ends == ["3)", "4)", "5)", "7)"]


def test_no_variable_reaches_an_array(file: Path) -> None:
    [error] = wrong(file, "", {"WAZITERM_ALERTS__SINKS": f'[{{"webhook": "{HIDDEN}"}}]'})
    assert error.startswith("WAZITERM_ALERTS__SINKS: no variable sets an array of tables; allowed:")
    [error] = wrong(file, "", {"WAZITERM_ALERTS__SINKS__OPS__SECRET": HIDDEN})
    assert "no such setting; allowed: " in error


# -- secrets in files -------------------------------------------------------------------------


def test_a_secret_may_lie_in_a_file_beside_the_config(file: Path, tmp_path: Path) -> None:
    (tmp_path / "hook").write_text(f"{URL}\n")
    (tmp_path / "keys").write_text("\r\n".join(KEYS[:2]) + "\r\n")
    text = SINK + f'webhook_file = "hook"\nsecret_file = "{tmp_path}/keys"\n'
    found = reading(file, text)
    assert found.problems == ()
    [sink] = found.settings.alerts.sinks
    assert (sink.webhook.reveal(), [each.reveal() for each in sink.secrets]) == (URL, KEYS[:2])
    assert found.settings.secret_files == (tmp_path / "hook", tmp_path / "keys")
    assert f'webhook_file = "hook"  # {file}:3' in list(effective(found.entries))


def test_a_file_that_gives_no_secret_is_one_line(file: Path, tmp_path: Path) -> None:
    held = tmp_path / "held"
    both = SINK + f'apprise = "x://{HIDDEN}"\napprise_file = "held"'
    assert "must not be set beside apprise: one of them is enough (line 4)" in wrong(file, both)[0]
    text = SINK + 'apprise_file = "held"\n'

    def said() -> str:
        [error] = wrong(file, text)
        assert error.endswith(" (line 3)")
        return error.removeprefix("config.toml: alerts.sinks.ops.apprise_file: ")

    assert said().startswith(f"{held}: there is no such file")
    held.write_bytes(b"\n")
    assert said().startswith(f"{held} is empty")
    held.write_bytes(b"\xff" + HIDDEN.encode())
    assert said().startswith(f"{held} holds no UTF-8 text")
    held.write_bytes(HIDDEN.encode() * 10_000)
    assert said().startswith(f"{held} is too long for a secret")
    held.write_text(HIDDEN)
    assert said().startswith(f"{held} must be one URL of Apprise")
    assert "must be the path of a file" in wrong(file, SINK + "apprise_file = 3")[0]
    assert "must name a file" in wrong(file, SINK + "apprise_file = ''")[0]


# -- reload and round trip --------------------------------------------------------------------


def test_a_reload_names_what_has_changed_in_an_array(file: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"

    def now(text: str, secret: str) -> Settings:
        key.write_text(secret)
        return reading(file, text).checked()

    hook = SINK + f'webhook = "{URL}"\nsecret_file = "key"\n'
    started = now(hook, KEYS[0])
    other = SINK.replace("ops", "pager") + COMMAND
    fresh = now(other + hook + PATTERN + "regex = 'x'\n", KEYS[1])
    assert reloaded(started, started, fresh) == Reloaded(
        changed=("alerts.sinks.ops.secret", "alerts.sinks.pager", "alerts.patterns.p")
    )
    assert reloaded(started, fresh, now(hook, KEYS[1])) == Reloaded(
        changed=("alerts.sinks.pager", "alerts.patterns.p")
    )


TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=9
)


@st.composite
def arrays(draw: st.DrawFn) -> list[dict[str, Any]]:
    names = draw(st.lists(st.from_regex(r"\A[a-z0-9][a-z0-9_-]{0,8}\Z"), unique=True, max_size=4))
    optional: dict[str, st.SearchStrategy[Any]] = {
        "min_severity": st.sampled_from(list(AlertSeverity)),
        "rules": st.lists(st.sampled_from(list(AlertRule))),
        "quiet": st.sampled_from(["", "23:00-07:00", "01:30-02:00 Asia/Jakarta"]),
        "numbers": st.sampled_from(list(Numbers)),
    }
    commands = st.lists(TEXTS, min_size=1, max_size=3)
    return [
        {"name": name, "command": draw(commands)}
        | draw(st.fixed_dictionaries({}, optional=optional))
        for name in names
    ]


@settings(max_examples=40)
@given(arrays())
def test_what_is_printed_of_an_array_reads_as_the_same(
    tmp_path_factory: pytest.TempPathFactory, sinks: list[dict[str, Any]]
) -> None:
    file = tmp_path_factory.getbasetemp() / "round.toml"
    text = "".join(
        "[[alerts.sinks]]\n"
        + "".join(
            f"{key} = {json.dumps(value, ensure_ascii=False)}\n".replace("\x7f", "\\u007f")
            for key, value in sink.items()
        )
        for sink in sinks
    )
    first = reading(file, text)
    assert first.problems == ()
    assert [sink.name for sink in first.settings.alerts.sinks] == [each["name"] for each in sinks]
    again = reading(file, "\n".join(effective(first.entries)))
    assert again.problems == ()
    assert again.settings == first.settings


# -- quiet hours ------------------------------------------------------------------------------


@given(
    st.floats(1_600_000_000, 1_900_000_000),
    st.integers(0, 1439),
    st.integers(1, 1439),
    st.sampled_from(["", "UTC", "Asia/Jakarta", "Europe/Berlin", "America/New_York"]),
)
def test_quiet_hours_end_once_they_began(at: float, start: int, length: int, zone: str) -> None:
    end = (start + length) % 1440
    said = f"{start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02} {zone}".rstrip()
    quiet = Quiet.parse(said)
    assert quiet is not None and str(quiet) == said
    until = quiet.until(at)
    if until is not None:
        assert at < until <= at + length * 60 + 3600
        assert quiet.until(until) is None or length > 1380


def test_quiet_hours_are_those_of_their_zone() -> None:
    quiet = Quiet.parse("23:00-07:00 Asia/Jakarta")
    assert quiet is not None
    midnight = 1_767_200_400.0  # 2026-01-01T00:00+07:00
    assert quiet.until(midnight - 3601) is None
    assert quiet.until(midnight - 3600) == midnight + 7 * 3600
    assert quiet.until(midnight + 7 * 3600 - 1) == midnight + 7 * 3600
    assert quiet.until(midnight + 7 * 3600) is None
