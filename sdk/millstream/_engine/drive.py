"""The two drivers: they call, sleep and raise as a run decides. One blocks, one awaits; else they are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millstream import _surroundings

if TYPE_CHECKING:
    from millstream._engine.runs import Run


def drive(run: Run) -> Any:
    """Run a synchronous function to its end."""
    run.enter()
    try:
        delay: float | None = 0
        while True:
            try:
                if delay:
                    _surroundings.current.sleep(delay)
                run.attempt()
                value = run.fn(*run.args, **run.kwargs)
            except BaseException as error:
                delay = run.failed(error)
                if delay is None:
                    if run.return_state and isinstance(error, Exception):
                        return run.state
                    raise
            else:
                delay = run.returned(value)
                if delay is None:
                    return run.result(value)
    finally:
        run.leave()
        # The run holds the exception, and the exception by its traceback this frame: a circle, which would keep all
        # that the user's function had in its hands alive until the garbage collector comes by.
        del run


async def drive_async(run: Run) -> Any:
    """Run an asynchronous function to its end."""
    run.enter()
    try:
        delay: float | None = 0
        while True:
            try:
                if delay:
                    await _surroundings.current.sleep_async(delay)
                run.attempt()
                value = await run.fn(*run.args, **run.kwargs)
            except BaseException as error:
                delay = run.failed(error)
                if delay is None:
                    if run.return_state and isinstance(error, Exception):
                        return run.state
                    raise
            else:
                delay = run.returned(value)
                if delay is None:
                    return run.result(value)
    finally:
        run.leave()
        del run  # as in `drive`
