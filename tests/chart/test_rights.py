"""The chart grants what the operator's code asks the API server for, no more and no less."""

import json
from collections import defaultdict
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from unittest.mock import Mock

from millstream.resources.flow_deployment import FlowDeploymentStatus
from millstream.resources.flow_run import FlowRunStatus
from millstream.resources.labels import OUTCOME_FINALIZER
from millstream_operator.api import Api
from millstream_operator.cache import Cache, Key
from millstream_operator.decide import plan
from millstream_operator.executor import Executor
from millstream_operator.kinds import FLOW_RUNS, WATCHED
from millstream_operator.metrics import Metrics
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
    plan.ConfirmJob("job"),
    plan.ConfirmRevision("revision"),
    plan.ConfirmRun("run"),
    plan.ReadWarning("uid"),
    plan.TryJob({"metadata": {"name": "job", "namespace": "ns"}}),
]


class _Response:
    def __init__(self, status, body):
        self.status = status
        self.headers = {}
        self._body = body

    async def text(self):
        return json.dumps(self._body)


class _Session:
    """Takes the place of the API server, and notes which rights each request needs."""

    def __init__(self, pods=()):
        self.used = defaultdict(set)
        self._pods = list(pods)

    @asynccontextmanager
    async def request(self, method, path, **_):
        root, *rest = path.strip("/").split("/")
        group = rest.pop(0) if root == "apis" else ""
        rest.pop(0)  # the version
        if rest[0] == "namespaces":
            del rest[:2]
        resource, name, part = (*rest, None, None)[:3]
        verb = {"GET": "get" if name else "list", "POST": "create"}.get(method, method.lower())
        self.used[group, "/".join(filter(None, (resource, part)))].add(verb)
        yield self._answer(verb, resource)

    def _answer(self, verb, resource):
        if verb == "create":
            # The longer way: it is there already, and read.
            return _Response(409, {"reason": "AlreadyExists"})
        if verb == "list":
            items = [self._pods.pop()] if resource == "pods" and self._pods else []
            return _Response(200, {"metadata": {"resourceVersion": "1"}, "items": items})
        return _Response(200, {"metadata": {"ownerReferences": [{"uid": "uid"}]}, "data": {}})


def _granted(role):
    return {
        (group, resource): set(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def _ignore(_):
    pass


def _roles(objects, name):
    return [o for o in objects if "rules" in o and o["metadata"]["name"] == name]


async def test_the_operators(render):
    session = _Session()
    api, cache, metrics = Api(session, Metrics()), Mock(spec=Cache()), Mock(spec=Metrics)
    executor = Executor(api, cache, metrics, _ignore, lambda: datetime.now(UTC))
    observed = Mock(pods=[], jobs={})
    observed.run.uid = "uid"
    defined = {getattr(plan, name) for name in plan.__all__} - {plan.Plan, plan.Action, plan.Question}
    assert {type(action) for action in ACTIONS} == defined
    for action in ACTIONS:
        await executor.execute(action, Key(FLOW_RUNS, "ns", "run"), observed)
    await Resync(api, cache, (), _ignore, float).first()
    for kind in WATCHED:  # by kopf
        session.used[kind.group, kind.plural] |= {"list", "watch"}

    for values, count in (({}, 1), ({"namespaces": ["a", "b"]}, 2)):
        roles = _roles(render(values), "millstream:millstream-system")
        assert len(roles) == count
        for role in roles:
            assert _granted(role) == session.used


async def test_the_uninstall_hooks(render):
    pod = {"namespace": "ns", "name": "pod", "uid": "uid", "finalizers": [OUTCOME_FINALIZER]}
    session = _Session([{"metadata": pod}])
    assert await release(Api(session, Metrics()), (), settle_seconds=0) == 1
    for values, count in (({}, 1), ({"namespaces": ["a", "b"]}, 2)):
        roles = _roles(render(values), "millstream-release-pods:millstream-system")
        assert len(roles) == count
        for role in roles:
            assert _granted(role) == session.used


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
        (role,) = _roles(objects, f"millstream:millstream-system:{suffix}")
        assert _granted(role) == {
            ("millstream.dev", "flowdeployments"): verbs,
            ("millstream.dev", "flowruns"): verbs,
        }
        prefix = "rbac.authorization.k8s.io/aggregate-to-"
        aggregated = {
            key.removeprefix(prefix) for key in role["metadata"]["labels"] if key.startswith(prefix)
        }
        assert aggregated == labels
