"""What the Job controller and a kubelet would do with the pods of runs."""

from typing import Any

from benchmarks.operator import objects

from millstream_operator.api import Api
from millstream_operator.kinds import PODS, Kind

__all__ = ["create_pod", "end_pod", "start_pod"]

_BINDINGS = Kind("", "v1", "bindings")
_STARTED = "2026-03-01T12:00:00Z"


async def create_pod(api: Api, job: objects.Object, *, labelled: bool) -> None:
    """Create the pod of a Job that has its name, and nothing that keeps it from being deleted.

    Args:
        api: of the API server.
        job: as it is stored.
        labelled: with its labels, so that the operator sees it.
    """
    template = job["spec"]["template"]
    told = {key: template["metadata"][key] for key in ("labels", "annotations")} if labelled else {}
    meta = {"name": job["metadata"]["name"], "namespace": objects.NAMESPACE, **told}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": template["spec"]}
    await api.create(PODS, body)


async def start_pod(api: Api, name: str) -> None:
    """Put a pod on a node that is not there, where its container runs."""
    meta = {"name": name, "namespace": objects.NAMESPACE}
    target = {"apiVersion": "v1", "kind": "Node", "name": "worker-1"}
    body = {"apiVersion": "v1", "kind": "Binding", "metadata": meta, "target": target}
    await api.create(_BINDINGS, body)
    await _set(api, name, "Running", {"running": {"startedAt": _STARTED}})


async def end_pod(api: Api, name: str, uid: str) -> None:
    """Have a pod's container end, with the record of a run that completed."""
    times = {"startedAt": _STARTED, "finishedAt": _STARTED}
    ended = {"exitCode": 0, "message": objects.completed(uid), **times}
    await _set(api, name, "Succeeded", {"terminated": ended})


async def _set(api: Api, name: str, phase: str, state: objects.Object) -> None:
    container = {"name": "flow", "image": "", "imageID": "", "ready": False, "restartCount": 0}
    operations: list[dict[str, Any]] = [
        {"op": "add", "path": "/status/phase", "value": phase},
        {"op": "add", "path": "/status/containerStatuses", "value": [container | {"state": state}]},
    ]
    await api.patch(PODS, objects.NAMESPACE, name, operations, "status")
