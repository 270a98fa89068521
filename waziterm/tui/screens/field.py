"""A line that is typed in, and enter."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input


class Field(Input):
    """One line. enter is the screen's `action_enter`: the next key comes after it, where
    `Input.Submitted` may come behind the next key.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "screen.enter", show=False)]
