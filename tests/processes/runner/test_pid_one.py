"""The supervisor as the first process of a PID namespace, as it is in a container."""

import subprocess
import time

import pytest

from millstream.resources.exit_codes import ExitCode
from millstream.resources.reasons import Reason

NAMESPACE = ["unshare", "--map-root-user", "--fork", "--pid", "--mount-proc", "--kill-child"]


def can_unshare() -> bool:
    try:
        return subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


pytestmark = pytest.mark.skipif(not can_unshare(), reason="no PID namespaces for this user")


def start(workbench, source: str, **fields):
    """Start an attempt in a namespace of its own, with signals going to its PID 1 rather than to `unshare`."""
    attempt = workbench.start(source, prefix=NAMESPACE, **fields)
    deadline = time.monotonic() + 20
    while not (children := attempt.children()):
        assert time.monotonic() < deadline
    attempt.supervisor = children[0]
    return attempt


def test_completed(workbench):
    outcome = start(workbench, "@flow\ndef main(): return os.getppid()").finish()
    assert (outcome.exit_code, outcome.record.result) == (ExitCode.COMPLETED, 1)


def test_flow_that_kills_itself(workbench):
    outcome = start(workbench, "@flow\ndef main(): os.kill(os.getpid(), signal.SIGKILL)").finish()
    assert (outcome.exit_code, outcome.record.reason) == (137, Reason.SIGNALLED)


def test_sigterm(workbench):
    attempt = start(
        workbench, "@flow\ndef main():\n    print('waiting')\n    threading.Event().wait()", grace_seconds=1
    )
    attempt.out.wait_for("waiting")
    attempt.signal()
    outcome = attempt.finish()
    assert (outcome.exit_code, outcome.record.reason) == (ExitCode.INTERRUPTED, Reason.INTERRUPTED)


def test_orphans_are_reaped(workbench):
    outcome = start(
        workbench,
        """
        @flow
        def main():
            # The shell ends at once; its child is an orphan then, and its id goes when it is reaped.
            orphan = subprocess.check_output(["sh", "-c", "sleep 0.01 > /dev/null & echo $!"], text=True).strip()
            deadline = time.monotonic() + 20
            while os.path.exists(f"/proc/{orphan}"):
                assert time.monotonic() < deadline, open(f"/proc/{orphan}/status").read()
        """,
    ).finish()
    assert outcome.exit_code == ExitCode.COMPLETED, outcome.record.message


def test_nothing_outlives_the_supervisor(workbench):
    attempt = start(
        workbench,
        """
        @flow
        def main(fifo):
            subprocess.Popen(["sh", "-c", f"exec 3<>{fifo}; read line <&3"], start_new_session=True)
        """,
        parameters={"fifo": str(workbench.fifo)},
        log_tail=False,  # or else the program holds the relay's pipes instead of the attempt's own output
    )
    assert attempt.finish().exit_code == ExitCode.COMPLETED
