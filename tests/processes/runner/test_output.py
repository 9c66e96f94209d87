"""The container's log gets what the flow writes, byte by byte and at once; a failed run keeps its end."""

import os

import pytest

from millstream.resources.exit_codes import ExitCode

QUIET = {"MILLSTREAM_LOGGING_LEVEL": "ERROR"}
"""Without the SDK's own lines on stderr."""


def test_bytes_pass_unchanged_and_each_stream_in_its_order(run):
    outcome = run(
        r"""
        @flow
        def main():
            for number in range(2000):
                os.write(1, b"\x00\xff out %d\r\n" % number)
                os.write(2, b"\x80\x1b[1m err %d\n" % number)
        """,
        environment=QUIET,
    )
    assert outcome.out == b"".join(b"\x00\xff out %d\r\n" % number for number in range(2000))
    assert outcome.err == b"".join(b"\x80\x1b[1m err %d\n" % number for number in range(2000))


@pytest.mark.parametrize("log_tail", [True, False])
def test_ten_megabytes(run, log_tail):
    outcome = run(
        """
        @flow
        def main():
            for number in range(10):
                sys.stdout.write(chr(ord("0") + number) * 999_999 + "\\n")
        """,
        log_tail=log_tail,
    )
    assert outcome.exit_code == ExitCode.COMPLETED
    assert outcome.out == b"".join(b"%d" % number * 999_999 + b"\n" for number in range(10))


@pytest.mark.parametrize("log_tail", [True, False])
def test_lines_appear_at_once(workbench, log_tail):
    attempt = workbench.start(
        """
        @flow
        def main(fifo):
            print("one line")
            open(fifo).read()
        """,
        parameters={"fifo": str(workbench.fifo)},
        log_tail=log_tail,
        environment={"PYTHONUNBUFFERED": ""},
    )
    attempt.out.wait_for("one line")
    workbench.release()
    assert attempt.finish().exit_code == ExitCode.COMPLETED


def test_last_output_of_a_process_that_is_killed_is_not_lost(run):
    outcome = run("@flow\ndef main():\n    print('last words' * 1000)\n    os.kill(os.getpid(), 9)")
    assert outcome.out == b"last words" * 1000 + b"\n"


def test_output_of_programs_is_in_the_tail(run):
    outcome = run(
        """
        @flow
        def main():
            subprocess.run(["sh", "-c", "echo from the shell; echo and its errors >&2; exit 7"], check=True)
        """
    )
    assert "from the shell" in outcome.record.log_tail
    assert "and its errors" in outcome.record.log_tail


def test_tail_is_the_end(run):
    outcome = run(
        """
        @flow
        def main():
            for number in range(10_000):
                print("line", number)
            os._exit(3)
        """
    )
    assert outcome.record.log_tail.endswith("line 9998\nline 9999")
    assert len(outcome.message.encode()) <= 4096


def test_tail_holds_no_secrets_while_the_log_is_unchanged(run):
    outcome = run(
        """
        @flow
        def main():
            print("connecting with", os.environ["DB_PASSWORD"])
            raise ConnectionError(f"refused: postgres://etl:pa55@db/sales {os.environ['API_TOKEN']}")
        """,
        environment={"DB_PASSWORD": "hunter2hunter2", "API_TOKEN": "tok-123456", "REGION": "eu-west-1"},
    )
    for secret in ("hunter2hunter2", "tok-123456", "pa55"):
        assert secret not in outcome.message
    assert b"connecting with hunter2hunter2\n" in outcome.out
    assert "connecting with [redacted]" in outcome.record.log_tail


def test_tail_can_be_switched_off(run):
    outcome = run("@flow\ndef main():\n    print('private')\n    os._exit(3)", log_tail=False)
    assert outcome.record.log_tail == ""
    assert outcome.out == b"private\n"


@pytest.mark.parametrize(
    ("ending", "code"),
    [("return 'done'", ExitCode.COMPLETED), ("raise ValueError", ExitCode.FAILED), ("os._exit(3)", 3)],
)
def test_program_that_is_left_behind_does_not_hold_up_the_end(workbench, ending, code):
    attempt = workbench.start(
        f"""
        @flow
        def main(fifo):
            subprocess.Popen(["sh", "-c", f"read line < {{fifo}}"], start_new_session=True)
            {ending}
        """,
        parameters={"fifo": str(workbench.fifo)},
    )
    outcome = attempt.finish()
    workbench.release("\n")  # blocks unless the program is still there
    assert outcome.exit_code == code
    assert outcome.record


def test_program_that_goes_on_writing_does_not_hold_up_the_end(run):
    outcome = run(
        """
        @flow
        def main():
            subprocess.Popen(["yes"], start_new_session=True)
            os._exit(3)
        """
    )
    assert outcome.exit_code == 3


def test_forked_copy_of_the_process_does_not_speak_for_it(run):
    outcome = run(
        """
        @flow
        def main():
            child = os.fork()
            if child:
                os.waitpid(child, 0)
            return "child" if child == 0 else "parent"
        """
    )
    assert (outcome.exit_code, outcome.record.result) == (ExitCode.COMPLETED, "parent")


def test_termination_message_of_the_flow_is_overwritten(run, workbench):
    outcome = run(
        f"""
        @flow
        def main():
            with open({str(workbench.message_path)!r}, "w") as file:
                file.write('{{"millstream":1,"uid":"u","attempt":2,"state":"Completed"}}' + " " * 9000)
            os._exit(0)
        """
    )
    assert outcome.exit_code == ExitCode.NO_RESULT
    assert outcome.message == outcome.record.encode().decode()


def test_termination_message_that_cannot_be_written_does_not_change_the_exit_code(workbench):
    workbench.message_path.unlink()
    workbench.message_path.mkdir()
    attempt = workbench.start("@flow\ndef main(): pass")
    assert attempt.exit_code() == ExitCode.COMPLETED
    attempt.err.wait_for("termination message cannot be written")


def test_thread_that_outlives_the_flow_is_named_and_waited_for(workbench):
    attempt = workbench.start(
        """
        @flow
        def main(fifo):
            threading.Thread(target=wait, args=[fifo], name="uploader").start()
        """,
        parameters={"fifo": str(workbench.fifo)},
    )
    attempt.err.wait_for("its process waits for threads: uploader")
    workbench.release()
    assert attempt.finish().exit_code == ExitCode.COMPLETED


def test_one_file_for_both_streams_keeps_the_order_between_them(workbench, tmp_path):
    log = tmp_path / "log"
    attempt = workbench.start(
        """
        @flow
        def main():
            for number in range(500):
                os.write(1 + number % 2, b"%d\\n" % number)
        """,
        prefix=["sh", "-c", f'exec "$@" > {log} 2>&1', "sh"],
        environment=QUIET,
    )
    assert attempt.exit_code() == ExitCode.COMPLETED
    assert log.read_bytes() == b"".join(b"%d\n" % number for number in range(500))


def test_reader_that_goes_away_does_not_fail_the_run(workbench):
    outcome = workbench.run(
        """
        @flow
        def main():
            for _ in range(1000): print("x" * 1000)
        """,
        # A shell's `cat` that ends at once leaves a pipe which nobody reads.
        prefix=["sh", "-c", '{ exec 3>&1; "$@"; echo $? >&3; } | true', "sh"],
    )
    assert outcome.record.state == "Completed"


def test_reader_that_does_not_read_does_not_hold_up_the_end(workbench):
    reader = os.open(workbench.fifo, os.O_RDWR)  # both ends, so that opening does not block
    try:
        attempt = workbench.start(
            """
            @flow
            def main():
                print("x" * 1_000_000)
            """,
            prefix=["sh", "-c", f'exec "$@" > {workbench.fifo}', "sh"],
            run_seconds=1,
            grace_seconds=1,
        )
        assert attempt.exit_code() == ExitCode.RUN_TIMEOUT
    finally:
        os.close(reader)
