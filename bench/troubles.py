"""500 mixed troubles on fresh histories: how many end as they should.

Rounds of up to 50 instances: each round has a manager of its own with a new database (copies of
the same sessions), and each instance meets one trouble, taken in turn from `bench/cases.py`. A
trouble ends well when the instance is back to `connected` within the case's time, really logged
in at the lab and so still at the end of the round; or, where no program could bring it back, in
the state and with the reason that the rules demand. All limits are the defaults, but the probe
of the keep-alive, which is asked every 5 s with 2 s to answer, so that a silence is noticed
while the bench runs.
The old figures are those that operators measured on real numbers before and after the simple
fix; they are no measurement of this machine.
"""

import asyncio
import time
from collections import Counter, defaultdict
from dataclasses import dataclass

from bench.attempts import Attempt, stored_attempts
from bench.cases import CASES, Case, Target
from bench.figures import Figure
from bench.rig import Rig, Stage
from bench.watch import Watch
from waziterm.domain.lifecycle.states import State
from waziterm.lab.words import LabError

TITLE = "mixed troubles on fresh histories"
TROUBLES = 500
QUICK_TROUBLES = 36
AT_ONCE = 50
PAUSE_S = 0.3
OLD_PERCENT = 30.0
FIXED_PERCENT = 95.0
PROBES = {"WAZITERM_LIMITS__KEEPALIVE_S": "5", "WAZITERM_LIMITS__PROBE_TIMEOUT_S": "2"}


@dataclass(frozen=True, slots=True)
class Ended:
    """How one trouble ended. fault: what was wrong, or "". took_s: to the last state."""

    case: Case
    name: str
    fault: str
    took_s: float


async def run(rig: Rig) -> list[Figure]:
    """As many rounds as it takes; every case comes equally often, give or take one."""
    total = QUICK_TROUBLES if rig.quick else TROUBLES
    ended: list[Ended] = []
    attempts: list[Attempt] = []
    while len(ended) < total:
        count = min(AT_ONCE, total - len(ended))
        cases = [CASES[(len(ended) + number) % len(CASES)] for number in range(count)]
        async with rig.stage(count, fresh=True) as stage:
            async with stage.manager(**PROBES) as (_, watch):
                ended += await _round(stage, watch, cases)
            attempts += stored_attempts(stage.data.database)
    return [*_rates(ended, attempts), *_by_case(ended)]


async def _round(stage: Stage, watch: Watch, cases: list[Case]) -> list[Ended]:
    """One trouble for each instance, a new one every `PAUSE_S` seconds."""
    met = []
    async with asyncio.TaskGroup() as tasks:
        for name, case in zip(stage.jids, cases, strict=True):
            target = Target(name, stage.jids[name], stage.lab, watch)
            met.append(tasks.create_task(_meet(target, case)))
            await asyncio.sleep(PAUSE_S)
    online = {session.jid for session in await stage.lab.sessions()}
    ended = [task.result() for task in met]
    return [_still(one, stage.jids[one.name] in online, watch) for one in ended]


async def _meet(target: Target, case: Case) -> Ended:
    """Make the trouble and watch how it ends."""
    began = time.time()
    try:
        async with asyncio.timeout(case.within_s):
            await case.make(target)
            fault = await _follow(target, case, began)
    except TimeoutError:
        view = target.watch.latest(target.name)
        fault = f"after {case.within_s:.0f} s it is {view.state.value}, {view.reason.slug}"
    except LabError as error:
        fault = f"no trouble could be made: {error}"
    return Ended(case, target.name, fault, time.time() - began)


async def _follow(target: Target, case: Case, began: float) -> str:
    """Wait for the last state, by way of trouble; what was wrong with it, or ""."""
    name, watch, since = target.name, target.watch, began
    if case.through is not None:
        way = await watch.seen(name, lambda view: view.state is case.through, since)
        since = way.at
    new = case.ends is State.CONNECTED and case.through is not State.DEGRADED
    last = await watch.seen(
        name,
        lambda view: view.state is case.ends and (not new or (view.connected_at or 0) >= began),
        since,
    )
    if case.reason is not None and last.view.reason is not case.reason:
        return f"its reason is {last.view.reason.slug}"
    if new and (await target.lab.wait_online(target.jid, case.within_s)).since < began:
        return "the lab knows of no new login"
    return ""


def _still(ended: Ended, online: bool, watch: Watch) -> Ended:
    """A trouble that ended well has to be well at the end of the round too."""
    view = watch.latest(ended.name)
    if not ended.fault and view.state is not ended.case.ends:
        fault = f"later it became {view.state.value}, {view.reason.slug}"
        return Ended(ended.case, ended.name, fault, ended.took_s)
    if not ended.fault and online is not (ended.case.ends is State.CONNECTED):
        fault = f"it shows {view.state.value}, but the lab has it {'on' if online else 'off'}line"
        return Ended(ended.case, ended.name, fault, ended.took_s)
    return ended


def _rates(ended: list[Ended], attempts: list[Attempt]) -> list[Figure]:
    well = sum(not one.fault for one in ended)
    back = [one for one in ended if one.case.ends is State.CONNECTED]
    finished = [one for one in attempts if one.ok is not None]
    faults = Counter(f"{one.case.what}: {one.fault}" for one in ended if one.fault)
    told = "; ".join(f"{count} × {fault}" for fault, count in faults.most_common(5))
    return [
        Figure(
            f"{len(ended)} troubles that ended as the rules demand",
            100 * well / len(ended),
            "%",
            FIXED_PERCENT,
            at_least=True,
            note=told,
        ),
        Figure(
            f"of them {len(back)} that had to come back, and did",
            100 * sum(not one.fault for one in back) / len(back),
            "%",
            FIXED_PERCENT,
            at_least=True,
        ),
        Figure(
            "connect attempts that ended connected",
            100 * sum(one.ok is True for one in finished) / len(finished),
            "%",
            note=f"{len(finished)} attempts of ours; the library's own redials are none",
        ),
        Figure("operators' figure before", OLD_PERCENT, "%", note="told, not measured here"),
        Figure("operators' figure after the simple fix", FIXED_PERCENT, "%", note="the same"),
    ]


def _by_case(ended: list[Ended]) -> list[Figure]:
    by_case: defaultdict[str, list[Ended]] = defaultdict(list)
    for one in ended:
        by_case[one.case.what].append(one)
    return [
        Figure(
            f"  {what}",
            max(one.took_s for one in met),
            "s",
            met[0].case.within_s,
            note=f"slowest of {len(met)}; {sum(not one.fault for one in met)} ended well, as"
            f" {met[0].case.ends.value}",
        )
        for what, met in by_case.items()
    ]
