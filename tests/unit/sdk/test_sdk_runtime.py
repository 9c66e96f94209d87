"""`millstream.runtime`: facts from the run, from the environment, and none."""

from datetime import UTC, datetime

import pytest

from millstream import flow, runtime, task
from millstream.runtime import deployment, flow_run, task_run

SHARED = {"id", "tags", "name", "parameters", "run_count", "api_url", "ui_url"}
FACTS = {
    flow_run: SHARED
    | {
        "scheduled_start_time",
        "flow_name",
        "flow_version",
        "parent_flow_run_id",
        "parent_deployment_id",
        "root_flow_run_id",
        "job_variables",
    },
    task_run: SHARED | {"task_name"},
    deployment: {"id", "flow_run_id", "name", "parameters", "version"},
}
EMPTY = {"tags": [], "parameters": {}, "run_count": 0}


def test_the_module():
    assert runtime.__all__ == ["deployment", "flow_run", "task_run"]
    assert runtime.flow_run is flow_run


@pytest.mark.parametrize("facts", FACTS, ids=lambda facts: type(facts).__name__)
def test_outside_of_runs(facts):
    assert {name: getattr(facts, name) for name in dir(facts)} == {
        name: EMPTY.get(name) for name in FACTS[facts]
    }


def test_the_run_at_the_root():
    def ids():
        return flow_run.id, flow_run.root_flow_run_id

    @flow
    def middle():
        return [ids(), flow(ids)(), task(ids)()]

    @flow
    def outer():
        return [ids(), *middle()]

    found = outer()
    assert {root for _, root in found} == {found[0][0]}
    assert len({own for own, _ in found}) == 3


class TestFromTheEnvironment:
    @pytest.mark.parametrize(
        ("subject", "name", "stated", "expected"),
        [
            ("flow_run", "name", "x", "x"),
            ("flow_run", "tags", "a, b", ["a", "b"]),
            ("flow_run", "tags", "", []),
            ("flow_run", "run_count", "3", 3),
            ("flow_run", "parameters", '{"x": 1}', {"x": 1}),
            ("flow_run", "job_variables", "{}", {}),
            ("flow_run", "scheduled_start_time", "2026-01-02T03:04", datetime(2026, 1, 2, 3, 4, tzinfo=UTC)),
            ("flow_run", "scheduled_start_time", "2026-01-02T03:04Z", datetime(2026, 1, 2, 3, 4, tzinfo=UTC)),
            ("task_run", "run_count", "3", 3),
            ("task_run", "task_name", "t", "t"),
            ("deployment", "version", "7", "7"),
            ("deployment", "parameters", '{"x": 1}', {"x": 1}),
            ("flow_run", "of_our_own", "x", "x"),
        ],
    )
    def test_typed_as_the_fact_is(self, subject, name, stated, expected, monkeypatch):
        monkeypatch.setenv(f"MILLSTREAM__RUNTIME__{subject.upper()}__{name.upper()}", stated)
        assert getattr(getattr(runtime, subject), name) == expected

    def test_wins_over_the_run(self, monkeypatch):
        monkeypatch.setenv("MILLSTREAM__RUNTIME__FLOW_RUN__NAME", "stated")
        assert flow(lambda: flow_run.name)() == "stated"

    @pytest.mark.parametrize(
        ("name", "stated"),
        [("RUN_COUNT", "many"), ("PARAMETERS", "[]"), ("PARAMETERS", "{"), ("SCHEDULED_START_TIME", "noon")],
    )
    def test_wrong(self, name, stated, monkeypatch):
        monkeypatch.setenv(f"MILLSTREAM__RUNTIME__FLOW_RUN__{name}", stated)
        with pytest.raises(ValueError, match=f"^MILLSTREAM__RUNTIME__FLOW_RUN__{name} cannot be "):
            getattr(flow_run, name.lower())

    def test_no_such_fact(self):
        with pytest.raises(AttributeError, match="has no 'nme'; it has api_url, flow_name, "):
            _ = flow_run.nme
        assert not hasattr(task_run, "flow_name")
