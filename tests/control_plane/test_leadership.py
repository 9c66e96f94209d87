"""Two operators and one lease: one writes, and the other goes on where it ended."""

import json
import signal
from contextlib import ExitStack, suppress

import pytest
from api_server import COMPLETED, RefusedError, run_operator
from faulty_api_server import faulty_api_server
from patience import HANG_SECONDS, eventually
from prometheus_client.parser import text_string_to_metric_families

from millstream.resources.states import RunState
from millstream_operator.kinds import JOBS
from millstream_operator.lease import LEASES

pytestmark = pytest.mark.control_plane

NAMESPACE, NAME = "millstream-system", "millstream"
"""The one lease that the chart gives the operator rights on."""


class Lease:
    def __init__(self, client):
        self._client = client

    def free(self):
        """Have it lie there as a holder leaves it: where there is none, it would be waited for."""
        with suppress(RefusedError):
            self.delete()
        meta = {"name": NAME, "namespace": NAMESPACE}
        self._client.call("POST", LEASES.path(NAMESPACE), {"metadata": meta, "spec": {}})

    def delete(self):
        self._client.call("DELETE", LEASES.path(NAMESPACE, NAME))

    def spec(self):
        with suppress(RefusedError):
            return self._client.call("GET", LEASES.path(NAMESPACE, NAME))["spec"]
        return {}


@pytest.fixture
def lease(client, limited_kubeconfig):
    del limited_kubeconfig  # it brings the namespace
    lease = Lease(client)
    lease.free()
    return lease


@pytest.fixture
def start(limited_kubeconfig, ns, tmp_path):
    """Start a candidate that serves the test's namespace."""
    options = ("--leader-election", "--lease-name", NAME, "--lease-namespace", NAMESPACE)
    with ExitStack() as stack:

        def start(name, kubeconfig=limited_kubeconfig):
            log = tmp_path / f"{name}.log"
            running = stack.enter_context(run_operator(kubeconfig, log, *options, "--namespaces", ns.name))
            stack.callback(running.process.send_signal, signal.SIGCONT)  # or it could not be ended
            return running

        yield start


def samples(operator, name):
    return [
        sample
        for family in text_string_to_metric_families(operator.fetch("/metrics").text)
        for sample in family.samples
        if sample.name == name
    ]


def leads(operator):
    (sample,) = samples(operator, "millstream_operator_leader")
    return sample.value == 1


def writes(operator):
    """Give the resources that an operator has written to, leases apart."""
    calls = samples(operator, "millstream_operator_api_requests_total")
    verbs = {"create", "patch", "delete"}
    return {call.labels["resource"] for call in calls if call.labels["verb"] in verbs} - {"leases"}


def is_over(ns, *names):
    ended = [ns.play(name, COMPLETED) for name in names]
    return all(ended) and ns.is_let_go()


def test_one_writes_and_the_other_knows_as_much(lease, start, ns):
    first = start("first")
    eventually(lambda: leads(first))
    second = start("second")
    ns.deploy()
    ns.run()
    eventually(lambda: is_over(ns, "etl-1"))
    assert leads(first)
    assert not leads(second)
    assert "jobs" in writes(first)
    assert writes(second) == set()
    assert second.fetch("/readyz").ok
    assert second.fetch("/healthz").ok
    assert "Standing by" in second.log
    assert lease.spec()["holderIdentity"] in second.log


def test_a_leader_that_is_killed_is_followed(lease, start, ns):
    first = start("first")
    eventually(lambda: leads(first))
    second = start("second")
    ns.deploy()
    for name in ("begun", "not-begun"):
        ns.run(name)
    ns.start(ns.pod(run="begun"))
    ns.becomes(RunState.RUNNING, name="begun")
    before = lease.spec()
    first.process.kill()
    ns.run("later")
    eventually(lambda: leads(second))
    eventually(lambda: is_over(ns, "begun", "not-begun", "later"))
    assert ns.job_names() == ["begun-1", "later-1", "not-begun-1"]
    assert lease.spec()["leaseTransitions"] == before["leaseTransitions"] + 1


def completed(operator, name="millstream_flow_runs_finished_total"):
    return sum(s.value for s in samples(operator, name) if s.labels["state"] == "Completed")


def test_each_run_counts_for_the_one_that_led(lease, start, ns):
    first = start("first")
    eventually(lambda: leads(first))
    second = start("second")
    ns.deploy()
    ns.run()
    eventually(lambda: is_over(ns, "etl-1"))
    eventually(lambda: "Standing by" in second.log)
    assert completed(first) == 1
    assert samples(second, "millstream_flow_runs") == samples(second, "millstream_deployment_info") == []
    assert completed(second) == 0
    first.process.kill()
    eventually(lambda: leads(second))
    ns.run("etl-2")
    eventually(lambda: is_over(ns, "etl-2"))
    assert completed(second) == 1
    assert completed(second, "millstream_flow_runs") == 2  # what exists, whoever saw it


def test_a_leader_that_is_told_to_end_gives_the_lease_back(lease, start, ns):
    first = start("first")
    eventually(lambda: leads(first))
    second = start("second")
    ns.deploy()
    ns.run()
    ns.start(ns.pod())
    first.process.send_signal(signal.SIGTERM)
    assert first.process.wait(HANG_SECONDS) == 0, first.log
    assert "Released lease" in first.log
    eventually(lambda: leads(second))
    assert lease.spec()["holderIdentity"] in second.log
    eventually(lambda: is_over(ns, "etl-1"))
    assert ns.job_names() == ["etl-1-1"]


def test_a_standby_that_is_told_to_end_does_so(lease, start):
    first = start("first")
    eventually(lambda: leads(first))
    second = start("second")
    eventually(lambda: "Standing by" in second.log)
    second.process.send_signal(signal.SIGTERM)
    assert second.process.wait(HANG_SECONDS) == 0, second.log
    assert "Traceback" not in second.log
    assert lease.spec()["holderIdentity"] in first.log


@pytest.fixture
def proxy(plane):
    with faulty_api_server(plane) as running:
        yield running


@pytest.fixture
def kubeconfig_of_proxy(proxy, limited_kubeconfig, tmp_path):
    return proxy.write_kubeconfig(limited_kubeconfig, tmp_path / "kubeconfig")


def test_a_leader_that_was_frozen_writes_nothing_and_ends(lease, start, ns, proxy, kubeconfig_of_proxy):
    first = start("first", kubeconfig_of_proxy)
    eventually(lambda: leads(first))
    second = start("second")
    ns.deploy()
    ns.run("before")
    ns.pod(run="before")
    first.process.send_signal(signal.SIGSTOP)
    ns.run("meanwhile")
    eventually(lambda: leads(second))
    eventually(lambda: is_over(ns, "before", "meanwhile"))
    transitions = lease.spec()["leaseTransitions"]
    seen = len(proxy.calls)
    first.process.send_signal(signal.SIGCONT)
    assert first.process.wait(HANG_SECONDS) == 1, first.log
    changes = {call.path for call in proxy.calls[seen:] if call.method != "GET"}
    assert changes <= {LEASES.path(NAMESPACE, NAME)}  # a renewal that was on its way, and comes too late
    (reason,) = [line for line in first.log.splitlines() if "CRITICAL" in line]
    assert "The operator ends: lease millstream in millstream-system" in reason
    assert "Traceback" not in first.log
    assert lease.spec()["leaseTransitions"] == transitions
    assert ns.job_names() == ["before-1", "meanwhile-1"]


def test_a_lease_that_is_deleted_stays_with_its_holder(lease, start, ns):
    leader = start("leader")
    eventually(lambda: leads(leader))
    standby = start("standby")
    holder = lease.spec()["holderIdentity"]
    lease.delete()
    eventually(lambda: lease.spec().get("holderIdentity") == holder)
    ns.deploy()
    ns.run()
    eventually(lambda: ns.items(JOBS))
    assert leads(leader)
    assert not leads(standby)


def test_logs_objects_if_asked_to(limited_kubeconfig, ns, tmp_path):
    options = ("--namespaces", ns.name, "--log-format", "json")
    with run_operator(limited_kubeconfig, tmp_path / "log", *options) as one:
        eventually(lambda: f"Serving {ns.name}" in one.log)
        assert all(json.loads(line)["level"] == "INFO" for line in one.log.splitlines())
