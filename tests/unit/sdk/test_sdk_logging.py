"""Logs, prints and the console."""

# ruff: noqa: T201 - prints are what it is about

import asyncio
import json
import logging
import os
import re
import subprocess
import sys
import threading

import pytest

from millstream import flow, get_run_context, get_run_logger, task
from millstream._engine import console
from millstream._engine.console import ConsoleHandler
from millstream.exceptions import MissingContextError
from millstream.logging import disable_run_logger, get_logger
from millstream.settings import SettingsError, temporary_settings


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

    def test_extra_fields_of_all_records(self, logs):
        @flow
        def outer():
            logger = get_run_logger(source="s3", rows=1)
            logger.info("a")
            logger.info("b", extra={"rows": 2})

        outer()
        records = {r.getMessage(): r for r in logs.records}
        assert [(records[m].source, records[m].rows) for m in "ab"] == [("s3", 1), ("s3", 2)]
        assert records["a"].flow_name == "outer"

    def test_of_a_given_context(self, logs):
        @task
        def step(context):
            get_run_logger(context).info("for the flow")
            return get_run_context()

        @flow
        def outer():
            context = step(get_run_context())
            get_run_logger(context).info("for the task")

        outer()
        records = {r.getMessage(): r for r in logs.records}
        assert not hasattr(records["for the flow"], "task_run_name")
        assert records["for the task"].task_run_name == "step-0"

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


class TestDisableRunLogger:
    def test_a_bare_function_can_be_tested(self, logs):
        @task
        def step():
            get_run_logger().error("nobody sees it")
            return 1

        with disable_run_logger():
            with disable_run_logger():
                assert step.fn() == 1
            assert step.fn() == 1
        assert logs.records == []
        with pytest.raises(MissingContextError, match=r"disable_run_logger\(\)"):
            step.fn()

    def test_runs_are_silent(self, logs):
        with disable_run_logger():
            flow(task(lambda: get_run_logger().error("nobody sees it")))()
        assert logs.records == []
        flow(lambda: get_run_logger().info("again"))()
        assert "again" in logs.messages

    def test_as_a_decorator(self):
        disable_run_logger()(get_run_logger)()


class TestGetLogger:
    @pytest.mark.parametrize(
        ("given", "name"),
        [(None, ""), ("millstream", ""), ("load", ".load"), ("a.b", ".a.b"), ("millstream.x", ".x")],
    )
    def test_names(self, given, name):
        assert get_logger(given).name == f"millstream{name}"

    def test_goes_to_the_console_and_says_which_run(self):
        code = "from millstream import flow\nfrom millstream.logging import get_logger\n"
        code += "flow(lambda: get_logger('load').info('here'), flow_run_name='r', name='f')()"
        assert "Flow run 'r' (millstream.load) - here\n" in script(code)[2]


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
        [("DEBUG", 5), ("debug", 5), ("WARNING", 1), ("30", 1), ("CRITICAL", 0), ("", 4)],
    )
    def test_level_by_environment(self, level, lines):
        code, _, err = script(HELLO + "hello()", MILLSTREAM_LOGGING_LEVEL=level)
        assert code == 0
        assert len(err.splitlines()) == lines

    def test_a_level_that_is_none(self, monkeypatch):
        monkeypatch.setenv("MILLSTREAM_LOGGING_LEVEL", "loud")
        with temporary_settings(), pytest.raises(SettingsError, match="LOGGING_LEVEL cannot be 'loud'"):
            console.configure()

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

    @pytest.mark.parametrize(
        ("setting", "terminal", "no_color", "coloured"),
        [
            (None, False, "", False),
            (None, True, "", True),
            (None, True, "1", False),
            (True, False, "", True),
            (True, True, "1", False),
            (False, True, "", False),
        ],
    )
    def test_colours_for_people_only(self, setting, terminal, no_color, coloured, monkeypatch):
        class Stream:
            def isatty(self):
                return terminal

        monkeypatch.setenv("NO_COLOR", no_color)
        monkeypatch.setattr(sys, "stderr", Stream())
        handler = ConsoleHandler()
        handler.show_as("text", colours=setting)
        assert handler.format(a_record()).startswith("\x1b[31m") == coloured
        handler.show_as("json", colours=setting)
        assert "\x1b" not in handler.format(a_record())

    def test_settings_that_change_are_followed(self):
        code = HELLO + (
            "from millstream.settings import temporary_settings\nhello()\n"
            "with temporary_settings({'MILLSTREAM_LOGGING_FORMAT': 'json', 'MILLSTREAM_LOGGING_LEVEL': 'ERROR'}): "
            "flow(lambda: 1 / 0)(return_state=True)\nhello()"
        )
        lines = script(code)[2].splitlines()
        assert len(lines) == 9
        assert [line[0] == "{" for line in lines] == [False] * 4 + [True] + [False] * 4


def a_record(**fields):
    known = {"levelname": "ERROR", "levelno": 40, "msg": "m", "name": "n", "msecs": 7.0, "created": 0.25}
    return logging.makeLogRecord(known | fields)


class TestJson:
    @staticmethod
    def shown(record):
        handler = ConsoleHandler()
        handler.show_as("json", colours=None)
        line = handler.format(record)
        assert "\n" not in line
        return json.loads(line)

    def test_of_runs(self):
        code = HELLO + (
            "@flow(name='f', flow_run_name='r', log_prints=True)\n"
            "def bad():\n    step()\n    print('printed')\n    raise ValueError('x')\n"
            "bad(return_state=True)"
        )
        code, out, err = script(code, MILLSTREAM_LOGGING_FORMAT="json")
        assert (code, out) == (0, "")
        started, in_task, printed, failed = map(json.loads, err.splitlines())
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", started.pop("time"))
        run = {"flow_run_id": started["flow_run_id"], "flow_run_name": "r", "flow_name": "f"}
        assert started == {
            "level": "INFO",
            "logger": "millstream.flow_runs",
            "message": "Started flow 'f'",
            **run,
        }
        assert run.items() < in_task.items()
        assert (in_task["logger"], in_task["message"]) == ("millstream.task_runs", "from the task")
        assert (in_task["task_run_name"], in_task["task_name"]) == ("step-0", "step")
        assert len(in_task["task_run_id"]) == 36
        assert printed["message"] == "printed"
        assert failed["exception"].startswith("Traceback (most recent call last):\n")
        assert failed["exception"].endswith("ValueError: x")

    def test_time_is_utc(self):
        assert self.shown(a_record())["time"] == "1970-01-01T00:00:00.250Z"

    def test_fields_that_the_caller_added(self):
        shown = self.shown(a_record(rows=3, kinds=["a"], path=os, message="of our own"))
        assert (shown["rows"], shown["kinds"], shown["message"]) == (3, ["a"], "m")
        assert shown["path"] == str(os)

    @pytest.mark.parametrize("value", [float("nan"), {(1, 2): 3}])
    def test_fields_that_json_does_not_take(self, value):
        shown = self.shown(a_record(bad=value, msg="straße\nund"))
        assert (shown["bad"], shown["message"]) == (repr(value), "straße\nund")

    def test_the_stack(self):
        assert self.shown(a_record(stack_info="Stack:\n  here"))["stack"] == "Stack:\n  here"


EXTRA = HELLO + (
    "import logging\n"
    "@flow(flow_run_name='r')\n"
    "def other():\n    logging.getLogger('lib.db').info('from the library')\n"
    "    logging.getLogger('another').warning('from another')\n"
)


class TestExtraLoggers:
    def test_go_to_the_console_with_the_runs_fields(self):
        err = script(EXTRA + "other()", MILLSTREAM_LOGGING_EXTRA_LOGGERS="lib, lib.db,millstream.x")[2]
        assert err.count("from the library") == 1
        assert " | INFO    | Flow run 'r' (lib.db) - from the library\n" in err
        assert "\nfrom another\n" in err

    def test_outside_of_runs(self):
        code = EXTRA + "hello()\nlogging.getLogger('lib').info('alone')"
        assert " | INFO    | lib - alone\n" in script(code, MILLSTREAM_LOGGING_EXTRA_LOGGERS="lib")[2]

    def test_a_programs_own_logging_gets_the_fields(self):
        code = EXTRA + "logging.basicConfig(level='INFO', format='%(flow_run_name)s: %(message)s')\nother()"
        err = script(code.replace("'another'", "'lib'"), MILLSTREAM_LOGGING_EXTRA_LOGGERS="lib")[2]
        lines = err.splitlines()
        assert lines[1:3] == ["r: from the library", "r: from another"]
        assert len(lines) == 4

    def test_a_level_of_their_own_stays(self):
        code = EXTRA + "logging.getLogger('lib').setLevel('ERROR')\nother()"
        err = script(code, MILLSTREAM_LOGGING_EXTRA_LOGGERS="lib")[2]
        assert "from the library" not in err

    def test_are_let_go_when_the_setting_ends(self):
        code = EXTRA + (
            "from millstream.settings import temporary_settings\n"
            "with temporary_settings({'MILLSTREAM_LOGGING_EXTRA_LOGGERS': ['lib']}): other()\n"
            "other()\nlib = logging.getLogger('lib')\nassert (lib.handlers, lib.level) == ([], 0)"
        )
        code, _, err = script(code)
        assert code == 0, err
        assert err.count("from the library") == 1


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
