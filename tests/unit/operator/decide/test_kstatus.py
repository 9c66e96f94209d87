"""What kstatus makes of our objects. It cannot be run here: `_kstatus` has its rules for custom resources.

They are those of https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus.
"""

import pytest
from builders import NOW, after, make_deployment, make_run

from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.decide import kstatus
from millstream_operator.decide.message import condition
from millstream_operator.decide.observed import Run
from millstream_operator.decide.status import in_state


def _kstatus(o):
    status = o.get("status", {})
    if status.get("observedGeneration", o["metadata"]["generation"]) != o["metadata"]["generation"]:
        return "InProgress"
    found = {c["type"]: c["status"] for c in status.get("conditions", ())}
    if found.get("Reconciling") == "True":
        return "InProgress"
    if found.get("Stalled") == "True":
        return "Failed"
    return "Current" if found.get("Ready", "True") == "True" else "InProgress"


def _run(status):
    return make_run() | {"status": status.to_dict(), "metadata": make_run()["metadata"] | {"generation": 1}}


def _of_run(state, before=None):
    run = Run.from_object(make_run(status=before))
    return in_state(run, NOW, state, None, "Said")


@pytest.mark.parametrize("state", RunState)
@pytest.mark.parametrize("before", [None, *RunState])
def test_runs(state, before):
    status = _of_run(state, before and _of_run(before))
    expected = {RunState.COMPLETED: "Current", RunState.PAUSED: "Current"}
    assert _kstatus(_run(status)) == expected.get(state, "Failed" if state.is_final else "InProgress")
    assert status.conditions[0].type == "Succeeded"


@pytest.mark.parametrize(("ready", "expected"), [("True", "Current"), ("False", "Failed")])
def test_deployments(ready, expected):
    conditions = []
    for status in ("False", "True", ready, ready):
        told = condition("Ready", status, Reason.VALID, "Said.", now=NOW, generation=2)
        conditions = kstatus.of_deployment(conditions, told)
    o = make_deployment()
    o["metadata"]["generation"] = 2
    o["status"] = {"observedGeneration": 2, "conditions": [c.to_dict() for c in conditions]}
    assert _kstatus(o) == expected
    assert [c.message for c in conditions] == ["Said."] * len(conditions)
    o["status"]["observedGeneration"] = 1
    assert _kstatus(o) == "InProgress"


def test_what_nobody_has_looked_at_is_in_progress():
    o = make_run()
    o["metadata"]["generation"] = 1
    o["status"] = {"observedGeneration": 0}  # by default of the CustomResourceDefinition
    assert _kstatus(o) == "InProgress"


def test_the_transition_time_stays_while_it_lasts():
    first = kstatus.of_deployment([], condition("Ready", "False", "A", "", now=NOW, generation=1))
    second = kstatus.of_deployment(first, condition("Ready", "False", "B", "", now=after(5), generation=2))
    assert [c.last_transition_time for c in second] == [NOW, NOW]
    assert [c.reason for c in second] == ["B", "B"]
