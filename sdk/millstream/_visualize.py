"""`flow.visualize()`: the flow's own code runs, and what it calls is recorded in place of being run."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from millstream._engine.generators import collecting
from millstream._engine.tracing import tracer
from millstream._graphs import Graph
from millstream._tracer import Tracer
from millstream.exceptions import FlowVisualizationError
from millstream.logging import disable_run_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from millstream.flows import Flow


def visualize(flow: Flow[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Graph:
    """Run the code of a flow without its tasks and subflows, and give the graph of what it calls.

    Raises:
        FlowVisualizationError: The code needs the result of a task, or raised something.
        ParameterBindError: The flow cannot be called like this.
        ParameterTypeError: Parameters have values that their type hints do not allow.
    """
    parameters = flow._parameters.bind(args, kwargs)  # noqa: SLF001 - the package's own, and so below
    if flow.should_validate_parameters:
        parameters = flow._parameters.validate(parameters)  # noqa: SLF001
    positional, named = flow._parameters.arguments(parameters)  # noqa: SLF001
    tracing = Tracer()
    token = tracer.set(tracing)
    try:
        with disable_run_logger():
            _run(flow, positional, named)
    except FlowVisualizationError:
        raise
    except Exception as error:
        raise FlowVisualizationError(
            f"The code of flow {flow.name!r} raised {error!r}. Where it needs the real result of a task, give that task a "
            "viz_return_value."
        ) from error
    finally:
        tracer.reset(token)
    return Graph(flow.name, tuple(tracing.nodes), tuple(tracing.edges))


def _run(flow: Flow[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    fn: Callable[..., Any] = flow.fn
    if flow._isgenerator:  # noqa: SLF001
        fn = collecting(fn, awaits=flow._awaits)  # noqa: SLF001
    if not flow._awaits:  # noqa: SLF001
        fn(*args, **kwargs)
        return
    with ThreadPoolExecutor(1) as thread:  # here there may be an event loop already, as in notebooks
        thread.submit(copy_context().run, lambda: asyncio.run(fn(*args, **kwargs))).result()
