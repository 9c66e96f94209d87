"""Programs whose flows fail, and what real servers receive of it, to the end of the process."""

import json
import os
import signal
import subprocess
import sys

import pytest
from receivers import mailbox, webhook

# What of these tests is slow is the import of Apprise, in the background of each program.
HEAD = """
import time
from millstream import flow, task
from millstream.blocks import Secret
from millstream.blocks.notifications import AppriseNotificationBlock, EmailNotificationBlock, SlackWebhook
from millstream.notifications import notify
"""
FAILING = """
@flow(name="etl", flow_run_name="r1", on_failure=[notify("{target}", subject="{{{{ flow_run.name }}}}", body="{{{{ state.message }}}}")])
def etl():
    raise ValueError("the password is " + Secret.load("db").get())

etl(return_state=True)
print("the program ends", flush=True)
"""


@pytest.fixture
def environment(tmp_path):
    return {
        **os.environ,
        "MILLSTREAM_HOME": str(tmp_path / "home"),
        "MILLSTREAM_BLOCK__SECRET__DB": '{"value": "hunter22"}',
        "MILLSTREAM_NOTIFICATIONS_DRAIN_SECONDS": "60",
    }


@pytest.fixture
def hook():
    with webhook() as hook:
        yield hook


def slack(environment, hook):
    return {**environment, "MILLSTREAM_BLOCK__SLACK_WEBHOOK__SLACK": json.dumps({"url": hook.url})}


def start(tmp_path, source, environment):
    path = tmp_path / "program.py"
    path.write_text(HEAD + source)
    return subprocess.Popen(
        [sys.executable, path],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def read_until(lines, wanted):
    read = ""
    while wanted not in read:
        line = lines.readline()
        assert line, read
        read += line
    return read


def test_a_webhook_receives_it_before_the_process_ends(tmp_path, environment, hook):
    with start(tmp_path, FAILING.format(target="slack"), slack(environment, hook)) as program:
        _, told = program.communicate(timeout=120)
    assert json.loads(hook.received.get_nowait()[1]) == {
        "text": "*r1*\nFlow 'etl' raised ValueError: the password is ******** (attempt 1 of 1)"
    }
    assert program.returncode == 0, told
    assert "hunter22" not in told
    assert "XXXtoken1234" not in told


def test_a_mail_server_receives_it(tmp_path, environment):
    with mailbox() as box:
        url = f"mailto://127.0.0.1:{box.port}/?from=flows@example.com&to=you@example.com"
        with start(tmp_path, FAILING.format(target=url), environment) as program:
            _, told = program.communicate(timeout=120)
        assert program.returncode == 0, told
        receivers, mail = box.received.get_nowait()
    assert receivers == ["you@example.com"]
    assert b"Subject: r1" in mail
    assert b"the password is ********" in mail


def test_the_seed(tmp_path, environment, hook):
    seed = """
from millstream.blocks.notifications import SlackWebhook

slack_webhook_block = SlackWebhook.load("slack") # The name of the block you just created
slack_webhook_block.notify("Hello from Prefect!")
"""
    with start(tmp_path, seed, slack(environment, hook)) as program:
        assert program.communicate(timeout=120)[1] == ""
    assert hook.received.get_nowait()[1] == b'{"text": "Hello from Prefect!"}'


def test_a_service_that_never_answers_does_not_hold_up_the_run(tmp_path, environment, hook):
    hook.gate.clear()
    environment = slack(environment, hook) | {"MILLSTREAM_NOTIFICATIONS_DRAIN_SECONDS": "0.2"}
    with start(tmp_path, FAILING.format(target="slack"), environment) as program:
        assert program.stdout.readline() == "the program ends\n"
        assert hook.received.empty()
        _, told = program.communicate(timeout=120)  # though the service has still not answered
    assert hook.received.empty()
    assert program.returncode == 0
    assert "The notification to 'slack' was not sent before the process ended" in told


def test_a_service_that_is_down_is_told_of(tmp_path, environment):
    url = "http://127.0.0.1:9/services/T000/B000/XXXtoken1234"
    environment = environment | {
        "MILLSTREAM_BLOCK__SLACK_WEBHOOK__SLACK": json.dumps({"url": url}),
        "MILLSTREAM_NOTIFICATIONS_DRAIN_SECONDS": "3",
    }
    with start(tmp_path, FAILING.format(target="slack"), environment) as program:
        out, told = program.communicate(timeout=120)
    assert (program.returncode, out) == (0, "the program ends\n")
    assert "ended: A Connection error occurred sending JSON notification to 127.0.0.1." in told
    assert "XXXtoken1234" not in told


def test_a_service_that_comes_back(tmp_path, environment, hook):
    hook.status = [503]
    with start(tmp_path, FAILING.format(target="slack"), slack(environment, hook)) as program:
        _, told = program.communicate(timeout=120)
    assert hook.received.qsize() == 2
    assert "was not sent" not in told


def test_no_such_block(tmp_path, environment):
    with start(tmp_path, FAILING.format(target="slack"), environment) as program:
        out, told = program.communicate(timeout=120)
    assert (program.returncode, out) == (0, "the program ends\n")
    assert "'slack' was not sent: There is no block 'slack'" in told
    assert "Traceback" not in told.partition("millstream.notifications")[2]


STOPPED = """
@flow(flow_run_name="r1", on_crashed=[notify("slack", subject="", body="{{ flow_run.name }} {{ state.name }}")])
def sleeps():
    print("begun", flush=True)
    time.sleep(60)

sleeps()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_is_sent_before_a_signal_ends_the_process(tmp_path, environment, hook, number):
    source = f"import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n{STOPPED}"
    with start(tmp_path, source, slack(environment, hook)) as program:
        assert program.stdout.readline() == "begun\n"
        program.send_signal(number)
        program.communicate(timeout=120)
    assert json.loads(hook.received.get_nowait()[1]) == {"text": "r1 Crashed"}
    assert program.returncode != 0


def test_it_is_sent_before_a_signal_ends_the_process_after_the_run(tmp_path, environment, hook):
    hook.gate.clear()
    source = """
@flow(flow_run_name="r1", on_completion=[notify("slack", subject="", body="{{ flow_run.name }} {{ parameters.n }}")])
def is_quick(n): ...

is_quick(1)
is_quick(2)
print("done", flush=True)
time.sleep(60)
"""
    with start(tmp_path, source, slack(environment, hook)) as program:
        assert program.stdout.readline() == "done\n"
        program.send_signal(signal.SIGTERM)
        assert "Waiting up to 60 s for 2 notification(s)" in read_until(program.stderr, "Waiting")
        hook.gate.set()
        program.communicate(timeout=120)
    texts = {json.loads(hook.received.get_nowait()[1])["text"] for _ in range(2)}
    assert texts == {"r1 1", "r1 2"}
    assert program.returncode == -signal.SIGTERM


def test_copies_of_the_process_send_their_own(tmp_path, environment, hook):
    source = """
import multiprocessing
from millstream._delivery import delivery

@flow(on_completion=[notify("slack", subject="", body="{{ parameters.n }}")])
def says(n): ...

def child(n):
    says(n)

if __name__ == "__main__":
    says("parent")
    delivery().drain(60)  # a copy that is made while a thread imports something cannot import it
    for method in ("fork", "spawn"):
        process = multiprocessing.get_context(method).Process(target=child, args=(method,))
        process.start()
        process.join()
"""
    with start(tmp_path, source, slack(environment, hook)) as program:
        program.communicate(timeout=120)
    texts = [json.loads(hook.received.get_nowait()[1])["text"] for _ in range(hook.received.qsize())]
    assert texts == ["parent", "fork", "spawn"]


def test_secrets_are_masked_in_other_processes(tmp_path, environment):
    source = """
from millstream.task_runners import ProcessPoolTaskRunner

@task
def fails(secret):
    raise ValueError("the password is " + secret.get())

@flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
def submits():
    fails.submit(Secret(value="another-hunter")).wait()

if __name__ == "__main__":
    submits(return_state=True)
"""
    with start(tmp_path, source, environment) as program:
        _, told = program.communicate(timeout=120)
    assert "the password is ********" in told
    assert "another-hunter" not in told


def test_tasks_in_other_processes(tmp_path, environment, hook):
    source = """
from millstream.task_runners import ProcessPoolTaskRunner

@task(on_failure=[notify("slack", subject="", body="{{ task.name }} of {{ flow_run.name }}")])
def fails():
    raise ValueError("no")

@flow(flow_run_name="r1", task_runner=ProcessPoolTaskRunner(max_workers=1))
def submits():
    fails.submit().wait()

submits(return_state=True)
"""
    with start(tmp_path, source, slack(environment, hook)) as program:
        program.communicate(timeout=120)
    assert json.loads(hook.received.get_nowait()[1]) == {"text": "fails of r1"}


def test_many(tmp_path, environment, hook):
    source = """
@task(on_failure=[notify("slack", subject="", body="{{ parameters.n }}")])
def fails(n):
    raise ValueError("no")

@flow
def maps():
    fails.map(range(100)).wait()

maps(return_state=True)
"""
    with start(tmp_path, source, slack(environment, hook)) as program:
        program.communicate(timeout=120)
    received = sorted(int(json.loads(hook.received.get_nowait()[1])["text"]) for _ in range(100))
    assert received == list(range(100))
