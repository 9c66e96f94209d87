"""Carries out a plan: one call to the API server after the other, each result back into the cache."""

import contextlib
from collections.abc import Callable
from datetime import datetime
from functools import singledispatchmethod
from http import HTTPStatus
from typing import Any

from millstream.resources import labels
from millstream.resources.model import timestamp
from millstream.resources.names import job_name
from millstream_operator.access import access_objects
from millstream_operator.api import AlreadyExistsError, Api, ApiError, ConflictError, NotFoundError
from millstream_operator.cache import Cache, Key
from millstream_operator.decide.announcement import Announcement, announcement, of_refusal
from millstream_operator.decide.observed import (
    Deployment,
    Job,
    NodeSeen,
    ObservedDeployment,
    ObservedRun,
    Refusal,
    Run,
    TickRefusal,
)
from millstream_operator.decide.plan import (
    Action,
    CancelRun,
    ConfirmDeployment,
    ConfirmJob,
    ConfirmRevision,
    ConfirmRun,
    CreateJob,
    CreateRevision,
    CreateRun,
    DeleteJob,
    DeletePod,
    DeleteRevision,
    DeleteRun,
    ReadNode,
    ReadWarning,
    ReleasePod,
    TakeSlot,
    TryJob,
    WriteDeploymentStatus,
    WriteRunStatus,
)
from millstream_operator.kinds import (
    FLOW_DEPLOYMENTS,
    FLOW_RUNS,
    JOBS,
    NODES,
    PODS,
    REVISIONS,
    Kind,
)
from millstream_operator.pod_finalizer import let_go
from millstream_operator.warning_events import WarningEvents

__all__ = ["Executor"]

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
        changed: Callable[[set[Key]], None],
        now: Callable[[], datetime],
        announce: Callable[[Run, Announcement], None],
        delete_run: Callable[[str, str, str], None],
    ) -> None:
        """Make an executor.

        Args:
            api: what calls are made to.
            cache: takes in what the calls give.
            changed: is told what is to be decided about again.
            now: gives the time.
            announce: tells people about a run, sooner or later.
            delete_run: has a run deleted, by namespace, name and UID, sooner or later.
        """
        self._api = api
        self._warnings = WarningEvents(api, now)
        self._cache = cache
        self._changed = changed
        self._now = now
        self._announce = announce
        self._delete_run = delete_run

    @singledispatchmethod
    async def execute(self, action: Action, key: Key, observed: ObservedRun | ObservedDeployment) -> None:
        """Carry out an action for a key, as decided from what was observed."""
        raise NotImplementedError(type(action))

    @execute.register
    async def _(self, action: WriteRunStatus, key: Key, observed: ObservedRun) -> None:
        run = observed.run
        if run is None:
            return
        try:
            await self._write_status(FLOW_RUNS, key, run, action.status.to_dict())
        except ApiError as error:
            if error.refused:
                self._announce(run, of_refusal(str(error)))
            raise
        if said := announcement(run.status, action.status):
            self._announce(run, said)

    @execute.register
    async def _(self, action: WriteDeploymentStatus, key: Key, observed: ObservedDeployment) -> None:
        if observed.deployment:
            await self._write_status(FLOW_DEPLOYMENTS, key, observed.deployment, action.status.to_dict())
            self._cache.answers.count(observed.deployment.uid, self._now())

    async def _write_status(self, kind: Kind, key: Key, o: Run | Deployment, status: dict[str, Any]) -> None:
        await self._change(kind, key, o, {"op": "add", "path": "/status", "value": status}, "status")

    @execute.register
    async def _(self, action: CancelRun, key: Key, observed: ObservedRun) -> None:
        del action
        if observed.run:
            asked = {"op": "add", "path": "/spec/cancel", "value": True}
            await self._change(FLOW_RUNS, key, observed.run, asked)

    async def _change(
        self, kind: Kind, key: Key, o: Run | Deployment, change: dict[str, Any], part: str | None = None
    ) -> None:
        operations: list[dict[str, Any]] = [
            # Makes the API server answer Conflict when the object has changed since the decision, or is another one.
            {"op": "replace", "path": "/metadata/resourceVersion", "value": str(o.version)},
            change,
        ]
        try:
            stored = await self._api.patch(kind, key.namespace, key.name, operations, part)
        except NotFoundError:
            self._changed(self._cache.remove(kind, key.namespace, key.name, o.uid))
            raise  # what else was planned must not happen: a Job of a run that is gone would start
        self._put(kind, stored)

    @execute.register
    async def _(self, action: CreateRevision, key: Key, observed: ObservedRun) -> None:
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
            if stored.get("data") != action.template:
                # Its name is made from its content, so somebody put something else there.
                await self._delete(REVISIONS, key.namespace, action.name, stored["metadata"]["uid"])
                raise ConflictError(HTTPStatus.CONFLICT, f"{action.name} holds something else") from None
        except ApiError as error:
            if observed.run and error.code not in _PASSING and error.code < HTTPStatus.INTERNAL_SERVER_ERROR:
                # As if its Job had been refused: that is what it is needed for.
                job = job_name(observed.run.name, observed.run.status.attempt + 1)
                self._refuse(key, observed.run.uid, job, error)
            raise
        self._put(REVISIONS, stored)

    @execute.register
    async def _(self, action: DeleteRevision, key: Key, observed: ObservedDeployment) -> None:
        del observed
        await self._delete(REVISIONS, key.namespace, action.name, action.uid)
        self._changed(self._cache.remove(REVISIONS, key.namespace, action.name, action.uid))

    @execute.register
    async def _(self, action: CreateJob, key: Key, observed: ObservedRun) -> None:
        uid = observed.run.uid if observed.run else ""
        name = action.job["metadata"]["name"]
        try:
            for kind, body in access_objects(action.access, key.namespace):
                with contextlib.suppress(AlreadyExistsError):
                    await self._api.create(kind, body)
            stored = await self._api.create(JOBS, action.job)
        except AlreadyExistsError as error:
            stored = await self._api.get(JOBS, key.namespace, name)
            if not _owned(stored, uid):
                self._refuse(key, uid, name, error, foreign=True)
                return
        except ApiError as error:
            if error.code in _PASSING:
                raise
            self._refuse(key, uid, name, error)
            return
        self._cache.answers.accept(uid)
        self._put(JOBS, stored)

    def _refuse(self, key: Key, uid: str, job: str, error: ApiError, *, foreign: bool = False) -> None:
        now = timestamp(self._now())
        message = f"Job {job} exists and belongs to something else" if foreign else error.message
        refusal = Refusal(job=job, code=error.code, message=message, foreign=foreign, since=now, time=now)
        self._cache.answers.refuse(uid, refusal)
        self._changed({key})

    @execute.register
    async def _(self, action: DeleteJob, key: Key, observed: ObservedRun) -> None:
        del observed
        await self._delete(JOBS, key.namespace, action.name, action.uid)

    @execute.register
    async def _(self, action: DeletePod, key: Key, observed: ObservedRun) -> None:
        del observed
        await self._delete(PODS, key.namespace, action.name, action.uid)

    @execute.register
    async def _(self, action: TakeSlot, key: Key, observed: ObservedRun) -> None:
        del action, key
        if observed.run:
            self._changed(self._cache.reserve_slot(observed.run))

    @execute.register
    async def _(self, action: CreateRun, key: Key, observed: ObservedDeployment) -> None:
        name, uid = action.run["metadata"]["name"], observed.deployment.uid if observed.deployment else ""
        try:
            stored = await self._api.create(FLOW_RUNS, action.run)
        except AlreadyExistsError:
            stored = await self._api.get(FLOW_RUNS, key.namespace, name)
        except ApiError as error:
            if error.code in _PASSING or error.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            # The other schedules of the deployment go on.
            self._cache.answers.refuse_tick(uid, name, TickRefusal(error.message, timestamp(self._now())))
            self._changed({key})
            return
        self._cache.answers.accept_tick(uid, name)
        self._put(FLOW_RUNS, stored)

    @execute.register
    async def _(self, action: DeleteRun, key: Key, observed: ObservedRun | ObservedDeployment) -> None:
        del observed
        self._delete_run(key.namespace, action.name, action.uid)

    @execute.register
    async def _(self, action: ReleasePod, key: Key, observed: ObservedRun) -> None:
        try:
            pod = await let_go(self._api, key.namespace, action.name, action.uid, action.finalizers)
        except ConflictError:
            # Others have changed it, and the event may take its time.
            known = (*observed.pods, *observed.strays)
            for run_uid in {held.run_uid for held in known if held.uid == action.uid}:
                await self._look_up_pods(key, run_uid, observed)
            raise
        except NotFoundError:
            self._changed(self._cache.remove(PODS, key.namespace, action.name, action.uid))
        else:
            self._put(PODS, pod)

    @execute.register
    async def _(self, action: ConfirmJob, key: Key, observed: ObservedRun) -> None:
        if observed.run is None:
            return
        await self._refresh(JOBS, key, action.name, observed.jobs.get(action.name))
        await self._look_up_pods(key, observed.run.uid, observed)
        self._confirm(key, action.name)

    async def _look_up_pods(self, key: Key, run_uid: str, observed: ObservedRun) -> None:
        """Take in the pods of a run as the API server has them now."""
        pods, _ = await self._api.collect(PODS, key.namespace, labels=f"{labels.RUN_UID}={run_uid}")
        present = set()
        for pod in pods:
            present.add(pod["metadata"]["uid"])
            self._put(PODS, pod)
        for known in (*observed.pods, *observed.strays):
            if known.run_uid == run_uid and known.uid not in present:
                self._changed(self._cache.remove(PODS, key.namespace, known.name, known.uid))

    @execute.register
    async def _(self, action: ConfirmDeployment, key: Key, observed: ObservedRun) -> None:
        await self._refresh(FLOW_DEPLOYMENTS, key, action.name, observed.deployment)
        self._confirm(key, action.name)

    @execute.register
    async def _(self, action: ConfirmRevision, key: Key, observed: ObservedRun) -> None:
        del observed
        await self._refresh(REVISIONS, key, action.name, None)
        self._confirm(key, action.name)

    @execute.register
    async def _(self, action: ConfirmRun, key: Key, observed: ObservedRun) -> None:
        await self.look_up_run(key, observed)
        self._confirm(key, action.name)

    async def look_up_run(self, key: Key, observed: ObservedRun) -> None:
        """Take in a run as the API server has it now, for a decision that follows at once."""
        await self._refresh(FLOW_RUNS, key, key.name, observed.run)

    async def _refresh(self, kind: Kind, key: Key, name: str, known: Deployment | Job | Run | None) -> None:
        try:
            self._put(kind, await self._api.get(kind, key.namespace, name))
        except NotFoundError:
            if known is not None:
                self._changed(self._cache.remove(kind, key.namespace, name, known.uid))

    def _confirm(self, key: Key, name: str) -> None:
        self._cache.answers.confirm(key.namespace, key.name, name)
        self._changed({key})

    @execute.register
    async def _(self, action: ReadWarning, key: Key, observed: ObservedRun) -> None:
        if observed.run:
            warning = await self._warnings.about(key.namespace, action.uid)
            self._cache.answers.warn(observed.run.uid, warning)
            self._changed({key})

    @execute.register
    async def _(self, action: ReadNode, key: Key, observed: ObservedRun) -> None:
        if observed.run is None:
            return
        try:
            node = await self._api.get(NODES, None, action.name)
        except NotFoundError:
            lost = True
        except ApiError as error:
            if error.code != HTTPStatus.FORBIDDEN:
                raise
            lost = True  # with rights in some namespaces only; a pod that is overdue tells enough
        else:
            lost = not _answers(node)
        seen = NodeSeen(name=action.name, lost=lost, time=self._now())
        self._cache.answers.see_node(observed.run.uid, seen)
        self._changed({key})

    @execute.register
    async def _(self, action: TryJob, key: Key, observed: ObservedDeployment) -> None:
        if observed.deployment is None:
            return
        refusal = ""
        try:
            await self._api.try_to_create(JOBS, action.job)
        except AlreadyExistsError:
            pass  # it would be, of another name
        except ApiError as error:
            if error.code == HTTPStatus.UNPROCESSABLE_ENTITY:
                refusal = error.message
            elif (
                error.code != HTTPStatus.FORBIDDEN
            ):  # a quota for instance: it passes, and runs wait for that
                raise
        self._cache.answers.try_out(observed.deployment.uid, observed.deployment.generation, refusal)
        self._changed({key})

    async def _delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        try:
            await self._api.delete(kind, namespace, name, uid)
        except NotFoundError:
            return

    def _put(self, kind: Kind, stored: dict[str, Any]) -> None:
        self._changed(self._cache.put(kind, stored))


def _answers(node: dict[str, Any]) -> bool:
    conditions = node.get("status", {}).get("conditions", ())
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _owned(job: dict[str, Any], uid: str) -> bool:
    return any(owner["uid"] == uid for owner in job["metadata"].get("ownerReferences", ()))
