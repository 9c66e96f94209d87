"""The runs of a namespace of a cluster: its FlowRuns."""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from millstream._cluster.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS
from millstream._engine.current import current
from millstream.client._custom_resources import (
    deployment_facts,
    flow_run_of,
    flows_of,
    has_ended,
    state_of,
    states_of,
)
from millstream.client._matching import fits, page
from millstream.client._selectors import field_selector
from millstream.exceptions import ObjectInvalid, ObjectNotFound, OutdatedObject, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NoReturn

    from millstream._cluster.cluster import Cluster, Object
    from millstream._cluster.connection import Place
    from millstream._cluster.kinds import Kind
    from millstream.client._query import Query
    from millstream.client.schemas.objects import Artifact, Flow, FlowRun
    from millstream.states import State


_MOST_NAMES: Final = 10_000


class ClusterRuns:
    """The FlowRuns of a namespace.

    A cluster knows objects by their names and clients ask by ids: the names of what was seen last are remembered.
    """

    where = "the cluster"

    def __init__(self, place: Place) -> None:
        self._place = place
        self._names: OrderedDict[str, str] = OrderedDict()

    @cached_property
    def cluster(self) -> Cluster:
        """The cluster, which is looked for when it is needed first."""
        return self._place.connect()

    def flow_runs(self, query: Query) -> list[FlowRun]:
        """Flow runs."""
        return page(query, self._found(query))

    def task_runs(self, query: Query) -> NoReturn:
        """None: the cluster does not have them."""
        del query
        _refuse_task_runs()

    def flows(self, query: Query) -> list[Flow]:
        """Flows of which there are such flow runs."""
        return page(query, flows_of(self._found(query)), tie="name")

    def artifacts(self, query: Query) -> list[Artifact]:
        """None: the cluster does not have them."""
        del query
        raise UnsupportedError(
            "A cluster keeps no artifacts of its runs: give their pods a spec.storage, and see millstream.artifacts."
        )

    def flow_run_states(self, run_id: str) -> list[State[Any]]:
        """The states that a flow run was in, oldest first; none if there is no such run."""
        run = self.read(run_id)
        return [] if run is None else states_of(run)

    def task_run_states(self, run_id: str) -> NoReturn:
        """None: the cluster does not have them."""
        del run_id
        _refuse_task_runs()

    def update_flow_run(self, run_id: str, *, name: str | None, tags: list[str] | None) -> bool:
        """Give a flow run other tags of its own; false if there is no such run."""
        if name is not None:
            raise UnsupportedError(
                "A flow run of a cluster cannot be given another name: it is that of its FlowRun. "
                "Give it tags, or make it with a name (create_flow_run_from_deployment(..., name=))."
            )
        return self._patch(run_id, {} if tags is None else {"spec": {"tags": tags}})

    def delete_flow_run(self, run_id: str) -> bool:
        """Delete a FlowRun and all that belongs to it, also one that goes on; false if there is no such run."""
        name = self._name(run_id)
        if name is None:
            return False
        try:
            self.cluster.delete(FLOW_RUNS, name, uid=run_id)
        except (ObjectNotFound, OutdatedObject):
            return False
        return True

    def cancel_flow_run(self, run_id: str) -> bool:
        """Have a flow run end; false if there is no such run."""
        run = self.read(run_id)
        if run is None:
            return False
        if has_ended(run):
            raise UnsupportedError(
                f"The flow run {run['metadata']['name']} cannot be cancelled: it is {state_of(run)} already."
            )
        return self._patch(run_id, {"spec": {"cancel": True}})

    def deployments(self) -> dict[str, Object]:
        """All FlowDeployments by name."""
        return {found["metadata"]["name"]: found for found in self.cluster.list(FLOW_DEPLOYMENTS)}

    def seen(self, run: Object, deployment: Object | None) -> FlowRun:
        """A FlowRun as clients know it."""
        self._remember(run["metadata"]["uid"], run["metadata"]["name"])
        return flow_run_of(run, deployment)

    def read(self, run_id: str) -> Object | None:
        """The FlowRun of this id."""
        name = self._name(run_id)
        if name is None:
            return None
        try:
            run = self.cluster.get(FLOW_RUNS, name)
        except ObjectNotFound:
            return None
        return run if run["metadata"]["uid"] == run_id else None

    def _found(self, query: Query) -> Iterator[FlowRun]:
        if query.task_run is not None:
            _refuse_task_runs()
        self._know_own_run()
        deployments = self.deployments()
        for run in self.cluster.list(FLOW_RUNS, fields=field_selector(query, self._names)):
            deployment = deployments.get(run["spec"].get("deploymentRef", {}).get("name"))
            found = self.seen(run, deployment)
            if fits(query, found, deployment_facts(run, deployment)):
                yield found

    def _patch(self, run_id: str, change: Object) -> bool:
        name = self._name(run_id)
        return name is not None and patched(self.cluster, FLOW_RUNS, name, run_id, change)

    def _name(self, run_id: str) -> str | None:
        """The name of the FlowRun of this id; all are read if it is not remembered: an API server selects by no UID."""
        self._know_own_run()
        if (known := self._names.get(run_id)) is not None:
            return known
        for run in self.cluster.list(FLOW_RUNS):
            if run["metadata"]["uid"] == run_id:
                self._remember(run_id, run["metadata"]["name"])
                return str(run["metadata"]["name"])
        return None

    def _know_own_run(self) -> None:
        """Of the run that this is called in, the name is known."""
        run = current.get()
        while run is not None and run.parent is not None:
            run = run.parent
        if run is not None and run.flow_run is not None and run.flow_run.deployment is not None:
            self._remember(run.id, run.name)

    def _remember(self, run_id: str, name: str) -> None:
        self._names.pop(run_id, None)
        self._names[run_id] = name
        if len(self._names) > _MOST_NAMES:
            self._names.popitem(last=False)


def patched(cluster: Cluster, kind: Kind, name: str, uid: str, change: Object) -> bool:
    """Change an object, and no later one of its name; false if it is not there any more."""
    try:
        cluster.patch(kind, name, {**change, "metadata": {"uid": uid}})
    except (ObjectInvalid, ObjectNotFound, OutdatedObject):
        try:
            there = cluster.get(kind, name)
        except ObjectNotFound:
            return False
        if there["metadata"]["uid"] != uid:
            return False
        raise
    return True


def _refuse_task_runs() -> NoReturn:
    raise UnsupportedError(
        "A cluster does not keep the task runs of its flow runs, only how many ended in which state: see task_counts "
        "of a flow run, and its log."
    )
