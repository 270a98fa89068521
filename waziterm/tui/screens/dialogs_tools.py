"""The emergency tools over the screen: check, fix, restart, full test."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from waziterm.domain.fleet.api import Fleet, FleetError, InstanceView
from waziterm.domain.fleet.tools import Progress, RestartReport, Step
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.states import State
from waziterm.domain.moving.plan import Verdict
from waziterm.lang import tr, trn
from waziterm.tui.paint import look
from waziterm.tui.paint.cells import inert
from waziterm.tui.screens.dialogs import ImportAsked
from waziterm.tui.screens.told import ToldList
from waziterm.tui.state.acts import begin
from waziterm.tui.state.here import Move
from waziterm.tui.state.messages import Mood, failed_inside, log_of, refusal
from waziterm.tui.text import tools as tooltext
from waziterm.tui.text.tools import Told

logger = logging.getLogger(__name__)

TESTS_AT_ONCE = 8

Show = Callable[[Sequence[Told]], None]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a tool ended. offers: there is something for `y` to do. said: for whoever has closed the
    dialog meanwhile, as one sentence; "" where nobody has to know."""

    offers: bool = False
    mood: Mood = Mood.DONE
    said: str = ""


@dataclass(frozen=True, slots=True)
class Left:
    """How a tool's dialog was left. takes: what it offered is wanted. to: the instance that is
    wanted, or None."""

    takes: bool = False
    to: str | None = None


class ToolDialog(ModalScreen[Left]):
    """Runs a tool and shows what it tells, while it runs and when it has ended.

    title: what runs. work: the tool; it is given the means to show what it tells. tell: says how it
    ended where the dialog is closed by then. offer: what `y` does with the result, for example "do
    it"; "" when it ends with being read. What has begun goes on when the dialog is closed.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,n", "close", show=False),
        Binding("enter", "go", show=False),
        Binding("y", "take", show=False),
        *(
            Binding(keys, f"move({to.name!r})", show=False)
            for keys, to in (
                ("up,k", Move.UP), ("down,j", Move.DOWN), ("pageup", Move.PAGE_UP),
                ("pagedown,space", Move.PAGE_DOWN), ("home,g", Move.FIRST), ("end,G", Move.LAST),
            )
        ),
    ]  # fmt: skip

    def __init__(
        self,
        title: str,
        work: Callable[[Show], Awaitable[Ended]],
        tell: Callable[[Mood, str], None],
        offer: str = "",
    ) -> None:
        super().__init__()
        self._title = title
        self._work = work
        self._tell = tell
        self._offer = offer
        self._runs = True
        self._offers = False
        self._told = ToldList()

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog tool") as box:
            box.border_title = self._title
            yield self._told

    def on_mount(self) -> None:
        self._show([tooltext.line("…", look.DIM)])
        # Of the app, not of this screen: closing it must not cut a fix in two.
        begin(self.app, self._run(), group="tools")

    async def _run(self) -> None:
        ended = Ended()
        try:
            ended = await self._work(self._show)
        except FleetError as error:
            said = refusal(error)
            ended = Ended(mood=Mood.TROUBLE, said=f"{self._title}: {said}")
            self._show([tooltext.line(f"✖ {said}", look.BAD)])
        except Exception:
            logger.exception("%s failed", self._title)
            ended = Ended(mood=Mood.TROUBLE, said=failed_inside(log_of(self.app), self._title))
            self._show([tooltext.line(f"✖ {failed_inside(log_of(self.app))}", look.BAD)])
        self._runs = False
        self._offers = ended.offers and bool(self._offer)
        if self.is_running:
            self._name_keys()
        elif ended.said:
            self._tell(ended.mood, ended.said)

    def _show(self, told: Sequence[Told]) -> None:
        # The tool goes on when the screen has crashed; that must not end it.
        if self.is_running:
            self._told.show(told)
            self._name_keys()

    def _name_keys(self) -> None:
        """What can be pressed now, and whom it means."""
        keys = [tr("running …")] if self._runs else []
        if (name := self._told.instance) is not None:
            keys += [f"↑ ↓ {tr('move')}", f"enter {tr('show {name}', name=inert(name))}"]
        if self._offers:
            keys.append(f"y {self._offer}")
        keys.append(f"esc {tr('close; it goes on') if self._runs else tr('close')}")
        for box in self.query(Vertical):
            box.border_subtitle = " · ".join(keys)

    def action_move(self, to: str) -> None:
        self._told.move(Move[to])
        self._name_keys()

    def action_go(self) -> None:
        self.dismiss(Left(to=self._told.instance))

    def action_take(self) -> None:
        if self._offers:
            self.dismiss(Left(takes=True))

    def action_close(self) -> None:
        self.dismiss(Left())


class Tools:
    """The dialog of each tool. tell: see `ToolDialog`. view: of an instance as it is now."""

    def __init__(
        self,
        fleet: Fleet,
        tell: Callable[[Mood, str], None],
        view: Callable[[str], InstanceView | None],
    ) -> None:
        self._fleet = fleet
        self._tell = tell
        self._view = view

    def check(self, *, offer: bool) -> ToolDialog:
        """Look for what is wrong. offer: to mend what needs nobody's decision."""

        async def work(show: Show) -> Ended:
            found = await self._fleet.check()
            show(tooltext.findings(found))
            return Ended(offer and any(finding.remedy for finding in found))

        return ToolDialog(tr("Check"), work, self._tell, tr("show what a fix would do"))

    def fix(self, *, dry_run: bool) -> ToolDialog:
        """Show what a fix would do and offer to do it, or do it."""

        async def work(show: Show) -> Ended:
            report = await self._fleet.fix(dry_run=dry_run)
            show(tooltext.fix(report))
            if dry_run:
                return Ended(bool(report.steps))
            wrong = any(step.error for step in report.steps)
            return Ended(False, Mood.TROUBLE if wrong else Mood.DONE, tooltext.fixed(report))

        title = tr("Fix: what it would do") if dry_run else tr("Fix")
        return ToolDialog(title, work, self._tell, tr("do it"))

    def janitor(self, *, dry_run: bool) -> ToolDialog:
        """Show what the janitor would do now and offer to let it, or let it."""

        async def work(show: Show) -> Ended:
            acts = await self._fleet.tidy_up(dry_run=dry_run)
            known = {act.subject for act in acts if self._view(act.subject) is not None}
            show(tooltext.janitor(acts, known, dry_run=dry_run))
            said = trn("the janitor did {n} thing", "the janitor did {n} things", len(acts))
            return Ended(dry_run and bool(acts), Mood.DONE, "" if dry_run else said)

        title = tr("Janitor: what it would do") if dry_run else tr("Janitor")
        return ToolDialog(title, work, self._tell, tr("do it"))

    def import_sessions(self, asked: ImportAsked, *, dry_run: bool) -> ToolDialog:
        """Show what a source holds and offer to bring it in, or do it."""

        async def work(show: Show) -> Ended:
            report = await self._fleet.import_sessions(
                asked.sources,
                prefix=asked.prefix,
                device=asked.device,
                keys_db=asked.keys_db,
                start=asked.start,
                force=asked.force,
                dry_run=dry_run,
            )
            show(tooltext.imports(report, done=not dry_run))
            good = [each for each in report.sources if each.verdict is Verdict.OK]
            if dry_run:
                return Ended(bool(good))
            mood = Mood.DONE if len(good) == len(report.sources) else Mood.TROUBLE
            return Ended(False, mood, tooltext.imported(report))

        title = tr("Import: what it would do") if dry_run else tr("Import")
        return ToolDialog(title, work, self._tell, tr("the old program is stopped for good: do it"))

    def restart(self) -> ToolDialog:
        """Restart the fleet, with a bar for each step, and who is not back yet."""

        async def work(show: Show) -> Ended:
            steps: dict[Step, Progress] = {}
            awaited: dict[str, None] = {}
            async with aclosing(self._fleet.restart()) as telling:
                async for told in telling:
                    if isinstance(told, RestartReport):
                        show(tooltext.restart(steps, told))
                        mood = Mood.DONE if told.ok else Mood.TROUBLE
                        return Ended(False, mood, tooltext.restarted(told))
                    steps[told.step] = told
                    if told.step is Step.START:
                        awaited[told.instance] = None
                    elif told.step is Step.VERIFY:
                        awaited.pop(told.instance, None)
                    show(tooltext.restart(steps, None, self._not_back(awaited)))
            return Ended()

        return ToolDialog(tr("Restart the fleet"), work, self._tell)

    def _not_back(self, names: Iterable[str]) -> list[InstanceView]:
        """Who of these is under way and not connected yet."""
        views = [view for name in names if (view := self._view(name)) is not None]
        return [each for each in views if each.state.is_live and each.state is not State.CONNECTED]

    def full_test(self, names: Sequence[str], *, send: bool) -> ToolDialog:
        """Test instances layer by layer, some at once; how many are done and how many failed stands
        on top, then those that failed. send: each that is connected sends a message at its end."""

        async def work(show: Show) -> Ended:
            places = asyncio.Semaphore(TESTS_AT_ONCE)
            told: dict[str, Told] = {}
            failed: set[str] = set()

            async def one(name: str) -> None:
                async with places:
                    try:
                        report = await self._fleet.test(name, send=send)
                        told[name] = tooltext.test(report, brief=len(names) > 1)
                        if not report.ok:
                            failed.add(name)
                    except FleetError as error:
                        failed.add(name)
                        said = Text(f"✖ {name}: {refusal(error)}", look.BAD)
                        told[name] = Told((said,), name)
                head = tooltext.tested(len(told), len(names), len(failed), send=send)
                order = sorted(names, key=lambda each: each not in failed)
                show([head, *(told[each] for each in order if each in told)])

            async with asyncio.TaskGroup() as group:
                for name in names:
                    group.create_task(one(name))
            head = tooltext.tested(len(told), len(names), len(failed), send=send)
            return Ended(False, Mood.TROUBLE if failed else Mood.DONE, head.lines[0].plain)

        return ToolDialog(tr("Full test"), work, self._tell)
