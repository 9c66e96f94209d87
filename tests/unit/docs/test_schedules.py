"""docs/schedules.md: its Python runs, and its table of the nights in which clocks change is true."""

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from millstream.resources.schedule_spec import ScheduleSpec, ScheduleStatus
from millstream.schedules import Cron, Interval, RRule, Schedule
from millstream.schedules._schedule import FIRST_YEAR, LAST_YEAR

TEXT = (Path(__file__).parents[3] / "docs/schedules.md").read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
ZONE = ZoneInfo("Europe/Berlin")
NIGHTS = (datetime(2026, 3, 29, 1, tzinfo=ZONE), datetime(2026, 10, 25, 1, tzinfo=ZONE))
ROWS = re.findall(r"^\| (cron|interval|rrule) `(.*?)` \| (.*?) \| (.*?) \|$", TEXT, re.MULTILINE)


@pytest.mark.parametrize("source", EXAMPLES)
def test_example(source, tmp_path):
    path = tmp_path / "ticks.py"
    path.write_text(source)
    done = subprocess.run([sys.executable, "-W", "error", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def make(kind: str, text: str) -> Schedule:
    if kind == "cron":
        return Cron(text, timezone=ZONE.key)
    if kind == "rrule":
        return RRule(text, timezone=ZONE.key)
    return Interval(timedelta(seconds=int(text)))


@pytest.mark.parametrize(("kind", "text", "spring", "autumn"), ROWS)
def test_a_row_of_the_nights_in_which_clocks_change(kind, text, spring, autumn):
    for begin, said in zip(NIGHTS, (spring, autumn), strict=True):
        end = begin.replace(hour=4).astimezone(UTC)
        ticks = make(kind, text).latest(begin - timedelta(seconds=1), end - timedelta(seconds=1), 100)
        shown = ", ".join(tick.astimezone(ZONE).strftime("%H:%M %Z") for tick in ticks)
        assert (shown or "never") == said


@pytest.mark.parametrize(
    "expression", re.findall(r"^\| `([^@`]+)` \|", TEXT.partition("## Interval")[0], re.MULTILINE)
)
def test_a_cron_expression_in_the_documentation_fires(expression):
    if " " in expression:
        assert Cron(expression).next(datetime(2026, 1, 1, tzinfo=UTC))


def test_the_shorthands_are_those_that_cron_knows():
    for shorthand in re.findall(r"`(@\w+)`", TEXT):
        assert Cron(shorthand).next(datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(("model", "hidden"), [(ScheduleSpec, set()), (ScheduleStatus, {"name", "specHash"})])
def test_every_field_is_documented(model, hidden):
    named = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", TEXT, re.MULTILINE))))
    assert {field.alias for field in model.model_fields.values()} - hidden <= named


def test_the_years_are_those_that_schedules_know():
    assert f"years {FIRST_YEAR} to {LAST_YEAR}" in TEXT


def test_there_are_rows_and_examples():
    assert len(ROWS) >= 8
    assert EXAMPLES
