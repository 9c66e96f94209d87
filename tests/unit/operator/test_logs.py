import io
import json
import logging

import pytest
from builders import NAMESPACE

from millstream_operator import logs
from millstream_operator.cache import Key
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS
from millstream_operator.logs import log_attempt, log_context

RUN = Key(FLOW_RUNS, NAMESPACE, "etl-1")
FORGED = 'no\n2026-03-01T12:00:00.000+00:00 INFO root "all is well"\r\x1b[31m\u2028ä'
log = logging.getLogger("millstream_operator.test")


def fail(text):
    raise ValueError(text)


@pytest.fixture
def configured():
    """Configure logging, and put it back as it was."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level

    def configure(form, level="INFO"):
        stream = io.StringIO()
        logs.configure(level, form, stream)
        return stream

    yield configure
    root.handlers[:] = before
    root.setLevel(level)


def test_a_message_is_one_line_whatever_is_in_it(configured):
    output = configured("text")
    log.warning("run %s", FORGED)
    (line,) = output.getvalue().splitlines()
    assert " WARNING millstream_operator.test run no\\n2026" in line
    assert line.endswith(r'"all is well"\r\x1b[31m\u2028ä')


def test_a_traceback_is_indented(configured):
    output = configured("text")
    try:
        fail(FORGED)
    except ValueError:
        log.exception("it failed")
    first, *rest = output.getvalue().split("\n")
    assert first.endswith("ERROR millstream_operator.test it failed")
    assert rest[0] == "    Traceback (most recent call last):"
    assert all(line.startswith("    ") for line in rest if line)


def test_an_object_on_each_line(configured):
    output = configured("json")
    log.info("run %s", FORGED)
    (line,) = output.getvalue().splitlines()
    o = json.loads(line)
    assert o.pop("time").endswith("+00:00")
    assert o == {"level": "INFO", "logger": "millstream_operator.test", "message": f"run {FORGED}"}


def test_an_object_has_what_is_being_worked_on(configured):
    output = configured("json")
    with log_context(RUN):
        log.info("first")
        log_attempt(2)
        log.info("second")
    with log_context(Key(FLOW_DEPLOYMENTS, NAMESPACE, "etl")):
        log.info("third")
    log_attempt(3)
    log.info("fourth")
    names = ("namespace", "run", "deployment", "attempt")
    objects = [json.loads(line) for line in output.getvalue().splitlines()]
    assert [{name: o[name] for name in names if name in o} for o in objects] == [
        {"namespace": NAMESPACE, "run": "etl-1"},
        {"namespace": NAMESPACE, "run": "etl-1", "attempt": 2},
        {"namespace": NAMESPACE, "deployment": "etl"},
        {},
    ]


def test_an_object_has_the_traceback(configured):
    output = configured("json")
    try:
        fail("\ud800")
    except ValueError:
        log.exception("it failed")
    assert "ValueError: \ud800" in json.loads(output.getvalue())["exception"]


def test_logs_from_a_level_on(configured):
    output = configured("text", "WARNING")
    log.info("not told")
    assert output.getvalue() == ""
