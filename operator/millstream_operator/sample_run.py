"""Runs a flow and says how that ended: `python -m millstream_operator.sample_run`, which `helm test` does.

The flow is `main` of `flow.py` in a ConfigMap. The run is deleted in the end, however it has ended.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from typing import Any

import aiohttp

from millstream.resources.flow_run import KIND, FlowRunStatus
from millstream.resources.model import API_VERSION
from millstream.resources.states import RunState
from millstream_operator.api import Api, ApiError, NotFoundError
from millstream_operator.credentials import Credentials, NoClusterError
from millstream_operator.kinds import FLOW_RUNS
from millstream_operator.metrics import Metrics

__all__ = ["SampleFailedError", "manifest", "try_out"]

_PARAMETERS = {"left": 6, "right": 7}
_RESULT = 42
_PAUSE_SECONDS = 0.5
_MORE_SECONDS = 30.0
"""For the operator to say how it ended when the time of the run is over."""


class SampleFailedError(Exception):
    """The run did not do what it should; the message says what it did."""


def manifest(options: argparse.Namespace) -> dict[str, Any]:
    """Make the FlowRun."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"namespace": options.namespace, "generateName": "sample-"},
        "spec": {
            "template": {
                "image": options.image,
                "imagePullSecrets": options.pull_secret,
                "entrypoint": "flow.py:main",
                "source": {"configMap": options.config_map},
                "parameters": _PARAMETERS,
                # When the first is over, the run's message says what kept the pod from starting.
                "timeouts": {"startSeconds": options.seconds, "runSeconds": options.seconds},
            },
            # For when this process is killed.
            "ttlSecondsAfterFinished": 600,
        },
    }


async def try_out(api: Api, run: dict[str, Any], seconds: float) -> None:
    """Create a FlowRun and wait until it has ended well, telling each state.

    Raises:
        SampleFailedError: it ended otherwise, or not in time.
    """
    created = (await api.create(FLOW_RUNS, run))["metadata"]
    namespace, name = created["namespace"], created["name"]
    print(f"FlowRun {name} in {namespace}")  # noqa: T201 - the log of `helm test`
    try:
        _judge(await _end(api, namespace, name, seconds))
    finally:
        await api.delete(FLOW_RUNS, namespace, name, created["uid"])


async def _end(api: Api, namespace: str, name: str, seconds: float) -> FlowRunStatus:
    """Give the last status that was seen when the run had ended, or the time was over."""
    until = time.monotonic() + seconds + _MORE_SECONDS
    told = ""
    while True:
        o = await api.get(FLOW_RUNS, namespace, name)
        status = FlowRunStatus.model_validate(o.get("status", {}))
        if (line := f"{status.state or 'not seen by an operator yet'} {status.reason or ''}".strip()) != told:
            told = line
            print(told, flush=True)  # noqa: T201 - the log of `helm test`
        if (status.state and status.state.is_final) or time.monotonic() > until:
            return status
        await asyncio.sleep(_PAUSE_SECONDS)


def _judge(status: FlowRunStatus) -> None:
    if status.state is None:
        raise SampleFailedError(
            "no operator has looked at the run: is its pod ready, and does it serve the namespace?"
        )
    if status.state is not RunState.COMPLETED:
        raise SampleFailedError(f"the run is {status.state} ({status.reason}): {status.message}")
    if status.result != _RESULT:
        raise SampleFailedError(f"the flow's result is {status.result}, not {_RESULT}")


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m millstream_operator.sample_run", description="Run a flow and say how that ended."
    )
    parser.add_argument("--namespace", required=True, help="where the run is to be")
    parser.add_argument("--config-map", required=True, help="has flow.py with the flow main")
    parser.add_argument("--image", required=True, help="of the run")
    parser.add_argument("--pull-secret", action="append", default=[], help="for the image; can be repeated")
    parser.add_argument("--seconds", type=int, default=300, help="for the start, and the end")
    return parser.parse_args(arguments)


async def _run(options: argparse.Namespace, credentials: Credentials) -> None:
    async with Api(credentials.session(), Metrics()) as api:
        await try_out(api, manifest(options), options.seconds)


def main() -> None:
    """Run the flow that the options name."""
    options = _options(sys.argv[1:])
    try:
        asyncio.run(_run(options, Credentials.load()))
    except NotFoundError as error:
        sys.exit(f"millstream_operator: the run, or its kind, is not there: {error}")
    except (ApiError, aiohttp.ClientError, NoClusterError, TimeoutError) as error:
        sys.exit(f"millstream_operator: the flow could not be run: {error!r}")
    except SampleFailedError as error:
        sys.exit(f"millstream_operator: {error}")


if __name__ == "__main__":
    main()
