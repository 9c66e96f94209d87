"""What of a query the API server looks for itself."""

import pytest

from millstream.client._custom_resources import STATES
from millstream.client._query import Query
from millstream.client._selectors import field_selector
from millstream.client.schemas import filters
from millstream.resources.states import RunState


def selector(deployment=None, **fields):
    run = filters.FlowRunFilter(**fields) if fields else None
    of = filters.DeploymentFilter(**deployment) if deployment else None
    return field_selector(Query("ID_DESC", flow_run=run, deployment=of), {"uid-1": "etl-1"})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ""),
        ({"name": {"any_": ["etl-1"]}}, "metadata.name=etl-1"),
        ({"name": {"any_": ["a,b=c\\d"]}}, r"metadata.name=a\,b\=c\\d"),
        ({"name": {"any_": ["etl-1", "etl-2"]}}, ""),
        ({"name": {"like_": "etl"}}, ""),
        ({"id": {"any_": ["uid-1"]}}, "metadata.name=etl-1"),
        ({"id": {"any_": ["uid-2"]}}, ""),
        ({"operator": "or_", "name": {"any_": ["etl-1"]}, "tags": {"any_": ["a"]}}, ""),
        ({"state": {"type": {"any_": ["COMPLETED"]}}}, "status.state=Completed"),
        ({"state": {"name": {"any_": ["TimedOut"]}}}, "status.state=TimedOut"),
        ({"state": {"type": {"any_": ["FAILED"]}, "name": {"not_any_": ["TimedOut"]}}}, "status.state=Failed"),
        ({"state": {"type": {"not_any_": ["COMPLETED"]}}}, "status.state!=Completed"),
        ({"state": {"operator": "or_", "type": {"any_": ["COMPLETED"]}}}, ""),
        ({"deployment": {"name": {"any_": ["etl"]}}}, "spec.deploymentRef.name=etl"),
        ({"deployment": {"operator": "or_", "name": {"any_": ["etl"]}, "tags": {"any_": ["a"]}}}, ""),
        (
            {"name": {"any_": ["etl-1"]}, "deployment": {"name": {"any_": ["etl"]}}},
            "metadata.name=etl-1,spec.deploymentRef.name=etl",
        ),
    ],
)  # fmt: skip
def test_selectors(fields, expected):
    assert selector(**fields) == expected


def chosen(text, state):
    """Whether the API server gives a run of this state; None for none yet."""
    value = state or ""
    for term in filter(None, text.split(",")):
        if "!=" in term:
            if term.partition("!=")[2] == value:
                return False
        elif term.partition("=")[2] != value:
            return False
    return True


@pytest.mark.parametrize("kind", sorted({kind for kind, _ in STATES.values()}))
@pytest.mark.parametrize("condition", ["any_", "not_any_"])
def test_no_run_is_lost_whatever_its_state(kind, condition):
    text = selector(state={"type": {condition: [kind]}})
    for state, (its_kind, _) in STATES.items():
        assert chosen(text, state) is ((its_kind == kind) is (condition == "any_"))
    assert chosen(text, None) or not chosen(text, RunState.SCHEDULED)  # before the operator has seen it


def test_every_state_is_one_for_clients():
    assert list(STATES) == list(RunState)
    for state, (kind, name) in STATES.items():
        assert (kind in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}) is state.is_final
        assert name
