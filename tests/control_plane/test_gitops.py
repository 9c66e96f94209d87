"""A GitOps controller and people change the same objects by server-side apply, and neither undoes the other's part."""

import json

import pytest
from api_server import RefusedError
from builders import TEMPLATE
from patience import eventually

from millstream.resources.model import API_VERSION
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS

pytestmark = [pytest.mark.control_plane, pytest.mark.usefixtures("operator")]

GIT = "argocd-controller"
PERSON = "kubectl"
DAILY = {"name": "daily", "cron": "@daily"}


@pytest.fixture
def apply(client, ns):
    """Apply an object's spec as a manager; the GitOps controller always has its way."""

    def run(manager, kind, spec, *, name="etl", force=None, dry=False, **metadata):
        own = {FLOW_DEPLOYMENTS: "FlowDeployment", FLOW_RUNS: "FlowRun"}[kind]
        o = {"apiVersion": API_VERSION, "kind": own, "metadata": {"name": name, **metadata}, "spec": spec}
        force = manager == GIT if force is None else force
        query = f"?fieldManager={manager}&force={json.dumps(force)}" + ("&dryRun=All" if dry else "")
        return client.call("PATCH", kind.path(ns.name, name), o, query, "application/apply-patch+yaml")

    return run


def _rests(ns):
    found = ns.get(FLOW_DEPLOYMENTS, "etl").get("status", {}).get("conditions", ())
    return next((c["reason"] for c in found if c["type"] == "Suspended"), None)


def _differs(applied, live):
    """Tell whether a GitOps controller would see a difference, and heal it."""

    def seen(o):
        metadata = {k: v for k, v in o["metadata"].items() if k not in {"managedFields", "resourceVersion"}}
        return o | {"metadata": metadata}

    return seen(applied) != seen(live)


def test_a_suspended_deployment_stays_so(ns, apply):
    spec = TEMPLATE | {"schedules": [DAILY]}
    apply(GIT, FLOW_DEPLOYMENTS, spec)
    eventually(lambda: _rests(ns) == Reason.ACTIVE)
    apply(PERSON, FLOW_DEPLOYMENTS, {"suspend": True})
    eventually(lambda: _rests(ns) == Reason.SUSPENDED)
    live = ns.get(FLOW_DEPLOYMENTS, "etl")
    assert not _differs(apply(GIT, FLOW_DEPLOYMENTS, spec, dry=True), live)
    healed = apply(GIT, FLOW_DEPLOYMENTS, spec | {"priority": 5})
    assert (healed["spec"]["suspend"], healed["spec"]["priority"]) == (True, 5)
    apply(PERSON, FLOW_DEPLOYMENTS, {"suspend": False})
    eventually(lambda: _rests(ns) == Reason.ACTIVE)


def test_one_schedule_of_several_stays_suspended(ns, apply):
    spec = TEMPLATE | {"schedules": [DAILY, {"name": "hourly", "interval": 3600}]}
    apply(GIT, FLOW_DEPLOYMENTS, spec)
    apply(PERSON, FLOW_DEPLOYMENTS, {"schedules": [{"name": "daily", "suspend": True}]})
    healed = apply(
        GIT, FLOW_DEPLOYMENTS, spec | {"schedules": [*spec["schedules"], {"name": "x", "interval": 9}]}
    )
    assert [(s["name"], s["suspend"]) for s in healed["spec"]["schedules"]] == [
        ("daily", True),
        ("hourly", False),
        ("x", False),
    ]


def test_what_git_says_git_decides(ns, apply):
    spec = TEMPLATE | {"suspend": False}
    apply(GIT, FLOW_DEPLOYMENTS, spec)
    with pytest.raises(RefusedError, match=f'conflict with "{GIT}".*spec.suspend'):
        apply(PERSON, FLOW_DEPLOYMENTS, {"suspend": True})
    apply(PERSON, FLOW_DEPLOYMENTS, {"suspend": True}, force=True)
    live = ns.get(FLOW_DEPLOYMENTS, "etl")
    assert _differs(apply(GIT, FLOW_DEPLOYMENTS, spec, dry=True), live)
    assert apply(GIT, FLOW_DEPLOYMENTS, spec)["spec"]["suspend"] is False


def test_a_run_that_is_paused_or_cancelled_stays_so(ns, apply):
    ns.deploy()
    spec = {"deploymentRef": {"name": "etl"}}
    apply(GIT, FLOW_RUNS, spec, name="etl-1")
    ns.becomes(RunState.PENDING)
    apply(PERSON, FLOW_RUNS, {"suspend": True}, name="etl-1")
    ns.becomes(RunState.PAUSED)
    assert apply(GIT, FLOW_RUNS, spec, name="etl-1")["spec"]["suspend"] is True
    apply(PERSON, FLOW_RUNS, {"suspend": True, "cancel": True}, name="etl-1")
    ns.becomes(RunState.CANCELLED)
    live = ns.get(FLOW_RUNS, "etl-1")
    assert not _differs(apply(GIT, FLOW_RUNS, spec, name="etl-1", dry=True), live)


def test_the_operator_owns_statuses_only(ns, apply):
    labels = {"app.kubernetes.io/instance": "flows"}
    annotations = {"argocd.argoproj.io/tracking-id": "flows:millstream.dev/FlowDeployment:team/etl"}
    often = {"name": "often", "interval": 1}
    apply(GIT, FLOW_DEPLOYMENTS, TEMPLATE | {"schedules": [often]}, labels=labels, annotations=annotations)
    (run, *_) = eventually(lambda: ns.items(FLOW_RUNS))
    # A GitOps controller takes for its own what carries its marks, and deletes what is not in git.
    assert labels.items().isdisjoint(run["metadata"].get("labels", {}).items())
    assert "argocd.argoproj.io/tracking-id" not in run["metadata"].get("annotations", {})
    eventually(lambda: _rests(ns) == Reason.ACTIVE)
    fields = ns.get(FLOW_DEPLOYMENTS, "etl")["metadata"]["managedFields"]
    others = [entry for entry in fields if entry["manager"] != GIT]
    assert others
    assert {entry.get("subresource") for entry in others} == {"status"}
