"""The Job of an attempt."""

from typing import Any

from millstream.resources import labels
from millstream.resources.api_access import SERVICE_ACCOUNTS
from millstream.resources.model import API_VERSION
from millstream.resources.names import CONTAINER, job_name
from millstream.resources.pod_options import RESERVED_PREFIXES
from millstream.resources.run_document import DIRECTORY, FILE
from millstream.resources.run_template import ApiAccess, RunTemplate
from millstream_operator.decide.observed import Run

__all__ = ["build_job"]

_WORKING_DIRECTORY = "/flows"
_TEMPORARY_DIRECTORY = "/tmp"  # noqa: S108  (in the container, an emptyDir of its own)
_DEADLINE_MARGIN_SECONDS = 60
_AS_GIVEN = (
    "nodeSelector", "tolerations", "affinity", "topologySpreadConstraints", "priorityClassName", "runtimeClassName",
)  # fmt: skip
_RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def build_job(run: Run, template: RunTemplate, attempt: int, document: str) -> dict[str, Any]:
    """Build the Job of an attempt. What the operator needs always wins over what the deployment says."""
    own = _labels(run, attempt)
    queue = {labels.KUEUE_QUEUE: template.queue_name} if template.queue_name else {}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job_name(run.name, attempt),
            "namespace": run.namespace,
            "labels": own | queue,
            "ownerReferences": [
                {
                    "apiVersion": API_VERSION,
                    "kind": "FlowRun",
                    "name": run.name,
                    "uid": run.uid,
                    "controller": True,
                }
            ],
        },
        "spec": {
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 1,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": _FAILURE_POLICY,
            **_deadline(template),
            "template": {
                "metadata": {
                    "labels": _unreserved(template.pod.labels) | own,
                    "annotations": _unreserved(template.pod.annotations)
                    | {labels.DOCUMENT_ANNOTATION: document},
                    "finalizers": [labels.OUTCOME_FINALIZER],
                },
                "spec": _pod(template),
            },
        },
    }


_FAILURE_POLICY = {
    # They only label why the Job failed, in a place that is still there when the pod is gone.
    "rules": [
        {"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {
            "action": "FailJob",
            "onExitCodes": {"containerName": CONTAINER, "operator": "NotIn", "values": [0]},
        },
    ]
}


def _labels(run: Run, attempt: int) -> dict[str, str]:
    own = {
        labels.MANAGED_BY: labels.MANAGED_BY_VALUE,
        labels.RUN: run.name,
        labels.RUN_UID: run.uid,
        labels.ATTEMPT: str(attempt),
    }
    return own | ({labels.DEPLOYMENT: run.deployment} if run.deployment else {})


def _unreserved(given: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in given.items() if not key.startswith(RESERVED_PREFIXES)}


def _deadline(template: RunTemplate) -> dict[str, int]:
    """A backstop: the runner keeps the time, unless it is stopped from doing so."""
    if template.timeouts.run_seconds is None:
        return {}
    grace = template.pod.termination_grace_period_seconds
    limits = template.timeouts.start_seconds + template.timeouts.run_seconds
    return {"activeDeadlineSeconds": limits + grace + _DEADLINE_MARGIN_SECONDS}


def _pod(template: RunTemplate) -> dict[str, Any]:
    options = template.pod.to_dict()
    access = template.api_access is not ApiAccess.NONE
    user = options.get("securityContext", {})
    spec = {
        "restartPolicy": "Never",
        "enableServiceLinks": False,
        "automountServiceAccountToken": access or options["automountServiceAccountToken"],
        "serviceAccountName": _account(template),
        "terminationGracePeriodSeconds": template.pod.termination_grace_period_seconds,
        "securityContext": {**user, "runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "imagePullSecrets": [{"name": name} for name in template.image_pull_secrets],
        **{name: options.get(name, {}) for name in _AS_GIVEN},
        "volumes": [*_own_volumes(template), *options["volumes"]],
        "initContainers": [_init_container(container) for container in options["initContainers"]],
        "containers": [_container(template, options)],
    }
    return {key: value for key, value in spec.items() if value not in (None, [], {})}


def _account(template: RunTemplate) -> str | None:
    return SERVICE_ACCOUNTS.get(template.api_access) or template.pod.service_account_name


def _init_container(given: dict[str, Any]) -> dict[str, Any]:
    container = given | {
        "env": [_env(variable) for variable in given["env"]],
        "securityContext": _RESTRICTED,
    }
    return {key: value for key, value in container.items() if value not in (None, [], {})}


def _container(template: RunTemplate, options: dict[str, Any]) -> dict[str, Any]:
    container = {
        "name": CONTAINER,
        "image": template.image,
        "imagePullPolicy": template.image_pull_policy,
        "command": ["python", "-m", "millstream.runner"],
        "workingDir": _WORKING_DIRECTORY if template.source else None,
        "env": [_env(variable) for variable in options["env"]],
        "envFrom": options["envFrom"],
        "resources": options.get("resources", {}),
        "securityContext": {**_RESTRICTED, "readOnlyRootFilesystem": True},
        "terminationMessagePolicy": "File",
        "volumeMounts": [*_own_mounts(template), *options["volumeMounts"]],
    }
    return {key: value for key, value in container.items() if value not in (None, [], {})}


def _env(variable: dict[str, Any]) -> dict[str, Any]:
    # The kubelet would take $(NAME) for a reference, and $$ for one that is escaped.
    if "value" in variable:
        return variable | {"value": variable["value"].replace("$", "$$")}
    return variable


def _own_volumes(template: RunTemplate) -> list[dict[str, Any]]:
    reference = {"fieldPath": f"metadata.annotations['{labels.DOCUMENT_ANNOTATION}']"}
    volumes: list[dict[str, Any]] = [
        {"name": "millstream-run", "downwardAPI": {"items": [{"path": FILE, "fieldRef": reference}]}},
    ]
    if _needs_temporary(template):
        volumes.append({"name": "millstream-tmp", "emptyDir": {}})
    if template.source:
        volumes.append({"name": "millstream-source", "configMap": {"name": template.source.config_map}})
    return volumes


def _own_mounts(template: RunTemplate) -> list[dict[str, Any]]:
    mounts: list[dict[str, Any]] = [{"name": "millstream-run", "mountPath": DIRECTORY, "readOnly": True}]
    if _needs_temporary(template):
        mounts.append({"name": "millstream-tmp", "mountPath": _TEMPORARY_DIRECTORY})
    if template.source:
        mounts.append({"name": "millstream-source", "mountPath": _WORKING_DIRECTORY, "readOnly": True})
    return mounts


def _needs_temporary(template: RunTemplate) -> bool:
    return all(mount.mount_path.rstrip("/") != _TEMPORARY_DIRECTORY for mount in template.pod.volume_mounts)
