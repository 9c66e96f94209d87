import json

import pytest
from builders import NOW, TEMPLATE, make_revision, make_run, make_status, observe, text

from millstream.resources.reasons import Reason
from millstream.resources.run_template import RunTemplate
from millstream.resources.states import RunState
from millstream_operator.decide.attempt import begin, document, frozen_template
from millstream_operator.decide.observed import Run
from millstream_operator.decide.plan import CreateJob, WriteRunStatus

STORED = RunTemplate.model_validate(TEMPLATE)


def read(**more):
    return Run.from_object(make_run(**more))


@pytest.mark.parametrize(
    ("run", "revisions", "image"),
    [
        (make_run(template=TEMPLATE | {"image": "own"}), [], "own"),
        (
            make_run(status=make_status(RunState.PENDING, revision="etl-a")),
            [make_revision("etl-a", TEMPLATE | {"image": "a"}), make_revision("etl-b")],
            "a",
        ),
        (make_run(status=make_status(RunState.PENDING, revision="etl-a")), [make_revision("etl-b")], None),
        (make_run(), [make_revision("etl-b")], None),
    ],
)
def test_a_run_keeps_the_template_that_it_was_admitted_with(run, revisions, image):
    observed = observe(run, revisions=revisions)
    template = frozen_template(observed, observed.run)
    assert (template and template.image) == image


@pytest.mark.parametrize("ended", [1, 9, 10, 400])
def test_numbers_go_on_and_the_newest_ten_attempts_are_kept(ended):
    status = make_status(RunState.AWAITING_RETRY, Reason.EVICTED, attempt=ended, next_attempt_time=NOW)
    observed = observe(make_run(template=TEMPLATE, status=status))
    write, create = begin(observed, observed.run, STORED).actions
    assert (type(write), type(create)) == (WriteRunStatus, CreateJob)
    assert write.status.attempt == write.status.current.number == ended + 1
    assert [a.number for a in write.status.attempts] == list(range(max(1, ended - 8), ended + 2))
    assert write.status.next_attempt_time is None
    assert create.job["metadata"]["name"] == f"etl-1-{ended + 1}"


def test_the_document_says_all_that_the_runner_needs():
    template = RunTemplate.model_validate(
        TEMPLATE
        | {
            "parameters": {"a": 1, "b": None},
            "tags": ["x", "y"],
            "timeouts": {"runSeconds": 60},
            "pod": {"terminationGracePeriodSeconds": 7},
            "logTail": False,
        }
    )
    run = read(parameters={"a": 2}, tags=["y", "z"], scheduledTime=text(NOW))
    assert json.loads(document(run, template, attempt=3).to_json()) == {
        "version": 1,
        "run": "etl-1",
        "namespace": "team",
        "uid": "uid-etl-1",
        "attempt": 3,
        "entrypoint": "flows.py:etl",
        "parameters": {"a": 2, "b": None},
        "deployment": "etl",
        "tags": ["x", "y", "z"],
        "scheduled_time": "2026-03-01T12:00:00+00:00",
        "run_seconds": 60,
        "grace_seconds": 7,
        "log_tail": False,
    }


def test_a_run_of_a_template_has_no_deployment():
    assert document(read(template=TEMPLATE), STORED, attempt=1).deployment is None
