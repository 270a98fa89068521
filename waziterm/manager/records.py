"""What is written down of one instance: its changes, its connect attempts, its sends."""

from waziterm.domain import events as ev
from waziterm.domain.fleet import SendResult
from waziterm.domain.instance import Instance
from waziterm.domain.reasons import Reason
from waziterm.domain.states import State
from waziterm.store.records import AttemptKind
from waziterm.store.store import Store

_KINDS = {
    Reason.GUARDED: AttemptKind.GUARDED,
    Reason.TAKEOVER: AttemptKind.TAKEOVER,
    Reason.RESUMED: AttemptKind.RESUME,
    Reason.RETRY: AttemptKind.RETRY,
}


class Records:
    """Writes one instance's history. Each method raises StoreError when the disk refuses."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._attempt: int | None = None
        self.attempts = 0
        self.attempts_ok = 0

    async def changed(self, before: Instance, after: Instance, event: ev.Event, now: float) -> None:
        """Store the instance's next value and what led to it, and the attempt that it begins
        or ends. It ends well when WhatsApp lets us in, or shows a QR code to let us in; one that
        a person cut short is no verdict."""
        await self._store.save(after, event=type(event).__name__, at=now)
        if isinstance(event, ev.Dialling) and after.state is State.CONNECTING:
            kind = _KINDS.get(after.reason, AttemptKind.ASKED)
            if not after.is_paired:
                kind = AttemptKind.PAIRING
            self._attempt = await self._store.begin_attempt(after.name, now, kind)
        elif self._attempt is not None and after.state is not State.CONNECTING:
            ended, self._attempt = self._attempt, None
            ok: bool | None = after.state in (State.CONNECTED, State.PAIRING)
            if isinstance(event, ev.StopAsked | ev.CleanAsked):
                ok = None
            else:
                self.attempts += 1
                self.attempts_ok += bool(ok)
            await self._store.end_attempt(ended, now, ok, after.reason.slug)

    async def sent(self, name: str, now: float, result: SendResult) -> None:
        """Store how a send-test went; neither its text nor its receiver."""
        await self._store.add_send(name, now, result.ok, result.took_s, result.error)
