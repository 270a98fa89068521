"""The metrics by their names: README, the dashboard and the alert rules go by what is told."""

import importlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import promql_parser
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.cli.conftest import Call, call
from tests.control.scripted import ScriptedFleet, connected_view, view
from waziterm.domain.alerts.told import SinkCounts
from waziterm.domain.fleet.api import FleetView
from waziterm.domain.fleet.counts import Counts, WebhookCounts, WorkerUse
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.version import Origin, UsedVersion
from waziterm.health.metrics import Name, exposition, table

__all__ = ["call"]

AT = 1_767_225_600.0
ROOT = Path(__file__).parents[2]
OF_PROMETHEUS = {"job", "le"}


@pytest.fixture
def fleet() -> FleetView:
    """One of which each metric tells something."""
    a = Counts(3, 2, sends_ok=3, sends_failed=1, lost=2, conflicts=1)
    a = a.dropped(Reason.DROPPED).dropped(Reason.CONFLICT).connected(0.3).connected(4.0)
    gone = Counts(1, 1, sends_ok=2).dropped(Reason.DROPPED).connected(500.0)
    shown = ScriptedFleet(
        connected_view("a", AT), view("b", state=State.HELD, reason=Reason.RIVAL), at=AT + 60.0
    ).snapshot()
    return replace(
        shown,
        counts={"a": a, "b": Counts(), "gone": gone},
        workers=(WorkerUse(4711, 1, ("a", "b"), 5.0, 80_000_000),),
        workers_cpu_s=7.5,
        sinks=(SinkCounts("ops", 5, 1, 2),),
        webhooks=(WebhookCounts("crm", 7, 1, 3),),
        version=UsedVersion(1047769893, Origin.READ, AT),
    )


@pytest.fixture
def told(fleet: FleetView) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(exposition(fleet).decode())
        for sample in family.samples
    }


def test_what_is_told_is_true(told: dict[tuple[str, ...], float]) -> None:
    states = {state.value: told["waziterm_state", "b", state.value] for state in State}
    assert states == {state.value: float(state is State.HELD) for state in State}
    assert told["waziterm_drops_total", "a"] == 2
    assert told["waziterm_drops_by_reason_total", "dropped"] == 2
    assert told["waziterm_drops_by_reason_total", "conflict"] == 1
    assert told["waziterm_conflicts_total", "a"] == 1
    assert told["waziterm_sends_total", "gone"] == 2
    assert told["waziterm_sends_failed_total", "a"] == 1
    assert told["waziterm_lost_events_total", "a"] == 2
    assert told["waziterm_connect_seconds_bucket", "0.25"] == 0
    assert told["waziterm_connect_seconds_bucket", "5.0"] == 2
    assert told["waziterm_connect_seconds_bucket", "120.0"] == 2
    assert told["waziterm_connect_seconds_bucket", "+Inf"] == 3
    assert told[("waziterm_connect_seconds_count",)] == 3
    assert told[("waziterm_connect_seconds_sum",)] == pytest.approx(504.3)
    assert told["waziterm_worker_memory_bytes", "1"] == 80_000_000
    assert told["waziterm_worker_instances", "1"] == 2
    assert told[("waziterm_workers_cpu_seconds_total",)] == 7.5
    assert told["waziterm_alerts_pending", "ops"] == 2
    assert told["waziterm_webhook_sent_total", "crm"] == 7
    assert told["waziterm_webhook_failed", "crm"] == 1
    assert told["waziterm_webhook_pending", "crm"] == 3


def test_the_table_has_each_metric_with_its_labels(fleet: FleetView) -> None:
    found = {}
    for family in text_string_to_metric_families(exposition(fleet).decode()):
        if family.name.startswith("waziterm_"):
            labels = {key for sample in family.samples for key in sample.labels} - {"le"}
            suffix = "_total" if family.type == "counter" else ""
            found[family.name + suffix] = (family.type, labels)
            assert family.documentation
    assert found == {each.value.name: (each.value.kind, set(each.value.labels)) for each in Name}


def test_readme_has_the_table(call: Call) -> None:
    assert table() in (ROOT / "README.md").read_text(encoding="utf-8")
    assert call("metrics").out == table()


def labels_of(name: str) -> set[str]:
    """The labels of a metric that can be asked for. Fails for a name that is none."""
    for family in (each.value for each in Name):
        parts = ("_bucket", "_sum", "_count") if family.kind == "histogram" else ("",)
        if name in (family.name + part for part in parts):
            return {*family.labels, *OF_PROMETHEUS}
    pytest.fail(f"there is no metric {name}")


def check(expression: str) -> None:
    """A query is one of Prometheus, and all that it asks for there is."""
    if values := re.fullmatch(r"label_values\((.+), (\w+)\)", expression):
        # A function of Grafana, for the choices of a dashboard.
        assert values[2] in selected(promql_parser.parse(values[1]))
        return
    parsed = promql_parser.parse(expression)
    assert not isinstance(parsed, promql_parser.MatrixSelector), f"{expression} is no number"
    known = selected(parsed)
    assert known, f"{expression} asks for nothing"

    def look(node: promql_parser.Expr) -> bool:
        match node:
            case promql_parser.Call() if node.func.name in ("rate", "increase"):
                for name in names_in(node):
                    assert kind_of(name) in ("counter", "histogram"), f"{name} may fall"
            case promql_parser.AggregateExpr():
                assert set(node.modifier.labels if node.modifier else ()) <= known, expression
            case promql_parser.BinaryExpr():
                matching = node.modifier.matching if node.modifier else None
                labels = set(matching.labels) if matching else set()
                assert labels <= known, expression
                if matching and matching.type == promql_parser.LabelModifierType.Include:
                    # What one side has no label of cannot be matched by it.
                    assert labels <= selected(node.lhs) & selected(node.rhs), expression
            case promql_parser.StringLiteral() | promql_parser.SubqueryExpr():
                pytest.fail(f"{expression} has what is not checked")
        return True

    assert promql_parser.walk(parsed, pre_visit=look)


def selected(expression: promql_parser.Expr) -> set[str]:
    """The labels of all metrics in a query, each of which there is, as are those it is asked by."""
    known: set[str] = set()

    def look(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.MatrixSelector):
            node = node.vector_selector
        if isinstance(node, promql_parser.VectorSelector):
            assert node.name is not None
            known.update(labels_of(node.name))
            for each in node.matchers.matchers:
                assert each.name in labels_of(node.name), f"{node.name} has no label {each.name}"
                if each.name == "state":
                    states = {state.value for state in State}
                    assert set(each.value.split("|")) <= states, each.value
        return True

    promql_parser.walk(expression, pre_visit=look)
    return known


def names_in(expression: promql_parser.Expr) -> set[str]:
    """The names of the metrics in a query."""
    names: set[str] = set()

    def look(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.MatrixSelector):
            node = node.vector_selector
        if isinstance(node, promql_parser.VectorSelector) and node.name:
            names.add(node.name)
        return True

    promql_parser.walk(expression, pre_visit=look)
    return names


def kind_of(name: str) -> str:
    """Whether a metric is a counter, a gauge or a part of a histogram."""
    kinds = {each.value.name: each.value.kind for each in Name}
    return kinds.get(name) or kinds[re.sub("_(bucket|sum|count)$", "", name)]


def queries(held: object) -> Iterator[str]:
    """The queries of a dashboard, wherever they stand."""
    if isinstance(held, dict):
        for key, value in held.items():
            if key in ("expr", "query") and isinstance(value, str) and "waziterm" in value:
                yield value
            else:
                yield from queries(value)
    elif isinstance(held, list):
        for value in held:
            yield from queries(value)


def test_the_dashboard_asks_for_what_there_is(call: Call) -> None:
    dashboard = json.loads(call("metrics", "--grafana").out)
    asked = list(queries(dashboard))
    assert len(asked) > 15
    for expression in asked:
        check(expression)
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))


def test_the_rules_ask_for_what_there_is(call: Call) -> None:
    yaml: Any = importlib.import_module("yaml")
    ((group),) = yaml.safe_load(call("metrics", "--rules").out)["groups"]
    assert len(group["rules"]) > 10
    for rule in group["rules"]:
        check(rule["expr"])
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("critical", "warning")
        known = {
            label for name in re.findall(r"waziterm_\w+", rule["expr"]) for label in labels_of(name)
        }
        for text in rule["annotations"].values():
            assert set(re.findall(r"\$labels\.(\w+)", text)) <= known, rule


@pytest.mark.parametrize(
    "expression",
    [
        "waziterm_nothing == 0",
        'waziterm_connected{sink="x"}',
        'waziterm_state{state="asleep"} == 1',
        "sum by (sink) (waziterm_connected)",
        "rates(waziterm_drops_total[1h])",
        "sum(waziterm_connected",
        "up == 0",
        "waziterm_connected == ",
        "waziterm_connected and or waziterm_connected",
        "rate(waziterm_drops_total)",
        "rate(waziterm_connected[5m])",
        "waziterm_drops_total[5m]",
        "histogram_quantile(waziterm_connect_seconds_bucket)",
        "waziterm_connected > on (reason) waziterm_drops_total",
    ],
)
def test_a_wrong_query_is_found(expression: str) -> None:
    with pytest.raises((AssertionError, ValueError, pytest.fail.Exception)):
        check(expression)


def test_both_at_once_are_refused(call: Call) -> None:
    assert call("metrics", "--grafana", "--rules").code == 2


def test_a_thousand_instances_are_a_scrape_of_a_megabyte() -> None:
    many = ScriptedFleet(*(connected_view(f"shop-{each:04}", AT) for each in range(1000)), at=AT)
    text = exposition(many.snapshot())
    assert len(text) < 1_200_000 and text.count(b"\n") < 21_000
