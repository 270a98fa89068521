"""The fleet's metrics, made from its snapshot at the moment of the scrape.

`waziterm_instances{state}`, `waziterm_connect_attempts_total`, `waziterm_connect_attempts_ok_total`,
and for each `instance`: `waziterm_connected` (0 or 1), `waziterm_conflict` (1 while a conflict is
why it is in its state), `waziterm_uptime_seconds`, `waziterm_probe_seconds`,
`waziterm_sends_total`, `waziterm_lost_events_total`. Of the version that the library tells WhatsApp:
`waziterm_whatsapp_version_info{number, origin}`, `waziterm_whatsapp_version_age_seconds`,
`waziterm_whatsapp_version_refusals_from_timestamp_seconds`. For each `sink` of the alerts:
`waziterm_alerts_sent_total`, `waziterm_alerts_failed_total`, `waziterm_alerts_pending`. No label holds a phone number. The figures of the process come from the
client library.
"""  # noqa: E501

from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from waziterm import __version__
from waziterm.domain.fleet.api import FleetView
from waziterm.domain.lifecycle.states import State
from waziterm.domain.version import UsedVersion

CONTENT_TYPE = CONTENT_TYPE_LATEST


def exposition(fleet: FleetView | None) -> bytes:
    """The text of one scrape. fleet: None while it is not up; then the process tells alone."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    if fleet is not None:
        registry.register(_OfFleet(fleet))
    return generate_latest(registry)


class _OfFleet(Collector):
    def __init__(self, fleet: FleetView) -> None:
        self._fleet = fleet

    def collect(self) -> Iterator[Metric]:
        fleet = self._fleet
        build = GaugeMetricFamily("waziterm_info", "This program.", labels=("version", "lab"))
        build.add_metric((__version__, "true" if fleet.lab else "false"), 1)
        yield build
        if fleet.version is not None:
            yield from _of_version(fleet.version, fleet.at)
        states = GaugeMetricFamily("waziterm_instances", "Instances by state.", labels=("state",))
        counts = Counter(view.state for view in fleet.instances)
        for state in State:
            states.add_metric((state.value,), counts[state])
        yield states
        yield CounterMetricFamily(
            "waziterm_connect_attempts",
            "Connect attempts that have ended since the start.",
            value=fleet.attempts,
        )
        yield CounterMetricFamily(
            "waziterm_connect_attempts_ok",
            "Connect attempts that ended connected since the start.",
            value=fleet.attempts_ok,
        )
        yield from self._of_instances()
        yield from self._of_sinks()

    def _of_sinks(self) -> Iterator[Metric]:
        sent = CounterMetricFamily(
            "waziterm_alerts_sent", "Alerts that arrived since the start.", labels=("sink",)
        )
        failed = CounterMetricFamily(
            "waziterm_alerts_failed", "Alerts that were given up since the start.", labels=("sink",)
        )
        pending = GaugeMetricFamily(
            "waziterm_alerts_pending", "Alerts that have not arrived yet.", labels=("sink",)
        )
        for counts in self._fleet.sinks:
            sent.add_metric((counts.name,), counts.sent)
            failed.add_metric((counts.name,), counts.failed)
            pending.add_metric((counts.name,), counts.pending)
        yield from (sent, failed, pending)

    def _of_instances(self) -> Iterator[Metric]:
        connected = _gauge("waziterm_connected", "Whether it is connected.")
        conflict = _gauge("waziterm_conflict", "Whether a conflict is why it is in its state.")
        uptime = _gauge("waziterm_uptime_seconds", "How long its connection has been open.")
        probe = _gauge("waziterm_probe_seconds", "The last probe's round trip.")
        sends = CounterMetricFamily(
            "waziterm_sends",
            "Send-tests that WhatsApp accepted since the start.",
            labels=("instance",),
        )
        lost = CounterMetricFamily(
            "waziterm_lost_events",
            "Events that the library told and that could not be taken in, since the start.",
            labels=("instance",),
        )
        for view in self._fleet.instances:
            name = (view.name,)
            connected.add_metric(name, view.state is State.CONNECTED)
            conflict.add_metric(name, view.reason.is_of_a_conflict)
            sends.add_metric(name, view.sent)
            lost.add_metric(name, view.lost)
            if view.connected_at is not None:
                uptime.add_metric(name, self._up_s(view.connected_at))
            if view.probe_s is not None:
                probe.add_metric(name, view.probe_s)
        yield from (connected, conflict, uptime, probe, sends, lost)

    def _up_s(self, connected_at: float) -> float:
        return max(0.0, self._fleet.at - connected_at)


def _of_version(version: UsedVersion, at: float) -> Iterator[Metric]:
    info = GaugeMetricFamily(
        "waziterm_whatsapp_version_info",
        "The version that the library tells WhatsApp, and where it comes from.",
        labels=("number", "origin"),
    )
    info.add_metric((version.text, version.origin.value), 1)
    yield info
    yield GaugeMetricFamily(
        "waziterm_whatsapp_version_age_seconds",
        "About how long ago that version was current.",
        value=max(0.0, at - version.dated),
    )
    yield GaugeMetricFamily(
        "waziterm_whatsapp_version_refusals_from_timestamp_seconds",
        "From about when WhatsApp is expected to refuse it.",
        value=version.refusals_from,
    )


def _gauge(name: str, about: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, about, labels=("instance",))
