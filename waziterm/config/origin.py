"""Where a single setting came from."""

from enum import StrEnum

from waziterm.domain.frozen import dataclass


class OriginKind(StrEnum):
    """What a value came from, the weakest first. SET: a person set it of one instance."""

    DEFAULT = "default"
    FILE = "file"
    SET = "set"
    VARIABLE = "variable"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from. name: the file, the variable or the flag. line: in the file."""

    kind: OriginKind = OriginKind.DEFAULT
    name: str = ""
    line: int | None = None

    def __str__(self) -> str:
        if self.kind in (OriginKind.DEFAULT, OriginKind.SET):
            return self.kind.value
        return self.name if self.line is None else f"{self.name}:{self.line}"
