"""Takes the operator's finalizer off the pods of runs: `python -m millstream_operator.release_pods`.

For when the operator has been uninstalled: nobody else would, and such pods stay for ever once they are deleted, and
their namespaces with them. It takes the operator's options.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Sequence
from typing import Any

import aiohttp

from millstream.resources import labels
from millstream_operator.api import Api, ApiError, ConflictError, NotFoundError
from millstream_operator.credentials import Credentials, NoClusterError
from millstream_operator.kinds import PODS
from millstream_operator.metrics import Metrics
from millstream_operator.pod_finalizer import let_go
from millstream_operator.settings import Settings

__all__ = ["release"]

_log = logging.getLogger(__name__)
_SETTLE_SECONDS = 5.0
"""In this time the Jobs that the operator made in its last moments get their pods."""
_PAUSE_SECONDS = 1.0


async def release(api: Api, namespaces: Sequence[str], settle_seconds: float = _SETTLE_SECONDS) -> int:
    """Release the pods of runs until there is none left, and give how many there were.

    Args:
        api: the API server.
        namespaces: where the pods are; everywhere if empty.
        settle_seconds: how long to look for new ones at least.
    """
    until = time.monotonic() + settle_seconds
    released = 0
    while True:
        held = [pod for scope in namespaces or (None,) for pod in await _held(api, scope)]
        released += sum(await asyncio.gather(*(_release(api, pod) for pod in held)))
        if not held and time.monotonic() >= until:
            return released
        await asyncio.sleep(_PAUSE_SECONDS)


async def _held(api: Api, namespace: str | None) -> list[dict[str, Any]]:
    pods, _ = await api.collect(PODS, namespace)
    return [pod for pod in pods if labels.OUTCOME_FINALIZER in pod["metadata"].get("finalizers", ())]


async def _release(api: Api, pod: dict[str, Any]) -> bool:
    """Release a pod, or leave it to the next round if it has changed."""
    meta = pod["metadata"]
    try:
        await let_go(api, meta["namespace"], meta["name"], meta["uid"], meta["finalizers"])
    except (NotFoundError, ConflictError):
        return False
    return True


async def _run(settings: Settings, credentials: Credentials) -> None:
    async with Api(credentials.session(), Metrics()) as api:
        released = await release(api, settings.namespaces)
    _log.info("Released %d pods in %s.", released, ", ".join(settings.namespaces) or "all namespaces")


def main() -> None:
    """Release the pods of the namespaces that the options name."""
    settings = Settings.read(sys.argv[1:])
    logging.basicConfig(level=settings.log_level, format="%(levelname)s %(message)s", stream=sys.stdout)
    try:
        asyncio.run(_run(settings, Credentials.load()))
    except NoClusterError as error:
        sys.exit(f"millstream_operator: {error}")
    except (ApiError, aiohttp.ClientError, TimeoutError) as error:
        sys.exit(f"millstream_operator: pods could not be released: {error!r}")


if __name__ == "__main__":
    main()
