"""Works off the queue: observe, decide, execute, look again when the plan says so."""

import logging
import time
from collections.abc import Callable
from datetime import datetime

import aiohttp

from millstream_operator.api import ApiError, ConflictError, NotFoundError
from millstream_operator.cache import Cache, Key
from millstream_operator.decide import decide_deployment, decide_run
from millstream_operator.decide.observed import ObservedDeployment, ObservedRun
from millstream_operator.decide.plan import Plan, Question, TakeSlot
from millstream_operator.executor import Executor
from millstream_operator.keyed_queue import KeyedQueue
from millstream_operator.kinds import FLOW_RUNS
from millstream_operator.logs import log_attempt, log_context
from millstream_operator.metrics import Metrics

__all__ = ["Reconciler"]

_log = logging.getLogger(__name__)
_SHORTEST_SECONDS = 0.1
"""A time that has passed already must not make a busy loop."""


class Reconciler:
    """Decides about the keys of a queue, some at a time but each key alone."""

    def __init__(
        self,
        cache: Cache,
        queue: KeyedQueue[Key],
        executor: Executor,
        metrics: Metrics,
        now: Callable[[], datetime],
    ) -> None:
        self._cache = cache
        self._queue = queue
        self._executor = executor
        self._metrics = metrics
        self._now = now
        self._uncertain: set[Key] = set()

    async def work(self) -> None:
        """Work until the queue is closed. One key that fails does not hold up the others."""
        while (key := await self._queue.get()) is not None:
            begin = time.perf_counter()
            try:
                with log_context(key):
                    result = await self._reconcile(key)
            finally:
                self._queue.done(key)
            self._metrics.reconciled(key.kind.plural, result, time.perf_counter() - begin)

    async def _reconcile(self, key: Key) -> str:
        try:
            plan = await self._decide_and_act(key)
        except ApiError as error:
            self._queue.add_failed(key, at_least=error.retry_after or 0.0)
            self._failed(key, certain=error.refused)
            # Somebody was quicker; the watch brings what they wrote.
            stale = isinstance(error, ConflictError | NotFoundError)
            _log.log(logging.DEBUG if stale else logging.WARNING, "%s: %s", _title(key), error)
            return "conflict" if stale else "refused"
        except (aiohttp.ClientError, TimeoutError) as error:
            wait = self._queue.add_failed(key)
            self._failed(key, certain=False)
            _log.warning("%s: the API server did not answer (%r); again in %.1f s", _title(key), error, wait)
            return "unreachable"
        except Exception:  # noqa: BLE001  (whatever a poison object makes fail, the others go on)
            wait = self._queue.add_failed(key)
            self._failed(key, certain=True)
            _log.exception("%s: unexpected error; again in %.1f s", _title(key), wait)
            return "error"
        if not any(isinstance(action, Question) for action in plan.actions):
            self._queue.succeeded(key)  # an answer is no success yet: what follows from it may fail again
        return "ok"

    def _failed(self, key: Key, *, certain: bool) -> None:
        """Go on with the others after a failure.

        A run that was certainly not admitted gives way to those behind it. Of one that perhaps was, the slot is
        kept until the API server has been asked: a lost answer, or the conflict that follows it, tells nothing.
        """
        if key.kind != FLOW_RUNS:
            return
        if not certain:
            self._uncertain.add(key)
            return
        for other in self._cache.set_aside(key) - {key}:
            self._queue.add(other)

    async def _make_certain(self, key: Key) -> None:
        observed = self._cache.observe_run(key, self._now())
        if observed is not None:
            await self._executor.look_up_run(key, observed)
        self._uncertain.discard(key)

    async def _decide_and_act(self, key: Key) -> Plan:
        if key in self._uncertain:
            await self._make_certain(key)
        observed, plan = self._decide(key)
        if observed is None:
            _log.warning("%s cannot be read: %s", _title(key), self._cache.why_unreadable(key))
            return plan
        for action in plan.actions:
            await self._executor.execute(action, key, observed)
        if plan.requeue_at is not None:
            seconds = (plan.requeue_at - self._now()).total_seconds()
            self._queue.add_after(key, max(_SHORTEST_SECONDS, seconds))
        return plan

    def _decide(self, key: Key) -> tuple[ObservedRun | ObservedDeployment | None, Plan]:
        if key.kind == FLOW_RUNS:
            observed = self._cache.observe_run(key, self._now())
            if observed is None:
                return None, Plan()
            if observed.run:
                log_attempt(observed.run.status.attempt)
            plan = decide_run(observed)
            if not any(isinstance(action, TakeSlot) for action in plan.actions):
                for other in self._cache.unreserve_slot(key) - {key}:
                    self._queue.add(other)
            return observed, plan
        deployment = self._cache.observe_deployment(key, self._now())
        return deployment, decide_deployment(deployment) if deployment else Plan()


def _title(key: Key) -> str:
    return f"{key.kind.plural}/{key.name} in {key.namespace}"
