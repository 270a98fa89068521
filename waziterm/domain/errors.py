"""What a command fails with. It stands alone, so that a verb can fail without loading the fleet."""


class FleetError(Exception):
    """A command was refused or failed. str(): one line. hint: what to do. code: exit code."""

    def __init__(self, message: str, hint: str = "", code: int = 1) -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code


class InstanceNotFoundError(FleetError):
    """No instance of the fleet has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no instance is called {name[:60]!r}", "see `waziterm list`", code=2)
