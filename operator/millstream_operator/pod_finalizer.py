"""How a pod is let go."""

from collections.abc import Sequence
from typing import Any

from millstream.resources import labels

__all__ = ["removal"]


def removal(uid: str, finalizers: Sequence[str]) -> list[dict[str, Any]]:
    """Make the JSON patch that takes our finalizer off a pod; it fails if the pod has other ones by now."""
    rest = [finalizer for finalizer in finalizers if finalizer != labels.OUTCOME_FINALIZER]
    return [
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "test", "path": "/metadata/finalizers", "value": list(finalizers)},
        {"op": "replace", "path": "/metadata/finalizers", "value": rest},
    ]
