"""Filters and pages of objects that are read one after the other."""

import sqlite3
from contextlib import closing
from weakref import WeakSet

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millstream.client._matching import _like, page
from millstream.client._query import Query


class Thing:
    def __init__(self, number):
        self.id = number
        self.end_time = None if number % 3 == 0 else number % 5


THINGS = [Thing(number) for number in range(40)]


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
def test_a_page_is_a_part_of_the_whole_and_what_has_no_value_comes_last(direction):
    sort, downwards = f"END_TIME_{direction}", direction == "DESC"
    whole = page(Query(sort), iter(THINGS))
    known = [(thing.end_time, thing.id) for thing in whole if thing.end_time is not None]
    assert known == sorted(known, reverse=downwards)
    unknown = [thing.id for thing in whole[len(known) :]]
    assert unknown == sorted((t.id for t in THINGS if t.end_time is None), reverse=downwards)
    for offset in range(0, 42, 7):
        assert page(Query(sort, limit=7, offset=offset), iter(THINGS)) == whole[offset : offset + 7]


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
def test_what_is_on_no_page_is_not_kept(direction):
    alive, most = WeakSet(), 0

    def read():
        nonlocal most
        for number in range(1000):
            alive.add(thing := Thing(number))
            most = max(most, len(alive))
            yield thing

    assert len(page(Query(f"END_TIME_{direction}", limit=3, offset=2), read())) == 3
    assert most < 10


TEXTS = st.text("aB_%.Ä", max_size=8)


@given(value=TEXTS, text=TEXTS)
def test_texts_are_like_others_as_in_sqlite(value, text):
    with closing(sqlite3.connect(":memory:")) as connection:
        (expected,) = connection.execute(
            "SELECT ? LIKE ?", (value.casefold(), f"%{text.casefold()}%")
        ).fetchone()
    assert _like(value, text) is bool(expected)


def test_many_percent_signs_take_no_longer():
    """It would not end in our lifetime if each of them were tried everywhere."""
    assert not _like("a" * 63, "%" * 40 + "z")
    assert not _like("a" * 63, "%a" * 40 + "%z")
