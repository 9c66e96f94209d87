"""The deployments of a namespace of a cluster, its FlowDeployments, and new runs of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar
from uuid import uuid4

from millstream import _surroundings
from millstream._cluster.following import Patience, follow
from millstream._cluster.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS
from millstream._cluster.new_runs import create_run, keyed_name, new_run
from millstream.client._cluster_runs import patched
from millstream.client._custom_resources import deployment_of
from millstream.client._matching import deployment_fits, page
from millstream.exceptions import ClusterUnreachable, ObjectAlreadyExists, ObjectNotFound
from millstream.resources import labels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from millstream._cluster.cluster import Object
    from millstream.client._cluster_runs import ClusterRuns
    from millstream.client._new_runs import NewRun
    from millstream.client._query import Query
    from millstream.client.schemas.objects import Deployment, FlowRun

T = TypeVar("T")

_PATIENCE_SECONDS: Final = 600.0
"""How long the API server may be away while a run is made or waited for: the flow around may have taken hours already."""


class ClusterDeployments:
    """The FlowDeployments of the namespace of some runs."""

    def __init__(self, runs: ClusterRuns) -> None:
        self._runs = runs

    def deployments(self, query: Query) -> list[Deployment]:
        """Deployments; with a filter of flow runs, those that have such a run."""
        found = [deployment_of(one) for one in self._runs.deployments().values()]
        if query.flow_run is not None or query.task_run is not None:
            of = {
                run.deployment_name
                for run in self._runs.flow_runs(query._replace(sort="ID_DESC", limit=None, offset=0))
            }
            found = [one for one in found if one.name in of]
        return page(query, [one for one in found if deployment_fits(query, one)])

    def pause(self, deployment_id: str, *, paused: bool) -> bool:
        """Have the schedules of a deployment rest, or go on; false if there is no such deployment."""
        found = self._named(deployment_id)
        if found is None:
            return False
        change = {"spec": {"suspend": paused}}
        return patched(self._runs.cluster, FLOW_DEPLOYMENTS, found["metadata"]["name"], deployment_id, change)

    def create_run(self, deployment_id: str, wanted: NewRun) -> FlowRun | None:
        """Make a run of a deployment, or find the one that was made for the same key; None if there is no such deployment.

        An API server that is away is waited for. It may have made the run, and only the answer got lost: so each run has
        a key, by which it is found again.
        """
        deployment = self.patiently(lambda: self._named(deployment_id))
        if deployment is None:
            return None
        key = wanted.key or str(uuid4())
        of = deployment["metadata"]["name"]
        name = wanted.name or (None if wanted.key is None else keyed_name(of, wanted.key))
        body = new_run(
            deployment,
            name=name,
            parameters=wanted.parameters,
            tags=wanted.tags,
            scheduled_time=wanted.scheduled_time,
        )
        body["metadata"]["annotations"] = {labels.IDEMPOTENCY_KEY: key}
        if wanted.parent is not None:
            body["metadata"]["labels"] = {labels.PARENT_RUN_UID: wanted.parent}
        return self._runs.seen(self.patiently(lambda: self._created(body, key)), deployment)

    def subflows(self, parent: str, keys: str) -> list[FlowRun]:
        """The runs that a flow run has made with keys that begin so, oldest first."""
        chosen = f"{labels.PARENT_RUN_UID}={parent}"
        made = self.patiently(lambda: list(self._runs.cluster.list(FLOW_RUNS, labels=chosen)))
        found = [
            self._runs.seen(run, None)
            for run in made
            if run["metadata"].get("annotations", {}).get(labels.IDEMPOTENCY_KEY, "").startswith(keys)
        ]
        return sorted(found, key=lambda run: (run.created, run.name))

    def patiently(self, ask: Callable[[], T]) -> T:
        """What the API server answers, when it is there again; what is not configured is not waited for.

        Raises:
            ClusterUnreachable: The API server is away for long.
        """
        _ = self._runs.cluster
        return Patience(_PATIENCE_SECONDS).answer_to(ask)

    def follow(self, run: FlowRun, *, seconds: float | None, poll_interval: float) -> Iterator[FlowRun]:
        """A flow run as it is, at least once in an interval, until that time is over or it has ended.

        An API server that is away is waited for.

        Raises:
            ObjectNotFound: It is not there any more.
            ClusterUnreachable: The API server is away for long.
        """
        now = _surroundings.current.time
        begun, patience = now(), Patience(_PATIENCE_SECONDS)
        deployment = self.patiently(self._runs.deployments).get(run.deployment_name or "")
        while True:
            left = poll_interval if seconds is None else min(poll_interval, begun + seconds - now())
            try:
                for found in follow(
                    self._runs.cluster, FLOW_RUNS, run.name, seconds=max(left, 0), patience=patience
                ):
                    if found["metadata"]["uid"] != run.id:
                        raise ObjectNotFound  # noqa: TRY301 - as if there were no other one of its name
                    run = self._runs.seen(found, deployment)
                    yield run
                    if run.state.is_final():
                        return
            except ObjectNotFound:
                raise ObjectNotFound(
                    f"The flow run {run.name} was deleted while it was waited for; it was {run.state_name}."
                ) from None
            except ClusterUnreachable as error:
                patience.missed(error)
                yield run
            if seconds is not None and now() - begun >= seconds:
                return

    def _named(self, deployment_id: str) -> Object | None:
        found = self._runs.deployments().values()
        return next((one for one in found if one["metadata"]["uid"] == deployment_id), None)

    def _created(self, body: Object, key: str) -> Object:
        cluster = self._runs.cluster
        try:
            return create_run(cluster, body)
        except ObjectAlreadyExists:
            there = cluster.get(FLOW_RUNS, body["metadata"]["name"])
            made_for = there["metadata"].get("annotations", {}).get(labels.IDEMPOTENCY_KEY)
            if made_for != key or there["spec"].get("deploymentRef") != body["spec"]["deploymentRef"]:
                raise
            return there
