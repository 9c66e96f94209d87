"""What `import millstream` gives, and what it costs."""

import subprocess
import sys

import pytest

import millstream

# Every module that the import may load beside Millstream's own is of the standard library, and none of these.
SLOW = {
    "asyncio",
    "concurrent",
    "dataclasses",
    "inspect",
    "json",
    "logging.config",
    "logging.handlers",
    "pathlib",
    "pydantic",
    "tomllib",
    "uuid",
}


def modules_after(code):
    code = f"import sys\nbefore = set(sys.modules)\n{code}\nprint(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.fixture(scope="module")
def loaded():
    return modules_after("import millstream")


def test_all_is_sorted_and_complete():
    assert millstream.__all__ == sorted(millstream.__all__)
    public = {name for name in dir(millstream) if not name.startswith("_")}
    modules = {name for name in public if f"millstream.{name}" in sys.modules}
    assert public - modules == set(millstream.__all__)


def test_all_of_it():
    assert millstream.__all__ == [
        "Flow",
        "State",
        "Task",
        "allow_failure",
        "aserve",
        "flow",
        "get_client",
        "get_run_context",
        "get_run_logger",
        "serve",
        "tags",
        "task",
        "transaction",
        "unmapped",
    ]


def test_only_the_standard_library(loaded):
    roots = {name.partition(".")[0] for name in loaded} - {"millstream"}
    assert roots <= sys.stdlib_module_names


def test_nothing_slow(loaded):
    assert not loaded & SLOW


def test_nothing_slow_in_a_run_without_hints_either():
    code = "from millstream import flow, task\n@flow\ndef f(): task(lambda x: x)(1)\nf()"
    assert not modules_after(code) & (SLOW - {"pathlib", "uuid"})


def test_import_changes_nothing():
    code = """
import builtins, logging, signal, sys, threading
before = builtins.print, logging.root.handlers[:], signal.getsignal(signal.SIGTERM), threading.active_count(), sys.path[:]
import millstream, millstream.entrypoint, millstream.runtime
assert before == (
    builtins.print, logging.root.handlers[:], signal.getsignal(signal.SIGTERM), threading.active_count(), sys.path[:]
)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
