"""Carries out a plan: one call to the API server after the other, each result back into the cache."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import singledispatchmethod
from http import HTTPStatus
from typing import Any

from millstream.resources import labels
from millstream.resources.model import timestamp
from millstream_operator.api import AlreadyExistsError, Api, ApiError, NotFoundError
from millstream_operator.cache import Cache, Key
from millstream_operator.decide.observed import Deployment, ObservedDeployment, ObservedRun, Refusal, Run
from millstream_operator.decide.plan import (
    Action,
    Confirm,
    CreateJob,
    CreateRevision,
    DeleteJob,
    DeleteRevision,
    ReadRefusal,
    ReleasePod,
    WriteDeploymentStatus,
    WriteRunStatus,
)
from millstream_operator.kinds import EVENTS, FLOW_DEPLOYMENTS, FLOW_RUNS, JOBS, PODS, REVISIONS, Kind
from millstream_operator.metrics import Metrics

__all__ = ["Executor", "without_finalizer"]

_PASSING = {HTTPStatus.UNAUTHORIZED, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}


class Executor:
    """Turns actions into calls.

    Every action can be repeated: a crash between two of them is mended by deciding anew. A Job, pod or revision
    that is gone is no error when it was to be deleted or let go.
    """

    def __init__(
        self,
        api: Api,
        cache: Cache,
        metrics: Metrics,
        changed: Callable[[set[Key]], None],
        now: Callable[[], datetime],
    ) -> None:
        self._api = api
        self._cache = cache
        self._metrics = metrics
        self._changed = changed
        self._now = now

    @singledispatchmethod
    async def execute(self, action: Action, key: Key, observed: ObservedRun | ObservedDeployment) -> None:
        """Carry out an action for a key, as decided from what was observed."""
        raise NotImplementedError(type(action))

    @execute.register
    async def _(self, action: WriteRunStatus, key: Key, observed: ObservedRun) -> None:
        run = observed.run
        if run is None:
            return
        await self._write_status(FLOW_RUNS, key, run, action.status.to_dict())
        self._metrics.run_moved(run, action.status)

    @execute.register
    async def _(self, action: WriteDeploymentStatus, key: Key, observed: ObservedDeployment) -> None:
        if observed.deployment:
            await self._write_status(FLOW_DEPLOYMENTS, key, observed.deployment, action.status.to_dict())

    async def _write_status(self, kind: Kind, key: Key, o: Run | Deployment, status: dict[str, Any]) -> None:
        operations: list[dict[str, Any]] = [
            # Makes the API server answer Conflict when the object has changed since the decision.
            {"op": "replace", "path": "/metadata/resourceVersion", "value": str(o.version)},
            {"op": "add", "path": "/status", "value": status},
        ]
        try:
            stored = await self._api.patch(kind, key.namespace, key.name, operations, "status")
        except NotFoundError:
            self._changed(self._cache.remove(kind, key.namespace, key.name, o.uid))
            raise  # what else was planned must not happen: a Job of a run that is gone would start
        self._put(kind, stored)

    @execute.register
    async def _(self, action: CreateRevision, key: Key, observed: ObservedRun) -> None:
        del observed
        body = {
            "apiVersion": "apps/v1",
            "kind": "ControllerRevision",
            "metadata": {
                "name": action.name,
                "namespace": key.namespace,
                "labels": {
                    labels.DEPLOYMENT: action.deployment,
                    labels.MANAGED_BY: labels.MANAGED_BY_VALUE,
                },
            },
            "revision": 1,
            "data": action.template,
        }
        try:
            stored = await self._api.create(REVISIONS, body)
        except AlreadyExistsError:
            stored = await self._api.get(REVISIONS, key.namespace, action.name)
        self._put(REVISIONS, stored)

    @execute.register
    async def _(self, action: DeleteRevision, key: Key, observed: ObservedDeployment) -> None:
        del observed
        await self._delete(REVISIONS, key.namespace, action.name, action.uid)
        self._changed(self._cache.remove(REVISIONS, key.namespace, action.name, action.uid))

    @execute.register
    async def _(self, action: CreateJob, key: Key, observed: ObservedRun) -> None:
        name = action.job["metadata"]["name"]
        try:
            stored = await self._api.create(JOBS, action.job)
        except AlreadyExistsError:
            stored = await self._api.get(JOBS, key.namespace, name)
            if not _owned(stored, observed.run.uid if observed.run else ""):
                self._refuse(key, name, HTTPStatus.CONFLICT, f"Job {name} exists and is not this run's.")
                return
        except ApiError as error:
            if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR or error.code in _PASSING:
                raise
            self._refuse(key, name, error.code, error.message)
            return
        self._cache.refuse(key, None)
        self._put(JOBS, stored)

    @execute.register
    async def _(self, action: DeleteJob, key: Key, observed: ObservedRun) -> None:
        del observed
        await self._delete(JOBS, key.namespace, action.name, action.uid)

    @execute.register
    async def _(self, action: ReleasePod, key: Key, observed: ObservedRun) -> None:
        del observed
        operations = without_finalizer(action.uid, action.finalizers)
        try:
            self._put(PODS, await self._api.patch(PODS, key.namespace, action.name, operations))
        except NotFoundError:
            self._changed(self._cache.remove(PODS, key.namespace, action.name, action.uid))

    @execute.register
    async def _(self, action: Confirm, key: Key, observed: ObservedRun) -> None:
        if observed.run is None:
            return
        await self._refresh_job(key, action.job, observed)
        selector = f"{labels.RUN_UID}={observed.run.uid}"
        pods, _ = await self._api.collect(PODS, key.namespace, labels=selector)
        present = set()
        for pod in pods:
            present.add(pod["metadata"]["uid"])
            self._put(PODS, pod)
        for known in observed.pods:
            if known.uid not in present:
                self._changed(self._cache.remove(PODS, key.namespace, known.name, known.uid))
        self._cache.confirm(key, action.job)
        self._changed({key})

    async def _refresh_job(self, key: Key, name: str, observed: ObservedRun) -> None:
        try:
            self._put(JOBS, await self._api.get(JOBS, key.namespace, name))
        except NotFoundError:
            if name in observed.jobs:
                self._changed(self._cache.remove(JOBS, key.namespace, name, observed.jobs[name].uid))

    @execute.register
    async def _(self, action: ReadRefusal, key: Key, observed: ObservedRun) -> None:
        del observed
        query = f"involvedObject.uid={action.uid},type=Warning"
        events, _ = await self._api.collect(EVENTS, key.namespace, fields=query)
        latest = max(events, key=_event_time, default=None)
        self._refuse(key, action.uid, None, latest.get("message", "") if latest else "")

    def _refuse(self, key: Key, about: str, code: int | None, message: str) -> None:
        refusal = Refusal(about=about, code=code, message=message, time=timestamp(self._now()))
        self._cache.refuse(key, refusal)
        self._changed({key})

    async def _delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        try:
            await self._api.delete(kind, namespace, name, uid)
        except NotFoundError:
            return

    def _put(self, kind: Kind, stored: dict[str, Any]) -> None:
        self._changed(self._cache.put(kind, stored))


def without_finalizer(uid: str, finalizers: Sequence[str]) -> list[dict[str, Any]]:
    """Make the JSON patch that takes our finalizer off a pod; it fails if the pod has other ones by now."""
    rest = [finalizer for finalizer in finalizers if finalizer != labels.OUTCOME_FINALIZER]
    return [
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "test", "path": "/metadata/finalizers", "value": list(finalizers)},
        {"op": "replace", "path": "/metadata/finalizers", "value": rest},
    ]


def _owned(job: dict[str, Any], uid: str) -> bool:
    return any(owner["uid"] == uid for owner in job["metadata"].get("ownerReferences", ()))


def _event_time(event: dict[str, Any]) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"]["creationTimestamp"])
