"""Panels at rest, and panels about what a workload does not provoke: promtool plays what they are to say."""

import pytest
from grafana import TARGETS
from promtool import play

from millstream_operator.metric_registry import LABEL_VALUES, METRICS

pytestmark = pytest.mark.control_plane

OPERATOR = 'job="j", namespace="millstream", instance="a"'
DROPPED = f"millstream_operator_series_dropped_total{{{OPERATOR}"
REQUESTS = f'millstream_operator_api_requests_total{{{OPERATOR}, verb="patch", resource="pods"'

# The panel, series each 30 seconds, and what it says after 10 minutes: labels and values.
CASES = {
    "Observations left out": ({f'{DROPPED}, metric="m"}}': "0+3x20", f'{DROPPED}, metric="n"}}': "0x20"}, {"{}": 30}),
    "Left out by metric": (
        {f'{DROPPED}, metric="m"}}': "0+3x20", f'{DROPPED}, metric="n"}}': "0x20"}, {'{metric="m"}': 0.1, '{metric="n"}': 0},
    ),
    "Refused or not answered": (
        {f'{REQUESTS}, code="{code}"}}': f"0+{number}x20" for code, number in (("200", 30), ("201", 30), ("409", 6), ("0", 3))},
        {'{verb="patch", resource="pods", code="409"}': 0.2, '{verb="patch", resource="pods", code="0"}': 0.1},
    ),
}  # fmt: skip


@pytest.mark.parametrize("title", CASES)
def test_a_panel_says_what_has_gone_wrong(tmp_path, title):
    (target,) = (target for target in TARGETS if target.title == title)
    series, expected = CASES[title]
    found = [{"labels": labels, "value": value} for labels, value in expected.items()]
    asked = {"expr": target.query("5m"), "eval_time": "10m", "exp_samples": found}
    play(tmp_path, [case(series, [asked])])


@pytest.mark.parametrize("target", [t for t in TARGETS if t.panel["type"] == "stat"], ids=str)
def test_a_figure_of_a_fleet_at_rest_is_a_number_or_nothing(tmp_path, target):
    query = target.query("5m")
    # Only what is no number is not equal to itself.
    asked = {"expr": f"({query}) != ({query})", "eval_time": "10m", "exp_samples": []}
    play(tmp_path, [case(dict.fromkeys(at_rest(), "0x20"), [asked])])


def at_rest():
    """Give series of all metrics."""
    for metric in METRICS.values():
        labels = {name: LABEL_VALUES.get((metric.name, name), ("x",))[0] for name in metric.labels}
        own = {"job": "j", "instance": "a", "namespace": "team"} | labels
        text = ", ".join(f'{name}="{value}"' for name, value in own.items())
        for suffix in ("_sum", "_count") if metric.buckets else ("",):
            yield f"{metric.name}{suffix}{{{text}}}"
        for bound in (*metric.buckets, "+Inf") if metric.buckets else ():
            yield f'{metric.name}_bucket{{{text}, le="{bound}"}}'


def case(series, asked):
    return {
        "name": "panel",
        "interval": "30s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": asked,
    }
