"""Deployments that this process serves: it starts their runs when they are due, each in a process of its own.

Usage:
    ```python
    from millstream import flow, serve


    @flow
    def poll(site: str) -> None: ...


    if __name__ == "__main__":
        serve(
            poll.to_deployment("news", interval=60, parameters={"site": "news"}),
            poll.to_deployment("weather", cron="0 * * * *", parameters={"site": "weather"}),
        )
    ```
"""

from __future__ import annotations

from typing import Any

from millstream.exceptions import DeploymentError
from millstream.serving._deployment import Deployment, DeploymentOptions

__all__ = ["Deployment", "DeploymentOptions", "aserve", "serve"]


def serve(
    *deployments: Deployment,
    limit: int | None = None,
    print_starting_message: bool = True,
    pause_on_shutdown: bool = True,
    **others: Any,
) -> None:
    """Run deployments by their schedules until Ctrl-C or SIGTERM, or until no schedule has a further tick.

    The signal is passed on to the runs, which have ten seconds to end; a second one kills them.

    Args:
        deployments: What `flow.to_deployment(...)` gives.
        limit: At most so many runs at the same time, 5 unless given; more wait.
        print_starting_message: Whether to print what is served and when it is due.
        pause_on_shutdown: True: nothing fires when this process has ended.
        others: Options of Prefect's that are refused, with what to do in their place.

    Raises:
        DeploymentError: Something of it cannot be served; the message says what, all of it.
        SystemExit: There was a second signal, and runs were killed.
    """
    from millstream.serving import _options, _serve  # noqa: PLC0415 - slow to import

    try:
        if _serve.check_place():
            _serve.run(
                _options.serving(deployments, limit, print_starting_message, pause_on_shutdown, others)
            )
    except DeploymentError as error:
        raise error.with_traceback(None) from None


async def aserve(
    *deployments: Deployment,
    limit: int | None = None,
    print_starting_message: bool = True,
    pause_on_shutdown: bool = True,
    **others: Any,
) -> None:
    """Do what `serve` does, where an event loop runs; the loop goes on meanwhile.

    Args:
        deployments: See `serve`, as for all of these.
        limit: At most so many runs at the same time.
        print_starting_message: Whether to print what is served and when it is due.
        pause_on_shutdown: True: nothing fires when this process has ended.
        others: Options of Prefect's that are refused.
    """
    from millstream.serving import _options, _serve  # noqa: PLC0415 - slow to import

    try:
        if _serve.check_place(in_loop=True):
            await _serve.run_async(
                _options.serving(deployments, limit, print_starting_message, pause_on_shutdown, others)
            )
    except DeploymentError as error:
        raise error.with_traceback(None) from None
