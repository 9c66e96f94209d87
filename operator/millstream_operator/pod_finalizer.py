"""How a pod is let go."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from millstream.resources import labels
from millstream_operator.api import Api, ApiError, ConflictError
from millstream_operator.kinds import PODS

__all__ = ["let_go"]


async def let_go(api: Api, namespace: str, name: str, uid: str, finalizers: Sequence[str]) -> dict[str, Any]:
    """Take our finalizer off a pod, and give what it is then.

    Kubernetes takes the Job's own finalizer off at the same time. It stands behind ours, so neither hinders the other.

    Raises:
        ConflictError: it is another pod, or ours is not where it was.
        ApiError: the API server refused it for another reason.
    """
    ours = f"/metadata/finalizers/{finalizers.index(labels.OUTCOME_FINALIZER)}"
    operations: list[dict[str, Any]] = [
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "test", "path": ours, "value": labels.OUTCOME_FINALIZER},
        {"op": "remove", "path": ours},
    ]
    try:
        return await api.patch(PODS, namespace, name, operations)
    except ApiError as error:
        if error.code == HTTPStatus.UNPROCESSABLE_ENTITY:  # what a JSON patch's failed test gives
            raise ConflictError(HTTPStatus.CONFLICT, error.message) from None
        raise
