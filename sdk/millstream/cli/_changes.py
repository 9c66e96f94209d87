"""Changes of objects that commands make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millstream._cluster.kinds import FLOW_RUNS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from millstream._cluster.cluster import Cluster
    from millstream._cluster.runs import Run


def change(cluster: Cluster, run: Run, spec: Mapping[str, Any]) -> None:
    """Change fields of a run, and of no other one that has got its name since."""
    patch = {"metadata": {"uid": run.uid}, "spec": dict(spec)}
    cluster.patch(FLOW_RUNS, run.name, patch, namespace=run.namespace)
