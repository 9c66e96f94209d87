import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from millstream.resources.kinds import FLOW_RUNS
from millstream.resources.names import (
    MAX_RUN_NAME,
    is_label,
    is_name,
    job_name,
    revision_name,
    scheduled_run_name,
)

TICK = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(("attempt", "name"), [(1, "etl-1"), (12, "etl-12")])
def test_job_name(attempt, name):
    assert job_name("etl", attempt) == name


def test_the_longest_names_fit():
    longest = "x" * MAX_RUN_NAME
    assert len(job_name(longest, 10**10 - 1)) <= 63
    assert len(revision_name(longest, {})) <= 253


def test_a_revision_has_a_name_that_kubernetes_takes():
    assert re.fullmatch(r"etl-[0-9a-f]{10}", revision_name("etl", {"a": 1}))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": {"x": 1, "y": 2}}, {"a": {"y": 2, "x": 1}}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": 1}, {"a": "1"}, False),
        ({"a": None}, {}, False),
        ({"a": [1, 2]}, {"a": [2, 1]}, False),
        ({"a": "ä"}, {"a": "ä"}, True),
    ],
)
def test_equal_templates_share_a_revision(one, other, same):
    assert (revision_name("etl", one) == revision_name("etl", other)) is same


def test_deployments_do_not_share_revisions():
    assert revision_name("a", {}) != revision_name("b", {})


@pytest.mark.parametrize(
    ("deployment", "start"),
    [
        ("etl", "etl-1782907200-"),
        ("x" * MAX_RUN_NAME, f"{'x' * 30}-1782907200-"),
        # Two hyphens would be valid, but do not look it.
        (f"{'x' * 28}--and-more", f"{'x' * 28}-1782907200-"),
    ],
)
def test_a_scheduled_run_has_a_name_that_pods_can_be_named_after(deployment, start):
    name = scheduled_run_name(deployment, "s" * 63, TICK)
    assert name.startswith(start)
    assert len(name) <= MAX_RUN_NAME
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", name)
    assert re.fullmatch(r"[0-9a-f]{10}", name.removeprefix(start))


def test_the_name_of_a_scheduled_run_stays_what_it_is():
    # A new version of the operator would else repeat the runs of the old one.
    assert scheduled_run_name("etl", "nightly", TICK) == "etl-1782907200-ccfa73f54e"


@pytest.mark.parametrize(
    ("deployment", "schedule", "tick", "same"),
    [
        ("etl", "nightly", TICK.astimezone(timezone(timedelta(hours=9))), True),
        ("etl", "nightly", TICK + timedelta(microseconds=999_999), True),
        ("etl", "nightly", TICK + timedelta(seconds=1), False),
        ("etl", "hourly", TICK, False),
        ("etl2", "nightly", TICK, False),
        ("etln", "ightly", TICK, False),
    ],
)
def test_each_tick_of_each_schedule_has_its_own_run(deployment, schedule, tick, same):
    assert (
        scheduled_run_name(deployment, schedule, tick) == scheduled_run_name("etl", "nightly", TICK)
    ) is same


def test_long_names_of_deployments_share_no_runs():
    one, other = ("x" * 40 + end for end in "ab")
    assert scheduled_run_name(one, "nightly", TICK) != scheduled_run_name(other, "nightly", TICK)


@pytest.mark.parametrize(
    "tick",
    [
        datetime(2026, 7, 1, 12),  # noqa: DTZ001
        datetime(1969, 12, 31, tzinfo=UTC),
        datetime(2287, 1, 1, tzinfo=UTC),
    ],
)
def test_a_tick_that_cannot_be_named(tick):
    with pytest.raises(ValueError, match="a tick has a zone and is of the years 1970 to 2286"):
        scheduled_run_name("etl", "nightly", tick)


@pytest.mark.parametrize(
    ("text", "label", "name"),
    [
        ("a", True, True),
        ("team-1", True, True),
        ("1", True, True),
        ("a" * 63, True, True),
        ("a" * 64, False, True),
        ("a" * 253, False, True),
        ("a" * 254, False, False),
        ("a.b-c", False, True),
        *[
            (text, False, False)
            for text in (
                "",
                ".",
                "..",
                "a.",
                ".a",
                "a..b",
                "-a",
                "a-",
                "A",
                "a/b",
                "a#b",
                "a?b",
                "a%2e",
                "a\n",
                "ä",
                "a b",
            )
        ],
    ],
)
def test_what_kubernetes_takes_for_a_name(text, label, name):
    assert (is_label(text), is_name(text)) == (label, name)


def test_a_name_stays_one_part_of_a_path():
    path = "/apis/millstream.dev/v1alpha1/namespaces/a%2Fb/flowruns/r%23x%3F/log"
    assert FLOW_RUNS.path("a/b", "r#x?", "log") == path
