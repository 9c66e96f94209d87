"""The Job of an attempt."""

from typing import Any

from millstream.resources import labels
from millstream.resources.api_access import SERVICE_ACCOUNTS
from millstream.resources.model import API_VERSION
from millstream.resources.names import CONTAINER, job_name
from millstream.resources.pod_options import RESERVED_PREFIXES
from millstream.resources.run_template import ApiAccess, RunTemplate
from millstream_operator.decide.observed import Run
from millstream_operator.decide.own_files import WORKING_DIRECTORY, own_mounts, own_variables, own_volumes

__all__ = ["build_job"]

_DEADLINE_MARGIN_SECONDS = 60
_GROUP = 65532
"""Group of a claim's files for pods that say nothing about it: that of our images; any other would do."""
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
    spec = {
        "restartPolicy": "Never",
        "enableServiceLinks": False,
        "automountServiceAccountToken": access or options["automountServiceAccountToken"],
        "serviceAccountName": _account(template),
        "terminationGracePeriodSeconds": template.pod.termination_grace_period_seconds,
        "securityContext": _security(template),
        "imagePullSecrets": [{"name": name} for name in template.image_pull_secrets],
        **{name: options.get(name, {}) for name in _AS_GIVEN},
        "volumes": [*own_volumes(template), *options["volumes"]],
        "initContainers": [_init_container(container) for container in options["initContainers"]],
        "containers": [_container(template, options)],
    }
    return {key: value for key, value in spec.items() if value not in (None, [], {})}


def _security(template: RunTemplate) -> dict[str, Any]:
    given = template.pod.security_context.to_dict() if template.pod.security_context else {}
    if template.storage and template.storage.persistent_volume_claim:
        # Only the root of a volume is looked at: to change the owner of many results takes minutes at each start.
        given = {"fsGroup": _GROUP, **given, "fsGroupChangePolicy": "OnRootMismatch"}
    return {**given, "runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


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
        "workingDir": WORKING_DIRECTORY if template.source and template.source.config_map else None,
        "env": _variables(template, options),
        "envFrom": [*options["envFrom"], *_credentials(template)],
        "resources": options.get("resources", {}),
        "securityContext": {**_RESTRICTED, "readOnlyRootFilesystem": True},
        "terminationMessagePolicy": "File",
        "volumeMounts": [*own_mounts(template), *options["volumeMounts"]],
    }
    return {key: value for key, value in container.items() if value not in (None, [], {})}


def _variables(template: RunTemplate, options: dict[str, Any]) -> list[dict[str, Any]]:
    own = own_variables(template)
    given = [variable for variable in options["env"] if variable["name"] not in own]
    return [_env(variable) for variable in (*given, *({"name": n, "value": v} for n, v in own.items()))]


def _credentials(template: RunTemplate) -> list[dict[str, Any]]:
    if template.storage is None or template.storage.secret_name is None:
        return []
    return [{"secretRef": {"name": template.storage.secret_name}}]


def _env(variable: dict[str, Any]) -> dict[str, Any]:
    # The kubelet would take $(NAME) for a reference, and $$ for one that is escaped.
    if "value" in variable:
        return variable | {"value": variable["value"].replace("$", "$$")}
    return variable
