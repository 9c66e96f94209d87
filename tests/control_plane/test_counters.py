"""The operator is killed after each of its writes: what the next one counts, and what nobody counts."""

import re

import pytest
import requests
from api_server import COMPLETED
from mortal_operator import NEVER, forker, kill, lives
from patience import HANG_SECONDS, eventually
from prometheus_client.parser import text_string_to_metric_families

from millstream.resources.states import RunState

pytestmark = pytest.mark.control_plane

# Of the run: the revision, Pending, the Job, Running, its end, and the pod's finalizer.
END, LAST = 5, 6
ROWS = {"name": "rows", "type": "Counter", "labels": {}, "value": 7}
RECORD = (0, {**COMPLETED[1], "tasks": {"Completed": 3}, "task_retries": 2, "metrics": [ROWS]})
EXPECTED = {
    "millstream_flow_runs_finished_total": 1,
    "millstream_task_runs_finished_total": 3,
    "millstream_task_retries_total": 2,
    "millstream_user_counter_total": 7,
    "millstream_flow_run_duration_seconds_count": 1,
}


@pytest.fixture(scope="module")
def start(limited_kubeconfig, tmp_path_factory):
    """Start an operator for a namespace, which dies after so many writes; give its PID and its log."""
    logs = tmp_path_factory.mktemp("operators")
    with forker(hurried=False) as made:

        def start(ns, writes):
            log = logs / f"{ns.name}-{writes}"
            return made.start(limited_kubeconfig, [ns.name], log, writes), log

        yield start
    assert "unexpected error" not in "".join(log.read_text() for log in logs.iterdir())


def counters(log):
    """Give the sum over all labels of each counter of `EXPECTED`, of the operator that writes this log."""
    port = eventually(lambda: log.exists() and re.search(r"0\.0\.0\.0:(\d+)", log.read_text()), "a port")[1]
    page = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=HANG_SECONDS).text
    found = dict.fromkeys(EXPECTED, 0.0)
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name in found:
                found[sample.name] += sample.value
    return found


@pytest.mark.parametrize("writes", range(1, LAST + 1))
def test_a_run_counts_once_if_the_operator_dies_before_it_has_gone_on(ns, start, writes):
    ns.deploy(metrics=[{"name": "rows", "type": "Counter"}])
    ns.run()
    pid, _ = start(ns, writes)
    eventually(lambda: ns.play("etl-1", RECORD) or not lives(pid))
    eventually(lambda: not lives(pid), f"it dies after {writes} writes")
    _, log = start(ns, NEVER)
    eventually(lambda: ns.play("etl-1", RECORD) and ns.is_let_go())
    assert ns.status()["state"] == RunState.COMPLETED
    # What the first had counted when it died in peace with the run is gone, and not counted again.
    expected = EXPECTED if writes <= END else dict.fromkeys(EXPECTED, 0)
    eventually(lambda: counters(log) == expected, f"after {writes} writes")


def test_an_operator_that_comes_later_counts_nothing_again(ns, start):
    ns.deploy(metrics=[{"name": "rows", "type": "Counter"}])
    ns.run()
    pid, first = start(ns, NEVER)
    eventually(lambda: ns.play("etl-1", RECORD) and ns.is_let_go())
    eventually(lambda: counters(first) == EXPECTED)
    kill(pid)
    _, second = start(ns, NEVER - 1)
    ns.run("etl-2")
    eventually(lambda: ns.play("etl-2", RECORD) and ns.is_let_go())
    eventually(lambda: counters(second) == EXPECTED)
