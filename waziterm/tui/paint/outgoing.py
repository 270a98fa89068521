"""Lines on their way from a widget to the terminal, which are gone once they are painted.

A Textual strip that nothing covers keeps itself in its own cache when it is cut (`Strip.divide`).
Only a collection of the garbage frees such a circle, and until one comes the lines of a busy
screen were measured to take up 10 MB.
"""

from collections.abc import Iterable, Sequence

from textual.strip import Strip


class Outgoing(Strip):
    """A strip that does not keep itself."""

    __slots__ = ()

    def divide(self, cuts: Iterable[int]) -> Sequence[Strip]:
        """See `Strip.divide`; one that is left whole is not remembered."""
        cuts = list(cuts)
        return [self] if cuts == [self.cell_length] else super().divide(cuts)


def outgoing(strips: Iterable[Strip]) -> list[Strip]:
    """The same lines, for a widget's `render_lines` to return."""
    return [Outgoing(strip, strip.cell_length) for strip in strips]
