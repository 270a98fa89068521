"""The emergency tools over the screen: check, fix, restart, full test, undo."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import ClassVar

from rich.console import Group
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from waziterm.domain.fleet.api import Fleet, FleetError
from waziterm.domain.fleet.tools import Progress, RestartReport, Step
from waziterm.lang import tr
from waziterm.tui.paint import look
from waziterm.tui.screens.scrolling import ScrollDialog
from waziterm.tui.state.acts import begin
from waziterm.tui.state.messages import failed_inside, log_of, refusal
from waziterm.tui.text import tools as tooltext

logger = logging.getLogger(__name__)

TESTS_AT_ONCE = 8

Show = Callable[[Sequence[Text]], None]


class ToolDialog(ScrollDialog[bool]):
    """Runs a tool and shows what it tells, while it runs and when it has ended.

    title: what runs. work: the tool; it is given the means to show lines. offer: what `y` does
    with the result, for example "do it"; "" when it ends with being read. The dialog's answer
    is whether the operator took the offer. What has begun goes on when the dialog is closed.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter,n", "close", show=False),
        Binding("y", "take", show=False),
    ]

    def __init__(
        self, title: str, work: Callable[[Show], Awaitable[bool]], offer: str = ""
    ) -> None:
        super().__init__()
        self._title = title
        self._work = work
        self._offer = offer
        self._offered = False

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog tool", can_focus=False) as box:
            box.border_title = self._title
            yield Static(Text("…", look.DIM), id="told")

    def on_mount(self) -> None:
        self._subtitle(tr("running …"))
        # Of the app, not of this screen: closing it must not cut a fix in two.
        begin(self.app, self._run(), group="tools")

    async def _run(self) -> None:
        try:
            self._offered = await self._work(self._show) and bool(self._offer)
        except FleetError as error:
            self._show([Text(f"✖ {refusal(error)}", look.BAD)])
        except Exception:
            logger.exception("%s failed", self._title)
            self._show([Text(f"✖ {failed_inside(log_of(self.app))}", look.BAD)])
        close = f"esc {tr('close')}"
        self._subtitle(f"y {self._offer} · {close}" if self._offered else close)

    def _show(self, lines: Sequence[Text]) -> None:
        # The tool goes on when the screen has crashed; that must not end it.
        if self.is_running:
            for told in self.query("#told").results(Static):
                told.update(Group(*lines))

    def _subtitle(self, text: str) -> None:
        if self.is_running:
            for box in self.query(VerticalScroll):
                box.border_subtitle = text

    def action_take(self) -> None:
        if self._offered:
            self.dismiss(True)

    def action_close(self) -> None:
        self.dismiss(False)


def check(fleet: Fleet, *, offer: bool) -> ToolDialog:
    """Look for what is wrong. offer: to mend what needs nobody's decision."""

    async def work(show: Show) -> bool:
        found = await fleet.check()
        show(tooltext.findings(found))
        return offer and any(finding.remedy for finding in found)

    return ToolDialog(tr("Check"), work, tr("show what a fix would do"))


def fix(fleet: Fleet, *, dry_run: bool) -> ToolDialog:
    """Show what a fix would do and offer to do it, or do it."""

    async def work(show: Show) -> bool:
        report = await fleet.fix(dry_run=dry_run)
        show(tooltext.fix(report))
        return dry_run and bool(report.steps)

    return ToolDialog(tr("Fix: what it would do") if dry_run else tr("Fix"), work, tr("do it"))


def restart(fleet: Fleet) -> ToolDialog:
    """Restart the fleet, with a bar for each step."""

    async def work(show: Show) -> bool:
        steps: dict[Step, Progress] = {}
        async with aclosing(fleet.restart()) as telling:
            async for told in telling:
                if isinstance(told, RestartReport):
                    show(tooltext.restart(steps, told))
                else:
                    steps[told.step] = told
                    show(tooltext.restart(steps, None))
        return False

    return ToolDialog(tr("Restart the fleet"), work)


def full_test(fleet: Fleet, names: Sequence[str], *, send: bool) -> ToolDialog:
    """Test instances layer by layer, some at once; how many are done and how many failed stands
    on top, then those that failed. send: each that is connected sends a message at its end."""

    async def work(show: Show) -> bool:
        places = asyncio.Semaphore(TESTS_AT_ONCE)
        told: dict[str, list[Text]] = {}
        failed: set[str] = set()

        async def one(name: str) -> None:
            async with places:
                try:
                    report = await fleet.test(name, send=send)
                    told[name] = tooltext.test(report, brief=len(names) > 1)
                    if not report.ok:
                        failed.add(name)
                except FleetError as error:
                    failed.add(name)
                    told[name] = [Text(f"✖ {name}: {refusal(error)}", look.BAD)]
            head = tooltext.tested(len(told), len(names), len(failed), send=send)
            order = sorted(names, key=lambda each: each not in failed)
            show([head, *(line for each in order for line in told.get(each, ()))])

        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(one(name))
        return False

    return ToolDialog(tr("Full test"), work)
