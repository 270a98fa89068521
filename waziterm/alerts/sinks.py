"""The sinks of the settings, and how it stands with their messages."""

from collections.abc import Sequence
from dataclasses import replace

from waziterm.alerts.channel import kind_of, where
from waziterm.domain.alerts.alert_settings import Sink
from waziterm.domain.alerts.delivery import AlertsView, SinkView
from waziterm.domain.alerts.silence import Silence
from waziterm.domain.text import safe_line
from waziterm.store.outbox import SinkRecord
from waziterm.store.store import Store


async def sinks_in(
    store: Store | None, sinks: Sequence[Sink], silences: tuple[Silence, ...]
) -> AlertsView:
    """See `domain.fleet.protocol.Fleet.alerts`. store: None where nothing is remembered. Raises
    StoreError."""
    known = {} if store is None else await store.sink_records()
    return AlertsView(tuple(_view(sink, known.get(sink.name)) for sink in sinks), silences)


def _view(sink: Sink, known: SinkRecord | None) -> SinkView:
    fresh = SinkView(
        name=sink.name,
        kind=kind_of(sink),
        where=safe_line(where(sink)),
        min_severity=sink.min_severity,
        rules=tuple(sorted(rule.value for rule in sink.rules)),
        quiet=str(sink.quiet or ""),
        numbers=sink.numbers,
    )
    if known is None:
        return fresh
    return replace(
        fresh,
        last_sent_at=known.last_sent_at,
        pending=known.pending,
        failed=known.failed,
        last_error=known.last_error,
    )
