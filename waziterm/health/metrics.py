"""The fleet's metrics, made from its snapshot at the moment of the scrape.

README's table is `table()`; the dashboard and the alert rules in this folder go by these names. No
label holds a phone number. An instance that was removed keeps its counters until the manager ends,
so that none falls. The figures of the process (`process_…`) come from the client library.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from waziterm import __version__
from waziterm.domain.fleet.api import FleetView
from waziterm.domain.fleet.counts import CONNECT_BOUNDS_S
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.states import State

CONTENT_TYPE = CONTENT_TYPE_LATEST


@dataclass(frozen=True, slots=True)
class Family:
    """A metric. name: as queries have it; a histogram's without `_bucket`, `_sum`, `_count`.
    about: what it tells, a sentence."""

    name: str
    kind: str
    labels: tuple[str, ...]
    about: str


_INSTANCE = ("instance",)


class Name(Enum):
    """All metrics of the fleet, in the order in which they are told."""

    INFO = Family("waziterm_info", "gauge", ("version", "lab"), "This program.")
    INSTANCES = Family("waziterm_instances", "gauge", ("state",), "Instances by state.")
    ATTEMPTS = Family(
        "waziterm_connect_attempts_total", "counter", (), "Connect attempts that have ended."
    )
    ATTEMPTS_OK = Family(
        "waziterm_connect_attempts_ok_total", "counter", (), "Of these, those that ended well."
    )
    CONNECT_SECONDS = Family(
        "waziterm_connect_seconds",
        "histogram",
        (),
        "How long connect attempts took that connected.",
    )
    DROPS_BY_REASON = Family(
        "waziterm_drops_by_reason_total", "counter", ("reason",),
        "Connections that ended and nobody meant to, by reason.",
    )  # fmt: skip
    STATE = Family(
        "waziterm_state", "gauge", ("instance", "state"), "1 for the state that it is in, else 0."
    )
    CONNECTED = Family("waziterm_connected", "gauge", _INSTANCE, "Whether it is connected.")
    CONFLICT = Family(
        "waziterm_conflict", "gauge", _INSTANCE, "Whether a conflict is why it is in its state."
    )
    UPTIME = Family(
        "waziterm_uptime_seconds", "gauge", _INSTANCE, "How long its connection has been open."
    )
    PROBE = Family("waziterm_probe_seconds", "gauge", _INSTANCE, "The last probe's round trip.")
    DROPS = Family(
        "waziterm_drops_total", "counter", _INSTANCE,
        "Connections that ended and nobody meant to.",
    )  # fmt: skip
    CONFLICTS = Family("waziterm_conflicts_total", "counter", _INSTANCE, "Conflicts.")
    SENDS = Family(
        "waziterm_sends_total", "counter", _INSTANCE, "Send-tests that WhatsApp accepted."
    )
    SENDS_FAILED = Family(
        "waziterm_sends_failed_total", "counter", _INSTANCE, "Send-tests that it did not accept."
    )
    LOST = Family(
        "waziterm_lost_events_total", "counter", _INSTANCE,
        "Events that the library told and that could not be taken in.",
    )  # fmt: skip
    WORKERS_CPU = Family(
        "waziterm_workers_cpu_seconds_total", "counter", (),
        "Seconds of CPU that all workers have used, as of the last minute.",
    )  # fmt: skip
    WORKER_MEMORY = Family(
        "waziterm_worker_memory_bytes", "gauge", ("worker",),
        "Memory of a worker, its share of what is shared; as of the last minute.",
    )  # fmt: skip
    WORKER_INSTANCES = Family(
        "waziterm_worker_instances", "gauge", ("worker",), "Instances in a worker."
    )
    ALERTS_SENT = Family("waziterm_alerts_sent_total", "counter", ("sink",), "Alerts that arrived.")
    ALERTS_FAILED = Family(
        "waziterm_alerts_failed_total", "counter", ("sink",), "Alerts that were given up."
    )
    ALERTS_PENDING = Family(
        "waziterm_alerts_pending", "gauge", ("sink",), "Alerts that have not arrived yet."
    )
    WEBHOOK_SENT = Family(
        "waziterm_webhook_sent_total", "counter", ("webhook",), "Events that arrived."
    )
    WEBHOOK_FAILED = Family(
        "waziterm_webhook_failed", "gauge", ("webhook",), "Events that were given up."
    )
    WEBHOOK_PENDING = Family(
        "waziterm_webhook_pending", "gauge", ("webhook",), "Events that have not arrived yet."
    )
    VERSION = Family(
        "waziterm_whatsapp_version_info", "gauge", ("number", "origin"),
        "The version that the library tells WhatsApp, and where it comes from.",
    )  # fmt: skip
    VERSION_AGE = Family(
        "waziterm_whatsapp_version_age_seconds", "gauge", (),
        "About how long ago that version was current.",
    )  # fmt: skip
    VERSION_END = Family(
        "waziterm_whatsapp_version_refusals_from_timestamp_seconds", "gauge", (),
        "From about when WhatsApp is expected to refuse it.",
    )  # fmt: skip


def exposition(fleet: FleetView | None) -> bytes:
    """The text of one scrape. fleet: None while it is not up; then the process tells alone."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    if fleet is not None:
        registry.register(_OfFleet(fleet))
    return generate_latest(registry)


def table() -> str:
    """All metrics of the fleet as a table in Markdown."""
    rows = ["| metric | kind | labels | tells |", "|---|---|---|---|"]
    for each in (name.value for name in Name):
        labels = ", ".join(f"`{label}`" for label in each.labels)
        rows.append(f"| `{each.name}` | {each.kind} | {labels} | {each.about} |")
    return "\n".join(rows) + "\n"


Sample = tuple[Sequence[str], float]
"""The values of the labels, and the metric's."""


class _OfFleet(Collector):
    def __init__(self, fleet: FleetView) -> None:
        self._fleet = fleet

    def collect(self) -> Iterator[Metric]:
        fleet = self._fleet
        yield _metric(Name.INFO, [((__version__, "true" if fleet.lab else "false"), 1)])
        yield from self._of_all()
        yield from self._of_instances()
        yield from self._of_counts()
        yield _metric(Name.WORKERS_CPU, [((), fleet.workers_cpu_s)])
        workers = [((str(each.slot),), each) for each in fleet.workers]
        yield _metric(Name.WORKER_MEMORY, ((slot, each.memory_bytes) for slot, each in workers))
        yield _metric(
            Name.WORKER_INSTANCES, ((slot, len(each.instances)) for slot, each in workers)
        )
        sinks = [((each.name,), each) for each in fleet.sinks]
        yield _metric(Name.ALERTS_SENT, ((sink, each.sent) for sink, each in sinks))
        yield _metric(Name.ALERTS_FAILED, ((sink, each.failed) for sink, each in sinks))
        yield _metric(Name.ALERTS_PENDING, ((sink, each.pending) for sink, each in sinks))
        hooks = [((each.name,), each) for each in fleet.webhooks]
        yield _metric(Name.WEBHOOK_SENT, ((hook, each.sent) for hook, each in hooks))
        yield _metric(Name.WEBHOOK_FAILED, ((hook, each.failed) for hook, each in hooks))
        yield _metric(Name.WEBHOOK_PENDING, ((hook, each.pending) for hook, each in hooks))
        if (version := fleet.version) is not None:
            yield _metric(Name.VERSION, [((version.text, version.origin.value), 1)])
            yield _metric(Name.VERSION_AGE, [((), max(0.0, fleet.at - version.dated))])
            yield _metric(Name.VERSION_END, [((), version.refusals_from)])

    def _of_all(self) -> Iterator[Metric]:
        fleet, counts = self._fleet, self._fleet.counts.values()
        states = Counter(view.state for view in fleet.instances)
        yield _metric(Name.INSTANCES, (((state.value,), states[state]) for state in State))
        yield _metric(Name.ATTEMPTS, [((), fleet.attempts)])
        yield _metric(Name.ATTEMPTS_OK, [((), fleet.attempts_ok)])
        family = Name.CONNECT_SECONDS.value
        connects = HistogramMetricFamily(family.name, family.about)
        bounds = [*map(str, CONNECT_BOUNDS_S), "+Inf"]
        each = [sum(column) for column in zip(*(one.connects for one in counts), strict=True)]
        until = accumulate(each or [0] * len(bounds))
        connects.add_metric(
            (), list(zip(bounds, until, strict=True)), sum(one.connects_s for one in counts)
        )
        yield connects
        drops: Counter[str] = Counter()
        for one in counts:
            drops.update({reason.slug: count for reason, count in one.drops.items()})
        yield _metric(Name.DROPS_BY_REASON, (((slug,), drops[slug]) for slug in sorted(drops)))

    def _of_instances(self) -> Iterator[Metric]:
        views, at = [((each.name,), each) for each in self._fleet.instances], self._fleet.at
        yield _metric(
            Name.STATE,
            (
                ((view.name, state.value), view.state is state)
                for _, view in views
                for state in State
            ),
        )
        connected = ((name, view.state is State.CONNECTED) for name, view in views)
        yield _metric(Name.CONNECTED, connected)
        conflict = ((name, view.reason.is_of_a_conflict) for name, view in views)
        yield _metric(Name.CONFLICT, conflict)
        uptime = ((name, view.uptime_s(at)) for name, view in views)
        yield _metric(Name.UPTIME, ((name, each) for name, each in uptime if each is not None))
        probe = ((name, view.probe_s) for name, view in views)
        yield _metric(Name.PROBE, ((name, each) for name, each in probe if each is not None))

    def _of_counts(self) -> Iterator[Metric]:
        counts = [((name,), each) for name, each in self._fleet.counts.items()]
        yield _metric(Name.DROPS, ((name, sum(each.drops.values())) for name, each in counts))
        yield _metric(Name.CONFLICTS, ((name, each.conflicts) for name, each in counts))
        yield _metric(Name.SENDS, ((name, each.sends_ok) for name, each in counts))
        yield _metric(Name.SENDS_FAILED, ((name, each.sends_failed) for name, each in counts))
        yield _metric(Name.LOST, ((name, each.lost) for name, each in counts))


def _metric(name: Name, samples: Iterable[Sample]) -> Metric:
    family = name.value
    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = kind(family.name, family.about, labels=family.labels)
    for labels, value in samples:
        metric.add_metric(labels, value)
    return metric
