"""What interrupts a thread arrives at some later step of it: also where its limit has just begun, or comes to its end."""

import ctypes
import dis
import sys
import threading
from types import SimpleNamespace

import pytest

from millstream._engine import limits, timeouts

STEPS_OF = {limits.__file__, timeouts.__file__}
LOOKS = {"RESUME", "CALL", "CALL_FUNCTION_EX", "JUMP_BACKWARD"}
"""After these Python looks whether something is to be raised in the thread."""
MANY = 1000


class Foreign(BaseException):
    """What somebody else raises in the thread, as a task runner that ends."""


class Thread:
    """A thread in which the time of limits is over at one step, and what that raises arrives at the same or a later one."""

    def __init__(self, monkeypatch):
        raised = SimpleNamespace(PyThreadState_SetAsyncExc=self.set)
        monkeypatch.setattr(limits, "ctypes", SimpleNamespace(**vars(ctypes) | {"pythonapi": raised}))
        monkeypatch.setattr(limits, "may_be_interrupted", lambda _: True)
        self.limits = []
        watch = SimpleNamespace(add=self.limits.append, forget=lambda: None)
        monkeypatch.setattr(limits, "_watch", watch)

    def run(self, fn, happens, at, arrives):
        """Give what the function gives or raises, and whether it was at work long enough for all to happen."""
        self.limits.clear()
        self.pending, self.steps, self.happens, self.at, self.arrives = None, 0, happens, at, arrives
        sys.settrace(self.trace)
        try:
            result = fn()
        except BaseException as error:  # noqa: BLE001
            result = error
        finally:
            sys.settrace(None)
        return result, self.steps >= arrives

    def set(self, _, exception):
        self.pending = exception and exception.value

    def trace(self, frame, *_):
        if frame.f_code.co_filename not in STEPS_OF:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        before = None

        def trace(frame, event, _):
            nonlocal before
            if event == "opcode":
                if before in LOOKS:
                    self.step()
                before = dis.opname[frame.f_code.co_code[frame.f_lasti]]
            return trace

        return trace

    def step(self):
        self.steps += 1
        if self.steps == self.at:
            self.happens(self)
        if self.steps >= self.arrives and self.pending:
            raised, self.pending = self.pending, None
            raise raised


def over(*which):
    """Give what happens when the time of these limits is over; while one of them ends, others have to wait."""

    def happens(thread):
        for limit in [limit for limit in thread.limits if limit.message in which]:
            if not limit._lock._is_owned():
                limit.interrupt()

    return happens


def foreign(thread):
    thread.pending = Foreign


def ends():
    return 5


def is_interrupted():
    """Raise as the code does that is interrupted itself."""
    limit = limits._local.innermost
    limit._over = True
    raise limit._exception()


@pytest.mark.parametrize("delay", [0, 1, 2, 5])
@pytest.mark.parametrize("fn", [ends, is_interrupted])
@pytest.mark.parametrize(
    ("happens", "expected"),
    [
        (over("inner"), {5, "RunTimeoutError: inner"}),
        (over("outer"), {5, "RunTimeoutError: inner", "RunTimeoutError: outer"}),
        (over("inner", "outer"), {5, "RunTimeoutError: inner", "RunTimeoutError: outer"}),
        (foreign, {5, "RunTimeoutError: inner", "Foreign: "}),
    ],
    ids=["inner", "outer", "both", "foreign"],
)
def test_nothing_arrives_after_the_end(monkeypatch, happens, expected, fn, delay):
    fn = timeouts._limited(timeouts._limited(fn, 3600, "inner"), 3600, "outer")
    thread = Thread(monkeypatch)
    found, left = set(), []

    def interrupt_at_each_step():
        for at in range(1, MANY):
            result, goes_on = thread.run(fn, happens, at, at + delay)
            found.add(f"{type(result).__name__}: {result}" if isinstance(result, BaseException) else result)
            left.append([limit.message for limit in thread.limits if limit.active])
            left.append(getattr(limits._local, "innermost", None))
            left.append(thread.pending is not Foreign and thread.pending)
            if not goes_on:
                return

    worker = threading.Thread(target=interrupt_at_each_step)
    worker.start()
    worker.join()
    assert 20 < len(left) // 3 < MANY - 1
    assert found <= expected
    assert [what for what in left if what] == []
