import re

import pytest

from millstream.resources.names import MAX_RUN_NAME, job_name, revision_name


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
