"""The clients that wait to be linked, by what a phone may scan or type."""

from typing import TYPE_CHECKING

from waziterm.lab.linkcode import LinkCode, LinkCodeError
from waziterm.lab.pairing import QrCode, QrError, new_ref

if TYPE_CHECKING:
    from waziterm.lab.connection import Connection


class PairingDesk:
    """References of QR codes and pairing codes, and the connections that they belong to.

    ref_count: how many references a client gets, one for each QR code that it will show.
    """

    def __init__(self) -> None:
        self.ref_count = 6
        self._refs: dict[str, Connection] = {}
        self._codes: dict[str, tuple[LinkCode, Connection]] = {}

    def new_refs(self, connection: "Connection") -> tuple[str, ...]:
        """References for the QR codes of a connection."""
        refs = tuple(new_ref() for _ in range(self.ref_count))
        self._refs.update(dict.fromkeys(refs, connection))
        return refs

    def shows(self, qr: QrCode) -> "Connection":
        """The connection that shows a QR code. Raises QrError."""
        connection = self._refs.get(qr.ref)
        if connection is None:
            raise QrError("no connection shows this QR code (any more)")
        if connection.client_static != qr.noise:
            raise QrError("the QR code belongs to another client than the one that shows it")
        return connection

    def wait_for_code(self, link: LinkCode, connection: "Connection") -> None:
        """A client waits for its pairing code to be typed on the phone that it named."""
        self._codes[link.number] = (link, connection)

    def code_on(self, number: str) -> "tuple[LinkCode, Connection]":
        """The client that waits for a pairing code on that phone. Raises LinkCodeError."""
        if number not in self._codes:
            raise LinkCodeError("no client waits for a pairing code on that number")
        return self._codes[number]

    def code_of(self, connection: "Connection") -> LinkCode | None:
        """What a connection waits for, if it waits for a code."""
        return next((link for link, c in self._codes.values() if c is connection), None)

    def forget(self, connection: "Connection") -> None:
        """A connection waits no more."""
        self._refs = {ref: c for ref, c in self._refs.items() if c is not connection}
        codes = self._codes.items()
        self._codes = {number: (k, c) for number, (k, c) in codes if c is not connection}
