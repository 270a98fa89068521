"""QR codes: made in one way, whoever shows them, as cells, as a picture or on the scan page."""

from io import BytesIO

import segno

QUIET = 4
"""The quiet zone that the standard asks for (ISO/IEC 18004), in modules."""
_DOT = 8
"""Pixels along the side of a module in a picture."""


def modules_of(payload: str, quiet: int = QUIET) -> tuple[bytes, ...]:
    """The rows of a code, with its quiet zone of so many modules; 1 is dark. It takes 20 ms."""
    return tuple(bytes(row) for row in _code(payload).matrix_iter(border=quiet))


def png_of(payload: str) -> bytes:
    """A code as a PNG, black on white. It takes 20 ms."""
    picture = BytesIO()
    _code(payload).save(picture, kind="png", scale=_DOT, border=QUIET)
    return picture.getvalue()


def _code(payload: str) -> segno.QRCode:
    """Level L gives the smallest code, and a screen shows it without damage."""
    return segno.make(payload, error="l", micro=False, boost_error=False)
