"""Prometheus' own tests of what PromQL gives for series that are written down."""

import json
import subprocess

import control_plane

__all__ = ["play", "promtool"]


def promtool(*arguments):
    return subprocess.run(
        [control_plane.program("promtool"), *map(str, arguments)], capture_output=True, text=True, check=False
    )


def play(folder, cases, *rules, interval="1m"):
    """Play cases with files of rules; the folder is for what promtool reads."""
    body = {"rule_files": list(map(str, rules)), "evaluation_interval": interval, "tests": cases}
    (folder / "test.yaml").write_text(json.dumps(body))
    done = promtool("test", "rules", folder / "test.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
