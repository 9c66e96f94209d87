"""A thread under limits that is interrupted at each of its steps.

In a process of its own: Python 3.11 goes through the same step for ever where a thread is traced while an exception
is on its way to another thread, as tests of other things leave it.
"""

import ctypes
import dis
import sys
import threading
from itertools import count
from types import SimpleNamespace

from millstream._engine import limits, timeouts

__all__ = ["CASES", "FUNCTIONS", "interrupt_at_each_step"]

STEPS_OF = {limits.__file__, timeouts.__file__}
LOOKS = {"RESUME", "CALL", "CALL_FUNCTION_EX", "JUMP_BACKWARD"}
"""After these Python looks whether something is to be raised in the thread."""


class Foreign(BaseException):
    """What somebody else raises in the thread, as a task runner that ends."""


class Thread:
    """A thread in which the time of limits is over at one step, and what that raises arrives at the same or a later one."""

    def __init__(self):
        raised = SimpleNamespace(PyThreadState_SetAsyncExc=self.set)
        limits.ctypes = SimpleNamespace(**vars(ctypes) | {"pythonapi": raised})
        limits.may_be_interrupted = lambda _: True
        self.limits = []
        limits._watch = SimpleNamespace(add=self.limits.append, forget=lambda: None)

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

    def awaited(self):
        """Give what of ours is still on its way."""
        return None if self.pending is Foreign else self.pending

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


CASES = {"inner": over("inner"), "outer": over("outer"), "both": over("inner", "outer"), "foreign": foreign}
FUNCTIONS = {"ends": ends, "is interrupted": is_interrupted}


def interrupt_at_each_step(case, function, delay):
    """Give what came of it, what was left behind, and at how many steps it was interrupted."""
    limited = timeouts._limited(timeouts._limited(FUNCTIONS[function], 3600, "inner"), 3600, "outer")
    thread, found, left, steps = Thread(), set(), [], count(1)

    def work():
        goes_on = True
        while goes_on:
            at = next(steps)
            result, goes_on = thread.run(limited, CASES[case], at, at + delay)
            found.add(f"{type(result).__name__}: {result}" if isinstance(result, BaseException) else result)
            left.extend(limit.message for limit in thread.limits if limit.active)
            left.extend(
                repr(each) for each in (getattr(limits._local, "innermost", None), thread.awaited()) if each
            )

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    return found, left, next(steps)
