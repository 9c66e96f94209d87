"""A flow that reaches a real memory limit, where this machine lets a test set one; and the counters' files."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from millstream.resources.exit_codes import ExitCode
from millstream.resources.reasons import Reason
from millstream.runner._memory import oom_kills

LIMIT = 200 * 1024 * 1024
GREEDY = """
@flow
def main():
    hoard = [bytes([1]) * 10_000_000 for _ in range(60)]
"""


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """A cgroup with a memory limit, of version 2 where its memory controller is there, else of version 1."""
    version_2 = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    parent = Path("/sys/fs/cgroup") if version_2 else Path("/sys/fs/cgroup/memory")
    group = parent / f"millstream-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        pytest.skip("no right to make a cgroup")
    try:
        (group / ("memory.max" if version_2 else "memory.limit_in_bytes")).write_text(str(LIMIT))
        yield group
    except OSError:
        pytest.skip("no memory controller")
    finally:
        group.rmdir()


def test_kill_by_the_kernel(workbench, cgroup):
    into_cgroup = ["sh", "-c", f'echo $$ > {cgroup}/cgroup.procs && exec "$@"', "sh"]
    outcome = workbench.run(GREEDY, prefix=into_cgroup)
    assert outcome.exit_code == ExitCode.OUT_OF_MEMORY
    assert outcome.record.reason is Reason.OOM_KILLED
    assert "memory limit" in outcome.record.message


@pytest.mark.parametrize(
    ("membership", "file", "content"),
    [
        ("0::/\n", "memory.events", "low 0\noom 3\noom_kill 2\noom_group_kill 0\n"),
        ("0::/kubepods/pod1/c1\n", "kubepods/pod1/c1/memory.events", "oom_kill 2\n"),
        ("0::/../../hidden\n", "memory.events", "oom_kill 2\n"),
        (
            "4:memory:/docker/c1\n0::/\n",
            "memory/memory.oom_control",
            "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
        ),
        ("4:memory:/docker/c1\n0::/\n", "memory/docker/c1/memory.oom_control", "oom_kill 2\n"),
        ("", "memory.events", "oom_kill 2\n"),
    ],
)
def test_counter_is_found(tmp_path, membership, file, content):
    (tmp_path / "membership").write_text(membership)
    counter = tmp_path / "cgroups" / file
    counter.parent.mkdir(parents=True)
    counter.write_text(content)
    assert oom_kills(cgroups=tmp_path / "cgroups", membership=tmp_path / "membership") == 2


def test_no_counter(tmp_path):
    assert oom_kills(cgroups=tmp_path, membership=tmp_path / "none") is None
