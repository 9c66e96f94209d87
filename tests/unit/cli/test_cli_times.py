from datetime import UTC, datetime, timedelta

import click
import pytest

from millstream.cli._times import Moment, ago, duration


@pytest.mark.parametrize(
    ("text", "back"),
    [
        ("30s", timedelta(seconds=30)),
        ("90m", timedelta(minutes=90)),
        ("1d12h", timedelta(days=1, hours=12)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_how_long_ago(text, back, still):
    assert Moment().convert(text, None, None) == datetime.fromtimestamp(still.now, UTC) - back


def test_a_time():
    assert Moment().convert("2026-01-31T08:00Z", None, None) == datetime(2026, 1, 31, 8, tzinfo=UTC)
    assert Moment().convert("2026-01-31", None, None) == datetime(2026, 1, 31).astimezone()


@pytest.mark.parametrize("text", ["", "1", "1x", "d", "-1d", "yesterday", "99999999999d"])
def test_what_is_none(text):
    with pytest.raises(click.BadParameter):
        Moment().convert(text, None, None)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.25, "0.2s"),
        (-1, "0s"),
        (9.94, "9.9s"),
        (59.9, "59s"),
        (60, "1m"),
        (303, "5m3s"),
        (3600, "1h"),
        (12_000, "3h20m"),
        (86_400 * 2 + 5, "2d"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_ago(still):
    assert ago(datetime.fromtimestamp(still.now - 90, UTC)) == "1m30s"
    assert ago(None) == ""
