"""What is made of what an API server, or somebody before it, refuses."""

import json

import pytest

from millstream._cluster.answers import FieldsOwnedError, refusal
from millstream._cluster.kinds import CONFIG_MAPS, FLOW_RUNS, POD_LOGS
from millstream.exceptions import ClusterError, ClusterUnreachable, ObjectNotFound


def refused(code, body=b"", *, verb="get", kind=FLOW_RUNS, namespace="team", name="r"):
    said = body if isinstance(body, bytes) else json.dumps(body).encode()
    return refusal(verb, kind, namespace, name, code, said)


@pytest.mark.parametrize(
    ("verb", "kind", "code", "expected"),
    [
        ("watch", FLOW_RUNS, 503, ClusterUnreachable),
        ("get", FLOW_RUNS, 500, ClusterUnreachable),
        ("list", FLOW_RUNS, 502, ClusterUnreachable),
        ("create", FLOW_RUNS, 504, ClusterUnreachable),
        ("create", FLOW_RUNS, 500, ClusterError),  # a webhook, perhaps: it may be so for good
        ("list", FLOW_RUNS, 408, ClusterUnreachable),
        ("create", FLOW_RUNS, 429, ClusterUnreachable),
        ("get", POD_LOGS, 500, ClusterError),
        ("get", POD_LOGS, 503, ClusterError),
        ("get", FLOW_RUNS, 418, ClusterError),
    ],
)
def test_who_is_away_for_a_while_and_who_says_no(verb, kind, code, expected):
    error = refused(code, {"message": "shutting down"}, verb=verb, kind=kind)
    assert type(error) is expected
    assert str(error) == f"The cluster could not {verb} {kind.plural} ({code}): shutting down"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("etcdserver: leader changed", ClusterUnreachable),
        ("etcdserver: request timed out", ClusterUnreachable),
        ("rpc error: code = Unavailable desc = transport is closing", ClusterUnreachable),
        ("Internal error occurred: request timed out", ClusterUnreachable),
        ('failed calling webhook "x": no endpoints available', ClusterError),
    ],
)
def test_a_write_may_be_repeated_when_the_database_is_there_again(said, expected):
    assert type(refused(500, {"message": said}, verb="create")) is expected


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}"])
def test_a_status_that_http_does_not_know(body):
    assert str(refused(520, body)).startswith("The cluster could not get flowruns (520): ")


def test_a_page_of_a_proxy_is_told_in_part():
    assert len(str(refused(502, b"<html>" * 1000))) < 300


def test_details_may_be_missing():
    assert type(refused(404, {"details": None, "message": "no such page"})) is ClusterError
    assert not isinstance(refused(409, {"details": None, "message": "conflict"}), FieldsOwnedError)
    assert not isinstance(refused(409, {"details": {"causes": None}}), FieldsOwnedError)


@pytest.mark.parametrize("kind", [FLOW_RUNS, CONFIG_MAPS])
def test_a_namespace_that_is_not_there_is_told(kind):
    body = {"reason": "NotFound", "message": "no", "details": {"name": "team", "kind": "namespaces"}}
    error = refused(404, body, verb="patch", kind=kind)
    assert isinstance(error, ObjectNotFound)
    assert str(error) == "There is no namespace team in the cluster."
