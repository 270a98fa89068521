"""The screen of one instance: its keys, and what it reads of the history in the background."""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from textual.widget import Widget

from waziterm.domain.fleet.api import Fleet, FleetError, LogLine
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.screen import KeyAction, Place
from waziterm.lang import tr
from waziterm.tui.commands.keys import bindings
from waziterm.tui.instance import layout as focuspaint
from waziterm.tui.instance.body import FocusBody
from waziterm.tui.instance.code import valid_code
from waziterm.tui.instance.log_window import LogWindow
from waziterm.tui.instance.qrcells import Drawing, Size, size
from waziterm.tui.paint.cells import inert
from waziterm.tui.screens.log import LogScreen
from waziterm.tui.screens.reading import past_of
from waziterm.tui.state.acts import begin
from waziterm.tui.state.here import Here, Move
from waziterm.tui.state.messages import Mood, failed_inside, log_of, refusal
from waziterm.tui.state.model import FleetModel
from waziterm.tui.text import words
from waziterm.tui.text.format import seconds
from waziterm.tui.text.keynames import key_of

logger = logging.getLogger(__name__)


class FocusScreen(LogScreen):
    """One instance. The bars make room where a QR code needs theirs."""

    place = Place.FOCUS
    BINDINGS = bindings(Place.FOCUS)

    def __init__(
        self,
        name: str,
        fleet: Fleet,
        model: FleetModel,
        clock: Callable[[], float],
        tell: Callable[[Mood, str], None],
        *,
        log_only: bool = False,
    ) -> None:
        super().__init__(model, clock, tell)
        self._fleet = fleet
        self._focus = FocusBody(name, model, clock)
        self._focus.log_only = log_only
        self._opened_as_log = log_only
        self._read: tuple[str, State, Reason, int] | None = None
        self._asking = False

    @property
    def target(self) -> str | None:
        return self._focus.name_shown

    def here(self) -> Here:
        return Here(
            self.place,
            self.clock(),
            instance=self.view(),
            instances=len(self.model.names),
            read_only=not self.model.takes_commands,
            typing=self.searches,
        )

    def body(self) -> Widget:
        return self._focus

    def on_mount(self) -> None:
        self._read_history()

    def repaint_body(self) -> None:
        view = self.view()
        if view is not None:
            # It may have been renamed meanwhile.
            self._focus.name_shown = view.name
        if view is None or view.state is not State.PAIRING or self.model.as_of is not None:
            self._focus.code_view = False
        self._read_history()
        self._make_room()
        self._focus.repaint()

    def on_resize(self) -> None:
        self._make_room()

    def _make_room(self) -> None:
        """Give the bars' rows to the QR code where it does not fit otherwise."""
        shown = self._focus.code()
        drawn = shown is not None and self._focus.draws_codes
        need = size(shown.matrix, Drawing.SEXTANT).rows if shown and drawn else 0
        self.make_room(need)

    # -- the history

    def _read_history(self) -> None:
        """Read it in the background, once a minute and for each state of the instance that is
        shown."""
        view = self.view()
        if view is None:
            return
        seen = (view.name, view.state, view.reason, int(self.clock() // 60))
        if self._read == seen:
            return
        self._read = seen
        self.run_worker(self._take_history(view.name), group="history", exclusive=True)

    async def _take_history(self, name: str) -> None:
        past = await past_of(self.app, self._fleet, self.model, name, self.clock())
        if name == self._focus.name_shown:
            self._focus.card.past = past
            self._focus.repaint()

    # -- the log

    @property
    def window(self) -> LogWindow:
        return self._focus.log_window

    def lines(self) -> Sequence[LogLine]:
        return self._focus.lines()

    def show_lines(self) -> None:
        """On the whole screen, where a code has its place."""
        if self._focus.code() is not None or self._focus.code_view:
            self._show_code(False)
            self._focus.log_only = True

    def show_whose(self) -> None:
        """The card again, where the log has its place."""
        if self._focus.log_only:
            self.toggle_log()

    # -- keys

    def toggle_log(self) -> None:
        """The log on the whole screen, or the card again."""
        self._focus.log_only = not self._focus.log_only
        self._opened_as_log = False
        self.repaint()

    def back(self) -> None:
        if self.leaves_search():
            return
        if self._focus.code_view:
            self._show_code(False)
        elif self._focus.log_only and not self._opened_as_log:
            self.toggle_log()
        else:
            self.app.pop_screen()

    def switch_pane(self) -> None:
        """Let the keys scroll what is known of it, or its log again."""
        self._focus.scrolls_card = not self._focus.scrolls_card
        self._focus.repaint()

    def scroll_log(self, to: Move) -> None:
        if self._focus.scrolls_card and not self._focus.log_only:
            self._focus.card.window.scroll(to)
            self._focus.repaint()
        else:
            super().scroll_log(to)

    def neighbour(self, step: int) -> None:
        names = self.model.names
        if self._focus.name_shown in names:
            there = (names.index(self._focus.name_shown) + step) % len(names)
            self._focus.turn_to(names[there])
            self.repaint()

    def copy(self) -> None:
        """Copy through the terminal (OSC 52) what is shown: a code, else a log line."""
        view, now = self.view(), self.clock()
        code = valid_code(view, now) if view is not None and self._focus.code_view else None
        shown, name = self._focus.code(), self._focus.name_shown
        if code is not None:
            self.copied(code.text, tr("the pairing code"), name)
        elif shown is not None:
            what = tr("the QR code's text, with which a phone links it")
            self.copied(shown.code.payload, what, name)
        elif self._focus.code_view:
            self._tell(Mood.REFUSED, tr("there is nothing to copy yet"))
        else:
            self.copy_line(name)

    def switch_qr(self) -> None:
        """The other drawing, for terminals whose font lacks sextants."""
        shown, fitting = self._focus.code(), self._focus.fitting()
        if shown is None or fitting is None:
            return
        other = fitting.drawing.other
        preferred = focuspaint.fit(shown.matrix, Size(*self._focus.size), other)
        if preferred is not None and preferred.drawing is other:
            self._focus.preferred = other
            self.repaint()
            return
        need = size(shown.matrix, other)
        said = tr(
            "{drawing} need {columns} columns and {rows} rows; enlarge the terminal",
            drawing=tr(other.value),
            columns=need.columns,
            rows=need.rows,
        )
        self._tell(Mood.REFUSED, said)

    def save_qr(self) -> None:
        """Write the QR code as a picture, which goes when the code or the program ends."""
        view = self.view()
        code = words.valid_qr(view, self.clock()) if view is not None else None
        if view is None or code is None:
            self._tell(
                Mood.REFUSED,
                tr("no QR code is shown; {s} starts a new pairing", s=key_of(KeyAction.START_STOP)),
            )
            return
        left_s = code.expires_at - self.clock()
        keeping = self._keep_picture(inert(view.name), code.payload, left_s)
        self.app.run_worker(keeping, group="qr-picture", exclusive=True)

    async def _keep_picture(self, name: str, payload: str, left_s: float) -> None:
        from waziterm.tui.instance.qrfile import keep_picture  # noqa: PLC0415 (keeps the start fast)

        def saved(path: Path) -> None:
            said = tr(
                "{name}: QR code saved, for {left}, as {path}",
                name=name,
                left=seconds(left_s, 0),
                path=path,
            )
            self._tell(Mood.DONE, said)

        try:
            await keep_picture(payload, left_s, saved)
        except OSError as error:
            said = tr("{name}: no picture was written: {why}", name=name, why=error.strerror)
            self._tell(Mood.TROUBLE, said)

    # -- a scan from far away

    def make_link(self) -> None:
        """Ask, and show a link by which somebody far away sees its QR codes."""
        from waziterm.tui.screens.dialogs import ConfirmDialog  # noqa: PLC0415 (keeps the start fast)

        view = self.view()
        if view is None:
            return
        name = inert(view.name)
        if view.paired:
            self._tell(Mood.REFUSED, tr("{name} is linked already", name=name))
            return
        whose = view.name

        def answered(yes: bool | None) -> None:
            if yes:
                begin(self.app, self._link(whose), group="commands")

        title = tr("Make a link for {name}?", name=name)
        text = tr(
            "Whoever opens it first can link a phone to this instance, for 10 minutes. A link that"
            " was made for it before ends."
        )
        made, no = tr("make it"), tr("cancel")
        self.app.push_screen(ConfirmDialog(title, text, made, no, default=True), answered)

    async def _link(self, name: str) -> None:
        """Have a link made and show it; no error of that is lost."""
        from waziterm.tui.screens.scan_link import LinkDialog  # noqa: PLC0415 (as above)

        said = ""
        try:
            link = await self._fleet.make_link(name)
        except FleetError as error:
            said = tr("no link was made: {why}", why=refusal(error))
        except Exception:
            logger.exception("a link for %s was not made", name)
            said = failed_inside(log_of(self.app), tr("link"))
        else:
            copy = partial(self.copied, what=tr("the link"), whose=name)
            self.app.push_screen(LinkDialog(link, link.expires_at - self.clock(), copy))
        if said:
            self._tell(Mood.TROUBLE, f"{inert(name)}: {said}")

    # -- pairing by code

    def pairing_code(self) -> None:
        """Show a code to type on the phone, or the QR code again."""
        view, now = self.view(), self.clock()
        if view is None:
            return
        name = view.name
        if view.state is not State.PAIRING:
            todo = tr("it is linked already")
            if not view.paired:
                s, p = key_of(KeyAction.START_STOP), key_of(KeyAction.PAIRING_CODE)
                todo = tr("press {s}, then {p}", s=s, p=p)
            state = tr(view.state.label)
            said = tr("{name} is {state}: {todo}", name=inert(name), state=state, todo=todo)
            self._tell(Mood.REFUSED, said)
        elif valid_code(view, now) is not None:
            self._show_code(not self._focus.code_view)
        elif view.phone is not None:
            self._show_code(True)
            if not self._asking:
                self._asking = True
                begin(self.app, self._ask_known(name), group="commands")
        else:
            from waziterm.tui.screens.pairing import PhoneDialog  # noqa: PLC0415 (keeps the start fast)

            def answered(taken: bool | None) -> None:
                if taken:
                    self._show_code(True)

            self.app.push_screen(PhoneDialog(name, partial(self._ask_code, name)), answered)

    def _show_code(self, on: bool) -> None:
        self._focus.code_view = on
        self._focus.log_only = False
        self.repaint()

    async def _ask_code(self, name: str, phone: str | None = None) -> None:
        """Have a code made. Raises FleetError."""
        self.model.update(await self._fleet.pairing_code(name, phone))

    async def _ask_known(self, name: str) -> None:
        """Have one made for the number that the fleet knows; no error of that is lost."""
        said = ""
        try:
            await self._ask_code(name)
        except FleetError as error:
            said = tr("pairing code refused: {why}", why=refusal(error))
        except Exception:
            logger.exception("a pairing code for %s was not made", name)
            said = failed_inside(log_of(self.app), tr("pairing code"))
        finally:
            self._asking = False
        if said:
            self._tell(Mood.TROUBLE, f"{inert(name)}: {said}")
            self._focus.code_view = False
        if self.is_mounted:
            self.repaint()
