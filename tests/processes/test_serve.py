"""Flows that are served, seen from outside of the process that serves."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

HEAD = """
from __future__ import annotations
import asyncio, os, signal, subprocess, sys, threading, time
from datetime import date
from millstream import aserve, flow, get_run_logger, runtime, serve, task
from millstream.schedules import Cron, Interval

signal.signal(signal.SIGINT, signal.default_int_handler)  # also where tests run in the background
"""
SLEEPS = """
def told(flow, run, state):
    print("hook", state.name, flush=True)

@flow(on_crashed=[told])
def sleeps():
    try:
        print("begun", os.getpid(), flush=True)
        time.sleep(60)
    finally:
        print("cleaned up", flush=True)
"""
STUBBORN = """
@flow
def stubborn():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("begun", os.getpid(), flush=True)
    while True:
        time.sleep(1)
"""

PAGE = Path(__file__).parents[2] / "docs" / "serve.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)


class Served:
    """A program that serves, and what it has printed."""

    def __init__(self, process):
        self.process = process
        self.lines = []

    def read(self, pattern):
        """Read on until a line has the pattern; its first group, or else the line."""
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if found := re.search(pattern, line):
                return found[1] if found.groups() else found[0]
        raise AssertionError(f"no {pattern!r} in:\n" + "\n".join(self.lines))

    def end(self, number=signal.SIGINT):
        """Send a signal, read to the end; the exit code."""
        self.process.send_signal(number)
        return self.rest()

    def rest(self):
        self.lines += self.process.stdout.read().splitlines()
        return self.process.wait()

    @property
    def text(self):
        return "\n".join(self.lines)


@pytest.fixture
def served(tmp_path):
    """Start a program that serves; afterwards nothing of it is left."""

    @contextmanager
    def start(source, **files):
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text)
        path = tmp_path / "program.py"
        path.write_text(HEAD + source)
        with subprocess.Popen(
            [sys.executable, "-W", "error", path],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "MILLSTREAM_HOME": str(tmp_path), "TZ": "Europe/Berlin"},
        ) as process:
            try:
                yield Served(process)
            finally:
                process.kill()

    return start


def is_gone(pid):
    """Whether a process has ended, also if nobody has asked for its end yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def await_end(pid):
    deadline = time.monotonic() + 30
    while not is_gone(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.02)


class TestRuns:
    def test_again_and_again_until_ctrl_c(self, served):
        source = """
        @flow(log_prints=True)
        def poll(site: str, day: date):
            print("saw", site, day.year, runtime.deployment.name, sorted(runtime.flow_run.tags),
                  runtime.flow_run.scheduled_start_time.microsecond)
            sys.stdout.write("as usual\\n")

        if __name__ == "__main__":
            poll.serve("news", interval=1, parameters={"site": "a", "day": "2026-02-03"}, tags=["t", "s"])
        """
        with served(source.replace("\n        ", "\n")) as it:
            for _ in range(2):
                it.read(r"saw a 2026 news \['s', 't'\] 0$")
            it.read("ended in state Completed")
            assert it.end() == 0
        assert "Serving a deployment, at most 5 runs at once. Ctrl-C stops." in it.lines
        assert "as usual" in it.lines
        assert re.search(r"^    next run \w{3} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d CES?T$", it.text, re.MULTILINE)
        assert re.search(r"news \(every second\): started the run of .*; next run ", it.text)
        assert "Ctrl-C: stop" in it.text
        assert "Traceback" not in it.text
        assert "\x1b" not in it.text

    def test_several_deployments_and_own_parameters(self, served):
        source = """
        import lib

        @flow
        async def poll(site="none"):
            print("saw", site, lib.VALUE, flush=True)

        serve(
            poll.to_deployment("one", schedules=[Interval(1, parameters={"site": "a"}), {"interval": 1}]),
            lib.other.to_deployment("two", interval=[1]),
            poll.to_deployment("never", interval=1, paused=True, parameters={"site": "paused"}),
            poll.to_deployment("mixed", schedules=[Interval(1, active=False, slug="off", parameters={"site": "off"}),
                                                   Cron("30 6 * * MON-FRI", timezone="Europe/Berlin")]),
            print_starting_message=True,
        )
        """
        lib = "from millstream import flow\nVALUE = 5\n@flow\ndef other(): print('other', flush=True)"
        with served(source.replace("\n        ", "\n"), lib=lib) as it:
            wanted = {"saw a 5", "saw none 5", "other"}
            while not wanted <= set(it.lines):
                it.read("$")
            assert it.end(signal.SIGTERM) == 0
        assert "Serving 4 deployments, at most 5 runs at once. Ctrl-C stops." in it.lines
        assert "  at 06:30, Monday through Friday (cron 30 6 * * MON-FRI, Europe/Berlin)" in it.lines
        assert it.lines[it.lines.index("  off: every second") + 1] == "    paused"
        assert "SIGTERM: stop" in it.text
        assert not {"saw paused 5", "saw off 5"} & set(it.lines)

    def test_a_crash_and_an_exit_hurt_only_their_run(self, served):
        source = """
        @flow
        def dies(): os._exit(7)
        @flow
        def is_killed(): os.kill(os.getpid(), signal.SIGKILL)
        @flow
        def exits(): sys.exit(3)
        @flow
        def fails(): raise ValueError("no")

        serve(*(each.to_deployment(each.name, interval=1) for each in (dies, is_killed, exits, fails)), limit=4)
        """
        with served(source.replace("\n        ", "\n")) as it:
            wanted = [
                r"ERROR   .* dies \(every second\): the run of .*, process \d+, ended by itself with exit code 7",
                r"ERROR   .* is-killed .*, was killed by SIGKILL, as by the kernel when memory runs out",
                r"ERROR   .* exits .*, ended in state Crashed",
                r"ERROR   .* fails .*, ended in state Failed",
            ]
            while not all(re.search(pattern, it.text) for pattern in wanted):
                it.read("$")
            assert it.end() == 0

    def test_a_run_that_hangs_holds_up_no_other_deployment(self, served):
        source = (
            SLEEPS
            + """
@flow
def poll():
    print("saw", flush=True)

serve(sleeps.to_deployment("hung", cron="* * * * *", schedule=Interval(1)), poll.to_deployment("poll", interval=1), limit=3)
"""
        )
        with served(source) as it:
            it.read("begun")
            it.read("hung .* waits, 3 run already")
            it.read("hung .* is left out, as the one before still waits")
            assert it.end() == 0
        assert "saw" in it.lines
        assert re.search("hung .* did not start", it.text)

    def test_from_an_event_loop(self, served):
        source = (
            SLEEPS
            + """
async def main():
    beat = asyncio.create_task(asyncio.sleep(0, "the loop goes on"))
    await aserve(sleeps.to_deployment("d", interval=1), limit=1, print_starting_message=False)
    print(await beat, flush=True)

asyncio.run(main())
"""
        )
        with served(source) as it:
            pid = it.read(r"begun (\d+)")
            assert it.end() == 0
        assert {"hook Crashed", "cleaned up", "the loop goes on"} <= set(it.lines)
        assert "Serving" not in it.text
        assert is_gone(pid)

    def test_the_signals_of_the_program_are_its_own_afterwards(self, served):
        source = """
        @flow
        def f(): ...

        async def main():
            loop, told = asyncio.get_running_loop(), asyncio.Event()
            loop.add_signal_handler(signal.SIGTERM, told.set)
            before = signal.getsignal(signal.SIGINT)
            await aserve(f.to_deployment("d", interval=3600))
            print("same", signal.getsignal(signal.SIGINT) is before, told.is_set(), flush=True)
            os.kill(os.getpid(), signal.SIGTERM)
            await told.wait()
            print("told", flush=True)

        asyncio.run(main())
        """
        with served(source.replace("\n        ", "\n")) as it:
            it.read("Serving")
            assert it.end(signal.SIGTERM) == 0
        assert {"same True False", "told"} <= set(it.lines)

    def test_to_cancel_it_is_to_stop_it(self, served):
        source = """
async def main():
    serving = asyncio.create_task(aserve(sleeps.to_deployment("d", interval=1), limit=1))
    while not os.path.exists("begun"):
        await asyncio.sleep(0.02)
    serving.cancel()
    try:
        await serving
    except asyncio.CancelledError:
        print("cancelled", flush=True)

asyncio.run(main())
"""
        with served(SLEEPS.replace("time.sleep", "open('begun', 'w').close(); time.sleep") + source) as it:
            assert it.rest() == 0
        assert {"hook Crashed", "cleaned up", "cancelled"} <= set(it.lines)

    def test_methods_and_subflows(self, served):
        source = """
        @flow
        def inner(day: date): return day.year

        class Source:
            def __init__(self, name): self.name = name
            @flow
            def load(self, day: date): print("loaded", self.name, inner(str(day)), flush=True)

        Source("a").load.serve(__file__, interval=1, parameters={"day": "2026-01-01"})
        """
        with served(source.replace("\n        ", "\n")) as it:
            it.read("^loaded a 2026$")
            assert it.end() == 0
        assert "program (flow 'load')" in it.lines

    def test_a_run_has_ended_though_what_it_forked_has_not(self, served):
        source = """
        @flow
        def forks():
            child = os.fork()
            if not child:
                time.sleep(60)
            print("child", child, flush=True)
            os._exit(8)

        forks.serve(interval=1, limit=1)
        """
        with served(source.replace("\n        ", "\n")) as it:
            child = int(it.read(r"child (\d+)"))
            it.read("ended by itself with exit code 8")
            os.kill(child, signal.SIGKILL)
            it.process.kill()

    def test_a_thread_that_goes_on_holds_up_no_other_run(self, served):
        source = """
        @flow
        def leaves():
            import millstream.serving._child as child
            child.SECONDS_TO_END = 0.2
            threading.Thread(target=time.sleep, args=(3600,), name="left").start()
            print("ran", flush=True)

        leaves.serve(interval=1, limit=1)
        """
        with served(source.replace("\n        ", "\n")) as it:
            it.read("is killed, as it goes on .* in the threads left: wait for it in the flow")
            it.read("ended in state Completed")
            it.read("ran")
            assert it.end() == 0

    def test_ends_when_nothing_is_left_to_do(self, served):
        source = """
        from datetime import UTC, datetime, timedelta
        soon = datetime.now(UTC) + timedelta(seconds=3)

        @flow
        def once(): print("once", flush=True)

        once.serve(rrule=f"DTSTART:{soon:%Y%m%dT%H%M%S}Z\\nRRULE:FREQ=DAILY;COUNT=1")
        """
        with served(source.replace("\n        ", "\n")) as it:
            assert it.rest() == 0
        assert it.lines.count("once") == 1
        assert "Nothing is left to do" in it.lines[-1]


class TestStop:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_runs_clean_up(self, served, number):
        with served(SLEEPS + "sleeps.serve(interval=1, limit=1)") as it:
            pid = it.read(r"begun (\d+)")
            assert it.end(number) == 0
        assert {"hook Crashed", "cleaned up"} <= set(it.lines)
        assert re.search(rf"the run of .*, process {pid}, was interrupted", it.text)
        assert is_gone(pid)

    def test_a_signal_to_all_processes_of_a_service_is_one_signal(self, served):
        slow = 'finally:\n        print("cleaning", flush=True)\n        time.sleep(1)\n'
        with served(SLEEPS.replace("finally:\n", slow) + "sleeps.serve(interval=1, limit=1)") as it:
            pid = int(it.read(r"begun (\d+)"))
            os.kill(pid, signal.SIGTERM)
            it.read("cleaning")
            assert it.end(signal.SIGTERM) == 0
        assert {"hook Crashed", "cleaned up"} <= set(it.lines)

    def test_a_second_signal_kills(self, served):
        with served(STUBBORN + "stubborn.serve(interval=1, limit=1)") as it:
            pid = it.read(r"begun (\d+)")
            it.process.send_signal(signal.SIGINT)
            it.read("has 10 s to end, and another Ctrl-C kills it")
            assert it.end() == 130
        assert re.search(rf"process {pid}, was killed$", it.text, re.MULTILINE)
        assert is_gone(pid)

    def test_what_ignores_it_is_killed(self, served):
        source = "import millstream.serving._loop as l; l.SECONDS_TO_END = 0.2\n" + STUBBORN
        with served(source + "stubborn.serve(interval=1, limit=1)") as it:
            pid = it.read(r"begun (\d+)")
            assert it.end() == 0
        assert re.search(rf"process {pid}, was killed$", it.text, re.MULTILINE)

    def test_no_run_outlives_what_serves(self, served):
        with served(SLEEPS + "sleeps.serve(interval=1, limit=1)") as it:
            pid = it.read(r"begun (\d+)")
            it.process.kill()
            it.rest()
        await_end(pid)
        assert {"hook Crashed", "cleaned up"} <= set(it.lines)

    def test_nor_does_one_that_ignores_signals(self, served):
        shorter = "import millstream.serving._child as c; c.SECONDS_TO_END = 0.2\n"
        source = STUBBORN.replace("def stubborn():", f"def stubborn():\n    {shorter}")
        with served(source + "stubborn.serve(interval=1, limit=1)") as it:
            pid = it.read(r"begun (\d+)")
            it.process.kill()
        await_end(pid)

    def test_what_a_killed_run_has_started_ends_too(self, served):
        source = STUBBORN.replace(
            '    print("begun"',
            '    child = subprocess.Popen(["sleep", "60"])\n    print("child", child.pid, flush=True)\n    print("begun"',
        )
        with served(source + "stubborn.serve(interval=1, limit=1)") as it:
            child = it.read(r"child (\d+)")
            it.read("begun")
            it.process.send_signal(signal.SIGTERM)
            it.read("to end, and another SIGTERM kills it")
            assert it.end(signal.SIGTERM) == 143
        await_end(child)


class TestRefused:
    def test_what_a_process_of_its_own_could_not_import(self, served):
        source = """
        import types
        made = types.ModuleType("made_up")
        sys.modules["made_up"] = made
        exec("from millstream import flow\\n@flow\\ndef lost(): print('ran')", made.__dict__)
        made.lost.serve(interval=1)
        """
        with served(source.replace("\n        ", "\n")) as it:
            assert it.rest() == 1
        assert (
            "DeploymentError: Deployment 'lost' cannot run in a process of its own: ModuleNotFoundError"
            in it.text
        )
        assert "ran" not in it.lines
        assert it.text.count("millstream/") <= 2

    def test_what_one_of_several_schedules_could_not_import(self, served):
        source = """
        import types
        made = types.ModuleType("made_up")
        sys.modules["made_up"] = made
        exec("class Site: __module__ = 'made_up'", made.__dict__)
        @flow
        def poll(site): print("ran")
        poll.serve(schedules=[Interval(3600, parameters={"site": made.Site()}), Interval(3600, parameters={"site": 1})])
        """
        with served(source.replace("\n        ", "\n")) as it:
            assert it.rest() == 1
        assert it.text.count("Deployment 'poll' cannot run in a process of its own: ModuleNotFoundError") == 1

    def test_an_import_that_does_not_end_is_told(self, served):
        source = "import millstream.serving._serve as s\ns._SECONDS_TO_TELL = 0.2\nimport slow\nslow.f.serve(interval=1)"
        slow = (
            "import os, sys, time\nfrom millstream import flow\n@flow\ndef f(): ...\n"
            "if not sys.argv[0].endswith('program.py'): print('importing', flush=True); time.sleep(60)\n"
        )
        with served(source, slow=slow) as it:
            it.read("Still trying out f: a process of its own imports what its flow needs. Ctrl-C stops.")
            assert it.end() == 0

    def test_a_setting_that_is_wrong(self, served):
        with served(
            "os.environ['MILLSTREAM_LOGGING_LEVEL'] = 'x'\n" + SLEEPS + "sleeps.serve(interval=1)"
        ) as it:
            assert it.rest() == 1
        assert "SettingsError: MILLSTREAM_LOGGING_LEVEL cannot be 'x'" in it.lines[-1]


class TestUnguarded:
    """`serve` in a module, and not under `if __name__ == "__main__":`."""

    SOURCE = (
        "from millstream import flow\n@flow\ndef f(): print('ran', flush=True)\nf.serve('n', interval=1)\n"
    )

    def test_in_a_module_that_runs_import(self, served):
        with served("import news", news=self.SOURCE) as it:
            assert it.rest() == 1
        assert (
            "serve() is called in a module that the process of a run imports, and would serve there once more: "
            "put it under `if __name__ == '__main__':`"
        ) in it.text

    def test_in_a_file_that_an_entrypoint_names(self, served):
        source = "from millstream.entrypoint import load_flow\nload_flow('news.py:f')()"
        with served(source, news=self.SOURCE) as it:
            assert it.rest() == 0
        assert "ran" in it.lines

    def test_in_a_file_that_the_process_of_a_task_imports(self, served):
        news = """
        from millstream import flow, task
        from millstream.task_runners import ProcessPoolTaskRunner

        @task
        def t(): print("ran", flush=True)

        @flow(task_runner=ProcessPoolTaskRunner())
        def f(): t.submit().result()

        f.serve("n", interval=1)
        """
        source = "from millstream.entrypoint import load_flow\nload_flow('news.py:f')()"
        with served(source, news=news.replace("\n        ", "\n")) as it:
            assert it.rest() == 0
        assert "ran" in it.lines

    def test_a_run_knows_that_its_module_is_imported_for_the_flow(self, served):
        news = "from millstream.entrypoint import is_loading\nprint('loading', is_loading(), flush=True)\n"
        with served(
            "import news\nnews.f.serve(interval=1)", news=news + self.SOURCE.rpartition("f.serve")[0]
        ) as it:
            it.read("loading True")
            assert it.end() == 0
        assert "loading False" in it.lines


@pytest.mark.parametrize("source", EXAMPLES, ids=range(len(EXAMPLES)))
def test_example(source, served):
    with served(source) as it:
        if "__main__" in source:
            it.read("Serving")
            it.process.send_signal(signal.SIGINT)
        assert it.rest() == 0
    assert "Traceback" not in it.text


def test_there_are_examples():
    assert len(EXAMPLES) == 3
