"""The names of schedules."""

import pytest

from millstream._deploy.schedules import named


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ([{"cron": "a"}, {"interval": 1}, {"cron": "b"}], ["cron-1", "interval-1", "cron-2"]),
        ([{"name": "cron-2", "cron": "a"}, {"cron": "b"}], ["cron-2", "cron-3"]),
        ([{"cron": "a"}, {"cron": "b"}, {"name": "cron-1", "cron": "c"}], ["cron-2", "cron-3", "cron-1"]),
        ([{"name": "x", "cron": "a"}, {"cron": "b"}], ["x", "cron-2"]),
    ],
)
def test_names_are_not_given_twice(given, names):
    assert [one["name"] for one in named(given)] == names
