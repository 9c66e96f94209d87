"""Objects as everybody in the model has them, and what can be seen of them."""

import marshal
from functools import lru_cache
from typing import Any

from millstream.resources.flow_run import FlowRunStatus
from millstream.resources.states import RunState

Object = dict[str, Any]


class Violation(BaseException):
    """Something happened that must never happen."""


def copied(o: Any) -> Any:
    """Copy what is JSON, in a fifth of the time that copy.deepcopy takes."""
    return marshal.loads(marshal.dumps(o))  # noqa: S302  (our own)


def status_of(run: Object) -> FlowRunStatus:
    """Read a run's status, once for all who look at it until it changes."""
    return _status(marshal.dumps(run["status"], 2))  # which tells no more than what is equal


@lru_cache(maxsize=256)
def _status(status: bytes) -> FlowRunStatus:
    return FlowRunStatus.model_validate(marshal.loads(status))  # noqa: S302  (our own)


def final(run: Object) -> bool:
    state = run["status"].get("state")
    return state is not None and RunState(state).is_final


def ended(pod: Object) -> bool:
    return pod["status"].get("phase") in {"Succeeded", "Failed"}


def runs(pod: Object) -> bool:
    return pod["status"].get("phase") == "Running"


def completed(pod: Object) -> bool:
    """Whether a pod ended with exit code 0 and a completion record that says so."""
    for status in pod["status"]["containerStatuses"]:
        ended = status["state"].get("terminated", {})
        return ended.get("exitCode") == 0 and '"state":"Completed"' in ended["message"]
    return False


def started(pod: Object) -> str | None:
    """Give when the container of a pod that runs has started."""
    (status,) = pod["status"].get("containerStatuses") or [{"state": {}}]
    return status["state"].get("running", {}).get("startedAt")


def deleting(o: Object) -> bool:
    return "deletionTimestamp" in o["metadata"]
