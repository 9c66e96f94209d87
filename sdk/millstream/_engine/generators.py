"""Generator functions as flows and tasks: their items one by one, or all at once."""

from __future__ import annotations

import functools
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any

from millstream._engine.drive import (
    drive,
    drive_async,
    failed,
    failed_async,
    pause,
    pause_async,
    returned_beside,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator

    from millstream._engine.runs import Run


def generate(run: Run) -> Any:
    """Give what the call of a generator function gives: its items or, for who wants the state, that of them all."""
    awaits = run.definition._awaits  # noqa: SLF001 - the engine's own
    if run.return_state:
        with_all_items(run)
        return drive_async(run) if awaits else drive(run)
    return drive_async_generator(run) if awaits else drive_generator(run)


def with_all_items(run: Run) -> None:
    """Have the run of a generator function return all items at once."""
    run.fn = collecting(run.fn, awaits=run.definition._awaits)  # noqa: SLF001 - the engine's own


def collecting(fn: Callable[..., Any], *, awaits: bool) -> Callable[..., Any]:
    """A generator function as a function that returns all items."""

    @functools.wraps(fn)
    def call(*args: Any, **kwargs: Any) -> list[Any]:
        return list(fn(*args, **kwargs))

    @functools.wraps(fn)
    async def call_async(*args: Any, **kwargs: Any) -> list[Any]:
        return [item async for item in fn(*args, **kwargs)]

    return call_async if awaits else call


def drive_generator(run: Run) -> Generator[Any, Any, Any]:
    """Run a generator function; the run is the current one while it works, and not between its items."""
    try:
        run.enter()
        delay: float | None = 0
        while True:
            try:
                if delay:
                    pause(delay)
                if run.attempt():
                    break
                value = yield from _items(run, run.fn(*run.args, **run.kwargs))
            except GeneratorExit:  # who asked for the items has seen enough
                run.keep_nothing()
                run.returned(None)
                raise
            except BaseException as error:
                delay = failed(run, error)
                if delay is None:
                    raise
            else:
                delay = run.returned(value)
                if delay is None:
                    return run.result(value)
        yield from run.outcome()  # what is kept of an earlier run
    finally:
        run.end()
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
                    await pause_async(delay)
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
                delay = await failed_async(run, error)
                if delay is None:
                    raise
            else:
                delay = await returned_beside(run, None) if run.blocks else run.returned(None)
                if delay is None:
                    return
        for item in run.outcome():
            yield item
    finally:
        run.end()
        del run
