"""A flow on its schedule, ended by Ctrl-C."""

import signal
import subprocess
import sys
import textwrap

import pytest

SOURCE = """
from datetime import timedelta
from millstream.v1 import Flow, task
from millstream.v1.schedules import IntervalSchedule

@task
def work():
    print("worked", flush=True)
    {work}

with Flow("often", schedule=IntervalSchedule(interval=timedelta(seconds=2))) as flow:
    work()

print("ended", type(flow.run()).__name__)
"""


@pytest.mark.parametrize(
    ("work", "awaited", "ended"),
    [
        ("pass", ["worked", "Waiting for the next scheduled run at"], "ended Success"),
        ("import time; time.sleep(300)", ["worked"], "ended Pending"),
    ],
)
def test_ctrl_c(tmp_path, work, awaited, ended):
    path = tmp_path / "often.py"
    path.write_text(textwrap.dedent(SOURCE).format(work=work))
    with subprocess.Popen(
        [sys.executable, "-W", "error", path],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509 - not ignored
    ) as process:
        for words in awaited:
            while words not in process.stdout.readline():
                pass
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 0, out
    *before, last, answer = out.splitlines()
    assert last.endswith("Stopped by Ctrl-C: flow 'often' has no further runs.")
    assert answer == ended
    assert ("Traceback" in "".join(before)) == (work != "pass")
