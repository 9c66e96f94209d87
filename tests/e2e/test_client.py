"""Flows in pods that ask and change what runs there are, and that run deployments."""

import json

import pytest
from e2e.conftest import eventually
from seed_programs import QUERY_FLOW_RUNS, UPDATE_TAGS

pytestmark = pytest.mark.e2e

ONCE_A_DAY = (
    QUERY_FLOW_RUNS
    + """
@flow
def main():
    flow_runs = asyncio.run(
        query_flow_runs(
            name_like="vtasks-gcal-summary",
            env="pro",
            state_names=["Completed"],
            start_time_min=datetime.now() - timedelta(days=1),
        )
    )
    return [run.name for run in flow_runs] or "summarised"
"""
)

GOOD_MORNING = (
    UPDATE_TAGS
    + """
@flow(name="good_morning")
def main(env):
    update_tags([f"env:{env}"])
    greet("John")
    greet("Sam")
"""
)

CHILD = """
from millstream import flow

@flow
def main(x):
    if x < 0:
        raise ValueError("below zero")
    return x * 2
"""

PARENT = """
from millstream import flow
from millstream.deployments import run_deployment

@flow
def main():
    good = run_deployment("main/child", parameters={"x": 21})
    bad = run_deployment("child", parameters={"x": -1})
    return [good.state.result(), bad.state_name, bad.parameters]
"""

INTERRUPTED_PARENT = """
import os, signal
from millstream import flow
from millstream.client import get_client
from millstream.deployments import run_deployment

@flow
def main():
    child = run_deployment("child", parameters={"x": 1})
    with get_client(sync_client=True) as client:
        me = client.read_flow_run(__import__("millstream").runtime.flow_run.id)
    if me.run_count == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return child.name
"""

WAITING_PARENT = """
from millstream import flow
from millstream.deployments import run_deployment

@flow
def main():
    run_deployment("child")
"""

WAITS = """
import time
from millstream import flow

@flow
def main():
    time.sleep(600)
"""


def test_a_program_that_runs_once_a_day(runs):
    runs.deploy("vtasks-gcal-summary", ONCE_A_DAY, tags=["env:pro"], apiAccess="Read")
    first = runs.start("vtasks-gcal-summary")
    assert runs.until(first, "Completed")["result"] == "summarised"
    second = runs.start("vtasks-gcal-summary")
    assert runs.until(second, "Completed")["result"] == [first]


def test_a_program_that_gives_its_run_tags(runs):
    runs.deploy("good-morning", GOOD_MORNING, tags=["nightly"], apiAccess="Trigger")
    run = runs.start("good-morning", parameters={"env": "pro"})
    runs.until(run, "Completed")
    assert sorted(runs.get("flowrun", run)["spec"]["tags"]) == ["env:pro", "nightly"]


def test_without_access_it_is_told_what_is_missing(runs):
    runs.deploy("good-morning", GOOD_MORNING)
    runs.deploy("reader", GOOD_MORNING, apiAccess="Read")
    without, reader = (runs.start(name, parameters={"env": "pro"}) for name in ("good-morning", "reader"))
    said = runs.until(without, "Failed")["message"]
    assert "set spec.apiAccess of its FlowDeployment to Read or Trigger" in said
    assert "You may not patch flowruns.millstream.dev" in runs.until(reader, "Failed")["message"]


def test_a_flow_that_runs_a_deployment(runs):
    runs.deploy("child", CHILD, tags=["small"])
    runs.deploy("parent", PARENT, apiAccess="Trigger")
    status = runs.until(runs.start("parent"), "Completed")
    assert status["result"] == [42, "Failed", {"x": -1}]
    assert status["tasks"] == {"Completed": 1, "Failed": 1}


def test_the_next_attempt_of_a_parent_finds_its_child_again(runs):
    runs.deploy("child", CHILD)
    retry = {"failures": 1, "backoff": {"seconds": 0}}
    runs.deploy("parent", INTERRUPTED_PARENT, apiAccess="Trigger", retryPolicy=retry)
    status = runs.until(runs.start("parent"), "Completed")
    assert status["attempt"] == 2
    children = [o for o in runs.items("flowruns") if o["spec"]["deploymentRef"]["name"] == "child"]
    assert [o["metadata"]["name"] for o in children] == [status["result"]]


def test_a_parent_that_is_cancelled_cancels_its_child(runs):
    runs.deploy("child", WAITS)
    runs.deploy("parent", WAITING_PARENT, apiAccess="Trigger")
    parent = runs.start("parent")
    selector = f"millstream.dev/parent-run-uid={runs.get('flowrun', parent)['metadata']['uid']}"
    runs.until(parent, "Running")

    def child():
        found = runs.items("flowruns", selector)
        return found and found[0]["metadata"]["name"]

    name = eventually(child, "the child")
    runs.until(name, "Running")
    runs.kubectl(
        "patch", "flowrun", parent, "--type=merge", "--patch", json.dumps({"spec": {"cancel": True}})
    )
    runs.until(parent, "Cancelled")
    runs.until(name, "Cancelled")
