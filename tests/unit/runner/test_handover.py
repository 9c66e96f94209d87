"""The pipe between the flow's process and its supervisor, both ends in one process here."""

import os

import pytest

from millstream.resources.completion_record import CompletionRecord
from millstream.resources.states import RunState
from millstream.runner._handover import Handover

RECORD = CompletionRecord(uid="u", attempt=1, state=RunState.COMPLETED, start_time="t", message="é\n\ud800")


@pytest.fixture
def handover(monkeypatch):
    handover = Handover(uid="u", attempt=1)
    monkeypatch.setattr(handover, "_writer", os.getpid())
    os.set_blocking(handover._read_end, False)
    yield handover
    for end in (handover._read_end, handover._write_end):
        os.close(end)


def test_nothing_said(handover):
    handover.receive()
    assert (handover.start_time, handover.record) == (None, None)


def test_start_then_end(handover):
    handover.started("12:00")
    handover.receive()
    assert (handover.start_time, handover.record) == ("12:00", None)
    handover.ended(RECORD)
    handover.receive()
    assert handover.record == RECORD


def test_step_that_comes_in_pieces(handover):
    os.write(handover._write_end, b'{"start_')
    handover.receive()
    assert handover.start_time is None
    os.write(handover._write_end, b'time":"12:00"}\n')
    handover.receive()
    assert handover.start_time == "12:00"


@pytest.mark.parametrize(
    "garbage", [b"hello", b"\xff\x00", b"[]", b"7", b'{"record": 7}', b'{"record": null}']
)
def test_garbage_is_passed_over(handover, garbage):
    os.write(handover._write_end, garbage + b"\n")
    handover.ended(RECORD)
    handover.receive()
    assert handover.record == RECORD


def test_first_record_counts(handover):
    handover.ended(RECORD)
    handover.ended(CompletionRecord(uid="u", attempt=1, state=RunState.FAILED))
    handover.receive()
    assert handover.record == RECORD


def test_other_processes_are_silent(handover):
    child = os.fork()
    if child == 0:
        handover.ended(RECORD)
        os._exit(0)
    os.waitpid(child, 0)
    handover.receive()
    assert handover.record is None


def test_programs_do_not_inherit_the_pipe(handover):
    assert not os.get_inheritable(handover._write_end)
