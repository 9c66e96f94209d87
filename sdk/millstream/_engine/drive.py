"""The drivers: they call, sleep and raise as a run decides. One blocks, one awaits; else they are the same."""

from __future__ import annotations

from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any

from millstream import _surroundings
from millstream._beside import beside
from millstream._pool import blocked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator

    from millstream._engine.runs import Run


def drive(run: Run) -> Any:
    """Run a synchronous function to its end."""
    try:
        run.enter()
        delay: float | None = 0
        while True:
            try:
                if delay:
                    with blocked():
                        _surroundings.current.sleep(delay)
                if run.attempt():
                    break
                value = run.fn(*run.args, **run.kwargs)
                if run.blocks:
                    run.settle()
            except BaseException as error:
                delay = _failed(run, error)
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
        run.leave()
        # The run holds the exception, and the exception by its traceback this frame: a circle, which would keep all
        # that the user's function had in its hands alive until the garbage collector comes by.
        del run


def _failed(run: Run, error: BaseException) -> float | None:
    """Have the run decide about a failure, and end even if that is interrupted, as while it waits for others."""
    try:
        return run.failed(error)
    except BaseException as interruption:
        if not run.state.is_final():
            run.failed(interruption)
        raise


async def drive_async(run: Run) -> Any:
    """Run an asynchronous function to its end."""
    try:
        run.enter()
        delay: float | None = 0
        while True:
            try:
                if delay:
                    with blocked():
                        await _surroundings.current.sleep_async(delay)
                if await run.attempt_async() if run.blocks else run.attempt():
                    break
                value = await run.fn(*run.args, **run.kwargs)
                if run.blocks:
                    await run.settle_async()
            except BaseException as error:
                blocks = run.blocks and isinstance(error, Exception)
                delay = await beside(_failed, run, error) if blocks else _failed(run, error)
                if delay is None:
                    if run.return_state and isinstance(error, Exception):
                        return run.state
                    raise
            else:
                # To its end even if this is cancelled now: the function has returned.
                ending = beside(run.returned, value, to_its_end=True) if run.blocks else None
                delay = run.returned(value) if ending is None else await ending
                if delay is None:
                    return run.result(value)
        return run.outcome()
    finally:
        run.leave()
        del run  # as in `drive`


def drive_generator(run: Run) -> Generator[Any, Any, Any]:
    """Run a generator function; the run is the current one while it works, and not between its items."""
    try:
        run.enter()
        delay: float | None = 0
        while True:
            try:
                if delay:
                    _surroundings.current.sleep(delay)
                if run.attempt():
                    break
                value = yield from _items(run, run.fn(*run.args, **run.kwargs))
            except GeneratorExit:  # who asked for the items has seen enough
                run.keep_nothing()
                run.returned(None)
                raise
            except BaseException as error:
                delay = run.failed(error)
                if delay is None:
                    raise
            else:
                delay = run.returned(value)
                if delay is None:
                    return run.result(value)
        yield from run.outcome()  # what is kept of an earlier run
    finally:
        run.leave()
        del run


def _items(run: Run, generator: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    items = run.gathered()
    with closing(generator):
        step: Callable[[Any], Any] = generator.send
        given: Any = None
        while True:
            try:
                item = step(given)
            except StopIteration as end:
                return end.value
            if items is not None:
                items.append(item)
            run.leave()
            try:
                step, given = generator.send, (yield item)
            except Exception as error:  # noqa: BLE001 - thrown in, and the generator's to deal with
                step, given = generator.throw, error
            finally:
                run.resume()


async def drive_async_generator(run: Run) -> AsyncIterator[Any]:  # noqa: C901, PLR0912 - it cannot `yield from`
    """Run an asynchronous generator function, as `drive_generator` does."""
    try:
        run.enter()
        delay: float | None = 0
        while True:
            try:
                if delay:
                    await _surroundings.current.sleep_async(delay)
                if await run.attempt_async() if run.blocks else run.attempt():
                    break
                async with aclosing(run.fn(*run.args, **run.kwargs)) as generator:
                    items = run.gathered()
                    step, given = generator.asend, None
                    while True:
                        try:
                            item = await step(given)
                        except StopAsyncIteration:
                            break
                        if items is not None:
                            items.append(item)
                        run.leave()
                        try:
                            step, given = generator.asend, (yield item)
                        except Exception as error:  # noqa: BLE001 - as in `_items`
                            step, given = generator.athrow, error
                        finally:
                            run.resume()
            except GeneratorExit:
                run.keep_nothing()
                run.returned(None)
                raise
            except BaseException as error:
                blocks = run.blocks and isinstance(error, Exception)
                delay = await beside(_failed, run, error) if blocks else _failed(run, error)
                if delay is None:
                    raise
            else:
                delay = await beside(run.returned, None) if run.blocks else run.returned(None)
                if delay is None:
                    return
        for item in run.outcome():
            yield item
    finally:
        run.leave()
        del run
