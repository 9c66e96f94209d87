"""The chart grants what the operator's code asks the API server for, no more and no less."""

import asyncio
import json
import time
from collections import defaultdict
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from unittest.mock import Mock

from builders import WATCHED
from chart.conftest import ROOT

from millstream.resources.flow_deployment import FlowDeploymentStatus
from millstream.resources.flow_run import FlowRunStatus
from millstream.resources.labels import OUTCOME_FINALIZER
from millstream.resources.run_template import ApiAccess
from millstream_operator.api import Api
from millstream_operator.cache import Cache, Key
from millstream_operator.decide import plan
from millstream_operator.deletions import Deletions
from millstream_operator.election import Election
from millstream_operator.executor import Executor
from millstream_operator.kinds import CONFIG_MAPS, EVENTS, FLOW_RUNS
from millstream_operator.metrics import Metrics
from millstream_operator.rate_limit import RateLimit
from millstream_operator.release_pods import release
from millstream_operator.resync import Resync

ACTIONS = [
    plan.WriteRunStatus(FlowRunStatus()),
    plan.WriteDeploymentStatus(FlowDeploymentStatus()),
    plan.CreateRevision("revision", "deployment", {}),
    plan.DeleteRevision("revision", "uid"),
    plan.CreateJob({"metadata": {"name": "job", "namespace": "ns"}}),
    plan.DeleteJob("job", "uid"),
    plan.ReleasePod("pod", "uid", (OUTCOME_FINALIZER,)),
    plan.ConfirmDeployment("deployment"),
    plan.ConfirmJob("job"),
    plan.ConfirmRevision("revision"),
    plan.ConfirmRun("run"),
    plan.ReadWarning("uid"),
    plan.TryJob({"metadata": {"name": "job", "namespace": "ns"}}),
    plan.CreateRun({"metadata": {"name": "run", "namespace": "ns"}}),
    plan.DeleteRun("run", "uid"),
    plan.DeletePod("pod", "uid"),
    plan.CancelRun(),
    plan.TakeSlot(),
    *(plan.CreateJob({"metadata": {"name": "job", "namespace": "ns"}}, access) for access in ApiAccess),
    plan.ReadNode("node"),
]
ANY = None
"""In place of a name: of objects whatever their name."""


class _Response:
    def __init__(self, status, body):
        self.status = status
        self.headers = {}
        self._body = body

    async def text(self):
        return json.dumps(self._body)


class _Session:
    """Takes the place of the API server, and notes which rights each request needs.

    A right is (group, resource, verb, name).
    """

    def __init__(self, pods=(), leases=()):
        self.used = set()
        self._pods = list(pods)
        self._leases = iter(leases)

    @asynccontextmanager
    async def request(self, method, path, **given):
        root, *rest = path.strip("/").split("/")
        group = rest.pop(0) if root == "apis" else ""
        rest.pop(0)  # the version
        if rest[0] == "namespaces":
            del rest[:2]
        resource, name, part = (*rest, None, None)[:3]
        verb = {"GET": "get" if name else "list", "POST": "create"}.get(method, method.lower())
        self.used.add((group, "/".join(filter(None, (resource, part))), verb, name))
        if (resource, verb) == ("rolebindings", "create"):
            role = given["json"]["roleRef"]
            self.used.add((role["apiGroup"], f"{role['kind'].lower()}s", "bind", role["name"]))
        yield self._answer(verb, resource)

    def _answer(self, verb, resource):
        if resource == "leases":
            return next(self._leases)
        if verb == "create":
            # The longer way: it is there already, and read.
            return _Response(409, {"reason": "AlreadyExists"})
        if verb == "list":
            items = [self._pods.pop()] if resource == "pods" and self._pods else []
            return _Response(200, {"metadata": {"resourceVersion": "1"}, "items": items})
        return _Response(200, {"metadata": {"ownerReferences": [{"uid": "uid"}]}, "data": {}})


def _granted(role):
    return {
        (group, resource, verb, name)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames", [ANY])
    }


def _compare(granted, used):
    """Tell apart what is missing and what nobody needs: by name where the right is limited to names."""
    by_name = {right[:3] for right in granted if right[3]}
    needed = {right if right[:3] in by_name else (*right[:3], ANY) for right in used}
    assert needed - granted == set(), "missing in charts/millstream/templates/rbac*.yaml"
    assert granted - needed == set(), "granted there, and used by nobody"


def _of_account(objects, account):
    """Give the rights of an account by namespace, None for the whole cluster."""
    roles = {
        (o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]): o for o in objects if "rules" in o
    }
    rights = defaultdict(set)
    for o in objects:
        if "roleRef" in o and o["subjects"][0]["name"] == account:
            namespace = o["metadata"].get("namespace")
            rights[namespace] |= _granted(roles[o["roleRef"]["kind"], namespace, o["roleRef"]["name"]])
    return rights


def _ignore(_):
    pass


async def _used_by_an_election(name):
    free = {"metadata": {"resourceVersion": "1"}, "spec": {}}
    leases = [_Response(404, {}), *(_Response(200, free) for _ in range(3))]
    session = _Session(leases=leases)
    clock, now = Mock(return_value=0.0), partial(datetime.now, UTC)
    lease = ("millstream-system", name)
    election = Election(Api(session, Metrics()), lease, "id", clock=clock, now=now, jitter=float)
    await election.step()
    await election.step()
    return session.used


async def test_the_operators(render):
    session = _Session()
    api, cache = Api(session, Metrics()), Mock(spec=Cache())
    deletions = Deletions(api, RateLimit(1000, 1000, time.monotonic))
    executor = Executor(api, cache, _ignore, lambda: datetime.now(UTC), Mock(), deletions.add)
    observed = Mock(pods=[], strays=[], jobs={})
    observed.run.uid = "uid"
    defined = {getattr(plan, name) for name in plan.__all__} - {plan.Plan, plan.Action, plan.Question}
    assert {type(action) for action in ACTIONS} == defined
    for action in ACTIONS:
        await executor.execute(action, Key(FLOW_RUNS, "ns", "run"), observed)
    deleting = asyncio.create_task(deletions.work())
    while deletions._known:  # noqa: ASYNC110
        await asyncio.sleep(0)
    deleting.cancel()
    await Resync(api, cache, WATCHED, (), _ignore, float).complete()
    for kind in (*WATCHED, CONFIG_MAPS):
        name = dict([kind.fields.split("=")]).get("metadata.name") if kind.fields else ANY
        session.used |= {(kind.group, kind.plural, verb, name) for verb in ("list", "watch")}
    session.used.add(("", EVENTS.plural, "create", ANY))  # by the EventRecorder

    for_its_lease = await _used_by_an_election("millstream")

    everywhere = _of_account(render(), "millstream")
    assert everywhere.keys() == {None, "millstream-system"}
    _compare(everywhere[None], session.used)
    _compare(everywhere["millstream-system"], for_its_lease)

    limited = _of_account(render({"namespaces": ["a", "b"]}), "millstream")
    assert limited.keys() == {"a", "b", "millstream-system"}
    served = {right for right in session.used if right[1] != "nodes"}
    _compare(limited["a"], served)
    _compare(limited["b"], served)
    own = {right for right in session.used if right[1] == "configmaps"}
    _compare(limited["millstream-system"], own | for_its_lease)

    with_nodes = _of_account(render({"namespaces": ["a"], "rbac": {"readNodes": True}}), "millstream")
    _compare(with_nodes[None], {right for right in session.used if right[1] == "nodes"})


async def test_the_uninstall_hooks(render):
    pod = {"namespace": "ns", "name": "pod", "uid": "uid", "finalizers": [OUTCOME_FINALIZER]}
    session = _Session([{"metadata": pod}])
    assert await release(Api(session, Metrics()), (), settle_seconds=0) == 1
    for values, namespaces in (({}, {None}), ({"namespaces": ["a", "b"]}, {"a", "b"})):
        rights = _of_account(render(values), "millstream-release-pods")
        assert rights.keys() == namespaces
        for granted in rights.values():
            _compare(granted, session.used)


def test_the_account_of_the_test_may_do_what_the_security_page_says_and_stays(render):
    page = " ".join((ROOT / "docs/security.md").read_text().split())
    assert "`millstream-test`, that may create, read and delete FlowRuns in one namespace" in page
    own = {("millstream.dev", "flowruns", verb, ANY) for verb in ("create", "get", "delete")}
    for values, namespace in (({}, "millstream-system"), ({"namespaces": ["a", "b"]}, "a")):
        objects = render(values)
        assert _of_account(objects, "millstream-test") == {namespace: own}
        (account,) = [
            o for o in objects if (o["kind"], o["metadata"]["name"]) == ("ServiceAccount", "millstream-test")
        ]
        assert account["automountServiceAccountToken"] is False
        # Of a hook that is no pod, `helm test --logs` finds no log, and fails.
        assert "annotations" not in account["metadata"]
    assert not _of_account(render({"test": {"create": False}}), "millstream-test")


def test_bindings_bind_the_own_accounts_and_roles(render, values):
    objects = render(values)
    accounts = {o["metadata"]["name"] for o in objects if o["kind"] == "ServiceAccount"}
    roles = {
        (o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]) for o in objects if "rules" in o
    }
    for o in objects:
        if "roleRef" in o:
            (subject,) = o["subjects"]
            assert subject["kind"] == "ServiceAccount"
            assert subject["namespace"] == "millstream-system"
            assert subject["name"] in accounts
            assert (o["roleRef"]["kind"], o["metadata"].get("namespace"), o["roleRef"]["name"]) in roles


def test_users_get_their_share_of_our_resources_only(render):
    objects = render()
    for suffix, verbs, labels in (
        ("view", {"get", "list", "watch"}, {"view", "edit", "admin"}),
        ("edit", {"create", "delete", "deletecollection", "patch", "update"}, {"edit", "admin"}),
    ):
        (role,) = [o for o in objects if o["metadata"]["name"] == f"millstream:millstream-system:{suffix}"]
        resources = ("flowdeployments", "flowruns")
        assert _granted(role) == {("millstream.dev", r, verb, ANY) for r in resources for verb in verbs}
        prefix = "rbac.authorization.k8s.io/aggregate-to-"
        aggregated = {
            key.removeprefix(prefix) for key in role["metadata"]["labels"] if key.startswith(prefix)
        }
        assert aggregated == labels
