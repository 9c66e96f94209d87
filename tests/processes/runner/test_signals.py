"""What a pod that Kubernetes stops does with its grace period."""

import signal

import pytest

from millstream.resources.exit_codes import ExitCode
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState

STOPPED = "Interrupted: sent SIGTERM"


def assert_interrupted(outcome):
    assert outcome.exit_code == ExitCode.INTERRUPTED
    assert (outcome.record.state, outcome.record.reason) == (RunState.CRASHED, Reason.INTERRUPTED)


def test_running_task_may_finish_and_no_other_starts(workbench):
    attempt = workbench.start(
        """
        @task
        def first(fifo): return wait(fifo)

        @task
        def second(): print("second ran")

        @flow
        def main(fifo):
            first(fifo)
            second()
        """,
        parameters={"fifo": str(workbench.fifo)},
    )
    attempt.out.wait_for("waiting")
    attempt.signal()
    attempt.err.wait_for(STOPPED)
    workbench.release()
    outcome = attempt.finish()
    assert_interrupted(outcome)
    assert outcome.record.tasks["Completed"] == 1
    assert b"second ran" not in outcome.out
    # Whether the run is cancelled, rests, or has another attempt, only the operator knows.
    assert b"Did not finish: Task 'second' did not start" in outcome.err
    assert b"in state Crashed" not in outcome.err


COMPLETES = """
@flow
def main(fifo): return wait(fifo)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_completion_in_the_grace_period_wins(workbench, number):
    attempt = workbench.start(COMPLETES, parameters={"fifo": str(workbench.fifo)})
    attempt.out.wait_for("waiting")
    attempt.signal(number)
    attempt.err.wait_for(STOPPED)
    workbench.release("done")
    outcome = attempt.finish()
    assert (outcome.exit_code, outcome.record.state) == (ExitCode.COMPLETED, RunState.COMPLETED)
    assert outcome.record.result == "done"


def test_second_sigterm_changes_nothing(workbench):
    attempt = workbench.start(COMPLETES, parameters={"fifo": str(workbench.fifo)})
    attempt.out.wait_for("waiting")
    attempt.signal()
    attempt.err.wait_for(STOPPED)
    attempt.signal()
    attempt.signal()
    workbench.release()
    outcome = attempt.finish()
    assert outcome.exit_code == ExitCode.COMPLETED
    assert outcome.err.count(b"sent SIG") == 1


def assert_timed_out(outcome):
    assert outcome.exit_code == ExitCode.RUN_TIMEOUT
    assert (outcome.record.state, outcome.record.reason) == (RunState.TIMED_OUT, Reason.RUN_TIMEOUT)
    assert b"keyboard" not in outcome.err
    assert b"code that awaited it" not in outcome.err


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            """
            @task
            def load():
                try:
                    threading.Event().wait()
                finally:
                    print("cleaned up")

            @flow
            def main(): load()
            """,
            "The attempt took longer than 1 s. It was in task run 'load-0' (attempt 1 of 1).",
        ),
        (
            """
            import asyncio

            @task
            async def load():
                try:
                    await asyncio.Event().wait()
                finally:
                    print("cleaned up")

            @flow
            async def main(): await load()
            """,
            "The attempt took longer than 1 s. It was in task run 'load-0' (attempt 1 of 1).",
        ),
        (
            """
            @flow
            def main():
                try:
                    threading.Event().wait()
                finally:
                    print("cleaned up")
            """,
            "The attempt took longer than 1 s.",
        ),
        (
            """
            try:
                threading.Event().wait()
            finally:
                print("cleaned up", flush=True)
            """,
            "The attempt took longer than 1 s. The flow had not started.",
        ),
    ],
    ids=["task", "asynchronous", "flow", "import"],
)
def test_time_limit_interrupts_at_once(workbench, source, message):
    # With a grace period that nobody would sit out: an interruption near its end is the test's own timeout.
    outcome = workbench.run(source, run_seconds=1, grace_seconds=3600)
    assert_timed_out(outcome)
    assert outcome.record.message == message
    assert outcome.out == b"cleaned up\n"
    assert b"RunTimeout: sent SIGTERM and SIGINT to the flow's process" in outcome.err
    assert (b"stopped from outside" in outcome.err) == (outcome.record.start_time is not None)


def test_completion_after_the_time_limit_is_too_late(run):
    outcome = run(
        """
        @flow
        def main():
            try:
                threading.Event().wait()
            except KeyboardInterrupt:
                return "half of it"
        """,
        run_seconds=1,
    )
    assert_timed_out(outcome)
    assert outcome.record.message == "The attempt took longer than 1 s. The flow completed only after that."
    assert not outcome.record.has_result


def test_completion_before_the_time_limit_stands_although_the_process_lingers(workbench):
    attempt = workbench.start(
        """
        @flow
        def main(fifo):
            threading.Thread(target=wait, args=[fifo]).start()
            return "done"
        """,
        parameters={"fifo": str(workbench.fifo)},
        run_seconds=2,
    )
    attempt.err.wait_for("RunTimeout: sent SIGTERM")
    workbench.release()
    outcome = attempt.finish()
    assert (outcome.exit_code, outcome.record.result) == (ExitCode.COMPLETED, "done")


def test_failure_in_the_grace_period_is_an_interruption_that_names_it(workbench):
    attempt = workbench.start(
        """
        @flow
        def main(fifo): raise OSError(wait(fifo))
        """,
        parameters={"fifo": str(workbench.fifo)},
    )
    attempt.out.wait_for("waiting")
    attempt.signal()
    attempt.err.wait_for(STOPPED)
    workbench.release("connection lost")
    outcome = attempt.finish()
    assert_interrupted(outcome)
    assert outcome.record.error == "OSError"
    assert "connection lost" in outcome.record.message


def test_failure_before_the_signal_stays_a_failure(workbench):
    attempt = workbench.start(
        """
        import atexit

        @flow
        def main(fifo):
            atexit.register(wait, fifo)
            raise ValueError("broken")
        """,
        parameters={"fifo": str(workbench.fifo)},
    )
    attempt.out.wait_for("waiting")
    attempt.signal()
    attempt.err.wait_for(STOPPED)
    workbench.release()
    outcome = attempt.finish()
    assert (outcome.exit_code, outcome.record.reason) == (ExitCode.FAILED, Reason.FLOW_FAILED)


def test_flow_that_waits_for_ever_gets_to_clean_up(workbench):
    attempt = workbench.start(
        """
        @flow
        def main():
            print("waiting")
            try:
                threading.Event().wait()
            finally:
                print("cleaned up")
        """,
        grace_seconds=2,
    )
    attempt.out.wait_for("waiting")
    attempt.signal()
    outcome = attempt.finish()
    assert_interrupted(outcome)
    assert outcome.out.endswith(b"cleaned up\n")
    assert b"SIGKILL" not in outcome.err


def test_asynchronous_flow_gets_to_clean_up(workbench):
    attempt = workbench.start(
        """
        import asyncio

        @flow
        async def main():
            print("waiting")
            try:
                await asyncio.Event().wait()
            finally:
                print("cleaned up")
        """,
        grace_seconds=2,
    )
    attempt.out.wait_for("waiting")
    attempt.signal()
    outcome = attempt.finish()
    assert_interrupted(outcome)
    assert outcome.out.endswith(b"cleaned up\n")


DEAF = {
    "ignores both signals": """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        print("waiting")
        while True:
            signal.pause()
    """,
    "hangs in C, where no Python handler runs": """
        import ctypes
        mutex, libc = ctypes.create_string_buffer(64), ctypes.PyDLL(None)
        libc.pthread_mutex_lock(mutex)
        print("waiting")
        libc.pthread_mutex_lock(mutex)
    """,
    "swallows KeyboardInterrupt": """
        print("waiting")
        while True:
            try:
                signal.pause()
            except KeyboardInterrupt:
                pass
    """,
}


@pytest.mark.parametrize("body", DEAF.values(), ids=DEAF)
def test_deaf_flow_is_killed_in_time_to_tell(workbench, body):
    attempt = workbench.start(f"@flow\ndef main():\n{body}", grace_seconds=2)
    attempt.out.wait_for("waiting")
    attempt.signal()
    outcome = attempt.finish()
    assert_interrupted(outcome)
    assert "killed" in outcome.record.message
    assert outcome.record.start_time


def test_programs_of_a_deaf_flow_are_killed_along_with_it(workbench):
    attempt = workbench.start(
        """
        @flow
        def main(fifo):
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            # The shell keeps the FIFO open for reading as long as it lives.
            subprocess.run(["sh", "-c", f"trap '' INT; exec 3<>{fifo}; echo waiting; read line <&3"])
        """,
        parameters={"fifo": str(workbench.fifo)},
        grace_seconds=1,
    )
    attempt.out.wait_for("waiting")
    attempt.signal()
    assert_interrupted(attempt.finish())


def test_signal_while_the_flow_is_imported(workbench):
    attempt = workbench.start(
        f"""
        wait({str(workbench.fifo)!r})

        @flow
        def main(): print("ran")
        """
    )
    attempt.out.wait_for("waiting")
    attempt.signal()
    attempt.err.wait_for(STOPPED)
    workbench.release()
    outcome = attempt.finish()
    assert_interrupted(outcome)
    assert outcome.record.start_time is None
    assert b"ran" not in outcome.out


def test_import_that_hangs_is_interrupted(workbench):
    attempt = workbench.start(
        """
        print("waiting", flush=True)
        threading.Event().wait()
        """,
        grace_seconds=1,
    )
    attempt.out.wait_for("waiting")
    attempt.signal()
    assert_interrupted(attempt.finish())


def test_invalid_parameters_stay_invalid_when_interrupted(workbench):
    attempt = workbench.start(
        f"""
        wait({str(workbench.fifo)!r})

        @flow
        def main(day): pass
        """
    )
    attempt.out.wait_for("waiting")
    attempt.signal()
    attempt.err.wait_for(STOPPED)
    workbench.release()
    assert attempt.finish().exit_code == ExitCode.INVALID_PARAMETERS


EARLY = """
import os, signal, sys

class Finder:
    def find_spec(self, name, *_):
        if name == {module!r}:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGTERM)

sys.meta_path.insert(0, Finder())
"""


@pytest.mark.parametrize("module", ["millstream.runner.__main__", "millstream.runner._supervisor"])
def test_signal_while_the_runner_itself_is_imported(workbench, module):
    (workbench.directory / "sitecustomize.py").write_text(EARLY.format(module=module))
    outcome = workbench.run(
        "@flow\ndef main(): threading.Event().wait()",
        environment={"PYTHONPATH": str(workbench.directory)},
        grace_seconds=1,
    )
    assert_interrupted(outcome)
