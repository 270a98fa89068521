"""A secret of the settings, which shows itself to nobody who did not ask for it."""

MASK = "••••"


class Secret:
    """A text that prints as `••••`. An empty one is one that is not set, and false.

    No `str`, so that nothing joins it to a text or writes it as JSON by mistake.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself; for whom it was given, and for nothing that is kept or shown."""
        return self._text

    def __str__(self) -> str:
        return MASK if self._text else ""

    def __repr__(self) -> str:
        return str(self)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))
