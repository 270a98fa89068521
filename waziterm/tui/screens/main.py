"""The first screen: the fleet as panels, as a list, by its incidents, as a queue of scans, what
lies in its trash, or who did what to it."""

import asyncio
from collections.abc import Callable
from typing import ClassVar, assert_never

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widget import AwaitMount, Widget
from textual.widgets import Input

from waziterm.domain.fleet.api import Fleet
from waziterm.domain.screen import Density, KeyAction, Place
from waziterm.lang import tr
from waziterm.tui.commands.keys import bindings
from waziterm.tui.fleet.audit import Audit
from waziterm.tui.fleet.incidents import Incidents
from waziterm.tui.fleet.list import FleetList
from waziterm.tui.fleet.message_list import Messages
from waziterm.tui.fleet.queue import Queue
from waziterm.tui.fleet.rows import Rows
from waziterm.tui.fleet.trash import Trash
from waziterm.tui.fleet.wall import Wall
from waziterm.tui.instance.detail import Detail
from waziterm.tui.instance.log_pane import LogOfAll
from waziterm.tui.screens.base import FleetScreen
from waziterm.tui.screens.field import Field
from waziterm.tui.screens.reading import fill, past_of
from waziterm.tui.state.fleetlog import FleetLog
from waziterm.tui.state.here import ARRANGED, Here, Move, Pane, View
from waziterm.tui.state.messages import Mood
from waziterm.tui.state.model import FleetModel
from waziterm.tui.text.keynames import key_of

SPLIT, SPLIT_AGAIN = 160, 220
"""From so many columns on the detail stands beside the list, and the log of all beside both."""
WIDTH = range(79, 96)
"""Cells for the detail."""
_Shown = Wall | FleetList | Incidents | Queue | Trash | Audit | Messages
REST_S = 0.25
"""How long the selection rests, in seconds, before the week of the selected one is asked for."""


class FilterField(Field):
    """Where a filter is typed. esc clears it, whatever is bound to going back: another key could
    be one that is typed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "screen.clear_filter", show=False)]


class MainScreen(FleetScreen):
    """The fleet in one of several views. They share the selection, the filter and the marks.

    view: the first one that is shown.
    """

    place = Place.FLEET
    AUTO_FOCUS = ""
    BINDINGS = bindings(Place.FLEET)

    def __init__(
        self,
        model: FleetModel,
        fleet: Fleet,
        clock: Callable[[], float],
        tell: Callable[[Mood, str], None],
        view: View,
    ) -> None:
        super().__init__(model, clock)
        self._fleet = fleet
        self._tell = tell
        self.wall = Wall(model, clock)
        self.incidents = Incidents(model, clock)
        self.queue = Queue(model, clock)
        self.trash = Trash(model, clock)
        self._audit = Audit(model, clock)
        self.messages = Messages(model, clock)
        self._list = FleetList(model, clock)
        self.view_shown = view
        self._detail = Detail(model, clock)
        self._log = LogOfAll(model, clock)
        self._pane = Pane.LIST
        self._asked: tuple[str, int] | None = None
        self._range: tuple[str, frozenset[str]] | None = None
        self._was_wrong = False
        self._filter = FilterField(id="filter", compact=True)
        self._views = Container(self._shown, id="views")

    def _widget(self, view: View) -> _Shown:
        match view:
            case View.WALL:
                return self.wall
            case View.LIST:
                return self._list
            case View.INCIDENTS:
                return self.incidents
            case View.QUEUE:
                return self.queue
            case View.TRASH:
                return self.trash
            case View.AUDIT:
                return self._audit
            case View.MESSAGES:
                return self.messages
            case _:
                assert_never(view)

    @property
    def _shown(self) -> _Shown:
        return self._widget(self.view_shown)

    @property
    def target(self) -> str | None:
        return self._shown.target

    @property
    def is_empty(self) -> bool:
        """Whether the view that is shown has no row, and is none of all instances."""
        if self.view_shown in ARRANGED:
            return False
        shown = self._shown
        return not shown.keys() if isinstance(shown, Rows) else shown.target is None

    def here(self) -> Here:
        incidents = self.incidents.meant if self.view_shown is View.INCIDENTS else []
        of_messages = self.view_shown is View.MESSAGES
        return Here(
            self.place,
            self.clock(),
            self.view_shown,
            self.view(),
            instances=len(self.model.names),
            marked=len(self.messages.marked if of_messages else self.model.marked),
            hides=self.messages.hides if of_messages else self.model.arrangement.hides,
            open_incident=any(each.acknowledged_at is None for each in incidents),
            has_messages=self.model.has_messages,
            message=self.messages.message if of_messages else None,
            read_only=not self.model.takes_commands,
            typing=self._filter.display,
        )

    def body(self) -> Widget:
        self._detail.display = self._log.display = False
        return self._views

    def on_mount(self) -> None:
        self.call_after_refresh(self._bring_rest)

    def _bring_rest(self) -> None:
        """Take in what nobody sees yet, once the first picture is painted: a key that comes right
        after the one that shows a view finds it there."""
        for view in View:
            widget = self._widget(view)
            widget.display = view is self.view_shown
            self._bring(widget, first=True)
        for beside in (self._detail, self._log):
            self._bring(beside)

    def _bring(self, widget: Widget, *, first: bool = False) -> None:
        """Take in what was not there before: a widget that nobody sees costs the start time too.
        first: it stands left of all others."""
        if not widget.is_attached:
            before = 0 if first and self._views.children else None
            self.call_later(self._see_first, self._views.mount(widget, before=before))

    async def _see_first(self, mounting: AwaitMount) -> None:
        """What it selects depends on its size, and the footer on that."""
        await mounting
        self.call_after_refresh(self.repaint)

    def compose(self) -> ComposeResult:
        self._filter.display = False
        yield self.header
        yield self.body()
        yield self._filter
        yield self.message
        yield self.footer

    def repaint_body(self) -> None:
        self._make_room()
        self._shown.repaint()
        self._repaint_beside()

    # -- beside the list

    def _split(self) -> None:
        """Share the width out. It depends on that alone, so that nothing moves with the
        selection."""
        width = self.size.width
        shown = self.view_shown is View.LIST and self.model.detail and width >= SPLIT
        detail = min(max(WIDTH.start, width * 3 // 8), WIDTH.stop - 1)
        self._detail.display = self._list.beside = shown
        self._detail.styles.width = detail
        self._log.display = shown and width >= SPLIT_AGAIN
        self._log.styles.width = max(0, (width - detail) * 2 // 5)
        for widget in (self._detail, self._log):
            if widget.display:
                self._bring(widget)
        if self._log.display:
            self._log.open()
        else:
            self._log.close()
        if not self._shows(self._pane):
            self._go_to(Pane.LIST)

    def _shows(self, pane: Pane) -> bool:
        match pane:
            case Pane.LIST:
                return True
            case Pane.DETAIL:
                return self._detail.display
            case Pane.LOG:
                return self._log.display
            case _:
                assert_never(pane)

    def _go_to(self, pane: Pane) -> None:
        """Let the keys move in another part of the screen."""
        self._pane = pane
        self._detail.active = pane is Pane.DETAIL
        self._log.active = pane is Pane.LOG

    def _go_aside(self, to: Move) -> None:
        """Let them move in the part that is beside this one."""
        panes = [pane for pane in Pane if self._shows(pane)]
        there = panes.index(self._pane) + (1 if to is Move.RIGHT else -1)
        self._go_to(panes[min(max(there, 0), len(panes) - 1)])

    def _move_in_pane(self, to: Move) -> None:
        match self._pane:
            case Pane.LIST:
                self._shown.move(to)
                if self._range is not None:
                    self._mark_range(*self._range)
                    self.repaint()
            case Pane.DETAIL:
                self._detail.scroll(to)
            case Pane.LOG:
                self._log.scroll(to)
            case _:
                assert_never(self._pane)

    def _repaint_beside(self) -> None:
        if self._detail.display:
            self._read_detail()
            self._detail.repaint()
        if self._log.display:
            self._log.open()
            self._read_log()
            self._log.repaint()

    def on_resize(self) -> None:
        self._split()

    def _read_detail(self) -> None:
        """Ask for the week of the selected one: once it has stayed so for a moment, and once a
        minute."""
        name = self.model.selected
        asked = self._asked == (name, int(self.clock() // 60))
        if name is None or asked or self.model.as_of is not None:
            return
        self._asked = (name, int(self.clock() // 60))
        self.run_worker(self._take_detail(name), group="detail", exclusive=True)

    def _read_log(self) -> None:
        """Ask for the lines of all, when they are not here."""
        stream = self._log.stream
        if stream is not None and stream.begins_asking():
            self.run_worker(self._take_log(stream), group="log")

    async def _take_log(self, stream: FleetLog) -> None:
        await fill(stream, self._fleet)
        self._log.repaint()

    async def _take_detail(self, name: str) -> None:
        await asyncio.sleep(REST_S)
        self._detail.take(
            name, await past_of(self.app, self._fleet, self.model, name, self.clock())
        )

    def _make_room(self) -> None:
        """In the queue the bars make room where a QR code needs theirs."""
        self.make_room(self.queue.rows_needed() if self.view_shown is View.QUEUE else 0)

    def show(self, view: View) -> None:
        """Show the fleet in another way."""
        self._range = None
        if self._filter.display:
            self._close_filter()
        if view is View.QUEUE:
            self.queue.begin()
        self._shown.display = False
        self.view_shown = view
        self._bring(self._shown, first=True)
        self._shown.display = True
        self._split()
        self.call_after_refresh(self.repaint)

    def to_renew(self) -> str | None:
        """Whom the queue wants to be started now; None where it is not seen."""
        return self.queue.to_renew() if self.view_shown is View.QUEUE else None

    # -- keys

    def move(self, to: Move) -> None:
        if self._detail.display and to in (Move.LEFT, Move.RIGHT):
            self._go_aside(to)
        else:
            self._move_in_pane(to)
        self._repaint_beside()
        self.footer.repaint()

    def choose_columns(self) -> None:
        from waziterm.tui.screens.column_choice import ColumnsDialog  # noqa: PLC0415 (keeps the start fast)

        if self.view_shown is View.LIST:
            self.app.push_screen(ColumnsDialog(self.model, self._list, self._rearranged))
        else:
            key = key_of(KeyAction.VIEW_LIST)
            self._tell(Mood.REFUSED, tr("the columns are those of the list; press {key}", key=key))

    def _rearranged(self) -> None:
        """The columns are others, or what stands beside the list."""
        self._split()
        self.call_after_refresh(self.repaint)

    def _is_arranged(self) -> bool:
        """Whether a filter, a sort or a mark would be seen; where not, say where it would."""
        if self.view_shown in ARRANGED:
            return True
        said = tr(
            "filter, sort and marks are for the wall and the list; press {wall} or {list}",
            wall=key_of(KeyAction.VIEW_WALL),
            list=key_of(KeyAction.VIEW_LIST),
        )
        self._tell(Mood.REFUSED, said)
        return False

    def filter(self) -> None:
        """Type what to look for; what fits is shown while it is typed."""
        if self.view_shown is not View.MESSAGES and not self._is_arranged():
            return
        self._filter.display = True
        self._filter.placeholder = tr(
            "name, number or state; tag:vip proxy:id-7 since>1h !up; ! in front inverts all"
        )
        self._filter.value = self.model.arrangement.pattern
        if self.view_shown is View.MESSAGES:
            self._filter.placeholder = tr(
                "instance, number or state; state:unknown since>1h !up; ! in front inverts all"
            )
            self._filter.value = self.messages.pattern
        self._filter.focus()
        self.footer.repaint()

    @on(Input.Changed, "#filter")
    def _typed(self, event: Input.Changed) -> None:
        if self._filter.display:
            self._look_for(event.value)
            self._say_what_is_wrong(event.value)
            self.repaint()

    def _look_for(self, pattern: str) -> None:
        """Show what fits, of the messages where they are shown."""
        if self.view_shown is View.MESSAGES:
            self.messages.pattern = pattern
        else:
            self.model.filter(pattern)

    def _say_what_is_wrong(self, pattern: str) -> None:
        """One line while the filter cannot be read, another one when it can be again."""
        from waziterm.tui.state.filtering import wrong_in  # noqa: PLC0415 - not before it is typed

        if wrong := wrong_in(pattern):
            self._tell(Mood.TROUBLE, wrong)
        elif self._was_wrong:
            self._tell(Mood.DONE, tr("the filter is correct now"))
        self._was_wrong = bool(wrong)

    def action_enter(self) -> None:
        """Keep the filter."""
        self._close_filter()

    def _close_filter(self) -> None:
        self._filter.display = False
        self.set_focus(None)
        self.repaint()

    def action_clear_filter(self) -> None:
        self.back()

    def back(self) -> None:
        """esc: first the field, then the marks, then the filter, then the other views."""
        if self._filter.display:
            self._look_for("")
            self._close_filter()
        elif self._pane is not Pane.LIST:
            self._go_to(Pane.LIST)
        elif self.view_shown is View.INCIDENTS and self.incidents.marked:
            self.incidents.marked.clear()
        elif self.view_shown is View.MESSAGES:
            self._back_from_messages()
        elif self.model.marked:
            self.model.marked.clear()
            self._range = None
        elif self.model.arrangement.hides:
            self.model.show_all()
        elif self.view_shown is not View.WALL:
            self.show(View.WALL)
        self.repaint()

    def _back_from_messages(self) -> None:
        """esc there: first the marks, then the filter, then the wall."""
        if self.messages.marked:
            self.messages.marked.clear()
        elif self.messages.hides:
            self.messages.pattern = ""
        else:
            self.show(View.WALL)

    def mark(self) -> None:
        """Mark the selected instance, or take its mark away, and go on to the next."""
        if self.view_shown is View.INCIDENTS:
            self.incidents.mark()
            self.move(Move.DOWN)
            self.repaint()
        elif self.view_shown is View.MESSAGES:
            self.messages.mark()
            self.move(Move.DOWN)
            self.repaint()
        elif self._is_arranged() and self.target is not None:
            self.model.marked ^= {self.target}
            self._range = None
            self.move(Move.RIGHT if self.view_shown is View.WALL else Move.DOWN)
            self.repaint()

    def mark_all(self) -> None:
        """Mark all that are shown; where they are marked already, none of them."""
        if self.view_shown is View.INCIDENTS:
            self.incidents.mark_all()
            self.repaint()
        elif self.view_shown is View.MESSAGES:
            self.messages.mark_all()
            self.repaint()
        elif self._is_arranged():
            self._range = None
            self.model.mark_all()
            self.repaint()

    def mark_others(self) -> None:
        """Of those that are shown, mark those that are not marked, and no others."""
        if self._is_arranged():
            self._range = None
            self.model.mark_others()
            self.repaint()

    def mark_range(self) -> None:
        """Mark all from the selected one to wherever the selection moves, until it is called
        again."""
        if self._range is not None:
            self._range = None
        elif self._is_arranged() and self.target is not None:
            self._range = (self.target, frozenset(self.model.marked))
            self._mark_range(*self._range)
            self._tell(Mood.TAKEN, tr("move to the last one to mark"))
            self.repaint()

    def _mark_range(self, first: str, others: frozenset[str]) -> None:
        """Mark all between the first of a range and the selected one. others: marked before."""
        shown = self.model.shown
        if first in shown and self.target in shown:
            low, high = sorted((shown.index(first), shown.index(self.target)))
            self.model.marked = {*others, *shown[low : high + 1]}

    def only_troubled(self) -> None:
        if self._is_arranged():
            self.model.toggle_troubled()
            self.repaint()

    def sort(self) -> None:
        if self._is_arranged():
            self.model.sort_next()
            self.repaint()

    def density(self) -> None:
        if self.view_shown is not View.WALL:
            wall = key_of(KeyAction.VIEW_WALL)
            self._tell(Mood.REFUSED, tr("rows and cards are of the wall; press {wall}", wall=wall))
            return
        rows = self.model.density is Density.ROWS
        self.model.density = Density.CARDS if rows else Density.ROWS
        self.repaint()

    def reverse(self) -> None:
        if self._is_arranged():
            self.model.reverse()
            self.repaint()
