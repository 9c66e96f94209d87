"""The first process of the container: starts the flow's process, watches over it, and tells how it ended."""

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

from millstream.resources import completion_record, run_document
from millstream.resources.completion_record import CompletionRecord
from millstream.resources.exit_codes import ExitCode
from millstream.resources.run_document import RunDocument
from millstream.resources.states import RunState
from millstream.runner import _process
from millstream.runner._clock import timestamp
from millstream.runner._handover import Handover
from millstream.runner._held_signals import STOP_SIGNALS, WATCHED, hold_signals
from millstream.runner._memory import oom_kills
from millstream.runner._notices import say
from millstream.runner._redaction import plain_text, redact, secrets_of
from millstream.runner._relay import Relay
from millstream.runner._stopping import Stopping
from millstream.runner._verdict import Ending, exit_code, judge

__all__ = ["main"]

_PATHS = (f"{run_document.DIRECTORY}/{run_document.FILE}", completion_record.PATH)
_TAIL_BYTES = 16 * 1024
_DRAIN_SECONDS = 3.0


def main(arguments: Sequence[str]) -> NoReturn:
    """Run one attempt and exit.

    Args:
        arguments: for tests, other paths of the run document and of the termination message.
    """
    mask = hold_signals()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    document_path, message_path = [*arguments, *_PATHS[len(arguments) :]]
    try:
        with open(document_path, encoding="utf-8") as file:  # noqa: PTH123  not worth an import of pathlib
            document = RunDocument.from_json(file.read())
    except (OSError, ValueError) as error:
        message = f"The run document {document_path} cannot be read: {error}"
        _leave(message_path, message.encode("utf-8", "replace"), ExitCode.INVALID_DOCUMENT, message)
    record, code = _supervise(document, mask)
    notice = (
        "" if record.state is RunState.COMPLETED else f"{record.state} ({record.reason}): {record.message}"
    )
    _leave(message_path, record.encode(), code, notice)


def _supervise(document: RunDocument, mask: set[int]) -> tuple[CompletionRecord, int]:
    """Start the flow's process and see it through to its end."""
    deadline = None if document.run_seconds is None else time.monotonic() + document.run_seconds
    stopping = Stopping(run_deadline=deadline, grace_seconds=document.grace_seconds)
    handover = Handover(uid=document.uid, attempt=document.attempt)
    relay = Relay(tail_bytes=_TAIL_BYTES) if document.log_tail else None
    oom_kills_before = oom_kills()
    child = _process.fork(document, handover, relay, mask)
    ending = _watch(child, handover, stopping)
    if ending.status == -signal.SIGKILL and not ending.killed:
        ending = replace(ending, out_of_memory=oom_kills() != oom_kills_before)
    record = judge(document, ending)
    output = relay.finish(_drain_seconds(stopping)) if relay else b""
    return _fit_to_store(record, output), exit_code(record, ending)


def _watch(child: int, handover: Handover, stopping: Stopping) -> Ending:
    """Wait until the flow's process has ended, and pass on what it has to be told."""
    ended_in_time = False
    while (status := _process.reap(child)) is None:
        received = _next_signal(stopping.wait_seconds(time.monotonic()))
        if stopping.reason is None:
            handover.receive()
            ended_in_time = handover.record is not None
        if received in STOP_SIGNALS:
            stopping.interrupt(time.monotonic())
        if steps := stopping.due(time.monotonic()):
            for step in steps:
                _process.tell(child, step)
            names = " and ".join(step.name for step in steps)
            say(f"{stopping.reason}: sent {names} to the flow's process")
    handover.receive()
    return Ending(
        status=status,
        record=handover.record,
        start_time=handover.start_time,
        stopped=None if ended_in_time else stopping.reason,
        killed=stopping.killed,
    )


def _next_signal(seconds: float | None) -> int | None:
    if seconds is None:
        return signal.sigwaitinfo(WATCHED).si_signo
    received = signal.sigtimedwait(WATCHED, seconds)
    return received.si_signo if received else None


def _drain_seconds(stopping: Stopping) -> float:
    """Limit the wait for the last output, so that the record is written before the kubelet kills this process."""
    return _DRAIN_SECONDS if stopping.reason is None else stopping.reserve_seconds / 2


def _fit_to_store(record: CompletionRecord, output: bytes) -> CompletionRecord:
    """Complete the record of an attempt with the end of its output, without secrets."""
    record = replace(record, end_time=record.end_time or timestamp(time.time()))
    if record.state is RunState.COMPLETED:
        return record
    secrets = secrets_of(os.environ)
    return replace(
        record,
        message=redact(record.message, secrets),
        log_tail=redact(plain_text(output), secrets).strip("\n"),
    )


def _leave(message_path: str, message: bytes, code: int, notice: str) -> NoReturn:
    """Write the termination message over whatever is there, and exit without the interpreter's clean-up."""
    if notice:
        say(notice)
    try:
        with open(message_path, "wb") as file:  # noqa: PTH123  as above
            file.write(message[: completion_record.MAX_BYTES])
    except OSError as error:
        say(f"the termination message cannot be written: {error}")
    os._exit(code)
