"""How an attempt ended: the decision, from what the supervisor saw."""

import signal
from dataclasses import dataclass, replace

from millstream.resources.completion_record import CompletionRecord
from millstream.resources.exit_codes import ExitCode
from millstream.resources.reasons import Reason
from millstream.resources.run_document import RunDocument
from millstream.resources.states import RunState

__all__ = ["Ending", "exit_code", "judge"]

_CODES = {
    None: ExitCode.COMPLETED,
    Reason.FLOW_FAILED: ExitCode.FAILED,
    Reason.INVALID_PARAMETERS: ExitCode.INVALID_PARAMETERS,
    Reason.INVALID_ENTRYPOINT: ExitCode.INVALID_ENTRYPOINT,
    Reason.REQUIREMENTS_FAILED: ExitCode.REQUIREMENTS_FAILED,
    Reason.NO_RESULT: ExitCode.NO_RESULT,
    Reason.RUN_TIMEOUT: ExitCode.RUN_TIMEOUT,
    Reason.OOM_KILLED: ExitCode.OUT_OF_MEMORY,
    Reason.INTERRUPTED: ExitCode.INTERRUPTED,
}
_STOPPED = {Reason.INTERRUPTED: RunState.CRASHED, Reason.RUN_TIMEOUT: RunState.TIMED_OUT}


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """What the supervisor saw of the end of the flow's process.

    Attributes:
        status: its exit code, or minus the signal that ended it.
        record: how the flow ended by its own account, None if it gave none.
        start_time: when the flow's code was entered, None if it never was.
        stopped: why the attempt had to stop before the flow had ended, None if it had not.
        killed: whether the supervisor killed the process.
        out_of_memory: whether the kernel killed a process of the container for want of memory.
    """

    status: int
    record: CompletionRecord | None = None
    start_time: str | None = None
    stopped: Reason | None = None
    killed: bool = False
    out_of_memory: bool = False


def judge(document: RunDocument, ending: Ending) -> CompletionRecord:
    """Tell how the attempt ended; without the end of its output, and without a time if the flow gave none."""
    record = ending.record
    if record and _stands(record, ending.stopped):
        return record
    if ending.stopped:
        told = record or _nothing_told(document, ending)
        state = _STOPPED[ending.stopped]
        message = _why_stopped(document, ending)
        return replace(
            told,
            state=state,
            reason=ending.stopped,
            message=message,
            result=None,
            has_result=False,
            result_storage=None,
        )
    state, reason, message = _how_it_vanished(ending)
    return replace(_nothing_told(document, ending), state=state, reason=reason, message=message)


def exit_code(record: CompletionRecord, ending: Ending) -> int:
    """Choose the supervisor's exit code for its verdict; only a record of `Completed` gives 0."""
    if record.reason is Reason.SIGNALLED:
        return 128 - ending.status
    if record.reason is Reason.NON_ZERO_EXIT:
        # The flow's own code, unless it means something else here.
        return ExitCode.FAILED if ending.status in set(ExitCode) else ending.status
    return _CODES[record.reason]


def _stands(record: CompletionRecord, stopped: Reason | None) -> bool:
    """Whether an outcome holds, although it may have come after the attempt had to stop.

    It does if nothing better can come of another attempt: the work is done, or can never be. What is done only after
    the time limit is too late all the same.
    """
    if record.state is RunState.COMPLETED:
        return stopped is not Reason.RUN_TIMEOUT
    return stopped is None or record.reason in (Reason.INVALID_PARAMETERS, Reason.INVALID_ENTRYPOINT)


def _why_stopped(document: RunDocument, ending: Ending) -> str:
    if ending.stopped is Reason.RUN_TIMEOUT:
        why = f"The attempt took longer than {document.run_seconds} s."
    else:
        why = "Kubernetes stopped the pod before the flow had ended."
    if ending.record and ending.record.state is RunState.COMPLETED:
        return f"{why} The flow completed only after that."
    if ending.record:
        return f"{why} {ending.record.message}".rstrip()
    if ending.killed:
        return f"{why} The flow did not stop within its grace period of {document.grace_seconds} s and was killed."
    return why


def _nothing_told(document: RunDocument, ending: Ending) -> CompletionRecord:
    return CompletionRecord(
        uid=document.uid, attempt=document.attempt, state=RunState.CRASHED, start_time=ending.start_time
    )


def _how_it_vanished(ending: Ending) -> tuple[RunState, Reason, str]:
    if ending.status == 0:
        message = "The flow's process ended with exit code 0, but without reporting an outcome."
        return RunState.CRASHED, Reason.NO_RESULT, message
    if ending.status > 0:
        return (
            RunState.FAILED,
            Reason.NON_ZERO_EXIT,
            f"The flow's process ended with exit code {ending.status}.",
        )
    if ending.status == -signal.SIGKILL and ending.out_of_memory:
        message = "The kernel killed the flow's process because the container reached its memory limit."
        return RunState.FAILED, Reason.OOM_KILLED, message
    return RunState.FAILED, Reason.SIGNALLED, f"{_signal_name(-ending.status)} ended the flow's process."


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"Signal {number}"
