"""What the library tells while a device is being paired, turned into events.

Until the pairing succeeds neonize delivers no event at all (`FetchMe` waits for a JID), so there
are only QR codes and login statuses, and the log for what they do not say.
"""

import time
from collections.abc import Callable

from waziterm.domain.lifecycle import events as ev

# whatsmeow qrchan.go: six codes, the first for 60 s, each later one for 20 s. They come one by
# one, so the count of a server that sends another number of codes is not known.
CODES = 6
FIRST_VALID_S = 60.0
LATER_VALID_S = 20.0


class Pairing:
    """One pairing. clock: seconds, monotonic."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._shown = 0
        self._shown_at = clock()

    def code(self, payload: str) -> ev.QrShown:
        """The library shows its next QR code."""
        self._shown += 1
        self._shown_at = self._clock()
        valid_s = FIRST_VALID_S if self._shown == 1 else LATER_VALID_S
        return ev.QrShown(payload, self._shown, max(CODES, self._shown), valid_s)

    def left_s(self) -> float:
        """Seconds until the last QR code ends, and the connection with it."""
        shown_s = self._clock() - self._shown_at
        current_s = FIRST_VALID_S if self._shown <= 1 else LATER_VALID_S
        return max(0.0, current_s - shown_s + LATER_VALID_S * (CODES - max(1, self._shown)))

    def status(self, text: str) -> ev.PairFailed | None:
        """The library says how the pairing goes (whatsmeow `QRChannelItem.Event`).

        whatsmeow says `timeout` for a lost connection too; it is one when codes were left.
        """
        match text:
            case "success":
                return None
            case "timeout" if not self._ran_out():
                return ev.PairFailed(
                    ev.PairingEnd.ERROR, "the connection was closed before a phone scanned the code"
                )
            case "error":
                return ev.PairFailed(ev.PairingEnd.ERROR)
            case "err-unexpected-state":
                return ev.PairFailed(ev.PairingEnd.REFUSED)
            case "passkey-request" | "passkey-confirmation":
                return ev.PairFailed(ev.PairingEnd.PASSKEY)
        try:
            return ev.PairFailed(ev.PairingEnd(text))
        except ValueError:
            return ev.PairFailed(ev.PairingEnd.ERROR, f"the library's login status was {text!r}")

    def _ran_out(self) -> bool:
        # Half a second for a timer that fires early.
        shown_s = self._clock() - self._shown_at
        return self._shown >= CODES or shown_s >= LATER_VALID_S - 0.5
