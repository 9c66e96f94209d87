"""How runs end that something outside of their code ends, seen from outside of their process."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from millstream import flow, task
from millstream._engine import FlowRunInfo, run_flow
from millstream.cache_policies import INPUTS
from millstream.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

TERMINATED = """
import asyncio, time
from millstream import flow

def told(flow, run, state):
    print(state.name, state.message, flush=True)

@flow(on_crashed=[told])
def sleeps():
    try:
        print("begun", flush=True)
        time.sleep(60)
    finally:
        print("cleaned up", flush=True)

@flow(on_crashed=[told])
async def awaits():
    try:
        print("begun", flush=True)
        await asyncio.sleep(60)
    finally:
        print("cleaned up", flush=True)

"""


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("sleeps()", "The process was asked to stop (SIGTERM)."),
        ("asyncio.run(awaits())", "Flow 'awaits' was stopped from outside (asyncio.CancelledError)."),
    ],
)
def test_sigterm_crashes_the_flow_before_it_ends_the_process(call, message, tmp_path):
    path = tmp_path / "program.py"
    path.write_text(TERMINATED + call)
    with subprocess.Popen([sys.executable, path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == f"cleaned up\nCrashed {message}\n"
    assert process.returncode == -signal.SIGTERM


def test_a_handler_of_the_programs_own_stays():
    seen = []
    before = signal.signal(signal.SIGTERM, lambda *_: seen.append(1))
    try:
        flow(lambda: os.kill(os.getpid(), signal.SIGTERM))()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == [1]


def test_after_a_flow_sigterm_is_as_it_was():
    flow(lambda: None)()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_what_cannot_be_sent_back_is_told_and_counted_as_failed(caplog):
    @task  # in here: workers cannot import tests, and get it as it stands
    def lock():
        return threading.Lock()

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
    def sends():
        return lock.submit()

    info = FlowRunInfo()
    state = run_flow(sends, run=info)
    assert (state.name, info.task_counts()["Failed"]) == ("Failed", 1)
    assert not info.task_counts().get("Completed")
    assert "returned something that cannot be sent back from its process" in caplog.text


INTERRUPTED = """
import os, signal, threading, time
from millstream import flow, task
from millstream.task_runners import ProcessPoolTaskRunner

signal.signal(signal.SIGINT, signal.default_int_handler)  # also where tests run in the background

@task
def sleeps(_):
    os.write(1, b"begun\\n")  # at once: print writes the end of the line on its own
    time.sleep(60)

@flow(task_runner=ProcessPoolTaskRunner(max_workers=2), {options})
def maps():
    sleeps.map(range(4)).wait()

print(maps(return_state=True).name, flush=True)
"""


def test_ctrl_c_ends_a_map_in_processes_quietly(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(INTERRUPTED.format(options=""))
    with subprocess.Popen(
        [sys.executable, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert [process.stdout.readline() for _ in range(2)] == ["begun\n"] * 2
        process.send_signal(signal.SIGINT)
        _, told = process.communicate()
    assert "Finished in state Crashed" in told
    assert "exception calling callback" not in told
    assert "SIGKILL" not in told


def test_a_flow_that_is_out_of_time_does_not_wait_for_its_processes(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(INTERRUPTED.format(options="timeout_seconds=2"))
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False, timeout=50)
    assert done.stdout.endswith("TimedOut\n")


def test_a_call_without_end_is_told_in_a_sentence(caplog):
    @flow
    def again():
        return again()

    state = again(return_state=True)
    assert "does something call itself without end?" in state.message
    assert "Traceback" not in caplog.text


def test_a_long_chain_in_processes_comes_to_its_end():
    @task
    def plus_one(x):
        return x + 1

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
    def chain():
        x = plus_one.submit(0)
        for _ in range(400):
            x = plus_one.submit(x)
        return x.result()

    assert chain() == 401


def test_waiting_for_a_key_takes_no_place(tmp_path):
    @task
    def inner():
        return 1

    begun = threading.Event()

    @task(cache_policy=INPUTS, result_storage=tmp_path)
    def outer(x):
        begun.wait(10)
        return inner.submit().result() + x

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
    def same_key():
        futures = [outer.submit(1) for _ in range(4)]
        begun.set()
        return [future.result() for future in futures]

    assert same_key() == [2, 2, 2, 2]


def test_a_wrong_call_fails_where_it_is_made():
    plus_one = task(lambda x: x + 1, name="plus_one")

    @flow
    def calls():
        plus_one.submit()

    state = calls(return_state=True)
    assert "Task 'plus_one' cannot be called like this: missing 'x'" in state.message
