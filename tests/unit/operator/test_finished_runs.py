from builders import NAMESPACE, after, make_run, make_status, text

from millstream.resources.states import RunState
from millstream_operator.decide.observed import Run
from millstream_operator.finished_runs import FinishedRuns


def ended(name, seconds, state=RunState.COMPLETED, **more):
    status = make_status(state, completionTime=text(after(seconds)))
    return Run.from_object(make_run(name, status=status, **more))


def test_the_one_that_ended_first_is_the_first():
    runs = FinishedRuns()
    for run in (ended("late", 9), ended("early", 1), ended("failed", 5, RunState.FAILED)):
        runs.add(run)
    assert [run.name for run in runs.of(NAMESPACE, "etl", completed=True)] == ["early", "late"]
    assert [run.name for run in runs.of(NAMESPACE, "etl", completed=False)] == ["failed"]


def test_names_that_are_gone_leave_nothing_behind():
    runs = FinishedRuns()
    for number in range(3):
        run = ended("a", 1, deployment=f"d{number}")
        runs.add(run)
        runs.discard(run)
    assert not runs._runs
