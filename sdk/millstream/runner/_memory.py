"""Whether the kernel killed a process of this container for want of memory."""

from pathlib import Path

__all__ = ["oom_kills"]

_CGROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


def oom_kills(*, cgroups: Path = _CGROUPS, membership: Path = _MEMBERSHIP) -> int | None:
    """Read how many processes the kernel has killed in this container's cgroup; None where it does not tell.

    Args:
        cgroups: where cgroup file systems are mounted.
        membership: the file that names the cgroups of this process.
    """
    for counters in _candidates(cgroups, membership):
        try:
            lines = counters.read_text().splitlines()
        except OSError:
            continue
        for name, _, count in (line.partition(" ") for line in lines):
            if name == "oom_kill":
                return int(count)
    return None


def _candidates(cgroups: Path, membership: Path) -> list[Path]:
    """List the files that may hold the counter: version 2, version 1, each as in a container and as on a host."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        lines = []
    paths = {controllers: path.lstrip("/") for _, controllers, path in (line.split(":", 2) for line in lines)}
    return [
        cgroups / paths.get("", "") / "memory.events",
        cgroups / "memory.events",
        cgroups / "memory" / paths.get("memory", "") / "memory.oom_control",
        cgroups / "memory" / "memory.oom_control",
    ]
