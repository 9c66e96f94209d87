"""What happened while no operator was there is written down as when it happened."""

from datetime import UTC, datetime, timedelta

import pytest
from api_server import COMPLETED, FAILED, INTERRUPTED, run_operator
from patience import eventually
from prometheus_client.parser import text_string_to_metric_families

from millstream.resources.states import RunState
from millstream_operator.kinds import FLOW_RUNS, JOBS, PODS

pytestmark = pytest.mark.control_plane

MOMENT = datetime.now(UTC) - timedelta(minutes=10)
STARTED, ENDED = ((MOMENT + timedelta(seconds=s)).strftime("%Y-%m-%dT%H:%M:%SZ") for s in (0, 15))


@pytest.fixture
def begin(limited_kubeconfig, ns, tmp_path):
    """Run an operator for the test's namespace."""

    def begin(number):
        return run_operator(limited_kubeconfig, tmp_path / f"{number}.log", "--namespaces", ns.name)

    return begin


def runs_in_a_pod(ns):
    ns.run()
    pod = ns.pod()
    ns.start(pod, since=STARTED)
    ns.becomes(RunState.RUNNING)
    return pod


def seconds(operator, name):
    return [
        sample.value
        for family in text_string_to_metric_families(operator.fetch("/metrics").text)
        for sample in family.samples
        if sample.name == name
    ]


@pytest.mark.parametrize(("end", "state"), [(COMPLETED, RunState.COMPLETED), (FAILED, RunState.FAILED)])
def test_a_run_has_ended_with_its_container(ns, begin, end, state):
    ns.deploy()
    with begin(1):
        pod = runs_in_a_pod(ns)
    ns.finish(pod, *end, times=(STARTED, ENDED))
    with begin(2) as operator:
        status = ns.becomes(state)
        (attempt,) = status["attempts"]
        assert (status["startTime"], status["completionTime"]) == (STARTED, ENDED)
        assert (attempt["endTime"], attempt["completionTime"]) == (ENDED, ENDED)
        assert status["conditions"][0]["lastTransitionTime"] > ENDED
        eventually(lambda: seconds(operator, "millstream_flow_run_duration_seconds_sum") == [15], "counted")
        assert seconds(operator, "millstream_flow_run_last_duration_seconds") == [15]


def test_a_run_that_was_being_cancelled_has_ended_with_its_container(ns, begin):
    ns.deploy()
    with begin(1):
        pod = runs_in_a_pod(ns)
        ns.patch(FLOW_RUNS, "etl-1", {"spec": {"cancel": True}})
        eventually(lambda: "deletionTimestamp" in ns.get(PODS, pod["metadata"]["name"])["metadata"], "stop")
    ns.finish(pod, *INTERRUPTED, times=(STARTED, ENDED))
    with begin(2):
        status = ns.becomes(RunState.CANCELLED)
        assert status["completionTime"] == status["attempts"][0]["completionTime"] == ENDED
        assert ns.items(JOBS) == []
