"""Flows that start processes of their own."""

import pytest

from millstream.resources.exit_codes import ExitCode

SQUARES = """
import concurrent.futures, multiprocessing

def square(x): return x * x

@flow
def main(method):
    context = multiprocessing.get_context(method)
    with context.Pool(2) as pool:  # leaving it ends the workers by SIGTERM
        first = pool.map(square, [1, 2])
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        return first + list(pool.map(square, [3, 4]))
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_pools(run, method):
    outcome = run(SQUARES, parameters={"method": method})
    assert outcome.exit_code == ExitCode.COMPLETED, outcome.record
    assert outcome.record.result == [1, 4, 9, 16]


def test_copy_of_the_process_ends_at_sigterm(run):
    outcome = run(
        """
        import multiprocessing

        @flow
        def main():
            codes = set()
            for _ in range(100):
                process = multiprocessing.get_context("fork").Process(target=threading.Event().wait)
                process.start()
                process.terminate()
                process.join(20)
                codes.add(process.exitcode)
            return list(codes)
        """
    )
    assert outcome.record.result == [-15]


def test_handler_of_the_flow_itself_is_left_alone(workbench):
    attempt = workbench.start(
        """
        @flow
        def main():
            ended = threading.Event()
            signal.signal(signal.SIGTERM, lambda *_: ended.set())
            print("waiting")
            ended.wait()
            return "ended in order"
        """
    )
    attempt.out.wait_for("waiting")
    attempt.signal()
    outcome = attempt.finish()
    assert (outcome.exit_code, outcome.record.result) == (ExitCode.COMPLETED, "ended in order")
