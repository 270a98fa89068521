"""The verbs stats and history: what the instances' past sums up to, and the past of one.

`stats --json` prints an array, see `domain.stats.sums.Stats`; `history --json` one of the moves
`{at, state, reason, code, sentence, detail}`, oldest first.
"""

import csv
import json
import math
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from waziterm.cli.app.options import StatsBy as By
from waziterm.cli.show import output
from waziterm.cli.show.times import moment_of
from waziterm.cli.target import ask, data_dir_of
from waziterm.cli.verbs.several import matching, refuse_unknown
from waziterm.domain.fleet.protocol import MOST_MOVES
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.stats.hours import drop_of
from waziterm.domain.stats.strips import DAYS
from waziterm.domain.stats.sums import StatsBy, compared, times_the_mean
from waziterm.domain.text import plain
from waziterm.manager import inputs
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.inputs import InputError

Json = dict[str, Any]

WEEK_S = 7 * 86_400.0
_TITLES = (
    *("NAME", "UP", "DROPS", "WHY", "CONFLICTS", "CONNECT p50/p95", "BACK p50"),
    *("SENT", "OK", "BETWEEN DROPS", "WORST HOUR"),
)


def show_stats(
    flag: Path | None,
    as_json: bool,
    names: Sequence[str],
    *,
    since: str | None,
    by: By | None,
    as_csv: bool,
) -> int:
    """Print the sums from a moment on, by default of seven days: the fleet's and each instance's,
    or those of the instances that are named."""
    if as_json and as_csv:
        raise InputError("it is either --json or --csv")
    data = data_dir_of(flag)
    now = time.time()
    begin = now - WEEK_S if since is None else moment_of(since, now)
    part = StatsBy(by.value) if by in (By.DAY, By.HOUR) else None
    wanted: Sequence[str] = ()
    if names:
        everyone = ask(data, lambda fleet: fleet.snapshot().everyone())
        tags = {each["name"]: each["tags"] for each in everyone}
        refuse_unknown(data, names, tags)
        wanted = matching(names, list(tags), tags)
    # A long time of all is much to read, and much to send.
    alone = wanted[0] if len(wanted) == 1 else None
    found = ask(data, lambda fleet: fleet.stats(begin, alone, part))
    if names:
        found = [each for each in found if each["instance"] in wanted]
    if as_json:
        output.document(found)
    elif as_csv:
        _print_csv(found)
    elif not found:
        output.remark("nothing is counted yet")
    elif by is By.REASON:
        _print_reasons(found)
    elif by is By.PATTERN:
        _print_patterns(found)
    else:
        _print_table(found, by)
        for said in _unusual(data, found, now, is_week=since is None):
            output.line(plain(said))
    return 0


def show_history(flag: Path | None, as_json: bool, name: str, since: str | None) -> int:
    """Print what an instance went through, oldest first, with local times; each drop in a line."""
    name = inputs.instance_name(name)
    begin = 0.0 if since is None else moment_of(since, time.time())
    data = data_dir_of(flag)
    moves = ask(data, lambda fleet: fleet.timeline(name, since=begin, limit=MOST_MOVES))
    if as_json:
        output.document(moves)
        return 0
    if not moves:
        output.remark(f"{name}: no history yet")
    for said in history_lines(moves):
        output.line(said)
    return 0


def history_lines(moves: Sequence[Json]) -> list[str]:
    """The moves of an instance in words: a line for each day, under it one for each move; a drop
    with all until the instance is connected again, or somebody has to act, is one. Where the clocks
    were set for summer or winter, a line tells the zone from then on."""
    lines, day, ahead = [], "", None
    place = 0
    while place < len(moves):
        move, before = moves[place], moves[place - 1] if place else None
        at = _local(move["at"])
        today, is_set = at.strftime("%Y-%m-%d"), ahead not in (None, at.utcoffset())
        if today != day or is_set:
            lines.append(f"{today} {at:%Z}" if is_set else today)
            day, ahead = today, at.utcoffset()
        place += 1
        if before is None or not _drops(before, move):
            lines.append(f"  {at:%H:%M} {_said(move)}")
            continue
        why = moves[place - 2] if move["reason"] == Reason.RETRY.slug else move
        told = f"dropped ({why['code'] or why['reason']})"
        until = place
        while until < len(moves) and _is_on_its_way(moves[until]):
            until += 1
        if not _is_on_its_way(move):
            lines.append(f"  {at:%H:%M} {told}: {_said(move)}")
        elif until == len(moves):
            lines.append(f"  {at:%H:%M} {told}, not back yet")
            place = until
        elif moves[until]["state"] == State.CONNECTED:
            took = (_local(moves[until]["at"]) - at).total_seconds()
            lines.append(f"  {at:%H:%M} {told}, back after {lasted(took)}")
            place = until + 1
        else:
            lines.append(f"  {at:%H:%M} {told}")
            place = until
    return lines


def lasted(seconds: float) -> str:
    """How long something took, to the second: `9 s`, `1 m 11 s`, `2 h 05 m`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} m"


def _drops(before: Json, move: Json) -> bool:
    how, why = State(before["state"]), Reason.of(before["reason"])
    return drop_of(how, why, State(move["state"]), Reason.of(move["reason"])) is not None


def _is_on_its_way(move: Json) -> bool:
    return move["state"] in (State.CONNECTING, State.RETRYING, State.COOLDOWN)


def _said(move: Json) -> str:
    code = f" ({move['code']})" if move["code"] else ""
    detail = f"; {move['detail']}" if move["detail"] else ""
    return plain(f"{State(move['state']).label}: {move['sentence']}{code}{detail}", 300)


def _local(moment: str) -> datetime:
    """A moment of the JSON shapes in the zone of the machine."""
    return datetime.fromisoformat(moment).astimezone()


def _print_csv(found: Sequence[Json]) -> None:
    if not found:
        return
    sheet = csv.writer(sys.stdout, lineterminator="\n")
    sheet.writerow(found[0])
    for each in found:
        sheet.writerow(
            json.dumps(value) if isinstance(value, dict) else value for value in each.values()
        )


def _print_table(found: Sequence[Json], by: By | None) -> None:
    titles = (_TITLES[0], "SINCE", *_TITLES[1:]) if by else _TITLES
    rows = []
    for each in found:
        name, *rest = _cells(each)
        form = "%Y-%m-%d" if by is By.DAY else "%Y-%m-%d %H:%M"
        when = (_local(each["since"]).strftime(form),) if by else ()
        rows.append((name, *when, *rest))
    _print_rows(titles, rows)


def _cells(each: Json) -> tuple[str, ...]:
    worst = each["worst_hour"]
    return (
        each["instance"] or "the fleet",
        "-" if each["uptime"] is None else f"{each['uptime'] * 100:.2f} %",
        str(each["drops"]),
        ", ".join(f"{why} {count}" for why, count in each["by_reason"].items()) or "-",
        str(each["conflicts"]),
        _pair(each["connect_p50_s"], each["connect_p95_s"]),
        "-" if each["reconnect_p50_s"] is None else f"{each['reconnect_p50_s']:.3g} s",
        str(each["sends"]),
        "-" if each["success"] is None else f"{each['success'] * 100:.0f} %",
        "-" if each["mtbf_s"] is None else lasted(each["mtbf_s"]),
        "-" if worst is None else _local(worst).strftime("%Y-%m-%d %H:%M"),
    )


def _pair(half: float | None, most: float | None) -> str:
    return "-" if half is None or most is None else f"{half:.3g} / {most:.3g} s"


def _print_reasons(found: Sequence[Json]) -> None:
    rows = [
        (each["instance"] or "the fleet", why, str(count), Reason.of(why).sentence)
        for each in found
        for why, count in each["by_reason"].items()
    ]
    if rows:
        _print_rows(("NAME", "WHY", "DROPS", "WHAT"), rows)
    else:
        output.remark("no drop in this time")


def _print_patterns(found: Sequence[Json]) -> None:
    rows = [
        (each["instance"] or "the fleet", name, str(count))
        for each in found
        for name, count in each["patterns"].items()
    ]
    if rows:
        _print_rows(("NAME", "PATTERN", "LINES"), rows)
    else:
        output.remark("no line of the log has matched in this time")


def _print_rows(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    for row in (titles, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        output.line("  ".join(cells).rstrip())


def _recent(data: DataDir, name: str) -> list[Json]:
    found: list[Json] = ask(data, lambda fleet: fleet.recent(name=name))
    return found


def _unusual(data: DataDir, shown: Sequence[Json], now: float, *, is_week: bool) -> list[str]:
    """Of those that are shown, who drops more today than it does, a line each.

    shown: what was told of them. is_week: of the last week. Only of those of whom it can be so, few
    as a rule, each day is asked for.
    """
    midnight = datetime.fromtimestamp(now).astimezone().replace(hour=0, minute=0, second=0)
    drops = {
        each["instance"]: each["drops"]
        for each in ask(data, lambda fleet: fleet.stats(midnight.timestamp()))
        if each["instance"] is not None
    }
    # On no more days before today can they have dropped.
    days = DAYS - 1 if is_week else math.inf
    suspects = sorted(
        name
        for each in shown
        if (name := each["instance"]) in drops
        and times_the_mean(drops[name], max(0, each["drops"] - drops[name]) / days) is not None
    )
    found: list[Json] = []
    for suspect in suspects:
        found += _recent(data, suspect)
    unusual = [each for each in found if each["mean_drops"] is not None]
    if not unusual:
        return []
    everyone = ask(data, lambda fleet: fleet.snapshot().everyone())
    proxies = {each["name"]: each["proxy"] for each in everyone}
    said = []
    for each in unusual:
        name = each["instance"]
        proxy = proxies.get(name)
        beside = {
            other: drops[other]
            for other in drops
            if proxy and other != name and proxies.get(other) == proxy
        }
        said.append(compared(name, each["drops"][-1], each["mean_drops"], beside))
    return [each for each in said if each]
