"""The first screen: the fleet as panels, as a list, by its incidents, as a queue of scans, or what
lies in its trash."""

from collections.abc import Callable
from typing import ClassVar, assert_never

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widget import Widget
from textual.widgets import Input

from waziterm.domain.screen import Density, KeyAction, Place
from waziterm.lang import tr
from waziterm.tui.commands.keys import bindings
from waziterm.tui.fleet.incidents import Incidents
from waziterm.tui.fleet.list import FleetList
from waziterm.tui.fleet.queue import Queue
from waziterm.tui.fleet.trash import Trash
from waziterm.tui.fleet.wall import Wall
from waziterm.tui.screens.base import FleetScreen
from waziterm.tui.state.here import ARRANGED, Here, Move, View
from waziterm.tui.state.messages import Mood
from waziterm.tui.state.model import FleetModel
from waziterm.tui.text.keynames import key_of


class FilterField(Input):
    """Where a filter is typed. esc clears it, whatever is bound to going back: another key could
    be one that is typed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "screen.clear_filter", show=False)]


class MainScreen(FleetScreen):
    """All instances, in one of four views. They share the selection, the filter and the marks.

    view: the first one that is shown.
    """

    place = Place.FLEET
    AUTO_FOCUS = ""
    BINDINGS = bindings(Place.FLEET)

    def __init__(
        self,
        model: FleetModel,
        clock: Callable[[], float],
        tell: Callable[[Mood, str], None],
        view: View,
    ) -> None:
        super().__init__(model, clock)
        self._tell = tell
        self.wall = Wall(model, clock)
        self.incidents = Incidents(model, clock)
        self.queue = Queue(model, clock)
        self.trash = Trash(model, clock)
        self._list = FleetList(model, clock)
        self.view_shown = view
        self._filter = FilterField(
            id="filter",
            compact=True,
            placeholder=tr(
                "name, number or state; state: name: number: reason: ask there; ! inverts"
            ),
        )

    def _widget(self, view: View) -> Wall | FleetList | Incidents | Queue | Trash:
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
            case _:
                assert_never(view)

    @property
    def _shown(self) -> Wall | FleetList | Incidents | Queue | Trash:
        return self._widget(self.view_shown)

    @property
    def target(self) -> str | None:
        return self._shown.target

    def here(self) -> Here:
        incidents = self.incidents.meant if self.view_shown is View.INCIDENTS else []
        return Here(
            self.place,
            self.clock(),
            self.view_shown,
            self.view(),
            instances=len(self.model.names),
            marked=len(self.model.marked),
            hides=self.model.arrangement.hides,
            open_incident=any(each.acknowledged_at is None for each in incidents),
            read_only=not self.model.takes_commands,
            typing=self._filter.display,
        )

    def body(self) -> Widget:
        for view in View:
            self._widget(view).display = view is self.view_shown
        return Container(*(self._widget(view) for view in View), id="views")

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

    def _make_room(self) -> None:
        """In the queue the bars make room where a QR code needs theirs."""
        self.make_room(self.queue.rows_needed() if self.view_shown is View.QUEUE else 0)

    def show(self, view: View) -> None:
        """Show the fleet in another way."""
        self._range = None
        self._shown.display = False
        self.view_shown = view
        self._shown.display = True
        self.call_after_refresh(self.repaint)

    # -- keys

    def move(self, to: Move) -> None:
        self._shown.move(to)
        if self._range is not None:
            self._mark_range(*self._range)
            self.repaint()
        self.footer.repaint()

    def _is_arranged(self) -> bool:
        """Whether a filter, a sort or a mark would be seen; where not, say where it would."""
        if self.view_shown in ARRANGED:
            return True
        said = tr(
            "filter, sort and marks are for the wall and the list; press {wall} or {list}",
            wall=key_of(KeyAction.VIEW_WALL),
            list=key_of(KeyAction.VIEW_LIST),
        )
        self._tell(Mood.TROUBLE, said)
        return False

    def filter(self) -> None:
        """Type what to look for; what fits is shown while it is typed."""
        if not self._is_arranged():
            return
        self._filter.display = True
        self._filter.placeholder = tr(
            "name, number or state; state: name: number: reason: ask there; ! inverts"
        )
        self._filter.value = self.model.arrangement.pattern
        self._filter.focus()
        self.footer.repaint()

    @on(Input.Changed, "#filter")
    def _typed(self, event: Input.Changed) -> None:
        if self._filter.display:
            self.model.filter(event.value)
            self.repaint()

    @on(Input.Submitted, "#filter")
    def _kept(self) -> None:
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
            self.model.filter("")
            self._close_filter()
        elif self.view_shown is View.INCIDENTS and self.incidents.marked:
            self.incidents.marked.clear()
        elif self.model.marked:
            self.model.marked.clear()
            self._range = None
        elif self.model.arrangement.hides:
            self.model.show_all()
        elif self.view_shown is not View.WALL:
            self.show(View.WALL)
        self.repaint()

    def mark(self) -> None:
        """Mark the selected instance, or take its mark away, and go on to the next."""
        if self.view_shown is View.INCIDENTS:
            self.incidents.mark()
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
            self._tell(Mood.TAKEN, tr("move to the last one that is to be marked"))
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
            self._tell(Mood.TROUBLE, tr("rows and cards are of the wall; press {wall}", wall=wall))
            return
        rows = self.model.density is Density.ROWS
        self.model.density = Density.CARDS if rows else Density.ROWS
        self.repaint()

    def reverse(self) -> None:
        if self._is_arranged():
            self.model.reverse()
            self.repaint()
