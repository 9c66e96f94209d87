"""A thin client of the API server: JSON in, JSON out, typed errors, every call counted."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from http import HTTPStatus
from typing import Any, Self

import aiohttp

from millstream_operator.kinds import Kind
from millstream_operator.metrics import Metrics

__all__ = ["AlreadyExistsError", "Api", "ApiError", "ConflictError", "NotFoundError", "NotLeaderError"]

_PAGE = 500
_JSON_PATCH = "application/json-patch+json"
_REFUSED = {HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.UNPROCESSABLE_ENTITY}


class ApiError(Exception):
    """The API server refused a request.

    Attributes:
        code: HTTP status.
        message: what it said.
        retry_after: seconds to wait, when it asked for that.
    """

    def __init__(self, code: int, message: str, retry_after: float | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.retry_after = retry_after

    @property
    def refused(self) -> bool:
        """Whether it was for what was asked, or who asked: nothing was done, and nobody else was quicker."""
        return self.code in _REFUSED


class NotFoundError(ApiError):
    """There is no such object."""


class ConflictError(ApiError):
    """The object has changed since it was read."""


class AlreadyExistsError(ApiError):
    """An object of this name exists."""


class NotLeaderError(asyncio.CancelledError):
    """A write was not sent, since another operator may be writing by now.

    It cancels the task that tried: what that had planned must not be tried again either.
    """


class Api:
    """The verbs that the operator uses.

    All raise `ApiError` for what the API server refuses, and `aiohttp.ClientError` or `TimeoutError` when it
    cannot be reached.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        metrics: Metrics,
        may_write: Callable[[], bool] = lambda: True,
    ) -> None:
        """Make a client.

        Args:
            session: opened for the API server; it is closed with the client.
            metrics: where calls are counted.
            may_write: asked right before each write; if it says no, `NotLeaderError` is raised.
        """
        self._session = session
        self._metrics = metrics
        self._may_write = may_write

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def get(self, kind: Kind, namespace: str | None, name: str) -> dict[str, Any]:
        """Read an object."""
        return await self._call("get", kind, kind.path(namespace, name))

    async def collect(
        self, kind: Kind, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> tuple[list[dict[str, Any]], int]:
        """List a collection, page by page; also give the resource version that it is of."""
        items: list[dict[str, Any]] = []
        version = 0
        async for page in self._pages(kind, namespace, labels, fields):
            items += page["items"]
            version = int(page["metadata"]["resourceVersion"])
        return items, version

    async def _pages(
        self, kind: Kind, namespace: str | None, labels: str, fields: str
    ) -> AsyncIterator[dict[str, Any]]:
        query = {
            "limit": str(_PAGE),
            "labelSelector": labels or kind.selector,
            "fieldSelector": fields or kind.fields,
        }
        while True:
            page = await self._call("list", kind, kind.path(namespace), query=query)
            yield page
            if not (token := page["metadata"].get("continue")):
                return
            query["continue"] = token

    async def create(self, kind: Kind, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object."""
        path = kind.path(body["metadata"]["namespace"])
        return await self._call("create", kind, path, body=body, query={"fieldValidation": "Strict"})

    async def try_to_create(self, kind: Kind, body: Mapping[str, Any]) -> None:
        """Ask whether an object would be created; nothing is stored."""
        path = kind.path(body["metadata"]["namespace"])
        query = {"fieldValidation": "Strict", "dryRun": "All"}
        await self._call("try", kind, path, body=body, query=query)

    async def patch(
        self, kind: Kind, namespace: str, name: str, operations: list[dict[str, Any]], part: str | None = None
    ) -> dict[str, Any]:
        """Change an object, or a subresource of it, by a JSON patch (RFC 6902)."""
        return await self._call(
            "patch", kind, kind.path(namespace, name, part), body=operations, content_type=_JSON_PATCH
        )

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        """Delete just this object, and before it what it owns."""
        body = {"propagationPolicy": "Foreground", "preconditions": {"uid": uid}}
        await self._call("delete", kind, kind.path(namespace, name), body=body)

    async def _call(
        self,
        verb: str,
        kind: Kind,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        if verb in _WRITES and not self._may_write():
            raise NotLeaderError
        method = _METHODS[verb]
        begin = time.perf_counter()
        code = 0
        try:
            async with self._session.request(
                method, path, json=body, params=query, headers={"Content-Type": content_type}
            ) as response:
                code = response.status
                text = await response.text()
        finally:
            self._metrics.api_call(verb, kind.plural, code, time.perf_counter() - begin)
        if verb in {"create", "patch"} and code < HTTPStatus.BAD_REQUEST:
            self._metrics.object_written(kind.plural, len(text))
        # Whatever stands in front of the API server answers in its own way.
        answer = _json(text)
        if code >= HTTPStatus.BAD_REQUEST or answer is None:
            raise _error(code, answer or {"message": text[:500]}, response.headers.get("Retry-After"))
        return answer


_METHODS = {
    "get": "GET",
    "list": "GET",
    "create": "POST",
    "try": "POST",
    "patch": "PATCH",
    "delete": "DELETE",
}
_WRITES = {"create", "patch", "delete"}


def _json(text: str) -> dict[str, Any] | None:
    try:
        answer = json.loads(text)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _error(code: int, status: Mapping[str, Any], retry_after: str | None) -> ApiError:
    message = str(status.get("message") or status)
    wait = float(retry_after) if retry_after and retry_after.isdigit() else None
    if code == HTTPStatus.NOT_FOUND:
        return NotFoundError(code, message)
    if code == HTTPStatus.CONFLICT:
        kind = AlreadyExistsError if status.get("reason") == "AlreadyExists" else ConflictError
        return kind(code, message)
    return ApiError(code, message, wait)
