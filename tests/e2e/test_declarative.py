"""A flow in the declarative style: its parameters, its tasks and its schedule in the cluster."""

import pytest
from e2e.conftest import eventually

pytestmark = pytest.mark.e2e

ETL = """
from datetime import timedelta

from millstream.v1 import Flow, Parameter, task
from millstream.v1.schedules import IntervalSchedule

attempts = []

@task(max_retries=1, retry_delay=timedelta(seconds=0))
def extract(n):
    attempts.append(n)
    if len(attempts) == 1:
        raise ConnectionError("once")
    return list(range(n))

@task
def double(x):
    return 2 * x

@task
def load(numbers):
    print("loaded", sum(numbers))

with Flow("etl", schedule=IntervalSchedule(interval=timedelta(seconds=5))) as main:
    load(double.map(extract(Parameter("n", default=3))))

if __name__ == "__main__":
    main.run()
"""


def test_a_graph_runs_by_hand_and_on_its_schedule(runs, tmp_path):
    known = {"__name__": "flow"}
    exec(compile(ETL, str(tmp_path / "flow.py"), "exec"), known)  # noqa: S102 - the text above
    runs.deploy("etl", ETL, schedules=known["main"].deployment_schedules())

    wrong = runs.until(runs.start("etl", parameters={"m": 1}), "Failed")
    assert wrong["reason"] == "InvalidParameters"
    by_hand = runs.start("etl", parameters={"n": 5})
    assert runs.until(by_hand, "Completed")["tasks"] == {"Completed": 8}
    assert "loaded 20" in runs.kubectl("logs", runs.pod(by_hand)["metadata"]["name"])

    def on_schedule() -> bool:
        states = [
            run["status"].get("state")
            for run in runs.items("flowruns")
            if run["spec"].get("scheduleName") and run.get("status")
        ]
        return "Completed" in states

    eventually(on_schedule, "a run of the schedule completes")
