import re
from datetime import UTC, datetime

import pytest
from still_world import still

from millstream._cluster.new_runs import create_run, keyed_name, new_run
from millstream.exceptions import ClusterUnreachable, ObjectAlreadyExists, ParameterTypeError
from millstream.resources.flow_run import FlowRunSpec
from millstream.resources.names import MAX_RUN_NAME

__all__ = ["still"]

SCHEMA = {
    "type": "object",
    "properties": {"day": {"type": "string"}, "n": {"type": "integer"}},
    "required": ["day"],
    "additionalProperties": False,
}


def deployment(name="etl", **spec):
    return {"metadata": {"name": name, "namespace": "team"}, "spec": spec}


def test_a_run_says_only_what_was_given():
    made = new_run(deployment(), name="mine")
    assert made["metadata"] == {"name": "mine", "namespace": "team"}
    assert made["spec"] == {"deploymentRef": {"name": "etl"}}


def test_a_run_has_what_was_given():
    due = datetime(2026, 3, 1, 12, tzinfo=UTC)
    spec = new_run(deployment(), parameters={"n": 1}, tags=["b", "a", "b"], scheduled_time=due)["spec"]
    read = FlowRunSpec.model_validate(spec)
    assert (read.parameters, read.tags, read.scheduled_time) == ({"n": 1}, ["a", "b"], due)


@pytest.mark.parametrize("name", ["etl", "a" * MAX_RUN_NAME, "a" * 44 + "--" + "b" * 6])
def test_names_fit_and_differ(name):
    names = {new_run(deployment(name))["metadata"]["name"] for _ in range(50)}
    assert len(names) == 50
    assert all(
        len(one) <= MAX_RUN_NAME and re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", one) for one in names
    )


def test_a_key_gives_a_name_of_its_own():
    assert keyed_name("etl", "a") == keyed_name("etl", "a")
    assert len({keyed_name("etl", "a"), keyed_name("etl", "b"), keyed_name("et", "la")}) == 3


def test_all_that_is_wrong_with_parameters_is_told_at_once():
    with pytest.raises(ParameterTypeError) as raised:
        new_run(deployment(parameterSchema=SCHEMA), parameters={"n": "many", "x": 1})
    assert str(raised.value) == (
        "The parameters do not fit etl:\n"
        "  n must be integer, not 'many' (string)\n"
        "  x: the flow has no such parameter\n"
        "  day is missing"
    )


def test_a_deployments_own_parameters_count():
    new_run(deployment(parameterSchema=SCHEMA, parameters={"day": "today"}), parameters={"n": 1})


class Losing:
    """A stand-in for a cluster that stores what it is asked to, and whose first answers are lost."""

    def __init__(self, lost, *, stores=True, there=None):
        self.lost = lost
        self.stores = stores
        self.runs = {} if there is None else {there["metadata"]["name"]: there}

    def create(self, kind, run, *, namespace):
        name = run["metadata"]["name"]
        is_new = name not in self.runs
        if is_new and self.stores:
            self.runs[name] = run | {"spec": {"priority": 0} | run["spec"]}
        if self.lost:
            self.lost -= 1
            raise ClusterUnreachable("The cluster does not answer.")
        if not is_new:
            raise ObjectAlreadyExists
        return run

    def get(self, kind, name, *, namespace):
        return self.runs[name]


@pytest.mark.parametrize("stores", [True, False])
def test_a_lost_answer_makes_no_second_run(still, stores):
    cluster = Losing(1, stores=stores)
    made = new_run(deployment(), parameters={"n": 1})
    if not stores:  # what was lost was the request
        still.while_asleep = lambda: setattr(cluster, "stores", True)
    created = create_run(cluster, made)
    assert (created["metadata"], created["spec"]["parameters"]) == (made["metadata"], {"n": 1})
    assert list(cluster.runs) == [made["metadata"]["name"]]


def test_an_answer_that_stays_away_names_the_run_that_there_may_be(still):
    made = new_run(deployment())
    with pytest.raises(
        ClusterUnreachable, match=rf"may have created {made['metadata']['name']} nevertheless"
    ):
        create_run(Losing(2), made)


@pytest.mark.parametrize("lost", [0, 1])
def test_a_run_of_somebody_else_is_none_of_ours(still, lost):
    made = new_run(deployment(), name="mine", parameters={"n": 1})
    theirs = new_run(deployment(), name="mine", parameters={"n": 2})
    with pytest.raises(ObjectAlreadyExists):
        create_run(Losing(lost, there=theirs), made)
