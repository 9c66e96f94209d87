import re
from datetime import UTC, datetime

import pytest

from millstream._cluster.new_runs import keyed_name, new_run
from millstream.exceptions import ParameterTypeError
from millstream.resources.flow_run import FlowRunSpec
from millstream.resources.names import MAX_RUN_NAME

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
