"""Reading a log on where it broke off."""

import pytest

from millstream._cluster.log_positions import LogPosition

LOG = [
    "2026-03-01T12:00:00.100000000Z a",
    "2026-03-01T12:00:00.900000000Z b",
    "2026-03-01T12:00:01.000000000Z c",
    "2026-03-01T12:00:01.000000001Z c",
    "2026-03-01T12:00:00.999999000Z of the other stream",
    "2026-03-01T12:00:01.500000001Z ",
    "2026-03-01T12:00:02.000000000Z d e",
]


def answer(log, options):
    """What an API server gives."""
    since = options.get("sinceTime", "")[:-1]
    return [line for line in log if line[:29] >= since]


def taken(position, lines):
    """What an answer gives that has come to its end."""
    new = [line for raw in lines for line in position.take(raw)]
    return [line.text for line in new + position.rest()]


@pytest.mark.parametrize(
    "breaks", [(), *[(n,) for n in range(8)], *[(n, m) for n in range(8) for m in range(n, 8)]]
)
def test_nothing_is_lost_or_doubled_wherever_it_breaks(breaks):
    position = LogPosition()
    seen = []
    for place in (*breaks, len(LOG)):
        left = [line for line in answer(LOG, position.resume()) if line in LOG[:place] or place == len(LOG)]
        seen += taken(position, left)
    assert seen == [line[31:] for line in LOG]


def test_the_first_lines_may_be_in_the_wrong_order():
    position = LogPosition()
    log = [LOG[1], LOG[0], LOG[2]]
    assert taken(position, log[:2]) == ["b", "a"]
    assert taken(position, answer(log, position.resume())) == ["c"]


def test_lines_before_the_tail_stay_out():
    position = LogPosition(is_of_tail=True)
    assert taken(position, LOG[3:4]) == ["c"]  # by tailLines=1, while there were four
    assert position.resume() == {"sinceTime": "2026-03-01T12:00:00Z"}
    again = taken(position, [line for line in LOG if line[:20] == "2026-03-01T12:00:01."][1:])
    assert again == [""]


def test_a_file_that_was_changed_for_a_new_one_loses_nothing():
    position = LogPosition()
    assert taken(position, LOG[2:4]) == ["c", "c"]
    position.resume()
    assert taken(position, LOG[5:]) == ["", "d e"]


def test_lines_before_the_tail_stay_out_though_their_times_are_later():
    position = LogPosition(is_of_tail=True)
    assert taken(position, LOG[4:5]) == ["of the other stream"]
    assert taken(position, answer(LOG, position.resume())) == ["", "d e"]
    assert taken(position, answer(LOG, position.resume())) == []


def test_a_new_file_after_a_tail_loses_nothing():
    position = LogPosition(is_of_tail=True)
    assert taken(position, LOG[2:3]) == ["c"]
    position.resume()
    assert position.take(LOG[5]) == []  # it may be older, as far as is known
    assert [line.text for line in position.take("2026-03-01T12:00:02.100000000Z f")] == ["", "f"]
    assert taken(position, answer(LOG[5:6], position.resume())) == []


def test_equal_times_but_for_nanoseconds_are_two_lines():
    position = LogPosition()
    assert taken(position, LOG[2:3]) == ["c"]
    position.resume()
    assert taken(position, LOG[3:4]) == ["c"]  # the one before it was rotated away


def test_zones_do_not_matter():
    position = LogPosition()
    there = "2026-03-01T13:00:00.100000000+01:00 a"
    assert taken(position, [there]) == ["a"]
    assert position.resume() == {"sinceTime": "2026-03-01T11:59:59Z"}
    assert taken(position, [there, LOG[1]]) == ["b"]


def test_what_the_kubelet_says_is_no_line():
    position = LogPosition()
    assert position.resume() == {}
    assert taken(position, ["unable to retrieve container logs for containerd://abc", *LOG[:1]]) == ["a"]
    assert position.excuse == "unable to retrieve container logs for containerd://abc"
    position.resume()
    assert position.excuse == ""
