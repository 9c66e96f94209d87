"""What two parts of a spec say together."""

import pytest

from millstream._deploy.wanted import merged


@pytest.mark.parametrize(
    ("below", "above", "together"),
    [
        ({"a": 1, "b": 2}, {"b": 3}, {"a": 1, "b": 3}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}}, {"a": {"b": 1, "c": 3}}),
        (["name"], ["rename"], ["rename"]),
        (
            [{"name": "a"}, {"name": "b", "x": 1}],
            [{"name": "b", "x": 2}],
            [{"name": "a"}, {"name": "b", "x": 2}],
        ),
        ([{"name": "a"}], [{"cron": "@daily"}], [{"cron": "@daily"}]),
        ([{"cron": "@daily"}], [{"name": "a"}], [{"name": "a"}]),
        (None, [{"name": "a"}], [{"name": "a"}]),
        ({"a": 1}, None, None),
    ],
)
def test_merged(below, above, together):
    assert merged(below, above) == together
