"""Reading and writing objects of a cluster."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import urllib3
from kubernetes.client.rest import RESTClientObject

from millstream._cluster.answers import noun, refusal, stored, unreachable
from millstream._cluster.kinds import ACCESS_REVIEWS, POD_LOGS, PODS
from millstream.exceptions import ObjectNotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from ssl import SSLContext

    from kubernetes.client import Configuration

    from millstream._cluster.kinds import Kind

Object = dict[str, Any]

FIELD_MANAGER: Final = "millstream"
_PAGE: Final = 500
_CONNECT_SECONDS: Final = 5.0
_READ_SECONDS: Final = 30.0
_SILENT_SECONDS: Final = 60.0
"""After which a log that is followed is asked for again: nobody can tell a flow that says nothing from a dead line."""
_JSON: Final = "application/json"
_MERGE: Final = "application/merge-patch+json"
_APPLY: Final = "application/apply-patch+yaml"

# Only what the API server itself asks to have repeated (it is too busy) is: anything else may have been done.
_RETRIES: Final = urllib3.Retry(
    total=3,
    connect=0,
    read=0,
    redirect=0,
    other=0,
    status=3,
    status_forcelist=(429,),
    allowed_methods=None,
    raise_on_status=False,
)


class Cluster:
    """The objects of a cluster. Its methods may be called from any thread.

    What asks for something raises ClusterUnreachable if there is no answer, ClusterForbidden if that is not allowed,
    and ClusterError or what is made of it for all else that the API server refuses.

    Attributes:
        server: The address of the API server.
        namespace: Where objects are looked for unless another namespace is named.
    """

    def __init__(self, configuration: Configuration, namespace: str, tls: SSLContext | None = None) -> None:
        self.server: str = configuration.host
        self.namespace = namespace
        self._configuration = configuration
        self._pool: urllib3.PoolManager = RESTClientObject(configuration).pool_manager
        if tls is not None:
            self._pool.connection_pool_kw["ssl_context"] = tls

    def get(self, kind: Kind, name: str, *, namespace: str | None = None) -> Object:
        """An object.

        Raises:
            ObjectNotFound: There is none of that name.
        """
        return self._call("get", kind, namespace or self.namespace, name)

    def look(self, kind: Kind, name: str, *, namespace: str | None = None) -> tuple[Object, str]:
        """An object, and the version since which it is to be watched.

        Its own version may be so old that the API server has forgotten what happened since then.

        Raises:
            ObjectNotFound: There is none of that name.
        """
        place = namespace or self.namespace
        page = self._call("list", kind, place, query={"fieldSelector": f"metadata.name={name}"})
        if not page["items"]:
            raise ObjectNotFound(f"There is no {noun(kind)} {name} in namespace {place}.")
        return page["items"][0], page["metadata"]["resourceVersion"]

    def list(
        self,
        kind: Kind,
        *,
        namespace: str | None = None,
        everywhere: bool = False,
        labels: str = "",
        fields: str = "",
    ) -> Iterator[Object]:
        """The objects of a namespace, or of all namespaces, that selectors choose; read page by page."""
        place = None if everywhere else namespace or self.namespace
        query = _given(labelSelector=labels, fieldSelector=fields, limit=str(_PAGE))
        while True:
            page = self._call("list", kind, place, query=query)
            yield from page["items"]
            following = page["metadata"].get("continue")
            if not following:
                return
            query["continue"] = following

    def create(
        self, kind: Kind, body: Object, *, namespace: str | None = None, dry_run: bool = False
    ) -> Object:
        """Create an object.

        Raises:
            ObjectAlreadyExists: There is one of that name.
            ObjectInvalid: It cannot be like this.
        """
        query = _written(dry_run=dry_run)
        return self._call("create", kind, namespace or self.namespace, body=body, query=query)

    def apply(
        self,
        kind: Kind,
        body: Object,
        *,
        namespace: str | None = None,
        dry_run: bool = False,
        force: bool = False,
    ) -> Object:
        """Create an object or change it to what is given; fields that others own are theirs (server-side apply).

        Args:
            kind: Its kind.
            body: All that we want to say of it; what we said before and do not say any more goes away.
            namespace: Its namespace.
            dry_run: Only tell what would be stored.
            force: Take fields that others own.

        Raises:
            OutdatedObject: Others own a field that is to have another value.
            ObjectInvalid: It cannot be like this.
        """
        query = _written(dry_run=dry_run) | ({"force": "true"} if force else {})
        name = body["metadata"]["name"]
        place = namespace or self.namespace
        return self._call("patch", kind, place, name, body=body, query=query, form=_APPLY)

    def patch(self, kind: Kind, name: str, change: Object, *, namespace: str | None = None) -> Object:
        """Change fields of an object by a merge patch; a `metadata.resourceVersion` in it makes it conditional.

        Raises:
            ObjectNotFound: There is none of that name.
            OutdatedObject: It has changed since that version.
        """
        query = _written(dry_run=False)
        return self._call(
            "patch", kind, namespace or self.namespace, name, body=change, query=query, form=_MERGE
        )

    def delete(self, kind: Kind, name: str, *, namespace: str | None = None, uid: str | None = None) -> None:
        """Delete an object, and in the background what belongs to it; with `uid` no other one of that name.

        Raises:
            ObjectNotFound: There is none of that name.
        """
        body: Object = {"propagationPolicy": "Background"}
        if uid is not None:
            body["preconditions"] = {"uid": uid}
        self._call("delete", kind, namespace or self.namespace, name, body=body)

    def allows(self, verb: str, kind: Kind, *, namespace: str | None = None, part: str | None = None) -> bool:
        """Whether we may do something; `part` is a subresource, as log."""
        wanted = _given(
            verb=verb,
            group=kind.group,
            version=kind.version,
            resource=kind.plural,
            subresource=part,
            namespace=namespace or self.namespace,
        )
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": wanted},
        }
        return bool(self._call("create", ACCESS_REVIEWS, None, body=body)["status"]["allowed"])

    def read(self, path: str) -> tuple[int, Mapping[str, str], bytes]:
        """Whatever there is at a path: the HTTP status, its headers and the content."""
        with self._request("GET", path, {}, None, _JSON, seconds=_READ_SECONDS) as answer:
            return answer.status, answer.headers, answer.data

    def watch(
        self, kind: Kind, *, since: str, name: str, namespace: str | None = None, seconds: int = 30
    ) -> Iterator[Object]:
        """What happens to an object after a version of it, for some seconds: `{"type": ..., "object": ...}`.

        Raises:
            ExpiredError: The API server does not know any more what happened since then.
        """
        query = {
            "watch": "true",
            "resourceVersion": since,
            "timeoutSeconds": str(seconds),
            "fieldSelector": f"metadata.name={name}",
        }
        place = namespace or self.namespace
        for line in self._lines(
            "watch", kind, place, None, kind.path(place), query, seconds + _CONNECT_SECONDS
        ):
            event = stored(self.server, line)
            if event["type"] == "ERROR":
                status = event["object"]
                raise refusal("watch", kind, place, name, status.get("code", 0), json.dumps(status).encode())
            yield event

    def log(
        self, pod: str, *, container: str, namespace: str | None = None, follow: bool = False, **options: str
    ) -> Iterator[str]:
        """The lines of a container's log.

        Args:
            pod: The pod's name.
            container: The container's name.
            namespace: The pod's namespace.
            follow: Also those to come, until the container ends. What has no end yet is no line then.
            options: Others of Kubernetes, as `tailLines="10"`, `timestamps="true"`.

        Raises:
            ObjectNotFound: There is no such pod.
            ObjectInvalid: Its container has not begun yet.
            ClusterUnreachable: The line is broken, or there was nothing to follow for a minute.
        """
        place = namespace or self.namespace
        path = PODS.path(place, pod, "log")
        query = {"container": container, **options} | ({"follow": "true"} if follow else {})
        seconds = _SILENT_SECONDS if follow else _READ_SECONDS
        lines = self._lines("get", POD_LOGS, place, pod, path, query, seconds, keep_rest=not follow)
        for line in lines:
            yield line.decode(errors="replace")

    def _call(
        self,
        verb: str,
        kind: Kind,
        namespace: str | None,
        name: str | None = None,
        *,
        body: Object | None = None,
        query: Mapping[str, str] | None = None,
        form: str = _JSON,
    ) -> Object:
        if name in {".", ".."}:  # which would be other paths
            raise ObjectNotFound(f"{name!r} is no name.")
        method = {"create": "POST", "patch": "PATCH", "delete": "DELETE"}.get(verb, "GET")
        path = kind.path(namespace, name)
        with self._request(method, path, query or {}, body, form, seconds=_READ_SECONDS) as answer:
            content = self._content(answer)
            if answer.status >= 400:  # noqa: PLR2004 - HTTP's own
                named = name or (body or {}).get("metadata", {}).get("name")
                raise refusal(verb, kind, namespace, named, answer.status, content)
            return stored(self.server, content)

    def _content(self, answer: urllib3.BaseHTTPResponse) -> bytes:
        try:
            return answer.data
        except urllib3.exceptions.HTTPError as error:
            raise unreachable(self.server, error) from error

    def _lines(
        self,
        verb: str,
        kind: Kind,
        namespace: str | None,
        name: str | None,
        path: str,
        query: Mapping[str, str],
        seconds: float | None,
        *,
        keep_rest: bool = False,
    ) -> Iterator[bytes]:
        with self._request("GET", path, query, None, _JSON, seconds=seconds) as answer:
            if answer.status >= 400:  # noqa: PLR2004 - HTTP's own
                raise refusal(verb, kind, namespace, name, answer.status, self._content(answer))
            begun: list[bytes] = []
            try:
                for part in answer.stream(amt=None):
                    first, *more = part.split(b"\n")
                    begun.append(first)
                    for following in more:
                        yield b"".join(begun)
                        begun = [following]
            except urllib3.exceptions.HTTPError as error:
                raise unreachable(self.server, error) from error
            if keep_rest and (rest := b"".join(begun)):
                yield rest

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Object | None,
        form: str,
        *,
        seconds: float | None,
    ) -> urllib3.BaseHTTPResponse:
        headers = {"Accept": _JSON, "Content-Type": form}
        if token := self._configuration.get_api_key_with_prefix("BearerToken", alias="authorization"):
            headers["Authorization"] = token
        url = self.server + path
        if query:
            url += "?" + urlencode(query)
        try:
            return self._pool.request(
                method,
                url,
                body=None if body is None else json.dumps(body).encode(),
                headers=headers,
                timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=seconds),
                retries=_RETRIES,
                preload_content=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise unreachable(self.server, error) from error


def _written(*, dry_run: bool) -> dict[str, str]:
    query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
    return query | ({"dryRun": "All"} if dry_run else {})


def _given(**options: str | None) -> dict[str, str]:
    return {name: value for name, value in options.items() if value}
