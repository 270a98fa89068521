"""The fleet in the pictures: the real manager on a lab, brought into one of each state by a script.

    async with staged() as stage:
        await stage.linked()             # the phones have scanned
        await stage.troubled()           # each trouble has met its instance

Nothing is invented: each state is what the program made of what the lab did to it.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from waziterm.cli.demo.plan import names
from waziterm.cli.run.host import hosted
from waziterm.cli.run.log import program_log
from waziterm.config import load_settings
from waziterm.domain.fleet.api import Fleet, FleetView, InstanceView
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab, run_lab
from waziterm.lab.trouble import TroubleKind
from waziterm.manager.files.datadir import DataDir

PATIENCE_S = 120.0
NAMES = names(12)
STEADY, TAKEN, RETRYING, RIVALLED = "shop-jakarta", "shop-bandung", "shop-makassar", "shop-denpasar"
UNLINKED, BANNED = "shop-nairobi", "shop-mumbai"
UNSCANNED = ("shop-medan", "shop-recife")

CONFIG = f"""\
[limits]
keepalive_s = 5

# So long that the cool-down lasts until its pictures are taken.
[instances.{TAKEN}]
cooldown_s = 90
"""
BAN_S = 6 * 3600


@dataclass(slots=True)
class Stage:
    """The running fleet. root: its data directory. config: the file that its screens read."""

    fleet: Fleet
    lab: Lab
    root: Path
    config: Path
    _jids: dict[str, str] = field(default_factory=dict)

    async def until(self, holds: Callable[[FleetView], bool], what: str) -> None:
        """Wait until the fleet is as wanted. Raises TimeoutError that names it."""
        try:
            async with asyncio.timeout(PATIENCE_S), self.fleet.subscribe() as subscription:
                while not holds(self.fleet.snapshot()):
                    await subscription.next()
        except TimeoutError as error:
            states = {view.name: view.state.value for view in self.fleet.snapshot().instances}
            raise TimeoutError(f"the fleet has not come to {what}: {states}") from error

    async def linked(self) -> None:
        """Add the instances; phones scan the codes of all but some, on a line as slow as mobile."""
        await self.lab.trouble(TroubleKind.SLOW, delay_s=0.08)
        for name in NAMES:
            await self.fleet.add(name)
        scanned = [name for name in NAMES if name not in UNSCANNED]
        async with asyncio.TaskGroup() as tasks:
            for name in scanned:
                tasks.create_task(self._scan(name))
        await self.until(lambda fleet: _all(fleet, scanned, State.CONNECTED), "connected")
        await self.until(lambda fleet: _all(fleet, UNSCANNED, State.PAIRING), "pairing")

    async def _scan(self, name: str) -> None:
        await self.until(lambda fleet: _view(fleet, name).qr is not None, f"a QR code of {name}")
        code = _view(self.fleet.snapshot(), name).qr
        assert code is not None, "it was there a moment ago"
        self._jids[name] = (await self.lab.scan(code.payload)).jid

    async def troubled(self) -> None:
        """Each trouble meets its instance, the newest last."""
        await self._dropped(RIVALLED, TroubleKind.RIVAL)
        await self.lab.trouble(TroubleKind.TCP_RESET, self._jids[STEADY])
        await self.lab.trouble(TroubleKind.DEVICE_REMOVED, self._jids[UNLINKED])
        await self.lab.trouble(
            TroubleKind.LOGIN_FAILURE, self._jids[BANNED], code=402, ban_code=101, expire_s=BAN_S
        )
        await self.lab.trouble(TroubleKind.TCP_RESET, self._jids[BANNED])
        await self._dropped(RETRYING, TroubleKind.LOGIN_FAILURE, code=503)
        await self.until(lambda fleet: _all(fleet, [RIVALLED], State.HELD), "a hold")
        await self.until(lambda fleet: _all(fleet, [BANNED], State.BANNED), "a ban")
        await self.until(lambda fleet: _all(fleet, [STEADY], State.CONNECTED), "a return")
        await self.fleet.send_test(STEADY)
        await self.lab.trouble(TroubleKind.CONFLICT, self._jids[TAKEN])
        await self.until(lambda fleet: _all(fleet, [TAKEN], State.COOLDOWN), "a cool-down")

    async def mended(self) -> None:
        """The server answers again, so that a restart brings back all that can come back."""
        await self.lab.clear(TroubleKind.LOGIN_FAILURE, self._jids[RETRYING])

    async def _dropped(self, name: str, kind: TroubleKind, code: int | None = None) -> None:
        """The trouble awaits an instance whose connection has just broken."""
        await self.lab.trouble(kind, self._jids[name], code=code, delay_s=1.0)
        await self.lab.trouble(TroubleKind.TCP_RESET, self._jids[name])


def _view(fleet: FleetView, name: str) -> InstanceView:
    return next(view for view in fleet.instances if view.name == name)


def _all(fleet: FleetView, some: list[str] | tuple[str, ...], state: State) -> bool:
    return all(_view(fleet, name).state is state for name in some)


@asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    """A lab and a manager in a directory that is gone at the end."""
    with tempfile.TemporaryDirectory(prefix="wt-") as folder:
        root, config = Path(folder) / "data", Path(folder) / "config.toml"
        config.write_text(CONFIG, encoding="utf-8")
        data = DataDir(root)
        data.create()
        settings = load_settings(data_dir=root, environ={}, file=config)
        with program_log(data.log):
            async with run_lab(Path(folder) / "lab") as lab:
                file = LabFile.parse(lab.file.read_text(encoding="utf-8"))
                async with hosted(data, settings, file) as fleet:
                    yield Stage(fleet, lab, root, config)
