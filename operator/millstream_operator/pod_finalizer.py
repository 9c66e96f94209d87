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

    Raises:
        ConflictError: it is another pod, or has other finalizers by now.
        ApiError: the API server refused it for another reason.
    """
    rest = [finalizer for finalizer in finalizers if finalizer != labels.OUTCOME_FINALIZER]
    operations: list[dict[str, Any]] = [
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "test", "path": "/metadata/finalizers", "value": list(finalizers)},
        {"op": "replace", "path": "/metadata/finalizers", "value": rest},
    ]
    try:
        return await api.patch(PODS, namespace, name, operations)
    except ApiError as error:
        if error.code == HTTPStatus.UNPROCESSABLE_ENTITY:  # what a JSON patch's failed test gives
            raise ConflictError(HTTPStatus.CONFLICT, error.message) from None
        raise
