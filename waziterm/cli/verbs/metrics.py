"""What the metrics are, and what to put on top of them."""

from importlib.resources import files

from waziterm.cli.show import output
from waziterm.manager.inputs import InputError


def print_metrics(*, grafana: bool, rules: bool) -> int:
    """Print the table of the metrics, or a dashboard, or alert rules. Raises InputError."""
    if grafana and rules:
        raise InputError("--grafana and --rules are two files", "ask for one after the other")
    if grafana or rules:
        name = "grafana.json" if grafana else "rules.yml"
        output.line(files("waziterm.health").joinpath(name).read_text(encoding="utf-8").rstrip())
        return 0
    from waziterm.health.metrics import table  # noqa: PLC0415 - takes 80 ms

    output.line(table().rstrip())
    return 0
