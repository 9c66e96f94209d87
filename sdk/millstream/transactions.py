"""Transactions: tasks whose results are kept, and whose side effects are undone, together.

Usage:
    ```python
    with transaction():
        write_file()
        check_file()  # if this raises, the `on_rollback` hooks of `write_file` are called
    ```

Asynchronous code may write `async with`: it does not hold up the event loop when it waits for a storage.
"""

from __future__ import annotations

import threading
from contextvars import ContextVar
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable
    from types import TracebackType

    from millstream.filesystems import Lock
    from millstream.results import ResultRecord, ResultStore

    Hook = Callable[["Transaction"], object]

__all__ = [
    "CommitMode",
    "IsolationLevel",
    "Transaction",
    "TransactionState",
    "get_transaction",
    "transaction",
]

_UNSET: Any = object()
current_transaction: ContextVar[Transaction | None] = ContextVar("millstream_transaction", default=None)
_joining = threading.Lock()
"""Held where a transaction joins another one, and where one takes no more: tasks that were submitted end at any time."""


class IsolationLevel(StrEnum):
    """What transactions of the same key see of each other."""

    READ_COMMITTED = "READ_COMMITTED"
    """Both compute; the last one to commit stays."""
    SERIALIZABLE = "SERIALIZABLE"
    """The second waits until the first has ended.

    It does not wait for the transaction around the first, with which a `LAZY` one is written: if that has not ended,
    both compute. (A lock that is kept for so long would let tasks of the same key in one transaction wait for ever.)
    """


class CommitMode(StrEnum):
    """When a transaction commits."""

    EAGER = "EAGER"
    """At its end."""
    LAZY = "LAZY"
    """With the transaction around it; at its end, if there is none."""
    OFF = "OFF"
    """When `commit()` is called."""


class TransactionState(StrEnum):
    """Where a transaction is."""

    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    STAGED = "STAGED"
    COMMITTED = "COMMITTED"
    ROLLED_BACK = "ROLLED_BACK"


_ENDED = frozenset({TransactionState.COMMITTED, TransactionState.ROLLED_BACK})


class Transaction:
    """What belongs together; made by `transaction`, and by the engine for tasks.

    Attributes:
        key: Under which the value is kept; None if it is not.
        state: Where it is.
    """

    def __init__(
        self,
        key: str | None = None,
        store: ResultStore | None = None,
        commit_mode: CommitMode | None = None,
        isolation_level: IsolationLevel | None = None,
        *,
        overwrite: bool = False,
        write_on_commit: bool = True,
        logger: logging.Logger | logging.LoggerAdapter[Any] | None = None,
    ) -> None:
        self.key = key
        self.state = TransactionState.PENDING
        self._store = store
        self._commit_mode = commit_mode
        self._isolation_level = isolation_level
        self._overwrite = overwrite
        self._write_on_commit = write_on_commit
        self._logger = logger
        self._parent: Transaction | None = None
        self._children: list[Transaction] = []
        self._values: dict[str, Any] = {}
        self._staged: Any = _UNSET
        self._found: ResultRecord | None = None
        self._written = False
        self._closed = False
        self._final = False
        self._on_commit: list[Hook] = []
        self._on_rollback: list[Hook] = []
        self._lock: Lock | None = None

    def __enter__(self) -> Self:
        self._parent = current_transaction.get()
        self.begin()
        current_transaction.set(self)
        return self

    async def __aenter__(self) -> Self:
        from millstream._beside import beside_once_free  # noqa: PLC0415 - as below

        self._parent = current_transaction.get()
        try:
            await beside_once_free(self.begin, 0)
        except BaseException:
            self._unlock()  # it was cancelled when it had the lock already
            raise
        current_transaction.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        del error, traceback
        current_transaction.set(self._parent)  # not by a token: a generator may end in another context
        self.end(failed=kind is not None)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        from functools import partial  # noqa: PLC0415 - for those that are asynchronous

        from millstream._beside import beside  # noqa: PLC0415 - the engine needs this module

        del error, traceback
        current_transaction.set(self._parent)
        await beside(partial(self.end, failed=kind is not None), to_its_end=True)

    def begin(self, patience: float | None = None) -> None:
        """Look under the key whether there is something already; this is where it may wait for others.

        Args:
            patience: For how many seconds; without end unless given.

        Raises:
            TimeoutError: Another one has the key still.
        """
        parent = self._parent
        if self._commit_mode is None:
            self._commit_mode = parent._commit_mode if parent else CommitMode.LAZY
        if self._isolation_level is None:
            self._isolation_level = parent._isolation_level if parent else IsolationLevel.READ_COMMITTED
        self.state = TransactionState.ACTIVE
        if self.key is not None:
            self._begin_with_key(self.key, patience)

    def end(self, *, failed: bool) -> None:
        """Commit, leave that to the transaction around this one, or roll back."""
        try:
            if failed:
                self.rollback()
            elif self._commit_mode is CommitMode.EAGER or (
                self._commit_mode is CommitMode.LAZY and self._parent is None
            ):
                self.commit()
            elif self._parent is not None:
                self._leave_to(self._parent)
            else:
                self.rollback()  # it is off, and nobody is left who could call `commit`
        finally:
            self._unlock()

    def _leave_to(self, parent: Transaction) -> None:
        around: Transaction | None = parent
        while around is not None and not around._final:
            if around._takes(self):
                return
            if around.state is TransactionState.ROLLED_BACK:
                self.rollback()
                return
            around = around._parent  # which may commit still, and may yet fail
        self.commit()

    def _takes(self, child: Transaction) -> bool:
        """Take in what is to end with this; false if this has ended, as a task that was submitted may end after it."""
        with _joining:
            if self._closed or self.state is TransactionState.ROLLED_BACK:
                return False
            self._children.append(child)
            return True

    def _close(self) -> bool:
        """Take no more in, if all that came has been committed."""
        with _joining:
            self._closed = all(
                child._closed or child.state is TransactionState.ROLLED_BACK for child in self._children
            )
            return self._closed

    def _begin_with_key(self, key: str, patience: float | None) -> None:
        if self._store is None:
            from millstream.results import open_store  # noqa: PLC0415 - only who has a key needs one
            from millstream.settings import get_current_settings  # noqa: PLC0415

            settings = get_current_settings()
            self._store = open_store(settings.results_storage, settings.results_serializer)
        if self._isolation_level is IsolationLevel.SERIALIZABLE and not self._is_held_above(key):
            self._lock = self._store.lock(key, patience)
        try:
            self._found = None if self._overwrite else self._store.read(key)
        except BaseException:
            self._unlock()
            raise
        if self._found is not None:
            self.state = TransactionState.COMMITTED

    def _is_held_above(self, key: str) -> bool:
        """Whether a transaction around this one has the lock already: waiting for it would never end."""
        above = self._parent
        while above is not None:
            if above.key == key and above._lock is not None:
                return True
            above = above._parent
        return False

    def _unlock(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()

    # --- what it holds ---

    def set(self, name: str, value: Any) -> None:
        """Keep something for the hooks, and for the transactions inside of this one."""
        self._values[name] = value

    def get(self, name: str, default: Any = _UNSET) -> Any:
        """What was kept here, or by a transaction around this one.

        Raises:
            ValueError: Nothing was, and there is no default.
        """
        if name in self._values:
            return self._values[name]
        if self._parent is not None:
            return self._parent.get(name, default)
        if default is _UNSET:
            raise ValueError(f"Nothing was kept as {name!r} in this transaction: set it, or give a default.")
        return default

    def read(self) -> ResultRecord | None:
        """The value that is kept under the key, with what is known about it; None if there is none."""
        if self._found is None and self._store is not None and self.key is not None:
            return self._store.read(self.key)
        return self._found

    def stage(
        self,
        value: Any,
        on_rollback_hooks: list[Hook] | None = None,
        on_commit_hooks: list[Hook] | None = None,
    ) -> None:
        """Have a value written, and hooks called, when the transaction commits or is rolled back."""
        if self.state in _ENDED:
            return
        self._staged = value
        self._on_rollback += on_rollback_hooks or ()
        self._on_commit += on_commit_hooks or ()
        self.state = TransactionState.STAGED

    # --- how it ends ---

    def is_pending(self) -> bool:
        """Whether it has not begun."""
        return self.state is TransactionState.PENDING

    def is_active(self) -> bool:
        """Whether it has begun and holds nothing yet."""
        return self.state is TransactionState.ACTIVE

    def is_staged(self) -> bool:
        """Whether it holds something that is still to be written."""
        return self.state is TransactionState.STAGED

    def is_committed(self) -> bool:
        """Whether its value is kept: by this transaction, or by one of the same key before it."""
        return self.state is TransactionState.COMMITTED

    def is_rolled_back(self) -> bool:
        """Whether it was undone."""
        return self.state is TransactionState.ROLLED_BACK

    def commit(self) -> bool:
        """Keep what was staged, here and inside. If that fails, all of it is rolled back, and the answer is False."""
        if self.state is TransactionState.ROLLED_BACK:
            return False
        try:
            self._commit()
        except BaseException as error:
            self._log("could not commit and is rolled back", error)
            self.rollback()
            if isinstance(error, Exception):  # whatever hooks and stores raise
                return False
            raise
        self._final = True
        return True

    def _commit(self) -> None:
        if self._closed:
            return
        self._commit_children()
        if self.state is not TransactionState.COMMITTED:
            for hook in self._on_commit:
                _call(hook, self)
            if self._staged is not _UNSET and self.key is not None and self._write_on_commit:
                self._written = True  # or in part
                self._write(self.key, self._staged)
            self.state = TransactionState.COMMITTED
        while not self._close():
            self._commit_children()

    def _commit_children(self) -> None:
        for child in self._children:
            if child.state is not TransactionState.ROLLED_BACK:
                child._commit()

    def _write(self, key: str, value: Any) -> None:
        if self._store is not None:
            self._store.write(key, value)

    def rollback(self) -> bool:
        """Undo what was done, here and inside, the last first; what `commit` was called for stays."""
        with _joining:
            if self._final or self.state is TransactionState.ROLLED_BACK:
                return False
            self.state = TransactionState.ROLLED_BACK
        for hook in reversed(self._on_rollback):
            try:
                _call(hook, self)
            except Exception as error:  # noqa: BLE001 - the others still have something to undo
                self._log(f"has a rollback hook {getattr(hook, '__name__', hook)!r} that raised", error)
        for child in reversed(self._children):
            child.rollback()
        if self._written:
            self._forget()
        return True

    def begin_again(self) -> None:
        """Undo what was done, and be as at the beginning; what `commit` was called for stays."""
        self.rollback()
        if self._final:
            return
        self._children, self._values, self._on_commit, self._on_rollback = [], {}, [], []
        self._staged = _UNSET
        self._closed = self._written = False
        self.state = TransactionState.ACTIVE

    def _forget(self) -> None:
        """Remove what was written: it would be taken for the result of something that was not undone."""
        if self._store is not None and self.key is not None:
            try:
                self._store.delete(self.key)
            except Exception as error:  # noqa: BLE001 - whatever stores raise
                self._log("was rolled back, but what it had written could not be removed", error)

    def _log(self, what: str, error: BaseException) -> None:
        if self._logger is None:
            import logging  # noqa: PLC0415 - only where something goes wrong

            self._logger = logging.getLogger("millstream.transactions")
        self._logger.error("Transaction %s %s: %r", self.key or "without a key", what, error, exc_info=error)


def _call(hook: Hook, transaction: Transaction) -> None:
    from millstream._beside import awaited  # noqa: PLC0415 - for those that have hooks

    awaited(hook(transaction))


def transaction(
    key: str | None = None,
    store: ResultStore | None = None,
    commit_mode: CommitMode | str | None = None,
    isolation_level: IsolationLevel | str | None = None,
    *,
    overwrite: bool = False,
    write_on_commit: bool = True,
    logger: logging.Logger | logging.LoggerAdapter[Any] | None = None,
) -> Transaction:
    """Begin a transaction, by `with` or `async with`.

    Tasks that run inside of it commit with it. If an exception leaves the block, the `on_rollback` hooks of those that
    had completed are called, the last first.

    Args:
        key: Under which a value is kept; a second transaction of the key finds `is_committed()` true.
        store: Where; the default storage unless given.
        commit_mode: `LAZY` unless given, or that of the transaction around it.
        isolation_level: `SERIALIZABLE` makes a second transaction of the key wait for the end of the first.
        overwrite: Do not look for an earlier value.
        write_on_commit: Whether what is staged is written.
        logger: Told of hooks and stores that raise.
    """
    return Transaction(
        key,
        store,
        CommitMode(commit_mode) if commit_mode is not None else None,
        IsolationLevel(isolation_level) if isolation_level is not None else None,
        overwrite=overwrite,
        write_on_commit=write_on_commit,
        logger=logger,
    )


def get_transaction() -> Transaction | None:
    """The innermost transaction; None outside of any."""
    return current_transaction.get()
