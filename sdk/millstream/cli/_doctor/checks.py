"""All checks, in the order in which things depend on each other."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from millstream.cli._doctor import installation, workload
from millstream.cli._doctor.facts import Hidden
from millstream.cli._doctor.finding import Finding, Level

if TYPE_CHECKING:
    from millstream.cli._doctor.facts import ClusterFacts, LocalFacts


def findings(local: LocalFacts, cluster: ClusterFacts | Hidden) -> list[Finding]:
    """Judge all that is known."""
    here = [*installation.here(local)]
    if isinstance(cluster, Hidden):
        return [*here, Finding("cluster", Level.PROBLEM, cluster.why)]
    there = chain(
        installation.api_server(cluster),
        installation.clock(cluster),
        installation.namespace(cluster),
        installation.resources(cluster),
        installation.operators(local, cluster),
        installation.policies(cluster),
        installation.rights(cluster),
    )
    if not (cluster.is_served and cluster.namespace_is_there):
        return [*here, *there]
    return [
        *here,
        *there,
        *workload.defaults(cluster),
        *workload.deployments(cluster),
        *workload.starts(cluster),
        *workload.runs(cluster),
    ]
