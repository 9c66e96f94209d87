"""The objects of the benchmarks, of the size that they have in real use."""

import json
from datetime import UTC, datetime
from typing import Any

from millstream.resources.completion_record import CompletionRecord
from millstream.resources.flow_run import SUCCEEDED, Attempt, FlowRunStatus
from millstream.resources.model import API_VERSION, Condition
from millstream.resources.states import RunState
from millstream_operator.decide import decide_run
from millstream_operator.decide.observed import Deployment, ObservedRun, Run
from millstream_operator.decide.plan import CreateJob, WriteRunStatus

__all__ = [
    "DEPLOYMENT",
    "NAMESPACE",
    "Admission",
    "completed",
    "deployment",
    "final_status",
    "flow_run",
    "status_patch",
]

Object = dict[str, Any]

NAMESPACE = "default"
DEPLOYMENT = "daily-orders"

_DUE = datetime(2026, 3, 1, 12, tzinfo=UTC)
_MARK = "name-of-the-run"
_UID = "00000000-0000-0000-0000-000000000000"
_RESULT = {"rows": 18_250, "table": "warehouse.orders"}
_TASKS = {"Completed": 12}


def deployment() -> Object:
    """Give the deployment that all runs are of."""
    spec = {
        "entrypoint": "flows/orders.py:daily_orders",
        "image": "registry.example.org/data/orders:2026.3.1",
        "parameters": {"region": "eu", "days": 1, "dry_run": False},
        "parameterSchema": {
            "type": "object",
            "properties": {
                "region": {"type": "string"},
                "days": {"type": "integer"},
                "dry_run": {"type": "boolean"},
            },
            "required": ["region"],
        },
        "tags": ["orders", "daily"],
        "retryPolicy": {"failures": 2},
        "timeouts": {"runSeconds": 3600},
        "runHistory": {"successful": 10_000},
        "pod": {
            "env": [{"name": "WAREHOUSE", "value": "postgres://warehouse.data:5432/orders"}],
            "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}},
        },
    }
    return _resource("FlowDeployment", DEPLOYMENT, spec)


def flow_run(name: str) -> Object:
    """Give a run of it."""
    return _resource(
        "FlowRun",
        name,
        {"deploymentRef": {"name": DEPLOYMENT}, "parameters": {"region": "us"}, "tags": ["adhoc"]},
    )


def _resource(kind: str, name: str, spec: Object) -> Object:
    meta = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": meta, "spec": spec}


def _as_stored(o: Object) -> Object:
    made = {"uid": _UID, "resourceVersion": "1", "generation": 1, "creationTimestamp": _DUE.isoformat()}
    return o | {"metadata": o["metadata"] | made}


class Admission:
    """What the operator writes to admit a run: its status and its Job, for a run of any name."""

    def __init__(self) -> None:
        run = Run.from_object(_as_stored(flow_run(_MARK)))
        observed = ObservedRun(now=_DUE, run=run, deployment=Deployment.from_object(_as_stored(deployment())))
        actions = decide_run(observed).actions
        status = next(a.status.to_dict() for a in actions if isinstance(a, WriteRunStatus))
        job = next(a.job for a in actions if isinstance(a, CreateJob))
        self._status, self._job = json.dumps(status), json.dumps(job)

    def status(self, name: str) -> Any:
        """Give the status of a run with its first attempt."""
        return json.loads(self._status.replace(_MARK, name))

    def job(self, name: str, uid: str) -> Any:
        """Give the Job of the first attempt."""
        return json.loads(self._job.replace(_MARK, name).replace(_UID, uid))


def status_patch(version: str, status: Object) -> list[Object]:
    """Give the operations by which the operator replaces a status."""
    return [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
        {"op": "add", "path": "/status", "value": status},
    ]


def final_status(name: str) -> Object:
    """Give the status of a run that has completed."""
    attempt = Attempt(
        number=1,
        job=f"{name}-1",
        job_uid=_UID,
        pod=f"{name}-1-x7k2p",
        node="worker-1",
        creation_time=_DUE,
        start_time=_DUE,
        completion_time=_DUE,
        exit_code=0,
    )
    told = Condition(
        type=SUCCEEDED,
        status="True",
        reason=RunState.COMPLETED,
        message="All 12 tasks completed.",
        last_transition_time=_DUE,
        observed_generation=1,
    )
    status = FlowRunStatus(
        state=RunState.COMPLETED,
        message="All 12 tasks completed.",
        conditions=[told],
        attempt=1,
        attempts=[attempt],
        revision=f"{DEPLOYMENT}-5f7c9d8b6",
        start_time=_DUE,
        completion_time=_DUE,
        tasks=_TASKS,
        result=_RESULT,
        observed_generation=1,
    )
    return status.to_dict()


def completed(uid: str) -> str:
    """Give what the runner of a run leaves in the termination message."""
    record = CompletionRecord(
        uid=uid,
        attempt=1,
        state=RunState.COMPLETED,
        message="All 12 tasks completed.",
        start_time=_DUE.isoformat(),
        end_time=_DUE.isoformat(),
        tasks=_TASKS,
        result=_RESULT,
        has_result=True,
    )
    return record.encode().decode()
