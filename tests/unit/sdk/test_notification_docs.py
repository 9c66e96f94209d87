"""The tables of docs/blocks.md and docs/notifications.md are complete."""

import dataclasses
import re
from pathlib import Path

import pytest

from millstream.blocks import notifications
from millstream.blocks.abstract import NotificationBlock
from millstream.notifications import _views

DOCS = Path(__file__).parents[3] / "docs"
TEXTS = {name: (DOCS / f"{name}.md").read_text() for name in ("blocks", "notifications")}


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
