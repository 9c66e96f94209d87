"""The examples of docs/cli.md."""

import os
import re
import subprocess
import sys
from pathlib import Path

TEXT = (Path(__file__).parents[3] / "docs/cli.md").read_text()


def test_the_examples_work(home):
    script = "\n".join(re.findall(r"^\$ (.+)$", TEXT, re.MULTILINE))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "MILLSTREAM_HISTORY_ENABLED": "true"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert "greet" in done.stdout
    assert "abcdef" not in done.stdout
