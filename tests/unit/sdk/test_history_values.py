"""Odd and secret values in the history."""

import json
import logging

import pytest
from history_home import a_flow_run, recorder_without_thread

from millstream import flow, tags, task
from millstream._history import recorder as recorders
from millstream._history.schema import FILE
from millstream._history.snapshots import snapshot
from millstream.artifacts import create_markdown_artifact
from millstream.blocks.system import Secret


class Odd:
    def __repr__(self):
        raise AssertionError("nobody may ask")


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (1, 1),
        ("text", "text"),
        (None, None),
        (True, True),
        (1.5, 1.5),
        (float("nan"), "nan"),
        (2**70, "<int of 71 bits>"),
        ("\ud800", "?"),
        ("a" * 5000, "a" * 2000 + "…"),
        (["a", {"b": (1, 2)}], ["a", {"b": [1, 2]}]),
        ({1: 2}, {"1": 2}),
        ({"a"}, ["a"]),
        (Odd(), "<Odd>"),
        (list(range(300)), [*range(100), "… 200 more"]),
        ([[[[[[1]]]]]], [[[[["<list>"]]]]]),
    ],
)
def test_parameters_as_they_are_kept(value, kept):
    assert json.loads(snapshot({"p": value})) == {"p": kept}


def test_parameters_of_any_size():
    wide = [[["x" * 3000] * 300] * 300] * 300
    assert len(snapshot({"p": wide})) < 3_000_000


def test_what_is_kept_of_parameters_is_what_was_given(client):
    @flow
    def changing(numbers):
        numbers.append(4)

    changing([1, 2])
    assert client.read_flow_runs()[0].parameters == {"numbers": [1, 2]}


class TestOddRows:
    def test_texts_that_no_file_can_keep(self, client, caplog):
        caplog.set_level(logging.CRITICAL, "millstream")  # pytest itself cannot pass them on

        @task(name="t\udce4")
        def odd():
            raise ValueError("e\udce4")

        @flow(flow_run_name="r\udce4")
        def around():
            odd(return_state=True)

        with tags("x\udce4"):
            around()
        (run,) = client.read_flow_runs()
        assert (run.name, run.tags) == ("r?", ["x?"])
        (task_run,) = client.read_task_runs()
        assert (task_run.task_name, task_run.state_name) == ("t?", "Failed")

    def test_one_that_cannot_be_written_takes_no_others_with_it(self, home, client, caplog):
        recorder = recorder_without_thread(home)
        for row in (a_flow_run(1), a_flow_run(2, run_count=object()), a_flow_run(3)):
            recorder.add(row)
        assert recorder.flush()
        recorder.close()
        assert sorted(run.name for run in client.read_flow_runs()) == ["run-1", "run-3"]
        assert "A change of a run cannot be written to the history" in caplog.text

    def test_messages_are_cut(self, client):
        @task
        def loud():
            raise ValueError("x" * 100_000)

        loud(return_state=True)
        (run,) = client.read_task_runs()
        assert len(run.state.message) < 5_000

    def test_a_run_that_is_tried_very_often(self, client, still):
        @task(retries=1_000, retry_delay_seconds=1)
        def never():
            raise ValueError("no")

        never(return_state=True)
        (run,) = client.read_task_runs()
        states = client.read_task_run_states(run.id)
        assert run.run_count == 1_001
        assert len(states) < 70
        assert states[0].name == "Running"
        assert states[-1].name == "Failed"


def test_secrets_are_not_kept(home, client):
    Secret(value="hunter2-hunter2")
    Secret(value="40312277")

    @task
    def telling():
        create_markdown_artifact("it is hunter2-hunter2", description="hunter2-hunter2")
        raise ValueError("hunter2-hunter2")

    @flow(flow_run_name="run-{url}")
    def around(url, account, long):
        telling(return_state=True)

    with tags("hunter2-hunter2"):
        around("hunter2-hunter2", 40312277, "x" * 1_995 + "hunter2-hunter2")
    (run,) = client.read_flow_runs()
    assert run.parameters["account"] == "********"
    assert run.name == "run-********"
    (artifact,) = client.read_artifacts()
    assert (artifact.data, artifact.description) == ("it is ********", "********")
    recorders.close_all()
    kept = (home / FILE).read_bytes()
    assert b"hunter2" not in kept
    assert b"40312277" not in kept
