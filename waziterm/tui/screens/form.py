"""Fields to be filled in over the screen; what the fleet refuses is said there, with all kept."""

import logging
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen, ScreenResultType
from textual.widget import Widget
from textual.widgets import Input, Static

from waziterm.domain.fleet.api import FleetError
from waziterm.lang import tr
from waziterm.tui.paint import look
from waziterm.tui.screens.field import Field
from waziterm.tui.state.acts import begin
from waziterm.tui.state.messages import failed_inside, log_of, refusal

logger = logging.getLogger(__name__)


class FormDialog(ModalScreen[ScreenResultType | None]):
    """Fields with their labels, and a line that names its keys. It ends with what `send` returns;
    with None when nothing was sent.

    FIELDS: of each its id, its label of at most 6 cells, and what may stand in it, or "". BEGINS:
    the field in which one types first; "" for the first one.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", show=False)]
    FIELDS: ClassVar[tuple[tuple[str, str, str], ...]] = ()
    BEGINS: ClassVar[str] = ""

    def __init__(self) -> None:
        super().__init__()
        self._busy = False

    # -- for subclasses

    @abstractmethod
    def heading(self) -> str:
        """What is asked."""

    def text(self) -> str:
        """What has to be known before; "" for nothing."""
        return ""

    @abstractmethod
    def verb(self) -> str:
        """What enter does."""

    @abstractmethod
    def waits(self) -> str:
        """What is said until the fleet has answered."""

    @abstractmethod
    async def send(self, values: Mapping[str, str]) -> ScreenResultType:
        """Take what was filled in to the fleet. values: by field, without blanks at the ends.

        Raises FleetError for what is refused.
        """

    def below(self) -> Iterable[Widget]:
        """What stands below the fields."""
        return ()

    def keys(self) -> list[tuple[str, str]]:
        """The keys that are named, each with its word."""
        keys = [("enter", self.verb()), ("tab", tr("next field")), ("esc", tr("cancel"))]
        if len(self.FIELDS) == 1:
            del keys[1]
        return keys

    def values(self) -> dict[str, str]:
        """What was filled in, by field, without blanks at the ends."""
        return {each.id or "": each.value.strip() for each in self.query(Input)}

    # -- what is shown

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Text(self.heading(), "bold"), classes="title")
            if text := self.text():
                yield Static(Text(text), classes="text")
            for field, label, about in self.FIELDS:
                with Horizontal(classes="field"):
                    yield Static(Text(tr(label)), classes="label")
                    yield Field(id=field, compact=True, max_length=300)
                if about:
                    yield Static(Text(tr(about)), classes="about")
            yield from self.below()
            yield Static(id="error")
            yield Static(self._keys(), classes="answers")

    def _keys(self) -> Text:
        line = Text()
        for key, word in self.keys():
            line.append(f"{key} ", f"bold {look.ACCENT}").append(f"{word}   ")
        return line

    def on_mount(self) -> None:
        self.query_one(f"#{self.BEGINS or self.FIELDS[0][0]}", Input).focus()

    # -- what is done

    def action_enter(self) -> None:
        """enter was pressed in a field: send it."""
        self.submit()

    def submit(self) -> None:
        """Send it, unless that is under way."""
        if not self._busy:
            self._busy = True
            self._say(self.waits(), trouble=False)
            begin(self.app, self._submit(self.values()), group="commands")

    async def _submit(self, values: Mapping[str, str]) -> None:
        try:
            result = await self.send(values)
        except FleetError as error:
            self._say(refusal(error), trouble=True)
        except Exception:
            logger.exception("%s failed", type(self).__name__)
            self._say(failed_inside(log_of(self.app)), trouble=True)
        else:
            if self.is_current:
                self.dismiss(result)
        finally:
            self._busy = False

    def _say(self, text: str, *, trouble: bool) -> None:
        if self.is_attached:
            style = f"bold {look.BAD}" if trouble else look.ACCENT
            self.query_one("#error", Static).update(Text(f"✖ {text}" if trouble else text, style))

    def action_cancel(self) -> None:
        self.dismiss(None)
