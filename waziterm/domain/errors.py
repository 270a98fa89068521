"""What a command fails with. It stands alone, so that a verb can fail without loading the fleet."""


class FleetError(Exception):
    """A command was refused or failed. str(): one line. hint: what to do. code: exit code."""

    def __init__(self, message: str, hint: str = "", code: int = 1) -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code

    @property
    def document(self) -> dict[str, str | int]:
        """The JSON of it, on stdout and on the socket: `{error, code, hint}`."""
        return {"error": str(self), "code": self.code, "hint": self.hint}


class UnwritableError(FleetError):
    """A file or a directory refuses to be written; it may be possible to look all the same."""


class InstanceNotFoundError(FleetError):
    """No instance of the fleet has this name. now: how the one is called that had it before."""

    def __init__(self, name: str, now: str | None = None) -> None:
        said = f"no instance is called {name[:60]!r}"
        if now is None:
            super().__init__(said, "see `waziterm list`", code=2)
        else:
            super().__init__(f"{said} any more", f"it was renamed to {now}", code=2)


class ManagerEndingError(FleetError):
    """The manager takes no orders any more: it is letting its workers go."""

    def __init__(self) -> None:
        super().__init__("the manager is ending", "ask the next one", code=3)
