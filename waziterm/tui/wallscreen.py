"""The first screen: the wall."""

from collections.abc import Callable

from textual.widget import Widget

from waziterm.tui.keys import Place, bindings
from waziterm.tui.model import FleetModel
from waziterm.tui.screens import FleetScreen
from waziterm.tui.wall import Wall


class WallScreen(FleetScreen):
    """All instances as panels."""

    place = Place.WALL
    BINDINGS = bindings(Place.WALL)

    def __init__(self, model: FleetModel, clock: Callable[[], float]) -> None:
        super().__init__(model, clock)
        self.wall = Wall(model, clock)

    @property
    def target(self) -> str | None:
        return self.wall.selected

    def body(self) -> Widget:
        return self.wall

    def repaint_body(self) -> None:
        self.wall.repaint()

    def action_move(self, where: str) -> None:
        self.wall.move(where)
        self.footer.repaint()
