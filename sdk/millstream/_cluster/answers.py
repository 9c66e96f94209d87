"""What an API server refuses, as exceptions that say what to do."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from millstream._cluster.kinds import POD_LOGS
from millstream.exceptions import (
    ClusterError,
    ClusterForbidden,
    ClusterUnreachable,
    ObjectAlreadyExists,
    ObjectInvalid,
    ObjectNotFound,
    OutdatedObject,
)
from millstream.resources.model import GROUP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from millstream._cluster.kinds import Kind

_NOUNS = {
    "flowruns": "FlowRun",
    "flowdeployments": "FlowDeployment",
    "configmaps": "ConfigMap",
    "pods": "pod",
    "pods/log": "pod",
}

_AWAY: Final = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}
"""What is said where an API server, or what is behind it, is away: a write may have been done nevertheless."""
_READS: Final = {"get", "list", "watch"}
_OF_ETCD: Final = re.compile(r"etcdserver: |rpc error: |.*\brequest timed out")
"""How the API server says that its database has no leader or is slow; other failures of a write may be so for good."""
_MOST_SAID: Final = 200

UNDECLARED: Final = "field not declared in schema"
"""What the API server says of fields that its CRD does not have."""


class ExpiredError(ClusterError):
    """The API server has forgotten what happened since then; it has to be read anew."""


class FieldsOwnedError(OutdatedObject):
    """Others own fields that are to have another value.

    Attributes:
        fields: The name of who owns one, and its path, each.
    """

    def __init__(self, message: str, fields: list[tuple[str, str]]) -> None:
        super().__init__(message)
        self.fields = fields


def refusal(
    verb: str, kind: Kind, namespace: str | None, name: str | None, code: int, body: bytes
) -> Exception:
    """Why a request was refused.

    Args:
        verb: What was asked for, as in rules of RBAC.
        kind: Of what.
        namespace: Where; None for all namespaces and for what has none.
        name: Of which object; None for none in particular.
        code: The HTTP status.
        body: A `Status` of Kubernetes, or whatever a proxy has to say.
    """
    status = _status(body)
    said = str(status.get("message") or _text(body) or _phrase(code))
    place = f"namespace {namespace}" if namespace else "the cluster"
    match code:
        case HTTPStatus.UNAUTHORIZED:
            error: Exception = ClusterForbidden(
                "The cluster does not know you: log in again, or mend the user of your kubeconfig."
            )
        case HTTPStatus.FORBIDDEN:
            error = _forbidden(verb, kind, place, said)
        case HTTPStatus.NOT_FOUND if namespace and _details(status).get("kind") == "namespaces":
            error = ObjectNotFound(f"There is no namespace {namespace} in the cluster.")
        case HTTPStatus.NOT_FOUND:
            error = _not_found(kind, place, name, status)
        case HTTPStatus.CONFLICT if status.get("reason") == "AlreadyExists":
            error = ObjectAlreadyExists(f"There is a {noun(kind)} {name} already in {place}.")
        case HTTPStatus.CONFLICT:
            owned = list(_owned_fields(status))
            error = FieldsOwnedError(said, owned) if owned else OutdatedObject(said)
        case HTTPStatus.BAD_REQUEST | HTTPStatus.UNPROCESSABLE_ENTITY:
            error = ObjectInvalid(said)
        case HTTPStatus.INTERNAL_SERVER_ERROR if (
            UNDECLARED in said
        ):  # its answer to an apply, in place of 400
            error = ObjectInvalid(said)
        case HTTPStatus.GONE:
            error = ExpiredError(said)
        case _:
            is_away = code in _AWAY or (
                code == HTTPStatus.INTERNAL_SERVER_ERROR and (verb in _READS or bool(_OF_ETCD.match(said)))
            )
            # Of a log, it is the kubelet that is away, perhaps for good.
            of = ClusterUnreachable if is_away and kind != POD_LOGS else ClusterError
            error = of(f"The cluster could not {verb} {kind.plural} ({code}): {said}")
    return error


def stored(server: str, body: bytes) -> dict[str, Any]:
    """What an API server has answered to a request that it did not refuse.

    Raises:
        ClusterUnreachable: Somebody else has answered.
    """
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if isinstance(found, dict) and found.keys() & {"kind", "type"}:  # of objects and of events
        return found
    raise ClusterUnreachable(
        f"What answers at {server} is no API server: it says {_text(body)!r}. Check the server of the "
        "context, and whether a proxy wants you to log in."
    )


def unreachable(server: str, error: Exception) -> ClusterUnreachable:
    """Why there was no answer."""
    reason = getattr(error, "reason", None) or error
    return ClusterUnreachable(
        f"The cluster at {server} does not answer: {reason}. Check that it runs, and that the context is the right one."
    )


def noun(kind: Kind) -> str:
    """What people call one of a kind."""
    return _NOUNS.get(kind.plural, kind.plural)


def _status(body: bytes) -> dict[str, Any]:
    try:
        status = json.loads(body)
    except ValueError:
        return {}
    return status if isinstance(status, dict) else {}


def _details(status: dict[str, Any]) -> dict[str, Any]:
    details = status.get("details")
    return details if isinstance(details, dict) else {}


def _text(body: bytes) -> str:
    """What a proxy has to say may be a whole page."""
    return body.decode(errors="replace").strip()[:_MOST_SAID]


def _phrase(code: int) -> str:
    return HTTPStatus(code).phrase if code in set(HTTPStatus) else "without a word"


def _owned_fields(status: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for cause in _details(status).get("causes") or ():
        if cause.get("reason") == "FieldManagerConflict":
            named = re.search(r'conflict with "([^"]*)"', cause.get("message", ""))
            yield named[1] if named else "another's", cause.get("field", "")


def _forbidden(verb: str, kind: Kind, place: str, said: str) -> ClusterForbidden:
    resource = f"{kind.plural}.{kind.group}" if kind.group else kind.plural
    if "cannot" in said and "in API group" in said:  # RBAC's words; others, as admission policies, say why
        known = (
            ", as the cluster role edit does for what belongs to Millstream" if kind.group == GROUP else ""
        )
        return ClusterForbidden(
            f"You may not {verb} {resource} in {place}. Ask for a role that allows the verb {verb} on {resource}{known}."
        )
    return ClusterForbidden(said)


def _not_found(kind: Kind, place: str, name: str | None, status: dict[str, Any]) -> Exception:
    is_about_an_object = bool(_details(status).get("name"))
    if is_about_an_object and name is not None:
        return ObjectNotFound(f"There is no {noun(kind)} {name} in {place}.")
    if kind.group == GROUP and not is_about_an_object:
        return ClusterError(
            f"The cluster has no {noun(kind)}s: Millstream is not installed in it, or in another version. "
            "`millstream doctor` says which."
        )
    return ObjectNotFound(str(status.get("message") or f"There are no {kind.plural} in {place}."))
