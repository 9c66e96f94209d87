"""What a run in a pod notifies of: sent before the pod ends, with blocks from mounted Secrets."""

import json

import pytest
from receivers import webhook

SOURCE = """
from millstream.blocks import Secret
from millstream.notifications import notify

hook = notify("alerts", subject="", body="{{ flow_run.name }} {{ state.name }}: {{ state.message }}")

@flow(on_failure=[hook], on_crashed=[hook])
def main(stop: bool = False):
    password = Secret.load("db").get()
    print("begun", flush=True)
    if stop:
        time.sleep(60)
    raise ValueError(f"no {password}")
"""


@pytest.fixture
def environment(tmp_path):
    with webhook() as hook:
        for path, text in {
            "alerts/block-type": "slack-webhook",
            "alerts/url": hook.url,
            "db/value": "hunter22\n",
        }.items():
            file = tmp_path / "blocks" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        yield (
            hook,
            {
                "MILLSTREAM_BLOCKS_FOLDER": str(tmp_path / "blocks"),
                "MILLSTREAM_NOTIFICATIONS_DRAIN_SECONDS": "60",
            },
        )


def test_a_failure(run, environment):
    hook, variables = environment
    outcome = run(SOURCE, environment=variables, log_tail=True)
    text = json.loads(hook.received.get_nowait()[1])["text"]
    assert text == "etl-1 Failed: Flow 'main' raised ValueError: no ******** (attempt 1 of 1)"
    assert "ValueError: no ********" in outcome.record.message
    assert b"hunter22" not in outcome.err + outcome.out + outcome.message.encode()


def test_an_interruption(workbench, environment):
    hook, variables = environment
    attempt = workbench.start(SOURCE, environment=variables, parameters={"stop": True}, grace_seconds=4)
    attempt.out.wait_for("begun")
    attempt.signal()
    attempt.finish()
    assert json.loads(hook.received.get_nowait()[1])["text"].startswith("etl-1 Crashed")
