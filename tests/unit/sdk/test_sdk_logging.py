"""Logs, prints and the console."""

# ruff: noqa: T201 - prints are what it is about

import asyncio
import logging
import os
import subprocess
import sys
import threading

import pytest

from millstream import flow, get_run_logger, task
from millstream._engine.console import ConsoleHandler
from millstream.exceptions import MissingContextError


def script(code, /, **env):
    """Run a program of its own; its exit code, output and errors."""
    kept = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "MILLSTREAM_LOGGING_LEVEL"}}
    done = subprocess.run(
        [sys.executable, "-c", code], env=kept | env, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


HELLO = """
from millstream import flow, get_run_logger, task
@task
def step():
    get_run_logger().info("from the task")
@flow
def hello():
    get_run_logger().warning("from the %s", "flow")
    step()
"""


class TestRunLogger:
    def test_names_and_fields(self, logs):
        @task
        def step():
            get_run_logger().info("in %s", "task", extra={"rows": 3})

        @flow(name="f", flow_run_name="r")
        def outer():
            get_run_logger().info("in flow")
            step()

        outer()
        in_flow = next(r for r in logs.records if r.getMessage() == "in flow")
        in_task = next(r for r in logs.records if r.getMessage() == "in task")
        assert (in_flow.name, in_flow.flow_run_name, in_flow.flow_name) == ("millstream.flow_runs", "r", "f")
        assert (in_task.name, in_task.task_run_name, in_task.task_name) == (
            "millstream.task_runs",
            "step-0",
            "step",
        )
        assert (in_task.flow_run_id, in_task.rows) == (in_flow.flow_run_id, 3)
        assert in_task.funcName == "step"

    def test_outside_of_runs(self):
        with pytest.raises(MissingContextError, match="works inside of flows and tasks"):
            get_run_logger()

    def test_in_a_thread_of_the_users_own(self):
        errors = []

        def work():
            try:
                get_run_logger()
            except RuntimeError as error:
                errors.append(error)

        @flow
        def outer():
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()

        outer()
        assert len(errors) == 1


class TestEngineRecords:
    def test_of_a_success(self, logs):
        flow(task(lambda: 1, name="t"), name="f")()
        texts = [(r.levelname, r.getMessage()) for r in logs.records]
        assert ("INFO", "Started flow 'f'") in texts
        assert ("INFO", "Finished in state Completed()") in texts

    def test_tasks_that_succeed_are_for_those_who_debug(self, logs):
        logs.set_level(logging.INFO, "millstream")
        task(lambda: 1)()
        assert logs.records == []

    def test_the_traceback_is_shown_once_and_begins_in_user_code(self, logs):
        @task
        def bad():
            raise ValueError("boom")

        @flow
        def outer():
            bad()

        outer(return_state=True)
        [record] = [r for r in logs.records if r.exc_info]
        assert record.name == "millstream.task_runs"
        assert record.exc_info[2].tb_frame.f_code.co_name == "bad"
        assert [r.levelname for r in logs.records if "state Failed: " in r.getMessage()] == ["ERROR", "ERROR"]

    def test_bad_parameters_show_no_traceback(self, logs):
        def fn(x: int):
            return x

        flow(fn)("zz", return_state=True)
        assert not any(r.exc_info for r in logs.records)


class TestConsole:
    def test_format(self):
        code, out, err = script(HELLO + "hello()")
        first, second, third, fourth = err.splitlines()
        assert (code, out) == (0, "")
        name = first.split("'")[1]
        adjective, _, animal = name.partition("-")
        assert adjective
        assert animal
        assert first[12:] == f" | INFO    | Flow run '{name}' - Started flow 'hello'"
        assert second[12:] == f" | WARNING | Flow run '{name}' - from the flow"
        assert third[12:] == " | INFO    | Task run 'step-0' - from the task"
        assert fourth[12:] == f" | INFO    | Flow run '{name}' - Finished in state Completed()"
        assert [first[i] for i in (2, 5, 8)] == [":", ":", "."]

    @pytest.mark.parametrize(
        ("level", "lines"),
        [("DEBUG", 5), ("debug", 5), ("WARNING", 1), ("30", 1), ("CRITICAL", 0), ("loud", 5)],
    )
    def test_level_by_environment(self, level, lines):
        code, _, err = script(HELLO + "hello()", MILLSTREAM_LOGGING_LEVEL=level)
        assert code == 0
        assert len(err.splitlines()) == lines
        assert ("is no logging level" in err) == (level == "loud")

    def test_nothing_at_import_and_never_the_root_logger(self):
        code, _, err = script(
            "import logging, millstream\nassert not logging.getLogger('millstream').handlers\n"
            + HELLO
            + "hello()\nassert not logging.root.handlers\nassert logging.root.level == logging.WARNING",
        )
        assert code == 0, err

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_a_programs_own_logging_wins(self, when):
        setup = (
            "import logging\nlogging.basicConfig(level=logging.INFO, format='host %(name)s %(message)s')\n"
        )
        run = "hello()\n"
        code, _, err = script(HELLO + (setup + run if when == "before" else run + setup + run))
        lines = err.splitlines()[-4:]
        assert code == 0
        assert [line.split()[:2] for line in lines] == [
            ["host", "millstream.flow_runs"],
            ["host", "millstream.flow_runs"],
            ["host", "millstream.task_runs"],
            ["host", "millstream.flow_runs"],
        ]
        assert len(err.splitlines()) == (4 if when == "before" else 8)

    def test_a_programs_own_level_wins_unless_the_environment_names_one(self):
        code = HELLO + "import logging\nlogging.basicConfig()\nhello()"
        assert len(script(code)[2].splitlines()) == 1
        assert len(script(code, MILLSTREAM_LOGGING_LEVEL="INFO")[2].splitlines()) == 4

    def test_handlers_on_our_logger_win(self):
        code = HELLO + (
            "import logging, sys\nlogging.getLogger('millstream').addHandler(logging.StreamHandler(sys.stdout))\nhello()"
        )
        _, out, err = script(code)
        assert err == ""
        assert len(out.splitlines()) == 4

    def test_a_level_set_on_our_logger_wins(self):
        code = HELLO + "import logging\nlogging.getLogger('millstream').setLevel('ERROR')\nhello()"
        assert script(code) == (0, "", "")

    def test_colours_for_people_only(self, monkeypatch):
        class Terminal:
            def isatty(self):
                return True

        monkeypatch.delenv("NO_COLOR", raising=False)
        record = logging.makeLogRecord(
            {"levelname": "ERROR", "levelno": 40, "msg": "m", "name": "n", "msecs": 7.0}
        )
        assert "\x1b" not in ConsoleHandler().format(record)
        monkeypatch.setattr(sys, "stderr", Terminal())
        assert ConsoleHandler().format(record).startswith("\x1b[31m")
        monkeypatch.setenv("NO_COLOR", "1")
        assert "\x1b" not in ConsoleHandler().format(record)


class TestPrints:
    @staticmethod
    def printed(logs):
        return [(r.name.rpartition(".")[2], r.getMessage()) for r in logs.records if r.levelname == "INFO"][
            1:-1
        ]

    def test_go_to_the_log_of_the_innermost_run(self, logs, capsys):
        @task
        def step():
            print("in", "task", sep="-")

        @flow(log_prints=True)
        def outer():
            print("in flow", 1)
            step()
            print("to stderr", file=sys.stderr, end="", flush=True)

        outer()
        assert self.printed(logs) == [
            ("flow_runs", "in flow 1"),
            ("task_runs", "in-task"),
            ("flow_runs", "to stderr"),
        ]
        assert capsys.readouterr() == ("", "")

    def test_inherited_unless_the_task_says_otherwise(self, logs, capsys):
        @flow
        def inner():
            print("subflow")

        @flow(log_prints=True)
        def outer():
            task(lambda: print("off"), log_prints=False)()
            inner()

        outer()
        assert "subflow" in logs.text
        assert "off" not in logs.text
        assert capsys.readouterr().out == "off\n"

    def test_a_task_alone(self, logs):
        @flow
        def outer():
            print("flow")
            task(lambda: print("task"), log_prints=True)()

        outer()
        assert "task" in logs.messages
        assert "flow" not in logs.messages

    def test_files_and_prints_outside_of_runs_are_left_alone(self, logs, capsys, tmp_path):
        path = tmp_path / "out"

        @flow(log_prints=True)
        def outer():
            with path.open("w") as file:
                print("to a file", file=file)

        outer()
        print("outside")
        assert path.read_text() == "to a file\n"
        assert capsys.readouterr().out == "outside\n"
        assert self.printed(logs) == []

    @pytest.mark.usefixtures("logs")
    def test_threads_without_a_run_print(self, capsys):
        @flow(log_prints=True)
        def outer():
            thread = threading.Thread(target=print, args=("from a thread",))
            thread.start()
            thread.join()

        outer()
        assert capsys.readouterr().out == "from a thread\n"

    async def test_coroutines_at_the_same_time(self, logs, capsys):
        async def say(word):
            for _ in range(3):
                print(word)
                await asyncio.sleep(0)

        @flow
        async def outer():
            await asyncio.gather(task(say, log_prints=True)("logged"), task(say)("printed"))

        await outer()
        assert logs.messages.count("logged") == 3
        assert capsys.readouterr().out == "printed\n" * 3

    @pytest.mark.usefixtures("logs")
    def test_a_handler_that_prints(self, capsys):
        class Printer(logging.Handler):
            def emit(self, record):
                print("seen", record.getMessage())

        handler = Printer()
        logging.getLogger("millstream.flow_runs").addHandler(handler)
        try:
            flow(lambda: print("x"), log_prints=True)()
        finally:
            logging.getLogger("millstream.flow_runs").removeHandler(handler)
        assert "seen x" in capsys.readouterr().out
