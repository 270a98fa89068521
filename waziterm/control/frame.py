"""What the stream carries, as one line of JSON both ways and without loss: an attached screen is
fed from it. QR and pairing codes come with their texts, because a screen has to show them: the
stream is for the socket's owner alone."""

import json

from waziterm.domain import codec
from waziterm.domain.codec import CodecError
from waziterm.domain.fleet.api import Changes
from waziterm.domain.frozen import dataclass
from waziterm.domain.units import Moment


@dataclass(frozen=True, slots=True)
class Frame:
    """What changed, and the figures of the whole fleet at the moment `at` (UTC seconds).

    sessions: the instances that have something to clean, None when that is as before.
    """

    at: Moment
    attempts: int
    attempts_ok: int
    changes: Changes
    sessions: tuple[str, ...] | None = None


def encode(frame: Frame) -> bytes:
    """A frame as one line of JSON, without its end."""
    return json.dumps(codec.encode(Frame, frame), separators=(",", ":")).encode()


def decode(text: bytes) -> Frame:
    """The frame that `encode` made this of. Raises CodecError."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CodecError("no frame: not JSON") from error
    frame: Frame = codec.decode(Frame, data)
    return frame
