"""Interpreters that measure, and the one that has Prefect."""

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

CASES = Path(__file__).with_name("cases.py")
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "millstream" / "prefect"
PREFECT = ("prefect>=3.6,<4", "fastapi<0.151")  # Prefect 3.8 does not start with a newer FastAPI


def figures(python: str, library: str, many: int, home: str) -> dict[str, float]:
    """Microseconds by case, of an interpreter that has the library; what it logs goes nowhere, but is written."""
    environment = {**os.environ, "PREFECT_HOME": home, "MILLSTREAM_HOME": home, "DO_NOT_TRACK": "1"}
    command = [python, str(CASES), library, str(many)]
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def cost(python: str, code: str, rounds: int) -> tuple[float, float]:
    """Milliseconds of CPU time, and megabytes at the most, of an interpreter that runs some code.

    The peak is the kernel's for the program alone (Linux): `ru_maxrss` of a child begins with its parent's.
    """
    code = f"{code}\nprint(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
    best_time = best_memory = float("inf")
    for _ in range(rounds):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [python, "-c", code]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        best_time, best_memory = min(best_time, cpu * 1e3), min(best_memory, int(done.stdout) / 1024)
    return best_time, best_memory


def prefect() -> str:
    """An interpreter that has Prefect; it is installed when this is asked for the first time."""
    python = CACHE / "bin" / "python"
    if not (CACHE / "installed").exists():
        print(f"installing {PREFECT[0]} into {CACHE} ...", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", CACHE], check=True)
        install: list[str | Path] = [
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            *PREFECT,
        ]
        subprocess.run(install, check=True)
        (CACHE / "installed").touch()
    return str(python)


def home() -> tempfile.TemporaryDirectory[str]:
    """A folder for what libraries keep."""
    return tempfile.TemporaryDirectory(prefix="millstream-bench-", ignore_cleanup_errors=True)
