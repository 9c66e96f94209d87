"""Argo CD's health checks, run by Lua 5.1 as Argo CD does, on statuses that the operator's own code makes."""

from pathlib import Path

import pytest
import yaml
from builders import NOW, make_deployment, make_run
from lupa import lua51

from millstream.resources.model import GROUP
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.decide import kstatus
from millstream_operator.decide.message import condition
from millstream_operator.decide.observed import Run
from millstream_operator.decide.status import in_state

SCRIPTS = yaml.safe_load((Path(__file__).parents[3] / "config/argocd/argocd-cm.yaml").read_text())["data"]


def health(kind, o):
    lua = lua51.LuaRuntime()
    lua.globals().obj = lua.table_from(o, recursive=True)
    answer = lua.execute(SCRIPTS[f"resource.customizations.health.{GROUP}_{kind}"])
    return answer["status"], answer["message"]


def deployment(generation=1, **status):
    o = make_deployment()
    o["metadata"]["generation"] = generation
    return o | {"status": status}


def told(kind, status, reason):
    return condition(kind, status, reason, "Said.", now=NOW, generation=1)


@pytest.mark.parametrize(
    ("ready", "suspended", "expected"),
    [
        (("True", Reason.VALID), ("False", Reason.ACTIVE), ("Healthy", "Said.")),
        (("False", Reason.INVALID_POD), ("False", Reason.ACTIVE), ("Degraded", "InvalidPod: Said.")),
        (("False", Reason.NO_IMAGE), ("True", Reason.SUSPENDED), ("Degraded", "NoImage: Said.")),
        (("True", Reason.VALID), ("True", Reason.SUSPENDED), ("Suspended", "Suspended: Said.")),
    ],
)
def test_deployments(ready, suspended, expected):
    conditions = [*kstatus.of_deployment([], told("Ready", *ready)), told("Suspended", *suspended)]
    status = {"observedGeneration": 1, "conditions": [c.to_dict() for c in conditions]}
    assert health("FlowDeployment", deployment(**status)) == expected
    assert health("FlowDeployment", deployment(generation=2, **status))[0] == "Progressing"


@pytest.mark.parametrize("status", [{}, {"observedGeneration": 0}, {"observedGeneration": 1}])
def test_what_nobody_has_looked_at(status):
    assert health("FlowDeployment", deployment(**status))[0] == "Progressing"
    run = make_run() | {"status": status}
    run["metadata"]["generation"] = 1
    assert health("FlowRun", run)[0] == "Progressing"


@pytest.mark.parametrize("state", RunState)
def test_runs(state):
    status = in_state(Run.from_object(make_run()), NOW, state, None, "Said.")
    run = make_run() | {"status": status.to_dict()}
    run["metadata"]["generation"] = 1
    expected = {RunState.COMPLETED: "Healthy", RunState.PAUSED: "Suspended"}
    final = "Degraded" if state.is_final else "Progressing"
    assert health("FlowRun", run) == (expected.get(state, final), f"{state}: Said.")
