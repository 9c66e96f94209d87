"""A stream of scheduled runs, while operators die at random: none is lost, none doubled, none stuck."""

import json
import os
import random
from datetime import datetime, timedelta

import pytest
from e2e.conftest import FINAL, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

QUICK = """
from millstream import flow

@flow
def main() -> int:
    return 1
"""
OPERATOR = "app.kubernetes.io/component=operator"
EVERY = timedelta(seconds=4)
DEATHS = int(os.environ.get("MILLSTREAM_DEATHS", "5"))


def ticks(runs):
    return {
        o["metadata"]["name"]: datetime.fromisoformat(o["spec"]["scheduledTime"])
        for o in runs.items("flowruns")
    }


def one_more(runs, seen):
    return eventually(lambda: len(ticks(runs)) > seen, "one more tick")


def test_no_tick_is_lost_or_doubled(operator, runs):
    seed = int(os.environ.get("MILLSTREAM_SEED") or random.SystemRandom().randrange(2**32))
    print(f"MILLSTREAM_SEED={seed}")  # noqa: T201  (shown when the test fails)
    choose = random.Random(seed)
    schedule = {"name": "often", "interval": EVERY.seconds, "missed": "All", "maxCatchUp": 100}
    history = {"successful": 1000, "failed": 1000}
    runs.deploy("stream", QUICK, schedules=[schedule], runHistory=history, concurrency={"limit": 4})
    for _ in range(DEATHS):
        for _ in range(choose.randint(1, 3)):
            one_more(runs, len(ticks(runs)))
        grace = choose.choice([["--grace-period=0", "--force"], []])
        operator.kubectl("delete", "pod", f"--selector={OPERATOR}", "--wait=false", *grace)
    one_more(runs, len(ticks(runs)))
    runs.kubectl(
        "patch", "fdep", "stream", "--type=merge", f"--patch={json.dumps({'spec': {'suspend': True}})}"
    )
    eventually(
        lambda: runs.get("fdep", "stream")["status"]["schedules"][0].get("message") == "Suspended.",
        "suspended",
    )
    times = sorted(ticks(runs).values())
    assert times == [times[0] + EVERY * number for number in range(len(times))]
    eventually(
        lambda: all(o["status"].get("state") in FINAL for o in runs.items("flowruns")), "all are final"
    )
    for run in runs.items("flowruns"):
        assert (run["status"]["state"], run["status"]["attempt"]) == ("Completed", 1), run
