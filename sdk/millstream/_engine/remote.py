"""Task runs that are carried out in another process, here or on another machine."""

from __future__ import annotations

import concurrent.futures
from functools import partial
from typing import TYPE_CHECKING, Any

import cloudpickle

from millstream import _stopping, _surroundings
from millstream._engine import recording
from millstream._engine.elsewhere import Answer, Call, FlowFacts, answer
from millstream._engine.origins import described
from millstream._engine.submissions import NOT_BEGUN, Submissions
from millstream._pool import Pool
from millstream.exceptions import CrashedRun, FailedRun, RunInterrupted
from millstream.states import Cancelled, Crashed, Failed, State, StateType

if TYPE_CHECKING:
    from contextvars import Context

    from millstream._engine.flow_runs import FlowRun
    from millstream._engine.task_runs import TaskRun
    from millstream.futures import Future

_RECEIVERS = 4


class RemoteSubmissions(Submissions):
    """Runs that an executor carries out.

    Its answers are received by threads of ours: callbacks of its futures may be called by the one thread that it needs
    for everything, and the user's callbacks may block.
    """

    def __init__(self, executor: concurrent.futures.Executor) -> None:
        super().__init__(Pool(_RECEIVERS, "millstream-answers"))
        self._executor = executor
        self._sent: dict[Future[Any], concurrent.futures.Future[bytes]] = {}
        self._flows: bytes | None = None

    def _carry_out(self, future: Future[Any], context: Context) -> None:
        """Send a run to the executor."""
        if not self._claim(future):
            return
        run = future._run  # noqa: SLF001 - one of our own
        try:
            if not _ready(run):
                self._ended(future)
                return
            sent = self._executor.submit(answer, self._written(run))
        except _SendingError as error:
            run.finish(Failed(message=str(error), data=error))
            self._ended(future)
            return
        except Exception as error:  # noqa: BLE001 - an executor that is broken, a name that fails
            self._crash(future, error)
            return
        with self._lock:
            self._sent[future] = sent
            cancelled = self._cancelled
        if cancelled:
            sent.cancel()
        sent.add_done_callback(partial(self._receive, future, context))

    def _receive(self, future: Future[Any], context: Context, done: concurrent.futures.Future[bytes]) -> None:
        try:
            self._pool.submit(partial(context.run, self._take, future, done))
        except RuntimeError:  # the flow was interrupted; whoever holds the future must not wait for ever
            context.run(self._take, future, done)

    def _take(self, future: Future[Any], done: concurrent.futures.Future[bytes]) -> None:
        with self._lock:
            del self._sent[future]
        run = future._run  # noqa: SLF001
        try:
            _accept(run, cloudpickle.loads(done.result()))
        except concurrent.futures.CancelledError:
            run.finish(Cancelled(message=NOT_BEGUN))
        except RunInterrupted:
            run.finish(_interrupted(run))
        except BaseException as error:  # noqa: BLE001 - what executors raise for a worker that was killed
            run.run_count, run._started = 1, _surroundings.current.time()  # noqa: SLF001 - when it began, nobody tells
            run.finish(Crashed(message=_lost(run, error), data=error.with_traceback(None)))
        self._ended(future)

    def _written(self, run: TaskRun) -> bytes:
        if self._flows is None:
            self._flows = _flows_around(run)
        parent = run.parent
        call = Call(
            flows=self._flows,
            task=run.task,
            args=run.args,
            kwargs=run.kwargs,
            run_id=run.id,
            name=run.name,
            tags=run._tags,  # noqa: SLF001
            log_prints=parent is not None and parent.log_prints,
        )
        return _dumped(call, f"{run.title} or its arguments")

    def cancel(self) -> None:
        """Let nothing begin any more; the executor says what has not begun."""
        super().cancel()
        with self._lock:
            sent = tuple(self._sent.values())
        for one in sent:
            one.cancel()

    def interrupt(self) -> None:
        """Kill the processes of an executor that can do so."""
        kill = getattr(self._executor, "kill_workers", None)  # ours, and Python's from 3.14 on
        if kill is not None:
            kill()

    def close(self) -> None:
        """Let go of the executor; what still runs is not waited for."""
        super().close()
        self._executor.shutdown(wait=False)


class _SendingError(TypeError):
    """Something cannot be pickled."""


def _dumped(value: object, what: str) -> bytes:
    try:
        return bytes(cloudpickle.dumps(value))
    except Exception as error:
        raise _SendingError(
            f"{what} cannot be sent to another process ({described(error)}). "
            "Pass what a file, a lock or a connection is made from in its place, or use the ThreadPoolTaskRunner."
        ) from error


def _flows_around(run: TaskRun) -> bytes:
    around: list[FlowFacts] = []
    flow_run: FlowRun | None = run.flow_run
    title = "" if flow_run is None else flow_run.title
    while flow_run is not None:
        around.append(FlowFacts.of(flow_run))
        flow_run = None if flow_run.parent is None else flow_run.parent.flow_run
    return _dumped(around[::-1], f"The parameters of {title}, which its tasks can ask for,")


def _ready(run: TaskRun) -> bool:
    """Whether the run can begin; if not, that is its state now."""
    if _stopping.stopped:
        run.finish(_interrupted(run))
        return False
    return run.resolve()


def _accept(run: TaskRun, told: Answer) -> None:
    """Take over how a run has ended."""
    if not told.run_count and told.type is StateType.CRASHED:  # it could not even begin
        raise RuntimeError(told.message)
    run.run_count = told.run_count
    run._started = told.started  # noqa: SLF001 - one of our own
    state = run._state = _state(run, told)  # noqa: SLF001
    if run.recorder is not None:
        recording.task_run_ended(run.recorder, run, state)
    if not told.told or state.type is not told.type:
        run.report(state)
    assert run.flow_run is not None  # noqa: S101 - nothing else submits
    for name, number in told.counts.items():
        run.flow_run.counts.add(name, number)
    run.flow_run.counts.tried_again(told.retries)


def _state(run: TaskRun, told: Answer) -> State[Any]:
    try:
        data = cloudpickle.loads(told.data)
    except Exception as error:  # noqa: BLE001 - whatever objects raise when they are unpickled
        if told.type is not StateType.COMPLETED:
            return State(told.type, told.name, told.message, FailedRun(told.message))
        reason = TypeError(
            f"{run.title} returned something that cannot be read here ({described(error)}). Return plain data."
        )
        return Crashed(message=str(reason), data=reason)
    return State(told.type, told.name, told.message, data)


def _interrupted(run: TaskRun) -> State[Any]:
    error = _stopping.interruption(run.title)
    return Crashed(message=str(error), data=error)


def _lost(run: TaskRun, error: BaseException) -> str:
    why = str(error) if isinstance(error, CrashedRun) else described(error)
    return f"{run.title} was lost with the process that ran it: {why}"
