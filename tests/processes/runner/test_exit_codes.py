"""Each row of the table of exit codes, from a real process."""

import signal

import pytest

from millstream.resources.exit_codes import ExitCode
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream.results import open_store


def test_completed(run):
    outcome = run(
        """
        @task
        def double(x): return 2 * x

        @flow
        def main(x: int, y: int = 1):
            print("working")
            return {"sum": double(x) + y}
        """,
        parameters={"x": 3},
    )
    assert outcome.exit_code == ExitCode.COMPLETED
    record = outcome.record
    assert (record.state, record.reason, record.error) == (RunState.COMPLETED, None, None)
    assert (record.has_result, record.result) == (True, {"sum": 7})
    assert record.tasks == {"Completed": 1}
    assert record.start_time <= record.end_time
    assert record.log_tail == ""
    assert outcome.out == b"working\n"
    assert b"millstream.runner" not in outcome.err


def test_completed_with_figures_of_its_own(run):
    outcome = run(
        """
        from millstream.metrics import counter

        @task(retries=1)
        def load(tries=[]):
            tries.append(1)
            if len(tries) == 1: raise OSError
            counter("rows").add(3, table="a")

        @flow
        def main(): load()
        """,
        metrics={"rows": {"type": "Counter", "labels": ["table"]}},
    )
    assert outcome.exit_code == ExitCode.COMPLETED
    assert outcome.record.task_retries == 1
    rows = {"name": "rows", "type": "Counter", "labels": {"table": "a"}, "value": 3}
    assert outcome.record.metrics == [rows]


def test_failed_since_a_figure_is_not_declared(run):
    outcome = run(
        """
        from millstream.metrics import counter

        @flow
        def main(): counter("lines").add()
        """,
        metrics={"rows": {"type": "Counter", "labels": []}},
    )
    assert (outcome.exit_code, outcome.record.error) == (ExitCode.FAILED, "MetricError")
    assert "add it to spec.metrics of the FlowDeployment, where there are rows" in outcome.record.message


def test_completed_with_a_result_that_is_no_json(run):
    outcome = run("@flow\ndef main(): return {1, 2}")
    assert outcome.exit_code == ExitCode.COMPLETED
    assert not outcome.record.has_result


def test_async_flow(run):
    outcome = run("@flow\nasync def main(): return 5")
    assert (outcome.exit_code, outcome.record.result) == (ExitCode.COMPLETED, 5)


def test_failed(run):
    outcome = run(
        """
        @flow
        def main():
            print("about to fail")
            raise ValueError("no such customer: Ω")
        """
    )
    assert outcome.exit_code == ExitCode.FAILED
    record = outcome.record
    assert (record.state, record.reason, record.error) == (RunState.FAILED, Reason.FLOW_FAILED, "ValueError")
    assert "no such customer: Ω" in record.message
    assert "about to fail" in record.log_tail
    assert "flows.py" in record.log_tail
    assert b"Traceback" in outcome.err


@pytest.mark.parametrize("code", ["", "0", "3", "'bye'"])
def test_sys_exit_is_a_failure(run, code):
    outcome = run(f"@flow\ndef main(): sys.exit({code})")
    assert outcome.exit_code == ExitCode.FAILED
    assert (outcome.record.state, outcome.record.reason) == (RunState.FAILED, Reason.FLOW_FAILED)
    assert outcome.record.error == "SystemExit"
    assert "exit" in outcome.record.message.lower()


def test_parameters_that_do_not_fit_are_all_named(run):
    outcome = run("@flow\ndef main(day: int, size: int): pass", parameters={"day": "x", "size": "y"})
    assert outcome.exit_code == ExitCode.INVALID_PARAMETERS
    record = outcome.record
    assert (record.state, record.reason) == (RunState.FAILED, Reason.INVALID_PARAMETERS)
    assert "day" in record.message
    assert "size" in record.message
    assert record.start_time is None
    assert b"Traceback" not in outcome.err


def test_a_validator_that_raises_something_else(run):
    outcome = run(
        """
        from typing import Annotated
        from pydantic import AfterValidator

        def check(value):
            raise LookupError("no table of codes")

        @flow
        def main(code: Annotated[str, AfterValidator(check)]): pass
        """,
        parameters={"code": "x"},
    )
    assert outcome.exit_code == ExitCode.INVALID_PARAMETERS
    assert "LookupError: no table of codes" in outcome.record.message


def test_missing_and_unknown_parameters(run):
    outcome = run("@flow\ndef main(day): pass", parameters={"dya": 1})
    assert outcome.exit_code == ExitCode.INVALID_PARAMETERS
    assert "day" in outcome.record.message
    assert "dya" in outcome.record.message


@pytest.mark.parametrize(
    ("entrypoint", "source"),
    [
        ("flows.py:other", "@flow\ndef main(): pass"),
        ("missing.py:main", "@flow\ndef main(): pass"),
        ("no.such.module:main", "@flow\ndef main(): pass"),
        ("flows.py:main", "def main(): pass"),
        ("flows.py:main", "import nonexistent_package"),
        ("flows.py:main", "sys.exit(0)"),
        ("flows.py:main", "@flow\ndef main(: pass"),
    ],
)
def test_entrypoint_that_is_none(run, entrypoint, source):
    outcome = run(source, entrypoint=entrypoint)
    assert outcome.exit_code == ExitCode.INVALID_ENTRYPOINT
    assert (outcome.record.state, outcome.record.reason) == (RunState.FAILED, Reason.INVALID_ENTRYPOINT)
    assert outcome.record.message


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"version": 2}', '{"version": 1, "run": "x"}', "[" * 10_000]
)
def test_document_that_is_none(workbench, text):
    outcome = workbench.start_with_document(text).finish()
    assert outcome.exit_code == ExitCode.INVALID_DOCUMENT
    assert "run.json" in outcome.message
    assert outcome.message in outcome.err.decode()


def test_document_with_a_field_of_a_wrong_type(workbench):
    text = (
        '{"version":1,"run":"r","namespace":"n","uid":"u","attempt":1,"entrypoint":"f","grace_seconds":"30"}'
    )
    outcome = workbench.start_with_document(text).finish()
    assert outcome.exit_code == ExitCode.INVALID_DOCUMENT
    assert "grace_seconds" in outcome.message


@pytest.mark.parametrize("place", ["flow", "import"])
def test_exit_0_without_an_outcome_is_no_success(run, place):
    source = {"flow": "@flow\ndef main(): os._exit(0)", "import": "os._exit(0)"}[place]
    outcome = run(source)
    assert outcome.exit_code == ExitCode.NO_RESULT
    assert (outcome.record.state, outcome.record.reason) == (RunState.CRASHED, Reason.NO_RESULT)
    assert (outcome.record.start_time is not None) == (place == "flow")


@pytest.mark.parametrize(("own", "code"), [(3, 3), (255, 255), (65, 1), (143, 1)])
def test_exit_code_of_the_process_is_passed_on_unless_it_has_another_meaning(run, own, code):
    outcome = run(f"@flow\ndef main(): os._exit({own})")
    assert outcome.exit_code == code
    assert (outcome.record.state, outcome.record.reason) == (RunState.FAILED, Reason.NON_ZERO_EXIT)
    assert f"exit code {own}" in outcome.record.message


def test_segmentation_fault(run):
    outcome = run("@flow\ndef main():\n    import ctypes; ctypes.string_at(0)")
    assert outcome.exit_code == 128 + signal.SIGSEGV
    assert (outcome.record.state, outcome.record.reason) == (RunState.FAILED, Reason.SIGNALLED)
    assert "SIGSEGV" in outcome.record.message
    assert "flows.py" in outcome.record.log_tail


def test_sigkill_by_itself_is_not_taken_for_a_lack_of_memory(run):
    outcome = run("@flow\ndef main(): os.kill(os.getpid(), signal.SIGKILL)")
    assert outcome.exit_code == 128 + signal.SIGKILL
    assert (outcome.record.state, outcome.record.reason) == (RunState.FAILED, Reason.SIGNALLED)


def test_run_timeout(run):
    outcome = run("@flow\ndef main(): threading.Event().wait()", run_seconds=1, grace_seconds=1)
    assert outcome.exit_code == ExitCode.RUN_TIMEOUT
    assert (outcome.record.state, outcome.record.reason) == (RunState.TIMED_OUT, Reason.RUN_TIMEOUT)
    assert "1 s" in outcome.record.message


def test_run_timeout_of_a_flow_that_cannot_be_interrupted(run):
    outcome = run(
        """
        @flow
        def main():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            while True:
                signal.pause()
        """,
        run_seconds=1,
        grace_seconds=1,
    )
    assert outcome.exit_code == ExitCode.RUN_TIMEOUT
    assert "killed" in outcome.record.message


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("'x' * 1023", "it is larger than 1,024 bytes of JSON"),
        ("{'rows': {1}}", "a set is not JSON"),
        ("object()", "an object is not JSON"),
        ("float('nan')", "it cannot be written as JSON (ValueError)"),
    ],
)
def test_return_value_that_is_not_kept_is_spoken_of(run, expression, why):
    outcome = run(f"@flow\ndef main(): return {expression}")
    message = f"The return value is not kept: {why}."
    assert outcome.exit_code == ExitCode.COMPLETED
    assert (outcome.record.message, outcome.record.has_result) == (message, False)
    assert outcome.err.count(message.encode()) == 1


def test_message_of_the_flows_own_stays_beside_it(run):
    outcome = run(
        """
        from millstream.states import Completed

        @flow
        def main(): return Completed(message="Nothing new.", data={1})
        """
    )
    assert outcome.record.message == "The return value is not kept: a set is not JSON. Nothing new."


def test_where_a_result_is_kept_is_told_in_place_of_that_it_is_not(run, workbench):
    storage = (workbench.directory / "storage").as_uri()
    outcome = run(
        "@flow(persist_result=True, result_serializer='json')\ndef main(): return 'x' * 1023",
        environment={"MILLSTREAM_STORAGE": storage},
    )
    kept = open_store(f"{storage}/results").read(outcome.record.uid)
    assert outcome.record.result_storage == f"{storage}/results"
    assert (outcome.record.message, outcome.record.has_result, len(kept.value)) == ("", False, 1023)


def test_a_result_that_could_not_be_stored_is_nowhere(run):
    outcome = run("@flow(persist_result=True)\ndef main(): return threading.Lock()")
    assert outcome.record.result_storage is None
    assert outcome.record.message == "The return value is not kept: a lock is not JSON."


@pytest.mark.parametrize(("name", "hinted"), [("true", True), ("false", True), ("x", False)])
def test_parameter_that_yaml_made_a_boolean(run, name, hinted):
    outcome = run("@flow\ndef main(y): pass", parameters={name: 1})
    assert outcome.record.reason == Reason.INVALID_PARAMETERS
    assert f"unknown '{name}'" in outcome.record.message
    hint = "(YAML reads an unquoted y, n, yes, no, on or off as a boolean: quote it)"
    assert outcome.record.message.endswith(hint) == hinted


def test_hint_that_cannot_be_resolved_is_logged_as_all_else(run):
    outcome = run("@flow\ndef main(day: 'Day'): return day", parameters={"day": "x"})
    assert outcome.record.result == "x"
    [line] = [line for line in outcome.err.splitlines() if b"cannot be resolved" in line]
    assert b" | WARNING | millstream - Flow 'main' does not check its parameter 'day'" in line
