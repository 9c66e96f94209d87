"""The API server's lists and watches, as a reflector reads them."""

import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from http import HTTPStatus
from operator import itemgetter
from typing import Any, NamedTuple

import aiohttp

from millstream_operator.api import Api, ApiError
from millstream_operator.kinds import Kind
from millstream_operator.metrics import Metrics

__all__ = ["NonsenseError", "WatchApi", "WatchEvent"]

_CONNECT_SECONDS = 5.0
_LONGEST_LINE = 16 * 1024 * 1024
"""No object is that long: etcd takes 1.5 MiB, and its JSON is at most a few times longer."""


class NonsenseError(Exception):
    """What came is no event of a watch."""


class WatchEvent(NamedTuple):
    """An event of a watch: ADDED, MODIFIED, DELETED, BOOKMARK or ERROR, and its object."""

    type: str
    object: dict[str, Any]


class WatchApi(Api):
    """An `Api` that can also list page by page, and watch."""

    def __init__(
        self, session: aiohttp.ClientSession, metrics: Metrics, streams: aiohttp.ClientSession
    ) -> None:
        """Make a client.

        Args:
            session: for lists.
            metrics: where calls are counted.
            streams: for watches, without a bound of time and number.
        """
        super().__init__(session, metrics)
        self._streams = streams

    async def __aexit__(self, *_: object) -> None:
        await self._streams.close()
        await super().__aexit__()

    async def pages(
        self, kind: Kind, namespace: str | None
    ) -> AsyncGenerator[tuple[list[dict[str, Any]], str], None]:
        """List a collection, a page at a time; with each, give the resource version of the whole.

        Raises:
            ApiError: the API server refused it.
            NonsenseError: something else than a list came.
            aiohttp.ClientError: the API server could not be reached.
            TimeoutError: it did not answer.
        """
        async for page in self._pages(kind, namespace, "", ""):
            try:
                items, version = page["items"], page["metadata"]["resourceVersion"]
            except (KeyError, TypeError):
                raise NonsenseError(f"no list: {str(page)[:200]}") from None
            yield items or [], version

    async def watch(
        self, kind: Kind, namespace: str | None, version: str, *, seconds: int, silence: float
    ) -> AsyncGenerator[WatchEvent, None]:
        """Watch a collection until the API server ends it; to be closed with `contextlib.aclosing`.

        Args:
            kind: of the objects.
            namespace: where they are, None for everywhere.
            version: resource version that is known already.
            seconds: when the API server is to end it.
            silence: seconds without a byte after which the connection is given up.

        Raises:
            ApiError: the API server refused it.
            NonsenseError: something else than events came.
            aiohttp.ClientError: the connection broke.
            TimeoutError: nothing came for too long.
        """
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(seconds),
            "labelSelector": kind.selector,
            "fieldSelector": kind.fields,
        }
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=silence)
        begin = time.perf_counter()
        code = 0
        try:
            response = await self._streams.get(kind.path(namespace), params=query, timeout=timeout)
            code = response.status
        finally:
            self._metrics.api_call("watch", kind.plural, code, time.perf_counter() - begin)
        async with response:
            if code != HTTPStatus.OK:
                raise ApiError(code, (await response.text())[:500])
            async for line in _lines(response.content.iter_any()):
                yield _read(line)


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Split what comes at its line ends. aiohttp's own `readline` takes no line as long as a pod may be."""
    parts: list[bytes] = []
    length = 0
    async for chunk in chunks:
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            yield b"".join((*parts, end))
            parts, length = [], 0
        parts.append(rest)
        length += len(rest)
        if length > _LONGEST_LINE:
            raise NonsenseError(f"a line longer than {_LONGEST_LINE} bytes")
    # What is left is half an event: the connection ended in the middle, and the next watch brings it again.


def _read(line: bytes) -> WatchEvent:
    try:
        event = json.loads(line)
        found = WatchEvent(event["type"], event["object"])
        if found.type != "ERROR":
            int(found.object["metadata"]["resourceVersion"])
        if found.type not in {"ERROR", "BOOKMARK"}:
            itemgetter("uid", "name")(found.object["metadata"])
    except (ValueError, TypeError, KeyError) as error:
        raise NonsenseError(f"{line[:200]!r}: {error!r}") from None
    return found
