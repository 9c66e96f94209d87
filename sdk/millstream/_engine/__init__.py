"""The engine: how runs begin, are retried and end. What the runner in the pod may use is listed here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millstream._engine.console import configure as log_to_console
from millstream._engine.drive import drive, drive_async
from millstream._engine.flow_runs import FlowRun, FlowRunInfo
from millstream._engine.origins import origin_of
from millstream._engine.outcomes import crash_message
from millstream._stopping import stop, stop_requested
from millstream.exceptions import ParameterBindError
from millstream.states import Crashed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from millstream.flows import Flow
    from millstream.states import State

__all__ = ["FlowRunInfo", "log_to_console", "origin_of", "run_flow", "stop", "stop_requested"]


def run_flow(
    flow: Flow[..., Any],
    parameters: Mapping[str, Any] | None = None,
    *,
    run: FlowRunInfo | None = None,
) -> State[Any]:
    """Run a flow to its end, in this thread, whatever its code does.

    Asynchronous flows get an event loop of their own.

    Args:
        flow: The flow.
        parameters: Values by the name of the parameter; they are checked against the signature and its type hints.
        run: What is known about the run already. Its `task_counts()` may be asked at any time.

    Returns:
        The final state. What ended a failed or crashed run is in its `data`: an exception of the flow's own,
        `ParameterBindError` or `ParameterTypeError`, `RunInterrupted` after `stop()`, `SystemExit`, or
        `KeyboardInterrupt`. None of them is raised.
    """
    flow_run = FlowRun(flow, {}, run, return_state=True)
    if flow._isgenerator:  # noqa: SLF001 - the engine's own
        from millstream._engine.generators import with_all_items  # noqa: PLC0415 - few are

        with_all_items(flow_run)
    log_to_console()
    try:
        flow_run.parameters = flow._parameters.bind_by_name(parameters or {})  # noqa: SLF001 - the engine's own
    except ParameterBindError as error:
        flow_run.refuse(error)
        return flow_run.state
    try:
        if flow._awaits:  # noqa: SLF001
            import asyncio  # noqa: PLC0415 - slow to import

            coroutine = drive_async(flow_run)
            try:
                asyncio.run(coroutine)
            finally:
                coroutine.close()  # in case that there was a loop running and this one never started
        else:
            drive(flow_run)
    except BaseException as error:
        # What user code raised is in the state already.
        if not flow_run.state.is_final():
            if isinstance(error, Exception):  # this function was called wrongly, as inside of an event loop
                raise
            flow_run.finish(Crashed(message=crash_message(flow_run.title, error), data=error))
    return flow_run.state
