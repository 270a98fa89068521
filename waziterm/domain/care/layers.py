"""The truth about a connection, layer by layer: the words of `test`."""

from enum import StrEnum

from waziterm.domain.codec import document_of
from waziterm.domain.frozen import dataclass
from waziterm.domain.phrase import NOTHING
from waziterm.domain.units import Seconds, Sentence


class LayerName(StrEnum):
    """What a connection stands on, from the ground up."""

    DNS = "dns"
    TCP = "tcp"
    TLS = "tls"
    LOGIN = "login"
    QUERY = "query"
    SEND = "send"


class Verdict(StrEnum):
    """How a layer did. SKIPPED: a layer below it failed, or nobody asked for it."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of one instance. took_s: seconds, None when nothing was measured.

    detail: what was seen. act: what to do about a failure, empty otherwise.
    """

    name: LayerName
    verdict: Verdict
    took_s: Seconds | None
    detail: Sentence
    act: Sentence = NOTHING


@document_of("instance", "ok", "layers")
@dataclass(frozen=True, slots=True)
class TestReport:
    """All layers of one instance, in order."""

    __test__ = False  # pytest takes its name for a test's

    instance: str
    layers: tuple[Layer, ...]

    @property
    def failed(self) -> Layer | None:
        """The first layer that failed: the cause, as far as it can be seen from here."""
        return next((each for each in self.layers if each.verdict is Verdict.FAILED), None)

    @property
    def ok(self) -> bool:
        return self.failed is None
