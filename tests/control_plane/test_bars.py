"""Bars over time: each event is in one of them, however Prometheus' scrapes lie between them. promtool plays it."""

import pytest
from grafana import TARGETS
from promtool import play

pytestmark = pytest.mark.control_plane

FINISHED = (
    'millstream_flow_runs_finished_total{job="j", namespace="team", deployment="etl", state="Completed"'
)
TICKS = 'millstream_schedule_ticks_total{job="j", namespace="team", deployment="etl", outcome="Missed"'

# What it is, the panel, the labels of its bars, samples 30 seconds apart, and the bars.
CASES = [
    ("few events", "Ended", {"state": "Completed"}, {f'{FINISHED}, instance="a"}}': "0 0 0 1 1 2 2 2 2 3 3 3 3x4"}, {"2m": [1, 1, 1, 0], "4m": [2, 1]}),
    ("between two intervals", "Ended", {"state": "Completed"}, {f'{FINISHED}, instance="a"}}': "0x4 7x11"}, {"2m": [0, 7, 0, 0], "4m": [7, 0]}),
    (
        "another operator leads", "Ended", {"state": "Completed"},
        {f'{FINISHED}, instance="a"}}': "0x3 1x1 2x3 stale", f'{FINISHED}, instance="b"}}': "_x11 0x1 4x4"}, {"2m": [1, 1, 0, 4], "4m": [2, 4]},
    ),
    ("Prometheus is away", "Ended", {"state": "Completed"}, {f'{FINISHED}, instance="a"}}': "5x2 _x9 6x4"}, {"2m": [0, None, 1, 0], "4m": [0, 1]}),
    ("the first that is seen", "Ended", {"state": "Completed"}, {f'{FINISHED}, instance="a"}}': "_x6 900x3 901x8"}, {"2m": [None, 0, 1, 0], "4m": [0, 1]}),
    ("the operator's process begins anew", "Ended", {"state": "Completed"}, {f'{FINISHED}, instance="a"}}': "0x2 9x5 0 2x8"}, {"2m": [9, 0, 2, 0], "4m": [9, 2]}),
    (
        "a new operator finds them", "Ticks", {"outcome": "Missed"},
        {f'{TICKS}, instance="a"}}': "3x3 stale", f'{TICKS}, instance="b"}}': "_x12 5x4"}, {"2m": [0, None, 2, 0], "4m": [0, 2]},
    ),
]  # fmt: skip


def bars(title, labels, expected):
    """Give what promtool has to find at the ends of the intervals."""
    (target,) = (t for t in TARGETS if t.title == title and t.dashboard != "millstream-deployment")
    text = ", ".join(f'{name}="{value}"' for name, value in labels.items())
    for step, values in expected.items():
        for number, value in enumerate(values, 1):
            found = [] if value is None else [{"labels": f"{{{text}}}", "value": value}]
            yield {
                "expr": target.query(step),
                "eval_time": f"{number * int(step.removesuffix('m'))}m",
                "exp_samples": found,
            }


@pytest.mark.parametrize(("what", "title", "labels", "series", "expected"), CASES, ids=[c[0] for c in CASES])
def test_an_event_is_in_one_bar(tmp_path, what, title, labels, series, expected):
    played = {
        "name": what,
        "interval": "30s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": list(bars(title, labels, expected)),
    }
    play(tmp_path, [played])
