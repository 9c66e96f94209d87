"""Results of tasks and flows that are kept: under which key, and where."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from threading import get_ident
from types import MethodType
from typing import TYPE_CHECKING, Any

from millstream import _surroundings
from millstream._engine.origins import user_frame
from millstream.cache_policies import DEFAULT, NO_CACHE, CacheKeyFnPolicy, CachePolicy
from millstream.exceptions import HashError, LockHeldError, MillstreamError
from millstream.results import chosen_store
from millstream.settings import SettingsError, get_current_settings
from millstream.states import Completed, StateType
from millstream.transactions import IsolationLevel, Transaction, current_transaction

if TYPE_CHECKING:
    from millstream._engine.flow_runs import FlowRun
    from millstream._engine.task_runs import TaskRun
    from millstream.results import ResultStore
    from millstream.states import State
    from millstream.tasks import Task


_held_in_loops: set[tuple[int, str | None]] = set()
"""Keys that asynchronous runs compute at the moment, with the threads of their event loops."""


class TaskTransaction(Transaction):
    """The transaction of a task run: its result and its hooks.

    That a result cannot be kept is told, and no reason for the run to fail: the work is done.
    """

    def __init__(self, run: TaskRun, parent: Transaction | None, *, keeps: bool) -> None:
        super().__init__(overwrite=_computes_anyway(run.task))
        self._parent = self._before = parent
        self._run = run
        self._keeps = keeps
        self._has_begun = False
        self._items: list[Any] | None = None
        self._thread = get_ident()

    def resume(self) -> None:
        """Make this the current transaction, in place of that of whoever asks a generator for its next item."""
        self._before = current_transaction.get()
        current_transaction.set(self)

    def leave(self) -> None:
        """Make current what was so before."""
        current_transaction.set(self._before)

    def begin(self, patience: float | None = None) -> None:
        """Find the key, and look whether a result is kept under it."""
        run = self._run
        try:
            if not self._has_begun:
                self._has_begun = True
                self._find_key()
            if not run.task.isasync and (self._thread, self.key) in _held_in_loops:
                self._isolation_level = IsolationLevel.READ_COMMITTED  # whom it waits for could not go on
            super().begin(patience)
            if run.task.isasync and self._lock is not None:
                _held_in_loops.add((self._thread, self.key))
        except (LockHeldError, SettingsError):
            raise  # somebody else has the lock, or nothing can be kept anywhere
        except Exception as error:  # noqa: BLE001 - whatever the user's functions and the storages raise
            shown = error if self.key is None and _is_of_users_code(error) else None
            run.log(logging.WARNING, "%s is not cached: %s", run.title, _explained(error), error=shown)
            self.key = None
            super().begin()

    def _find_key(self) -> None:
        if self._keeps:
            policy = _policy_of(self._run.task)
            self._isolation_level = policy.isolation_level or IsolationLevel.SERIALIZABLE
            self._store = _store(self._run, policy)
            self.key = _key(self._run, policy)
            if self.key == self._run.id:
                self._isolation_level = IsolationLevel.READ_COMMITTED  # nobody else has this key

    def _unlock(self) -> None:
        _held_in_loops.discard((self._thread, self.key))
        super()._unlock()

    def gather(self) -> list[Any] | None:
        """Where the items of a generator go, which are kept in place of what it returns; None if nothing is kept."""
        self._items = None if self.key is None else []
        return self._items

    def finish(self, state: State[Any]) -> None:
        """Commit or roll back with the end of the run."""
        if not self._has_begun:
            return
        completed = state.type is StateType.COMPLETED
        if completed:
            hooks = self._run.task.transaction_hooks or {}
            value = state.data if self._items is None else self._items
            self.stage(value, hooks.get("on_rollback"), hooks.get("on_commit"))
        self.end(failed=not completed)

    def rollback(self) -> bool:
        """Undo what was done; who asks for the run's state sees that."""
        undone = super().rollback()
        if undone and self._run.state.is_completed():
            message = "What followed in the transaction failed, and this was undone."
            self._run._state = Completed(name="RolledBack", message=message, data=self._run.state.data)  # noqa: SLF001
        return undone

    def _write(self, key: str, value: Any) -> None:
        run = self._run
        lifetime = run.task.cache_expiration
        now = datetime.fromtimestamp(_surroundings.current.time(), UTC)
        assert self._store is not None  # noqa: S101 - there is a key
        try:
            self._store.write(key, value, None if lifetime is None else now + lifetime)
        except Exception as error:  # noqa: BLE001 - whatever serializers and storages raise
            run.log(logging.WARNING, "The result of %s is not kept: %s", run.title, _explained(error))


def keep_result_of_flow(run: FlowRun, value: Any) -> str | None:
    """Keep what a flow returned under the id of its run, and give the address of the storage where others find it."""
    try:
        store = chosen_store(run.storage, run.serializer)
        store.write(run.id, value)
    except Exception as error:  # noqa: BLE001 - whatever serializers and storages raise
        run.log(logging.WARNING, "The result of %s is not kept: %s", run.title, _explained(error))
        return None
    return store.storage.address


def _explained(error: Exception) -> str:
    """What is wrong, in one line, and for errors that are not our own, of what kind that is."""
    text = str(error) if isinstance(error, MillstreamError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())


def _is_of_users_code(error: Exception) -> bool:
    return not isinstance(error, MillstreamError) and user_frame(error) is not None


def _computes_anyway(task: Task[..., Any]) -> bool:
    if task.cache_policy is NO_CACHE:
        return True
    return get_current_settings().tasks_refresh_cache if task.refresh_cache is None else task.refresh_cache


def _policy_of(task: Task[..., Any]) -> CachePolicy:
    if task.cache_key_fn is not None:
        return CacheKeyFnPolicy(task.cache_key_fn)
    if task.result_storage_key is not None:
        return NO_CACHE
    return DEFAULT if task.cache_policy is None else task.cache_policy


def _key(run: TaskRun, policy: CachePolicy) -> str | None:
    from millstream._engine.contexts import TaskRunContext  # noqa: PLC0415 - which is about runs

    task, flow_run = run.task, run.flow_run
    inputs = _inputs(run)
    try:
        key: object = policy.compute_key(TaskRunContext(run), inputs, flow_run.parameters if flow_run else {})
    except HashError as error:
        raise HashError(
            f"{error}. Leave it out, as by cache_policy=INPUTS - 'name', give a cache_key_fn, or use "
            "cache_policy=NO_CACHE."
        ) from error
    if key is None and task.result_storage_key is not None:
        key = task.result_storage_key.format(flow_run=flow_run, task_run=run, parameters=inputs)
    if key is None and task.persist_result:
        return run.id
    if key is not None and not isinstance(key, str):
        option = "cache_policy" if task.cache_key_fn is None else "cache_key_fn"
        raise HashError(f"a cache key is a text, or None for no caching, and {option} gave {key!r}.")
    return key


def _inputs(run: TaskRun) -> dict[str, Any]:
    """The arguments by parameter, of a method with the object that it is called on."""
    fn = run.task.fn
    if not isinstance(fn, MethodType):
        return run.parameters
    return {fn.__func__.__code__.co_varnames[0]: fn.__self__, **run.parameters}


def _store(run: TaskRun, policy: CachePolicy) -> ResultStore:
    task, flow_run = run.task, run.flow_run
    storage = policy.key_storage or task.result_storage or (flow_run.storage if flow_run else None)
    serializer = task.result_serializer or (flow_run.serializer if flow_run else None)
    return chosen_store(storage, serializer)
