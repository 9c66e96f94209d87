"""A pod is let go of at the same time by the operator and by Kubernetes' controller of Jobs."""

import pytest

from millstream.resources import labels
from millstream_operator.api import Api, ConflictError
from millstream_operator.credentials import Credentials
from millstream_operator.kinds import PODS
from millstream_operator.metrics import Metrics
from millstream_operator.pod_finalizer import let_go

OTHER, OURS = "example.com/tracked", labels.OUTCOME_FINALIZER
RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
SPEC = {
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [{"name": "flow", "image": "flow:1", "securityContext": RESTRICTED}],
}


@pytest.fixture
async def api(plane, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(plane.kubeconfig))
    async with Api(Credentials.load().session(), Metrics()) as api:
        yield api


@pytest.fixture
def pod(ns):
    """Make a pod; give its name and uid."""

    def make(*finalizers):
        meta = {"name": "pod", "finalizers": finalizers}
        o = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": SPEC}
        made = ns.create(PODS, o)["metadata"]
        return made["name"], made["uid"]

    yield make
    ns.patch(PODS, "pod", {"metadata": {"finalizers": None}})


@pytest.mark.parametrize(
    ("before", "now"), [([OURS, OTHER], [OURS]), ([OTHER, OURS], [OTHER, OURS, "example.com/new"])]
)
async def test_what_comes_and_goes_behind_ours_is_no_hindrance(api, ns, pod, before, now):
    own = pod(*before)
    ns.patch(PODS, "pod", {"metadata": {"finalizers": now}})
    left = await let_go(api, ns.name, *own, before)
    assert left["metadata"].get("finalizers", []) == [each for each in now if each != OURS]


@pytest.mark.parametrize("now", [[OURS], [OTHER], None])
async def test_where_it_is_not_where_it_was_it_is_looked_for_again(api, ns, pod, now):
    own = pod(OTHER, OURS)
    ns.patch(PODS, "pod", {"metadata": {"finalizers": now}})
    with pytest.raises(ConflictError):
        await let_go(api, ns.name, *own, [OTHER, OURS])
    assert ns.get(PODS, "pod")["metadata"].get("finalizers") == now
