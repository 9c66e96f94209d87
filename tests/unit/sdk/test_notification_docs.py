"""docs/blocks.md and docs/notifications.md: their examples run, and their tables are complete."""

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from millstream.blocks import notifications
from millstream.blocks.abstract import NotificationBlock
from millstream.notifications import _views

DOCS = Path(__file__).parents[3] / "docs"
TEXTS = {name: (DOCS / f"{name}.md").read_text() for name in ("blocks", "notifications")}
EXAMPLES = [
    (name, number, source)
    for name, text in TEXTS.items()
    for number, source in enumerate(re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))
]


@pytest.mark.parametrize(("name", "number", "source"), EXAMPLES, ids=[f"{e[0]}-{e[1]}" for e in EXAMPLES])
def test_example(name, number, source, tmp_path):
    path = tmp_path / f"{name}_{number}.py"
    path.write_text(source)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore:'imghdr':DeprecationWarning", path],
        cwd=tmp_path,
        env={**os.environ, "MILLSTREAM_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_there_are_examples():
    assert len(EXAMPLES) == 4


def test_every_block_that_notifies_has_its_row():
    rows = re.findall(r"^\| `(\w+)` \| `([\w-]+)` \| (.*) \|$", TEXTS["notifications"], re.MULTILINE)
    told = {name: (slug, fields) for name, slug, fields in rows}
    there = {}
    for name in notifications.__all__:
        kind = getattr(notifications, name)
        if issubclass(kind, NotificationBlock) and not name.startswith("Abstract"):
            fields = ", ".join(
                f"`{field}`{'*' if details.is_required() else ''}"
                for field, details in kind.model_fields.items()
                if field != "notify_type"
            )
            there[name] = (kind.get_block_type_slug(), fields)
    assert told == there


@pytest.mark.parametrize(
    ("name", "view"),
    [
        ("`flow`, `task`", _views.FlowView),
        ("`flow`, `task`", _views.TaskView),
        ("`flow_run`", _views.FlowRunView),
        ("`task_run`", _views.TaskRunView),
        ("`state`", _views.StateView),
    ],
)
def test_every_fact_is_told(name, view):
    fields = ", ".join(f"`{field.name}`" for field in dataclasses.fields(view))
    assert f"| {name} | {fields} |" in TEXTS["notifications"]
