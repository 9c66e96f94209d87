"""New runs of deployments: checked here, so that what is wrong with them is told before anything is created."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from millstream import _surroundings
from millstream._cluster.kinds import FLOW_RUNS
from millstream.exceptions import ClusterUnreachable, ObjectAlreadyExists, ParameterTypeError
from millstream.resources.labels import RETRY_OF
from millstream.resources.model import API_VERSION, timestamp
from millstream.resources.names import MAX_RUN_NAME
from millstream.resources.parameters import InvalidSchemaError, problems

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from millstream._cluster.cluster import Cluster, Object

_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"  # as Kubernetes' own suffixes: no words by chance
_AGAIN: Final = (
    "deploymentRef",
    "template",
    "parameters",
    "scheduledTime",
    "priority",
    "tags",
    "overrides",
    "ttlSecondsAfterFinished",
)
_SUFFIX: Final = 6
_DIGEST: Final = 10


def new_run(
    deployment: Object,
    *,
    name: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    tags: Iterable[str] = (),
    scheduled_time: datetime | None = None,
) -> Object:
    """The FlowRun to create.

    Args:
        deployment: The FlowDeployment.
        name: The run's name; the deployment's with something after it that no other run has, if None.
        parameters: Those that are not to be as the deployment says.
        tags: Tags of this run, beside the deployment's.
        scheduled_time: When it is due; at once if None.

    Raises:
        ParameterTypeError: The parameters do not fit the flow.
    """
    of = deployment["metadata"]["name"]
    given = dict(parameters or {})
    check_parameters(deployment, given)
    spec: Object = {"deploymentRef": {"name": of}}
    if given:
        spec["parameters"] = given
    if chosen := sorted(set(tags)):
        spec["tags"] = chosen
    if scheduled_time is not None:
        spec["scheduledTime"] = timestamp(scheduled_time.astimezone()).isoformat()
    meta = {"name": name or _unused_name(of), "namespace": deployment["metadata"]["namespace"]}
    return {"apiVersion": API_VERSION, "kind": "FlowRun", "metadata": meta, "spec": spec}


def another_run(run: Object) -> Object:
    """The FlowRun to create to run another one again, with the same input.

    It has the time that the other one was due at, as flows ask for that; it has passed, so the run starts at once.
    """
    meta, spec = run["metadata"], run["spec"]
    of = spec.get("deploymentRef", meta)["name"]
    return {
        "apiVersion": API_VERSION,
        "kind": "FlowRun",
        "metadata": {
            "name": _unused_name(of),
            "namespace": meta["namespace"],
            "labels": {RETRY_OF: meta["name"]},
        },
        "spec": {name: spec[name] for name in _AGAIN if name in spec},
    }


def create_run(cluster: Cluster, run: Object) -> Object:
    """Create a run; if the answer is lost, once more by the same name, so that it is one run in any case.

    Raises:
        ObjectAlreadyExists: There was one of that name before.
        ClusterUnreachable: It is not known whether there is one now.
    """
    meta = run["metadata"]
    try:
        return cluster.create(FLOW_RUNS, run, namespace=meta["namespace"])
    except ClusterUnreachable:
        _surroundings.current.sleep(1)
    try:
        return cluster.create(FLOW_RUNS, run, namespace=meta["namespace"])
    except ClusterUnreachable as error:
        raise ClusterUnreachable(
            f"{error} It may have created {meta['name']} nevertheless: look for that run before you create another."
        ) from error
    except ObjectAlreadyExists:
        there = cluster.get(FLOW_RUNS, meta["name"], namespace=meta["namespace"])
        if not _has(there["spec"], run["spec"]):
            raise
        return there


def _has(there: Any, wanted: Any) -> bool:
    """Whether something is there as it was wanted; the API server adds defaults."""
    if isinstance(there, dict) and isinstance(wanted, dict):
        return all(name in there and _has(there[name], value) for name, value in wanted.items())
    return bool(there == wanted)


def check_parameters(deployment: Object, parameters: Mapping[str, Any]) -> None:
    """Check the parameters of a run with those that the deployment has for all, as the operator will.

    Raises:
        ParameterTypeError: They do not fit the flow; it names all that is wrong.
    """
    spec = deployment["spec"]
    schema = spec.get("parameterSchema")
    if schema is None:
        return
    of = deployment["metadata"]["name"]
    try:
        wrong = problems(schema, {**spec.get("parameters", {}), **parameters})
    except InvalidSchemaError as error:
        raise ParameterTypeError(f"spec.parameterSchema of {of} cannot be used: {error}.") from error
    if wrong:
        raise ParameterTypeError("\n  ".join([f"The parameters do not fit {of}:", *wrong]))


def keyed_name(deployment: str, key: str) -> str:
    """The name of the only run of a deployment that has this key."""
    digest = hashlib.sha256(f"{deployment}\0{key}".encode()).hexdigest()[:_DIGEST]
    return _joined(deployment, digest)


def _unused_name(deployment: str) -> str:
    pick = _surroundings.current.pick
    return _joined(deployment, "".join(_ALPHABET[pick(len(_ALPHABET))] for _ in range(_SUFFIX)))


def _joined(deployment: str, suffix: str) -> str:
    return f"{deployment[: MAX_RUN_NAME - len(suffix) - 1].rstrip('-.')}-{suffix}"
