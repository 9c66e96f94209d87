"""How an attempt ended: the table of what the supervisor saw and what it makes of it."""

from dataclasses import replace

import pytest

from millstream.resources.completion_record import CompletionRecord
from millstream.resources.exit_codes import ExitCode
from millstream.resources.reasons import Reason
from millstream.resources.run_document import RunDocument
from millstream.resources.states import RunState
from millstream.runner._verdict import Ending, exit_code, judge

DOCUMENT = RunDocument(
    run="etl", namespace="ns", uid="u", attempt=3, entrypoint="etl.py:main", run_seconds=60, grace_seconds=20
)


def told(state: RunState, reason: Reason | None = None, message: str = "") -> CompletionRecord:
    return CompletionRecord(uid="u", attempt=3, state=state, reason=reason, message=message)


COMPLETED = told(RunState.COMPLETED)
WITH_RESULT = replace(COMPLETED, result=1, has_result=True)
FAILED = told(RunState.FAILED, Reason.FLOW_FAILED, "Flow 'etl' raised ValueError: x.")
INTERRUPTED = told(RunState.CRASHED, Reason.INTERRUPTED, "Task 'load' did not start.")
BAD_INPUT = told(RunState.FAILED, Reason.INVALID_PARAMETERS)
BAD_ENTRYPOINT = told(RunState.FAILED, Reason.INVALID_ENTRYPOINT)
NOT_INSTALLED = told(RunState.FAILED, Reason.REQUIREMENTS_FAILED)
TERM, TIMEOUT = Reason.INTERRUPTED, Reason.RUN_TIMEOUT


@pytest.mark.parametrize(
    ("ending", "state", "reason", "code"),
    [
        # The flow told, and nobody had stopped it.
        (Ending(status=0, record=COMPLETED), "Completed", None, 0),
        (Ending(status=-11, record=COMPLETED), "Completed", None, 0),
        (Ending(status=1, record=FAILED), "Failed", "FlowFailed", 1),
        (Ending(status=0, record=BAD_INPUT), "Failed", "InvalidParameters", 65),
        (Ending(status=0, record=BAD_ENTRYPOINT), "Failed", "InvalidEntrypoint", 66),
        (Ending(status=0, record=NOT_INSTALLED), "Failed", "RequirementsFailed", 69),
        (Ending(status=0, record=INTERRUPTED), "Crashed", "Interrupted", 143),
        # It told after it had to stop.
        (Ending(status=0, record=COMPLETED, stopped=TERM), "Completed", None, 0),
        (Ending(status=0, record=COMPLETED, stopped=TIMEOUT), "TimedOut", "RunTimeout", 124),
        (Ending(status=0, record=FAILED, stopped=TERM), "Crashed", "Interrupted", 143),
        (Ending(status=0, record=FAILED, stopped=TIMEOUT), "TimedOut", "RunTimeout", 124),
        (Ending(status=0, record=INTERRUPTED, stopped=TIMEOUT), "TimedOut", "RunTimeout", 124),
        (Ending(status=0, record=BAD_INPUT, stopped=TERM), "Failed", "InvalidParameters", 65),
        (Ending(status=0, record=BAD_ENTRYPOINT, stopped=TIMEOUT), "Failed", "InvalidEntrypoint", 66),
        (Ending(status=0, record=NOT_INSTALLED, stopped=TERM), "Crashed", "Interrupted", 143),
        # It told nothing.
        (Ending(status=-9, stopped=TERM, killed=True), "Crashed", "Interrupted", 143),
        (Ending(status=-9, stopped=TIMEOUT, killed=True), "TimedOut", "RunTimeout", 124),
        (Ending(status=0, stopped=TERM), "Crashed", "Interrupted", 143),
        (Ending(status=0), "Crashed", "NoResult", 70),
        (Ending(status=3), "Failed", "NonZeroExit", 3),
        (Ending(status=70), "Failed", "NonZeroExit", 1),
        (Ending(status=1), "Failed", "NonZeroExit", 1),
        (Ending(status=-9, out_of_memory=True), "Failed", "OOMKilled", 137),
        (Ending(status=-9), "Failed", "Signalled", 137),
        (Ending(status=-11), "Failed", "Signalled", 139),
        (Ending(status=-11, out_of_memory=True), "Failed", "Signalled", 139),
        (Ending(status=-40), "Failed", "Signalled", 168),
    ],
)
def test_table(ending, state, reason, code):
    record = judge(DOCUMENT, ending)
    assert (record.state, record.reason) == (state, reason)
    assert exit_code(record, ending) == code
    assert (record.uid, record.attempt) == ("u", 3)
    assert (code == 0) == (record.state is RunState.COMPLETED)


@pytest.mark.parametrize(
    ("ending", "message"),
    [
        (
            Ending(status=0, record=INTERRUPTED, stopped=TERM),
            "Kubernetes stopped the pod before the flow had ended. Task 'load' did not start.",
        ),
        (
            Ending(status=0, record=WITH_RESULT, stopped=TIMEOUT),
            "The attempt took longer than 60 s. The flow completed only after that.",
        ),
        (
            Ending(status=0, record=told(RunState.CRASHED, Reason.INTERRUPTED), stopped=TIMEOUT),
            "The attempt took longer than 60 s.",
        ),
        (
            Ending(status=-9, stopped=TIMEOUT, killed=True),
            "The attempt took longer than 60 s. The flow did not stop within its grace period of 20 s and was killed.",
        ),
        (Ending(status=-6), "SIGABRT ended the flow's process."),
        (Ending(status=-40), "Signal 40 ended the flow's process."),
    ],
)
def test_message(ending, message):
    assert judge(DOCUMENT, ending).message == message


def test_result_that_came_too_late_is_not_kept():
    record = judge(DOCUMENT, Ending(status=0, record=WITH_RESULT, stopped=TIMEOUT))
    assert (record.result, record.has_result) == (None, False)


def test_start_is_known_without_a_record():
    assert judge(DOCUMENT, Ending(status=-9, start_time="2026-01-01T00:00:00.000Z")).start_time


def test_every_code_of_the_table_is_used():
    endings = [
        Ending(status=0, record=COMPLETED),
        Ending(status=1),
        Ending(status=0, record=BAD_INPUT),
        Ending(status=0, record=BAD_ENTRYPOINT),
        Ending(status=0, record=NOT_INSTALLED),
        Ending(status=0),
        Ending(status=0, stopped=TIMEOUT),
        Ending(status=-9, out_of_memory=True),
        Ending(status=0, stopped=TERM),
    ]
    used = {exit_code(judge(DOCUMENT, ending), ending) for ending in endings}
    assert used == set(ExitCode) - {ExitCode.INVALID_DOCUMENT}
