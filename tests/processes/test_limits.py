"""What interrupts a thread arrives at some later step of it: also where its limit has just begun, or comes to its end."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from limit_steps import CASES, FUNCTIONS, interrupt_at_each_step

INNER, OUTER = "RunTimeoutError: inner", "RunTimeoutError: outer"
MAY_COME = {
    "inner": {5, INNER},
    "outer": {5, INNER, OUTER},
    "both": {5, INNER, OUTER},
    "foreign": {5, INNER, "Foreign: "},
}


@pytest.fixture(scope="module")
def process():
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield pool


@pytest.mark.parametrize("delay", [0, 1, 2, 5])
@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("case", CASES)
def test_nothing_arrives_after_the_end(process, case, function, delay):
    found, left, steps = process.submit(interrupt_at_each_step, case, function, delay).result()
    assert steps > 20
    assert found <= MAY_COME[case]
    assert left == []
