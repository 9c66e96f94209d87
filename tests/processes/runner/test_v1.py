"""Flows of the declarative style in pods."""

import pytest

SOURCE = """
from millstream.v1 import Flow, Parameter, task, context
from millstream.v1.executors import LocalDaskExecutor

@task
def double(n):
    if n < 0:
        raise ValueError("negative")
    return 2 * n

@task
def show(ns):
    print("sum", sum(ns), context.flow_run_name, context.scheduled_start_time.isoformat(), flush=True)

with Flow("numbers", executor=LocalDaskExecutor()) as main:
    n = Parameter("n")
    show(double.map([n, Parameter("m", default=1)]))

with Flow("other") as other:
    show([])
"""


def test_runs(run):
    outcome = run(SOURCE, parameters={"n": 4}, scheduled_time="2026-01-02T03:04:05+00:00")
    assert (outcome.exit_code, outcome.record.state) == (0, "Completed")
    assert b"sum 10 etl-1 2026-01-02T03:04:05+00:00" in outcome.out
    assert outcome.record.message == "All reference tasks succeeded."
    assert outcome.record.tasks == {"Completed": 6}


def test_another_flow_of_the_file(run):
    assert b"sum 0 etl-1" in run(SOURCE, entrypoint="flows.py:other").out


def test_fails(run):
    outcome = run(SOURCE, parameters={"n": -1})
    assert (outcome.exit_code, outcome.record.state, outcome.record.reason) == (1, "Failed", "FlowFailed")
    assert outcome.record.message == (
        "Some reference tasks failed: show. First: Task 'double' raised ValueError: negative (attempt 1 of 1)"
    )
    assert outcome.record.error == "ValueError"
    assert outcome.record.tasks == {"Completed": 4, "Failed": 1, "TriggerFailed": 1}


@pytest.mark.parametrize(
    ("parameters", "words"),
    [({}, "missing 'n'"), ({"n": 1, "z": 2}, "unknown 'z'"), ({"z": 2}, "unknown 'z'")],
)
def test_wrong_parameters(run, parameters, words):
    outcome = run(SOURCE, parameters=parameters)
    assert outcome.record.reason == "InvalidParameters"
    assert words in outcome.record.message


def test_a_circle_is_a_wrong_entrypoint(run):
    outcome = run(SOURCE + "    n = double(1)\n    n.set_upstream(n)\n", entrypoint="flows.py:other")
    assert outcome.record.reason == "InvalidEntrypoint"
    assert "circle: double-1 → double-1" in outcome.record.message


def test_a_program_that_runs_its_flow_itself(run):
    outcome = run(SOURCE + "\nstate = main.run(n=1)\nassert state.is_pending()\n", parameters={"n": 1})
    assert outcome.record.state == "Completed"
    assert outcome.out.count(b"sum") == 1


def test_interrupted(workbench):
    attempt = workbench.start(
        """
        from millstream.v1 import Flow, task as step

        @step
        def forever(fifo):
            wait(fifo)

        with Flow("f") as main:
            forever("fifo")
        """,
        grace_seconds=3,
    )
    attempt.out.wait_for("waiting")
    attempt.signal()
    outcome = attempt.finish()
    assert (outcome.record.state, outcome.record.reason) == ("Crashed", "Interrupted")
