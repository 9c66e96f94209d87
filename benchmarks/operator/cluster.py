"""A control plane of its own for each measurement, so that none finds what another one left behind."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from millstream_operator.api import Api
from millstream_operator.credentials import Credentials
from millstream_operator.kinds import Kind
from millstream_operator.metrics import Metrics

__all__ = ["ROOT", "client", "cluster", "free_port", "say", "until", "watching"]

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "hack/cluster"))

from control_plane import free_port, program, running  # noqa: E402  (found by the line above)

_SERVED_SECONDS = 20
_FREE_LEASE = {
    "apiVersion": "coordination.k8s.io/v1",
    "kind": "Lease",
    "metadata": {"name": "millstream-operator", "namespace": "default"},
}
"""Where there is none the operator waits 15 seconds, once, for one that might believe that it still holds it."""
_ONLY_METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


@contextmanager
def cluster(*, controllers: bool = False) -> Iterator[None]:
    """Start a control plane with our resources, the one that KUBECONFIG names meanwhile.

    Args:
        controllers: with kube-controller-manager, so that Jobs get pods.
    """
    with running(controllers=controllers) as plane:
        os.environ["KUBECONFIG"] = str(plane.kubeconfig)
        _kubectl("apply", "-f", str(ROOT / "crds"))
        _kubectl("wait", "--for=condition=Established", "-f", str(ROOT / "crds"))
        deadline = time.monotonic() + _SERVED_SECONDS
        # Established is said a little before the API server has their storage.
        while not _kubectl("get", "flowruns,flowdeployments", check=time.monotonic() > deadline):
            time.sleep(0.1)
        _kubectl("create", "-f", "-", body=_FREE_LEASE)
        yield


def _kubectl(*words: str, check: bool = True, body: object = None) -> bool:
    text = json.dumps(body).encode()
    done = subprocess.run([program("kubectl"), *words], check=check, capture_output=True, input=text)
    return done.returncode == 0


def client() -> Api:
    """Make a client of the API server; it must be closed."""
    return Api(Credentials.load().session(), Metrics())


@asynccontextmanager
async def watching(
    kind: Kind, seen: Callable[[dict[str, Any], float], None], *, whole: bool = False
) -> AsyncIterator[None]:
    """Hand over each object of a kind that concerns the operator, with the time at which it came, now and whenever it changes.

    Args:
        kind: of the objects.
        seen: called with the object and the time.
        whole: give the whole object, not only its metadata.
    """
    ready = asyncio.Event()
    query = {"watch": "1", "labelSelector": kind.selector}
    headers = {} if whole else {"Accept": _ONLY_METADATA}

    async def follow(session: aiohttp.ClientSession) -> None:
        async with session.get(kind.path(), params=query, headers=headers) as response:
            response.raise_for_status()
            ready.set()
            async for line in response.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise ConnectionError(event["object"]["message"])
                seen(event["object"], time.perf_counter())
                query["resourceVersion"] = event["object"]["metadata"]["resourceVersion"]

    async def keep_following() -> None:
        async with Credentials.load().session(limited=False) as session:
            while True:  # the API server ends the watch of a client that is late
                await follow(session)

    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(keep_following())
        await ready.wait()
        yield
        following.cancel()


async def until(done: Callable[[], bool], what: str, seconds: float = 240.0) -> None:
    """Wait for something that only shortens the benchmark: no figure is taken here."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        await asyncio.sleep(0.02)


def say(text: str) -> None:
    """Tell what goes on; the table alone is on stdout."""
    print(text, file=sys.stderr, flush=True)
