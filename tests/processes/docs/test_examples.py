"""The Python examples of all pages run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs"
EXAMPLES = {
    f"{page.stem}-{number}": source
    for page in sorted(DOCS.glob("*.md"))
    # The one goes on for ever: tests/processes/test_serve.py ends it. The other needs a cluster: tests/control_plane/client.
    if page.stem not in {"serve", "client"}
    for number, source in enumerate(
        re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    )
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name, tmp_path):
    path = tmp_path / f"{name.replace('-', '_')}.py"
    path.write_text(EXAMPLES[name])
    done = subprocess.run(
        # Apprise asks for a module that Python 3.13 has not any more.
        [sys.executable, "-W", "error", "-W", "ignore:'imghdr':DeprecationWarning", path],
        cwd=tmp_path,
        env={
            **os.environ,
            "MILLSTREAM_HOME": str(tmp_path / "home"),
            "MILLSTREAM_HISTORY_ENABLED": "true",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize(
    "page", ["artifacts", "blocks", "flows", "history", "notifications", "settings", "testing", "v1"]
)
def test_there_are_examples(page):
    assert f"{page}-0" in EXAMPLES
