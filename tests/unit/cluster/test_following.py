"""Following an object while lines break and an API server comes and goes; a stand-in plays it."""

from itertools import islice

import pytest
from still_world import still

from millstream._cluster.answers import ExpiredError, refusal
from millstream._cluster.following import Patience, follow
from millstream._cluster.kinds import FLOW_RUNS
from millstream.exceptions import ClusterUnreachable

__all__ = ["still"]

AWAY = ClusterUnreachable("The cluster does not answer.")
TROUBLES = [
    refusal("list", FLOW_RUNS, "team", None, code, b'{"message": "etcdserver: leader changed"}')
    for code in (408, 429, 500, 502, 503, 504)
]


class Away:
    """A stand-in for a cluster with one object, which has a new version with each event.

    Attributes:
        trouble: What each of the next readings raises.
        line: What each watch does.
    """

    def __init__(self, line):
        self.line = line
        self.trouble = []
        self.version = 1
        self.looks = 0
        self.since = []

    def look(self, *_, **__):
        self.looks += 1
        if self.trouble:
            raise self.trouble.pop(0)
        return self.body(), "7"

    def body(self):
        return {"metadata": {"uid": "u", "resourceVersion": str(self.version)}}

    def watch(self, *_, since, **__):
        self.since.append(since)
        return self.line(self)

    def event(self):
        self.version += 1
        return {"type": "MODIFIED", "object": self.body()}


def versions(cluster, count, **options):
    followed = follow(cluster, FLOW_RUNS, "r", **options)
    return [int(o["metadata"]["resourceVersion"]) for o in islice(followed, count)]


def test_a_line_that_a_proxy_cuts_again_and_again_is_no_api_server_that_is_away(still):
    def cut(cluster):
        yield cluster.event()
        still.sleep(20)
        raise AWAY

    assert versions(Away(cut), 20) == list(range(1, 21))


def test_what_happened_while_a_line_was_silent_and_cut_is_seen(still):
    def cut(cluster):
        still.sleep(20)
        cluster.version += 1
        raise AWAY
        yield

    assert versions(Away(cut), 20) == list(range(1, 21))


def test_an_api_server_that_is_away_now_and_then_is_waited_for(still):
    def cut(cluster):
        yield cluster.event()
        still.sleep(20)
        cluster.trouble = [AWAY, *TROUBLES]
        raise AWAY

    assert versions(Away(cut), 20) == list(range(1, 21))


@pytest.mark.parametrize(("patience", "seconds"), [(None, 60), (Patience(600), 600)], ids=["usual", "long"])
def test_an_api_server_that_stays_away_is_given_up(still, patience, seconds):
    def cut(cluster):
        cluster.trouble = [AWAY] * 1000
        raise AWAY
        yield

    with pytest.raises(ClusterUnreachable):
        versions(Away(cut), 2, patience=patience)
    assert seconds < sum(still.slept) < seconds + 10


@pytest.mark.parametrize("error", [None, AWAY, ExpiredError("too old")])
def test_a_line_that_ends_at_once_is_asked_for_once_a_second(still, error):
    def ends(cluster):
        yield from ()
        if error is not None:
            raise error

    cluster = Away(ends)
    begun = still.now
    assert len(list(follow(cluster, FLOW_RUNS, "r", seconds=10.5))) == 1
    assert still.now - begun == 10.5
    assert (len(cluster.since), cluster.looks) == (11, 12)


def test_a_line_begins_where_the_api_server_is_and_not_where_the_object_has_changed(still):
    def silent(cluster):
        yield from ()
        still.sleep(30)

    cluster = Away(silent)
    assert len(list(follow(cluster, FLOW_RUNS, "r", seconds=60))) == 1
    assert cluster.since == ["7", "7"]
