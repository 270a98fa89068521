"""What reaches a receiver: how soon one is told, and how often of an outage that meets all.

A manager in this process keeps real workers; its outbox tells a webhook on loopback. First the lab
takes one session after the other (conflict, type replaced): from the moment in which the instance
changed its state, as it is shown, to the end of the request at the receiver. Then the lab drops
everything, refuses its port for `OUTAGE_S` seconds and comes back; what is told until `AFTER_S`
after the end of the incident is counted.
"""

import asyncio
import time
from collections import Counter

from bench.figures import Figure, percentile
from bench.rig import Rig, Stage
from bench.watch import Watch
from tests.alerts.receiver import Receiver, receiver
from waziterm.domain.lifecycle.states import State
from waziterm.lab.trouble import TroubleKind

TITLE = "alerts at a receiver"
SOON_S = 1.0
OUTAGE_S = 60.0
AFTER_S = 20.0
TIMEOUT_S = 300.0
_ALONE = "[limits]\ncooldown_s = 1\n[alerts]\nflap_s = 1\nper_minute = 600\n"
"""Each comes back soon, and no sink's limit holds a message back: two for each leave at once."""


async def run(rig: Rig) -> list[Figure]:
    """Conflicts of one after the other, then an outage of all."""
    count, alone = (20, 5) if rig.quick else (200, 40)
    async with receiver() as there, rig.stage(count, fresh=True) as stage:
        _configure(stage, there, _ALONE)
        async with stage.manager() as (fleet, watch):
            took = [await _alone(stage, watch, there, name) for name in list(stage.jids)[:alone]]
            _configure(stage, there, "")
            await fleet.reload()
            told = await _outage(stage, watch, there)
    firing, resolved = told["firing"], told["resolved"]
    return [
        Figure("from the change to the receiver, p95", percentile(took, 0.95), "s", SOON_S),
        Figure("the median", percentile(took, 0.5), "s", note=f"of {len(took)}"),
        Figure("the longest of them", max(took), "s"),
        Figure(f"told of an outage of {count}", firing, "", 1, note=_by_rule(told)),
        Figure("told of its end", resolved, "", 1),
        Figure("the end was told", float(resolved > 0), "", 1, at_least=True),
    ]


def _configure(stage: Stage, there: Receiver, limits: str) -> None:
    file = stage.folder / "config.toml"
    sink = f'[[alerts.sinks]]\nname = "ops"\nwebhook = "{there.url}"\nunsigned = true\n'
    file.write_text(limits + sink, encoding="utf-8")
    file.chmod(0o600)


async def _alone(stage: Stage, watch: Watch, there: Receiver, name: str) -> float:
    """Take one session and wait until it is back; the seconds until that was told."""
    before, began = len(there.got), time.time()
    await stage.lab.trouble(TroubleKind.CONFLICT, stage.jids[name])
    async with asyncio.timeout(TIMEOUT_S):
        seen = await watch.seen(name, lambda view: view.state is State.COOLDOWN, began)
    told = (await there.until(before + 1, TIMEOUT_S))[before]
    assert (told.json["instance"], told.json["state"]) == (name, "firing")
    arrived = time.time() - (asyncio.get_running_loop().time() - told.at)
    await there.until(before + 2, TIMEOUT_S)
    return arrived - seen.view.since


async def _outage(stage: Stage, watch: Watch, there: Receiver) -> Counter[str]:
    """How many messages of each state and rule were told of an outage."""
    before = len(there.got)
    await stage.lab.trouble(TroubleKind.OUTAGE)
    await asyncio.sleep(OUTAGE_S)
    await stage.lab.clear(TroubleKind.OUTAGE)
    await watch.all_in(State.CONNECTED, stage.jids, TIMEOUT_S)
    async with asyncio.timeout(TIMEOUT_S), there.came:
        await there.came.wait_for(
            lambda: any(each.json["state"] == "resolved" for each in there.got[before:])
        )
    await asyncio.sleep(AFTER_S)
    bodies = [each.json for each in there.got[before:]]
    return Counter([each["state"] for each in bodies] + [f"rule {each['rule']}" for each in bodies])


def _by_rule(told: Counter[str]) -> str:
    return ", ".join(f"{what}: {n}" for what, n in sorted(told.items()) if what.startswith("rule "))
