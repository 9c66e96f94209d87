"""The flow's process: installs what the flow requires, loads it, checks its parameters, runs it, and hands over how it ended."""

import faulthandler
import io
import os
import signal
import sys
import threading
import time
from datetime import datetime
from typing import Any

from millstream._engine import FlowRunInfo, log_to_console, origin_of, run_flow, stop_requested
from millstream._recorded_metrics import Recording
from millstream._secrets import mask
from millstream.entrypoint import load_flow
from millstream.exceptions import (
    EntrypointError,
    ParameterBindError,
    ParameterTypeError,
    RequirementsError,
    RunInterrupted,
)
from millstream.resources.completion_record import NOT_KEPT, CompletionRecord, why_not_kept
from millstream.resources.reasons import Reason
from millstream.resources.run_document import RunDocument
from millstream.resources.states import RunState
from millstream.runner._clock import timestamp
from millstream.runner._handover import Handover
from millstream.runner._notices import say
from millstream.runner._signals import listen
from millstream.settings import Settings, SettingsError
from millstream.states import State, StateType

__all__ = ["run"]

_LINGERING_SECONDS = 5.0
_BOOLEANS = {"true", "false"}


def run(document: RunDocument, handover: Handover, mask: set[int]) -> None:
    """Carry out one attempt in this process.

    Args:
        document: what to run.
        handover: to the supervisor.
        mask: signals to go on blocking, once there are handlers for the others.
    """
    _prepare(document, mask)
    record = _without_requirements(document) or _attempt(document, handover)
    # From here on SIGINT, the supervisor's last word before SIGKILL, has nothing to interrupt.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    handover.ended(record)
    lingering = threading.Timer(_LINGERING_SECONDS, _name_remaining_threads)
    lingering.daemon = True
    lingering.start()


def _prepare(document: RunDocument, mask: set[int]) -> None:
    listen(mask)
    os.environ.setdefault(
        Settings.history_enabled.name, "false"
    )  # the FlowRun is it, and the pod's files go with it
    os.environ.setdefault(Settings.api.name, "cluster")
    faulthandler.enable()  # a segmentation fault shows where
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A log is read while it is written, and what waits in a buffer is lost with a process that is killed.
        sys.stdout.reconfigure(line_buffering=True)
    sys.argv = [document.entrypoint]


def _without_requirements(document: RunDocument) -> CompletionRecord | None:
    """Provide the packages that the run requires; tell how the attempt ended if that is not possible."""
    if not document.requirements:
        return None
    from millstream.runner._requirements import provide  # noqa: PLC0415  most runs have none

    try:
        provide(document.requirements)
    except RequirementsError as error:
        return _record(document, RunState.FAILED, Reason.REQUIREMENTS_FAILED, str(error), error)
    except KeyboardInterrupt:
        return _interrupted_before_start(document)
    return _interrupted_before_start(document) if stop_requested() else None


def _attempt(document: RunDocument, handover: Handover) -> CompletionRecord:
    try:
        flow = load_flow(document.entrypoint)
        log_to_console()  # the check of the parameters may have something to say, and nothing runs yet
        parameters = flow.validate_parameters(document.parameters)
    except (EntrypointError, SettingsError) as error:
        return _record(document, RunState.FAILED, Reason.INVALID_ENTRYPOINT, str(error), error)
    except (ParameterBindError, ParameterTypeError) as error:
        message = f"{error}{_yaml_hint(document) if isinstance(error, ParameterBindError) else ''}"
        return _record(document, RunState.FAILED, Reason.INVALID_PARAMETERS, message, error)
    except Exception as error:  # noqa: BLE001  a validator of the flow's own may raise anything
        message = f"The parameters could not be checked: {type(error).__name__}: {error}"
        return _record(document, RunState.FAILED, Reason.INVALID_PARAMETERS, message, error)
    except KeyboardInterrupt:
        return _interrupted_before_start(document)
    if stop_requested():
        return _interrupted_before_start(document)
    info = FlowRunInfo(
        run_id=document.uid,
        name=document.run,
        tags=document.tags,
        scheduled_start_time=datetime.fromisoformat(document.scheduled_time)
        if document.scheduled_time
        else None,
        deployment=document.deployment,
    )
    info.counts.recording = recording = Recording(document.metrics)
    start_time = timestamp(time.time())
    handover.started(start_time)
    state = run_flow(flow, parameters, run=info)
    known = {"start_time": start_time, "tasks": info.task_counts(), "task_retries": info.task_retries()}
    known |= {"metrics": recording.samples(), "metrics_dropped": recording.dropped}
    return _record_of(document, state, result_storage=info.result_storage, **known)


def _interrupted_before_start(document: RunDocument) -> CompletionRecord:
    return _record(document, RunState.CRASHED, Reason.INTERRUPTED, "The flow had not started.")


def _record_of(document: RunDocument, state: State[Any], **known: Any) -> CompletionRecord:
    """Translate the SDK's final state into the record of an attempt."""
    message = state.message or ""
    if state.type is StateType.COMPLETED:
        why = why_not_kept(state.data)
        if why is None:
            known |= {"result": state.data, "has_result": True}
        elif known.get("result_storage") is None:
            not_kept = f"{NOT_KEPT} {why}."
            say(not_kept)
            message = f"{not_kept} {message}".rstrip()  # what is too long loses its end
        return _record(document, RunState.COMPLETED, None, message, **known)
    error = state.data if isinstance(state.data, BaseException) else None
    if state.type is StateType.CRASHED and stop_requested() and not isinstance(error, SystemExit):
        if not isinstance(error, RunInterrupted):  # which tells what did not start any more
            message = _where_it_was(error, document)
        return _record(document, RunState.CRASHED, Reason.INTERRUPTED, message, error, **known)
    # A flow that crashes with nobody having stopped it, by sys.exit() for instance, did so by its own code.
    message = message or f"The flow ended in the state {state.name}."
    return _record(document, RunState.FAILED, Reason.FLOW_FAILED, message, error, **known)


def _where_it_was(error: BaseException | None, document: RunDocument) -> str:
    """The task or subflow that the interruption hit; nothing if it was the flow itself."""
    origin = error and origin_of(error)
    if not origin or origin.startswith(f"flow run {document.run!r} "):
        return ""
    return f"It was in {origin}."


def _yaml_hint(document: RunDocument) -> str:
    if not _BOOLEANS & document.parameters.keys():
        return ""
    return " (YAML reads an unquoted y, n, yes, no, on or off as a boolean: quote it)"


def _record(
    document: RunDocument,
    state: RunState,
    reason: Reason | None,
    message: str,
    error: BaseException | None = None,
    **known: Any,
) -> CompletionRecord:
    return CompletionRecord(
        uid=document.uid,
        attempt=document.attempt,
        state=state,
        reason=reason,
        message=mask(message),
        error=type(error).__name__ if error else None,
        end_time=timestamp(time.time()),
        **known,
    )


def _name_remaining_threads() -> None:
    """Say what keeps the process alive, as in any Python program, when the flow has ended."""
    main = threading.main_thread()
    names = [thread.name for thread in threading.enumerate() if not thread.daemon and thread is not main]
    if names:
        say(f"the flow has ended, its process waits for threads: {', '.join(names)}")
