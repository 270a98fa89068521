"""What a bench finds: figures with their limits, as a table and as JSON."""

import math
import os
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number.

    unit: of value and limit; "" for a count. limit: the largest value that is good enough, or
    with `at_least` the smallest; None when there is none. note: how it was taken, or what else
    was seen. value: NaN when it never came to it, which reaches no limit.
    """

    what: str
    value: float
    unit: str = ""
    limit: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def reached(self) -> bool | None:
        """Whether the limit is kept; None without one."""
        if self.limit is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def as_json(self) -> dict[str, Any]:
        value = None if math.isnan(self.value) else self.value
        return {**asdict(self), "value": value, "reached": self.reached}


@dataclass(frozen=True, slots=True)
class Result:
    """All figures of one bench. took_s: seconds that it ran. load: what else the machine did."""

    bench: str
    title: str
    took_s: float
    load: str
    figures: tuple[Figure, ...]

    def as_json(self) -> dict[str, Any]:
        figures = [figure.as_json() for figure in self.figures]
        took_s = round(self.took_s, 1)
        return {"bench": self.bench, "took_s": took_s, "load": self.load, "figures": figures}


def earlier(document: Mapping[str, Any]) -> dict[str, float]:
    """The values of an earlier run's JSON, by figure."""
    return {
        figure["what"]: figure["value"]
        for bench in document["benches"]
        for figure in bench["figures"]
        if figure["value"] is not None
    }


def show(result: Result, console: Console, before: Mapping[str, float]) -> None:
    """Print a bench's table. before: values of an earlier run, by figure."""
    table = Table(title=f"{result.bench}: {result.title}", title_justify="left", expand=False)
    table.add_column("figure", overflow="fold", max_width=52)
    table.add_column("measured", justify="right", no_wrap=True)
    if before:
        table.add_column("before", justify="right", no_wrap=True)
    table.add_column("limit", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("note", overflow="fold", max_width=60)
    for figure in result.figures:
        verdict = {True: Text("reached", "green"), False: Text("MISSED", "bold red")}
        sign = "≥" if figure.at_least else "≤"
        limit = "" if figure.limit is None else f"{sign} {_number(figure.limit, figure.unit)}"
        mark = verdict[figure.reached] if figure.reached is not None else Text("")
        measured = _number(figure.value, figure.unit)
        known = before.get(figure.what)
        was = ["" if known is None else _number(known, figure.unit)] if before else []
        table.add_row(Text(figure.what), measured, *was, limit, mark, Text(figure.note))
    console.print(table)
    console.print(f"  took {result.took_s:.0f} s; {result.load}\n", highlight=False)


def _number(value: float, unit: str) -> str:
    if math.isnan(value):
        return "never"
    digits = f"{value:.0f}" if value == round(value) else f"{value:.2f}"
    return f"{digits} {unit}".strip()


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all values do not exceed; NaN for none."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def slope(points: Sequence[tuple[float, float]]) -> float:
    """The rise per unit of x of the straight line that fits best."""
    return statistics.linear_regression(*zip(*points, strict=True)).slope


def load() -> float:
    """How many processes wanted a core in the last minute, so that a reader can judge figures."""
    return os.getloadavg()[0]


def pace() -> float:
    """How long a fixed piece of Python takes now, in seconds: a rented core may be twice as fast in
    one minute as in the next, and all figures with it."""
    began, total = time.perf_counter(), 0
    for number in range(3_000_000):
        total += number * number
    return time.perf_counter() - began
