"""Waiting for a run of a cluster, with an API server that is away, or away for good."""

import pytest
from still_world import still

from millstream._cluster.answers import refusal
from millstream._cluster.kinds import FLOW_RUNS
from millstream.client._cluster_deployments import ClusterDeployments
from millstream.client._cluster_runs import ClusterRuns
from millstream.exceptions import ClusterUnreachable, ObjectNotFound

__all__ = ["still"]


def run(state, uid="uid-1", version="1"):
    return {
        "metadata": {
            "name": "etl-1",
            "uid": uid,
            "resourceVersion": version,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {"deploymentRef": {"name": "etl"}},
        "status": {"state": state},
    }


class Scripted:
    """A cluster that answers one after the other, and the last thing for ever."""

    def __init__(self, *answers):
        self.answers = list(answers)

    def get(self, *_, **__):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def look(self, *_, **__):
        return self.get(), "1"

    def list(self, *_, **__):
        return []

    def watch(self, *_, seconds, **__):
        self.still.now += seconds
        return []


@pytest.fixture
def follow(still):
    def start(*answers, seconds=None, poll_interval=5):
        runs = ClusterRuns(None)
        runs.__dict__["cluster"] = cluster = Scripted(*answers)
        cluster.still = still
        seen = runs.seen(run("Scheduled"), None)
        looks = ClusterDeployments(runs).follow(seen, seconds=seconds, poll_interval=poll_interval)
        return [found.state_name for found in looks]

    return start


AWAY = ClusterUnreachable("The cluster does not answer.")


def test_until_it_has_ended(follow):
    assert (
        follow(run("Pending"), run("Running", version="2"), run("Completed", version="3"))[-1] == "Completed"
    )


def test_an_api_server_that_is_away_for_some_minutes(follow, still):
    begun = still.now
    trouble = refusal("list", FLOW_RUNS, "team", None, 500, b'{"message": "etcdserver: leader changed"}')
    assert follow(run("Running"), *[AWAY, trouble] * 150, run("Failed", version="2"))[-1] == "Failed"
    assert still.now - begun > 240


@pytest.mark.parametrize("poll_interval", [5, 300, 3600])
def test_an_api_server_that_does_not_come_back(follow, still, poll_interval):
    begun = still.now
    with pytest.raises(ClusterUnreachable):
        follow(run("Running"), AWAY, poll_interval=poll_interval)
    assert 600 < still.now - begun < 700


def test_for_some_time(follow, still):
    begun = still.now
    assert set(follow(run("Running"), seconds=12)) == {"Running"}
    assert 12 <= still.now - begun < 20
    assert follow(AWAY, seconds=3) == ["Scheduled"] * 3


@pytest.mark.parametrize(
    "then", [ObjectNotFound("gone"), run("Running", uid="uid-2")], ids=["deleted", "replaced"]
)
def test_one_that_is_not_there_any_more(follow, then):
    with pytest.raises(ObjectNotFound, match="etl-1 was deleted while it was waited for; it was Running"):
        follow(run("Running"), then)
