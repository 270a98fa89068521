"""Instances as words: the table of `list`, the sheet of `status`, the line after a command."""

import re
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from textwrap import wrap
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from waziterm.cli.show import output
from waziterm.cli.show.times import shown
from waziterm.cli.show.verbs import with_verbs
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.messages.message import MessageState
from waziterm.domain.text import plain
from waziterm.tui.text.format import clock, countdown, duration, since

Json = dict[str, Any]

# Where nobody's terminal sets a width, no column is cut.
PIPE_COLUMNS = 4000


def print_list(instances: Sequence[Json]) -> None:
    """Print a table, one row for each instance. Where no manager runs, how to start one is said
    once, under it."""
    start = Reason.NO_MANAGER.next_step
    unkept = all(found["next_step"].startswith(start) for found in instances)
    rows = []
    for found in instances:
        step = _next(found)
        if unkept:
            step = _next({**found, "next_step": found["next_step"][len(start) :].lstrip("; ")})
        uptime = "" if found["uptime_s"] is None else duration(found["uptime_s"])
        head = (
            Text(found["name"]),
            Text(_label(found), _style(found)),
            Text(_number(found)),
            Text(uptime),
        )
        rows.append(_Row(head, (Text(_why(found)), Text(step))))
    _print_rows(("NAME", "STATE", "NUMBER", "UP"), ("WHY", "NEXT"), rows, "; next: ")
    if unkept and instances:
        output.remark(with_verbs(f"no manager runs: {start}"))


def print_incidents(incidents: Sequence[Json]) -> None:
    """Print a table, one row for each incident; those that nobody has acknowledged stand out."""
    rows = []
    for found in incidents:
        seen = found["acknowledged_at"] is not None
        done = f" → {found['done']}" if found["done"] else ""
        said = (
            f"; {found['acknowledged_by'] or 'unknown'}: {found['note']}" if found["note"] else ""
        )
        serious = "bold red" if found["serious"] else ""
        head = (
            Text(str(found["id"])),
            Text(found["severity"], "dim" if seen else serious),
            Text(shown(found["began_at"])),
            Text("open" if found["closed_at"] is None else shown(found["closed_at"])),
            Text((found["acknowledged_by"] or "yes") if seen else "no"),
        )
        who = Text(", ".join(found["names"]) or "this machine")
        rows.append(_Row(head, (who, Text(plain(f"{_why(found)}{done}{said}", 600)))))
    titles = ("ID", "SEVERITY", "OPENED", "CLOSED", "SEEN")
    _print_rows(titles, ("INSTANCES", "WHAT"), rows, ": ")


def print_sinks(sinks: Sequence[Json]) -> None:
    """Print a table, one row for each sink of the alerts."""
    rows = []
    for found in sinks:
        gets = ", ".join(found["rules"]) or "all"
        if found["min_severity"] != "info":
            gets += f" from {found['min_severity']} on"
        if found["quiet"]:
            gets += f", quiet {found['quiet']}"
        rows.append((found, gets))
    _print_told("SINK", rows)


def print_webhooks(webhooks: Sequence[Json]) -> None:
    """Print a table, one row for each webhook."""
    rows = []
    for found in webhooks:
        gets = ", ".join(found["events"]) or "all"
        if found["instances"]:
            gets += f" of {', '.join(found['instances'])}"
        rows.append((found, gets))
    _print_told("WEBHOOK", rows)


def _print_told(title: str, rows: Sequence[tuple[Json, str]]) -> None:
    """Print a table of those who are told of something, each with what it gets."""
    table = _table(title, "WHERE", "GETS", "LAST SENT", "PENDING", "FAILED", "TROUBLE")
    for found, gets in rows:
        sent_at = found["last_sent_at"]
        table.add_row(
            Text(found["name"]),
            Text(plain(found["where"], 80)),
            Text(gets),
            Text("never" if sent_at is None else shown(sent_at)),
            Text(str(found["pending"])),
            Text(str(found["failed"]), "bold red" if found["failed"] else ""),
            Text(plain(found["last_error"], 200)),
        )
    _print(table)


def print_messages(messages: Sequence[Json]) -> None:
    """Print a table, one row for each message out; those that wait for a person stand out."""
    rows = []
    for found in messages:
        waits = found["state"] in (MessageState.UNKNOWN, MessageState.FAILED)
        head = (
            Text(found["id"]),
            Text(shown(found["created"])),
            Text(found["instance"]),
            Text(plain(found["to"], 60)),
            Text(found["state"], "bold red" if waits else ""),
            Text("" if found["due"] is None else shown(found["due"])),
        )
        rows.append(_Row(head, (Text(plain(found["reason"])), Text(plain(found["next_step"])))))
    titles = ("ID", "CREATED", "INSTANCE", "TO", "STATE", "DUE")
    _print_rows(titles, ("WHY", "NEXT"), rows, "; next: ")


_COMMAND = re.compile(r"`[^`]+`")
_TIE = "\N{NO-BREAK SPACE}"
_GAP = "  "


@dataclass(frozen=True, slots=True)
class _Row:
    """What a row of a table tells. short: the cells that need little room. sentences: the others,
    "" where there is nothing to say."""

    short: tuple[Text, ...]
    sentences: tuple[Text, ...]


def _print_rows(
    titles: Sequence[str], sentences: Sequence[str], rows: Sequence[_Row], joint: str
) -> None:
    """Print a table whose sentences are its last columns. Where the terminal is too narrow for
    that they stand under their row instead, whole. joint: what stands between them there."""
    console = _console()
    whole = [(*row.short, *row.sentences) for row in rows]
    if (lines := _drawn(console, (*titles, *sentences), whole)) is not None:
        for line in lines:
            output.line(line)
        return
    shorts = [row.short for row in rows]
    drawn = _drawn(console, titles, shorts)
    if drawn is None:
        short = _table(*titles)
        for cells in shorts:
            short.add_row(*cells)
        drawn = _rendered(short)
    first, *lines = drawn
    output.line(first)
    for row, line in zip(rows, lines, strict=True):
        output.line(line)
        said = joint.join(text.plain for text in row.sentences if text.plain)
        # Half of a command can be another one: `reconnect shop` without its `--takeover`.
        tied = _COMMAND.sub(lambda found: found[0].replace(" ", _TIE), said)
        width = max(console.width - 2, 20)
        for part in wrap(tied, width, break_on_hyphens=False, break_long_words=False):
            output.line(f"  {part.replace(_TIE, ' ')}")


def _drawn(
    console: Console, titles: Sequence[str], rows: Sequence[Sequence[Text]]
) -> list[str] | None:
    """The lines of a table as `_table` draws it, in a tenth of the time; None where it would be
    cut: a fleet of a thousand takes rich half a second."""
    heads = [Text(title, "bold") for title in titles]
    cells = [heads, *rows]
    widths = [max(cell_len(line[at].plain) for line in cells) for at in range(len(heads))]
    if sum(widths) + len(_GAP) * (len(widths) - 1) > console.width:
        return None
    texts = []
    for line in cells:
        text = Text()
        for cell, width in zip(line, widths, strict=True):
            if text:
                text.append(_GAP)
            text.append(cell.plain, cell.style)
            text.append(" " * (width - cell_len(cell.plain)))
        text.rstrip()
        texts.append(text)
    if console.color_system is None:
        return [text.plain for text in texts]
    with console.capture() as captured:
        for text in texts:
            console.print(text, soft_wrap=True)
    return captured.get().splitlines()


def _table(*titles: str) -> Table:
    """A table with these columns, whose cells are cut where the terminal is narrow."""
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for title in titles:
        table.add_column(title, no_wrap=True, overflow="ellipsis")
    return table


def print_status(found: Json, session: Path | None) -> None:
    """Print all that is known of one instance, a line each. session: where its keys lie, if that
    is known."""
    now = time.time()
    began = _moment(found["since"])
    rows = [
        ("state", f"{_label(found)} since {since(began, now)} ({duration(now - began)})"),
        ("why", _why(found)),
        ("next", _next(found)),
        ("number", _number(found) or "not linked"),
        ("wanted", found["wanted"]),
    ]
    if found["other_number"]:
        from waziterm.domain.lifecycle.details import other_number_detail  # noqa: PLC0415 - rare

        rows.append(("warning", other_number_detail(found["other_number"], found["phone"] or "")))
    if found["uptime_s"] is not None:
        rows.append(("connected for", duration(found["uptime_s"])))
    if found["qr"] is not None:
        code = found["qr"]
        place = f"code {code['index']} of {code['count']}, {countdown(code['seconds_left'])} left"
        rows.append(("QR", with_verbs(f"{place}; `waziterm qr {found['name']}` draws it")))
    if found["attempt"]:
        rows.append(("attempts in a row", str(found["attempt"])))
    if found["probe_s"] is not None:
        rows.append(("last probe", f"{found['probe_s']:.2f} s"))
    rows.append(("send-tests", str(found["sent"])))
    if found["messages"] is not None:
        rows.append(("messages", _counted(found["messages"])))
    if found["no_new_chats_until"] is not None:
        until = since(_moment(found["no_new_chats_until"]), now)
        rows.append(("new chats", f"none can be started until {until}"))
    if found["phone_seen_at"] is not None:
        rows.append(("phone seen", since(_moment(found["phone_seen_at"]), now)))
    if found["silenced_until"] is not None:
        rows.append(("silenced", f"until {since(_moment(found['silenced_until']), now)}"))
    if found["version"] is not None:
        rows.append(("WhatsApp version", version_words(found["version"])))
    if found["proxy"]:
        rows.append(("proxy", found["proxy"]))
    if found["note"]:
        rows.append(("note", found["note"]))
    if found["tags"]:
        rows.append(("tags", " ".join(f"#{tag}" for tag in found["tags"])))
    if found["isolated"]:
        rows.append(("isolated", "its worker is shared with nobody"))
    if found["pid"]:
        rows.append(("worker", f"pid {found['pid']}"))
    if session is not None and session.exists():
        rows.append(("session", str(session)))
    sheet = Table(box=None, show_header=False, pad_edge=False)
    sheet.add_column(no_wrap=True)
    sheet.add_column(overflow="fold")
    for title, value in rows:
        sheet.add_row(Text(title), Text(plain(value), _style(found) if title == "state" else ""))
    _print(Text(found["name"], "bold"), sheet)


def version_words(version: Json) -> str:
    """A version with its age and its end: `2.3000.N (neonize's own), about 67 days old; …`."""
    from waziterm.domain.version import said  # noqa: PLC0415 - `list` tells no version

    day = str(version["refusals_from"])[:10]
    return said(version["number"], version["origin"], version["age_days"], day)


def outcome(found: Json) -> str:
    """What a command led to: `shop-jakarta: connecting (connecting, as asked); next: wait`."""
    return plain(f"{found['name']}: {_label(found)} ({_why(found)}); next: {_next(found)}", 400)


def _print(*parts: Text | Table) -> None:
    for line in _rendered(*parts):
        output.line(line)


def _rendered(*parts: Text | Table) -> list[str]:
    """The lines of it, without the blanks that rich adds at their ends."""
    console = _console()
    with console.capture() as captured:
        for part in parts:
            console.print(part)
    return [line.rstrip() for line in captured.get().splitlines()]


def _console() -> Console:
    """What draws on standard output. Where no terminal sets a width, nothing is cut."""
    wide = None if sys.stdout.isatty() else PIPE_COLUMNS
    return Console(file=sys.stdout, width=wide, highlight=False, markup=False, emoji=False)


def _counted(counts: Json) -> str:
    """How an instance's messages out stand."""
    said = [f"{counts['queued']} wait"] if counts["queued"] else []
    if counts["queued"] and counts["next_at"] is not None:
        said.append(f"next at {shown(counts['next_at'])}")
    said += [f"{counts[each]} {each}" for each in ("unknown", "failed") if counts[each]]
    said += [f"{counts['sent_hour']} sent in the last hour", f"{counts['sent_day']} in 24 h"]
    return ", ".join(said)


def _label(found: Json) -> str:
    try:
        return State(found["state"]).label
    except ValueError:
        return str(found["state"])


def _style(found: Json) -> str:
    state = found["state"]
    if state == State.CONNECTED:
        return "green"
    if state in (State.HELD, State.BANNED, State.OUTDATED, State.LOGGED_OUT):
        return "bold red"
    if state in (State.DEGRADED, State.RETRYING, State.COOLDOWN):
        return "yellow"
    return "cyan" if state in (State.CONNECTING, State.PAIRING) else "dim"


def _why(found: Json) -> str:
    code = f" ({found['code']})" if found["code"] else ""
    detail = f": {found['detail']}" if found["detail"] else ""
    return plain(f"{found['sentence']}{code}{detail}")


def _next(found: Json) -> str:
    step = with_verbs(found["next_step"], found["name"])
    if found["next_attempt"] is None:
        return plain(step)
    return plain(f"{step}, at {clock(_moment(found['next_attempt']))}")


def _number(found: Json) -> str:
    return plain((found["jid"] or "").partition("@")[0].partition(":")[0])


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
