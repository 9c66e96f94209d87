"""The drivers: they call, sleep and raise as a run decides. One blocks, one awaits; else they are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millstream import _surroundings
from millstream._beside import beside
from millstream._pool import blocked

if TYPE_CHECKING:
    from millstream._engine.runs import Run


def drive(run: Run) -> Any:
    """Run a synchronous function to its end."""
    try:
        run.enter()
        delay: float | None = 0
        while True:
            try:
                if delay:
                    pause(delay)
                if run.attempt():
                    break
                value = run.fn(*run.args, **run.kwargs)
                if run.blocks:
                    run.settle()
            except BaseException as error:
                delay = failed(run, error)
                if delay is None:
                    if run.return_state and isinstance(error, Exception):
                        return run.state
                    raise
            else:
                delay = run.returned(value)
                if delay is None:
                    return run.result(value)
        return run.outcome()
    finally:
        run.end()
        # The run holds the exception, and the exception by its traceback this frame: a circle, which would keep all
        # that the user's function had in its hands alive until the garbage collector comes by.
        del run


async def drive_async(run: Run) -> Any:
    """Run an asynchronous function to its end."""
    try:
        run.enter()
        delay: float | None = 0
        while True:
            try:
                if delay:
                    await pause_async(delay)
                if await run.attempt_async() if run.blocks else run.attempt():
                    break
                value = await run.fn(*run.args, **run.kwargs)
                if run.blocks:
                    await run.settle_async()
            except BaseException as error:
                delay = await failed_async(run, error)
                if delay is None:
                    if run.return_state and isinstance(error, Exception):
                        return run.state
                    raise
            else:
                delay = await returned_beside(run, value) if run.blocks else run.returned(value)
                if delay is None:
                    return run.result(value)
        return run.outcome()
    finally:
        run.end()
        del run  # as in `drive`


def pause(seconds: float) -> None:
    """Wait for the next attempt, and leave the thread's place in its pool to another one meanwhile."""
    with blocked():
        _surroundings.current.sleep(seconds)


async def pause_async(seconds: float) -> None:
    """Wait so without holding up the event loop."""
    with blocked():
        await _surroundings.current.sleep_async(seconds)


def failed(run: Run, error: BaseException) -> float | None:
    """Have the run decide about a failure, and end even if that is interrupted, as while it waits for others."""
    try:
        return run.failed(error)
    except BaseException as interruption:
        if not run.state.is_final():
            run.failed(interruption)
        raise


async def failed_async(run: Run, error: BaseException) -> float | None:
    """Have it decide so without holding up the event loop."""
    if run.blocks and isinstance(error, Exception):
        return await beside(failed, run, error)
    return failed(run, error)


async def returned_beside(run: Run, value: Any) -> float | None:
    """Have it take note of what was returned, to the end even if this is cancelled now: the function has returned."""
    return await beside(run.returned, value, to_its_end=True)
