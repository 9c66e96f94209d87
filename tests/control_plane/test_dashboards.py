"""A scripted workload, a real operator, a real Prometheus: what each panel says is what the FlowRuns say."""

import math
import re
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import api_server
import demo_monitoring
import pytest
from api_server import COMPLETED, FAILED, run_operator
from dashboard_pictures import Span, draw
from drawn import Drawn
from grafana import DASHBOARDS, TARGETS, own_counts, panels, targets
from patience import eventually
from prometheus_server import run_prometheus

from millstream.resources import labels
from millstream.resources.reasons import Reason
from millstream.resources.schedule_spec import ScheduleSpec
from millstream.resources.states import RunState
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS, PODS
from millstream_operator.metric_registry import METRICS

pytestmark = pytest.mark.control_plane

ALERTS = Path(__file__).parents[2] / "charts/millstream/files/alerts.yaml"

ROWS = {"name": "rows", "type": "Counter", "labels": {"table": "a"}, "value": 5}
FILL = {"name": "fill", "type": "Gauge", "labels": {}, "value": 0.5}
CALLS = {"name": "calls", "type": "Counter", "labels": {}, "value": 2}
GONE = {"name": "gone", "type": "Counter", "labels": {}, "value": 1}
RECORD = {"tasks": {"Completed": 3, "Mine": 1}, "task_retries": 2, "metrics": [ROWS, CALLS, FILL, GONE]}
WELL = (0, {**COMPLETED[1], **RECORD})
BAD_END = (FAILED[0], {**FAILED[1], "metrics": [FILL]})
OUT_OF_MEMORY = (137, None, "OOMKilled")
TICKS = {"name": "often", "interval": 300, "missed": "Latest"}
BAD = {"Failed", "TimedOut", "Crashed"}
FINAL = {*BAD, "Completed", "Cancelled"}


class Played:
    """What has happened, and the Prometheus that has seen it."""

    def __init__(self, ns, prometheus):
        self.ns, self.prometheus = ns, prometheus
        self.begin = time.time()

    def end(self):
        self.time = self.prometheus.scraped_after(time.time())
        self.window = f"{math.ceil(self.time - self.begin) + 5}s"
        self.runs = self.ns.items(FLOW_RUNS)
        self.deployments = {d["metadata"]["name"]: d for d in self.ns.items(FLOW_DEPLOYMENTS)}

    def ask(self, target):
        query = target.query(self.window, namespace=self.ns.name)
        found = self.prometheus.ask(query, self.time)
        if target.target.get("format") == "heatmap":
            return own_counts((dict(own)["le"], value) for own, value in found.items())
        return {own - {("namespace", self.ns.name)}: value for own, value in found.items()}

    def sums(self, target, step):
        """Add up the bars of all that was played."""
        bars = math.ceil((self.time - self.begin + 5) / step)
        query = target.query(f"{step}s", namespace=self.ns.name)
        lines = self.prometheus.lines(query, self.time - (bars - 1) * step, self.time, step)
        return {frozenset(labels.items()): sum(value for _, value in points) for labels, points in lines}

    # --- what the FlowRuns say ---

    def states(self, deployment=None):
        chosen = [r for r in self.runs if deployment in {None, r["spec"]["deploymentRef"]["name"]}]
        return Counter(run["status"]["state"] for run in chosen)

    def by(self, name, counts):
        return {frozenset({(name, key)}): value for key, value in counts.items() if value}

    def count(self, *states):
        return {frozenset(): sum(n for state, n in self.states().items() if state in states)}

    def durations(self):
        return [
            max(
                0.0,
                (moment(r["status"]["completionTime"]) - moment(r["status"]["startTime"])).total_seconds(),
            )
            for r in self.runs
            if r["status"]["state"] in FINAL and "startTime" in r["status"]
        ]

    def delays(self):
        return [
            max(0.0, (moment(r["status"]["startTime"]) - max(due(r), created(r))).total_seconds())
            for r in self.runs
            if "startTime" in r["status"]
        ]

    def lags(self):
        return [(created(r) - due(r)).total_seconds() for r in self.runs if "scheduleName" in r["spec"]]

    def records(self):
        """Count the attempts that left a record; every one of them left the same."""
        return sum(
            "recordedAttempt" in run["status"] for run in self.runs if run["status"].get("taskRetries")
        )

    def per_deployment(self, *states):
        counts = Counter(
            r["spec"]["deploymentRef"]["name"] for r in self.runs if r["status"]["state"] in states
        )
        return self.by("deployment", counts)

    def reasons(self):
        attempts = [a for run in self.runs for a in run["status"].get("attempts", ())]
        return Counter(a["reason"] for a in attempts if a.get("reason") == Reason.OOM_KILLED)

    def failed_in_a_row(self):
        ended = {}
        for run in sorted(
            (r for r in self.runs if r["status"]["state"] in FINAL - {"Cancelled"}),
            key=lambda r: r["status"]["completionTime"],
        ):
            ended.setdefault(run["spec"]["deploymentRef"]["name"], []).append(run["status"]["state"] in BAD)
        return {
            name: next((n for n, bad in enumerate(all_bad[::-1]) if not bad), len(all_bad))
            for name, all_bad in ended.items()
        }

    def last_success(self, name):
        ended = [
            moment(r["status"]["completionTime"])
            for r in self.runs
            if r["status"]["state"] == "Completed" and r["spec"]["deploymentRef"]["name"] == name
        ]
        return max(ended).timestamp() if ended else None

    def newest(self):
        newest = {}
        for run in sorted(
            (r for r in self.runs if r["status"]["state"] in FINAL and "startTime" in r["status"]),
            key=lambda r: (r["status"]["completionTime"], r["metadata"]["name"]),
        ):
            newest[run["spec"]["deploymentRef"]["name"]] = run
        return newest

    def newest_duration(self):
        return max(
            max(
                0.0,
                (moment(r["status"]["completionTime"]) - moment(r["status"]["startTime"])).total_seconds(),
            )
            for r in self.newest().values()
        )

    def gauges(self):
        found = self.newest()["etl"]["status"].get("metrics", ())
        return self.by("metric", {m["name"]: m["value"] for m in found if m["type"] == "Gauge"})

    def next_ticks(self):
        found = {n: d["status"].get("nextTime") for n, d in self.deployments.items()}
        return {
            frozenset({("deployment", n)}): moment(t).timestamp() - self.time for n, t in found.items() if t
        }

    def ages(self):
        """Give how long the oldest run of a state has been in it, by deployment and state."""
        oldest = {}
        for run in self.runs:
            status, state = run["status"], run["status"]["state"]
            if state not in {"Pending", "Running"}:
                continue
            attempt = status["attempts"][-1]
            since = attempt["startTime"] if state == "Running" else attempt["creationTime"]
            key = (run["spec"]["deploymentRef"]["name"], state)
            oldest[key] = max(oldest.get(key, 0), self.time - moment(since).timestamp())
        return {key: max(0.0, age) for key, age in oldest.items()}


def moment(text):
    return datetime.fromisoformat(text)


def created(run):
    return moment(run["metadata"]["creationTimestamp"])


def due(run):
    return moment(run["spec"].get("scheduledTime") or run["metadata"]["creationTimestamp"])


def quantile(q, name, values):
    """Compute what histogram_quantile makes of such values in the buckets of a metric, a second at least."""
    bounds = [*METRICS[name].buckets, math.inf]
    counts = [sum(value <= bound for value in values) for bound in bounds]
    rank = q * len(values)
    index = next(i for i, count in enumerate(counts) if count >= rank)
    if bounds[index] == math.inf:
        return {frozenset(): bounds[-2]}
    low, before = (bounds[index - 1], counts[index - 1]) if index else (0.0, 0)
    found = low + (bounds[index] - low) * (rank - before) / (counts[index] - before)
    return {frozenset(): max(1.0, found)}


def finish_all(ns, ends, since=""):
    """Play the kubelet for runs, each of which ends as given; the next to end has another time of completion."""
    waiting = dict(ends)

    def all_have_ended():
        for name, how in list(waiting.items()):
            if play(ns, name, how, since):
                del waiting[name]
        return not waiting

    eventually(all_have_ended, "all runs end")
    latest = max(ns.status(name)["completionTime"] for name in ends)
    eventually(lambda: datetime.now(UTC) >= moment(latest) + timedelta(seconds=1))


def play(ns, name, ends, since):
    """Do the kubelet's next step for one run; True when it is final."""
    status = ns.status(name)
    for pod in ns.items(PODS):
        own = pod["metadata"]["labels"]
        if own[labels.RUN] != name:
            continue
        attempt, phase = int(own[labels.ATTEMPT]), pod["status"]["phase"]
        if phase == "Pending":
            ns.start(pod, since)
        elif phase == "Running" and (status.get("state"), status.get("attempt")) == ("Running", attempt):
            ns.finish(pod, *ends[attempt - 1], times=(since, ""))
    return status.get("state") in FINAL


def counted(ns):
    status = ns.get(FLOW_DEPLOYMENTS, "nightly")["status"]
    return status.get("ticksFired"), status.get("ticksMissed")


def let_ticks_pass(ns):
    """Leave a deployment as an operator would that was away for a quarter of an hour: three ticks have passed."""
    deployment = ns.get(FLOW_DEPLOYMENTS, "nightly")
    (timing,) = deployment["spec"]["schedules"]
    spec = ScheduleSpec.model_validate(timing)
    passed = {
        "name": spec.name,
        "specHash": spec.timing_hash(suspended=False),
        "since": timing["anchor"],
        "lastTime": timing["anchor"],
        "nextTime": (moment(timing["anchor"]) + timedelta(seconds=300)).isoformat(),
    }
    ns.patch(FLOW_DEPLOYMENTS, "nightly", {"status": {"schedules": [passed]}}, "status")
    made = eventually(lambda: [r for r in ns.items(FLOW_RUNS) if "scheduleName" in r["spec"]])
    return [run["metadata"]["name"] for run in made]


def deploy_all(ns):
    metrics = [
        {"name": "rows", "type": "Counter", "labels": ["table"]},
        {"name": "calls", "type": "Counter"},
        {"name": "fill", "type": "Gauge"},
    ]
    ns.deploy(metrics=metrics, owner="data", severity="page", runHistory={"successful": 100, "failed": 100})
    ns.deploy("flaky", retryPolicy={"failures": 1, "backoff": {"seconds": 0}})
    ns.deploy("skip", concurrency={"limit": 1, "policy": "Skip"})
    ns.deploy("slow")
    # No tick comes while the test goes on, whatever the time of day.
    anchor = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=950)
    ns.deploy("nightly", schedules=[TICKS | {"anchor": anchor.isoformat()}])
    ns.deploy("resting", schedules=[TICKS], suspend=True)
    ns.deploy("broken")
    for name in ("etl", "flaky", "skip", "slow", "nightly", "resting", "broken"):
        ns.ready(name)


def carry_out(ns):
    """One out of memory, 12 completed, then 3 failed; one that never completed, a retry, a skipped run, 1 tick on time and 2 missed, 2 that go on."""
    ref = {name: {"deploymentRef": {"name": name}} for name in ("flaky", "skip", "slow", "broken")}
    first = {"big": [OUT_OF_MEMORY], "never": [FAILED]}
    then = {f"well-{n}": [WELL] for n in range(12)} | {"again": [FAILED, COMPLETED]}
    last = {f"bad-{n}": [BAD_END] for n in range(3)}
    of = {"again": ref["flaky"], "never": ref["broken"]}
    for name in first | then | last:
        ns.run(name, **of.get(name, {}))
    ns.run("goes-on", **ref["skip"])
    ns.start(ns.pod(run="goes-on"))
    ns.becomes(RunState.RUNNING, name="goes-on")
    ns.run("skipped", **ref["skip"])
    ns.becomes(RunState.CANCELLED, Reason.CONCURRENCY_LIMIT, name="skipped")
    ns.run("waits", **ref["slow"])
    ns.pod(run="waits")
    ns.becomes(RunState.PENDING, name="waits")
    then |= {name: [COMPLETED] for name in let_ticks_pass(ns)}
    a_minute_ago = datetime.now(UTC) - timedelta(minutes=1)
    finish_all(ns, first, a_minute_ago.isoformat(timespec="seconds"))
    finish_all(ns, then)
    finish_all(ns, last)


@pytest.fixture(scope="module")
def played(make_namespace, limited_kubeconfig, tmp_path_factory):
    ns, folder = make_namespace(), tmp_path_factory.mktemp("prometheus")
    with pytest.MonkeyPatch.context() as patch:
        started = datetime.now(UTC) + timedelta(seconds=8)
        patch.setattr(api_server, "STARTED", started.isoformat(timespec="seconds"))
        scraped = ("--scrape-seconds", "1")
        with run_operator(
            limited_kubeconfig, folder / "operator", "--namespaces", ns.name, *scraped
        ) as operator:
            target = operator.url.removeprefix("http://")
            with run_prometheus(target, folder, ALERTS) as prometheus:
                deploy_all(ns)
                zero = 'millstream_flow_runs_finished_total{deployment="resting"}'
                eventually(lambda: prometheus.ask(zero), "all begins at zero")
                prometheus.scraped_after(time.time())
                played = Played(ns, prometheus)
                carry_out(ns)
                eventually(lambda: counted(ns) == (1, 2), "the ticks are counted")
                eventually(lambda: datetime.now(UTC) > started + timedelta(seconds=1))
                prometheus.scraped_after(time.time() + 3)  # for two seconds a new counter is zero
                played.end()
                yield played
        assert "unexpected error" not in operator.log, operator.log


def test_the_workload_is_what_it_is_meant_to_be(played):
    assert played.states("etl") == {"Completed": 12, "Failed": 4}
    assert played.failed_in_a_row() == {"etl": 3, "broken": 1, "flaky": 0, "nightly": 0}
    assert played.reasons() == {"OOMKilled": 1}
    assert played.deployments["nightly"]["status"]["ticksMissed"] == 2
    assert played.states() == {"Completed": 14, "Failed": 5, "Cancelled": 1, "Running": 1, "Pending": 1}


DURATION = "millstream_flow_run_duration_seconds"
DELAY = "millstream_flow_run_start_delay_seconds"
LAG = "millstream_schedule_lag_seconds"


AGES = {"Waiting for longest", "Running for longest", "Oldest"}
"""What the operator computed at the moment of the scrape, and the test a moment later."""


def one(value):
    return {frozenset(): value}


def mean(values):
    return one(sum(values) / len(values))


def by_bucket(name, values):
    bounds = METRICS[name].buckets
    return Counter(next((f"{float(b)}" for b in bounds if value <= b), "+Inf") for value in values)


def oldest(played, *, running):
    return {
        frozenset({("deployment", name), *(() if running else {("state", state)})}): age
        for (name, state), age in played.ages().items()
        if (state == "Running") is running
    }


# What each panel has to say, by its dashboard and title, and by the legend where it has several queries.
SAID = {
    ("fleet", "Running"): lambda p: p.count("Running"),
    ("fleet", "Waiting"): lambda p: p.count("Queued", "Pending", "AwaitingRetry"),
    ("fleet", "Finished"): lambda p: p.count(*FINAL),
    ("fleet", "Failed"): lambda p: p.count(*BAD),
    ("fleet", "Success ratio"): lambda p: one(
        p.states()["Completed"] / sum(p.states()[state] for state in {"Completed", *BAD})
    ),
    ("fleet", "Suspended deployments"): lambda p: one(1),
    ("fleet", "Runs by state"): lambda p: p.by(
        "state", {s: n for s, n in p.states().items() if s not in FINAL}
    ),
    ("fleet", "Ended"): lambda p: p.by("state", {s: n for s, n in p.states().items() if s in FINAL}),
    ("fleet", "Begun"): lambda p: p.by(
        "trigger", {"Schedule": len(p.lags()), "Manual": len(p.runs) - len(p.lags())}
    ),
    ("fleet", "Duration", "p50"): lambda p: quantile(0.5, DURATION, p.durations()),
    ("fleet", "Duration", "p95"): lambda p: quantile(0.95, DURATION, p.durations()),
    ("fleet", "Start delay", "p50"): lambda p: quantile(0.5, DELAY, p.delays()),
    ("fleet", "Start delay", "p95"): lambda p: quantile(0.95, DELAY, p.delays()),
    ("fleet", "Most failures"): lambda p: p.per_deployment(*BAD),
    ("fleet", "Time since the last success"): lambda p: {
        frozenset(
            {("deployment", name), *({("owner", "data"), ("severity", "page")} if name == "etl" else ())}
        ): p.time - (success or -math.inf)
        for name in p.deployments
        if (success := p.last_success(name)) or p.failed_in_a_row().get(name)
    },
    ("fleet", "Failed in a row"): lambda p: p.by("deployment", p.failed_in_a_row()),
    ("fleet", "What goes wrong with pods"): lambda p: p.by("reason", p.reasons()),
    ("fleet", "Retries"): lambda p: {frozenset({("deployment", "flaky"), ("cause", "Failure")}): 1},
    ("fleet", "Waiting for longest"): lambda p: oldest(p, running=False),
    ("fleet", "Running for longest"): lambda p: oldest(p, running=True),
    ("deployment", "Since the last success"): lambda p: one(
        p.time - max(filter(None, map(p.last_success, p.deployments)))
    ),
    ("deployment", "Last duration"): lambda p: one(p.newest_duration()),
    ("deployment", "Completed"): lambda p: p.count("Completed"),
    ("deployment", "Failed"): lambda p: p.count(*BAD),
    ("deployment", "Failed in a row"): lambda p: one(max(p.failed_in_a_row().values())),
    ("deployment", "Skipped"): lambda p: p.count("Cancelled"),
    ("deployment", "Pods in trouble"): lambda p: one(p.reasons().total()),
    ("deployment", "Runs by state"): lambda p: p.by("state", p.states()),
    ("deployment", "Ended"): lambda p: p.by("state", {s: n for s, n in p.states().items() if s in FINAL}),
    ("deployment", "Retries"): lambda p: p.by("cause", {"Failure": 1}),
    ("deployment", "Duration", "p50"): lambda p: quantile(0.5, DURATION, p.durations()),
    ("deployment", "Duration", "p95"): lambda p: quantile(0.95, DURATION, p.durations()),
    ("deployment", "Duration", "mean"): lambda p: mean(p.durations()),
    ("deployment", "Runs by duration"): lambda p: by_bucket(DURATION, p.durations()),
    ("deployment", "Start delay", "p50"): lambda p: quantile(0.5, DELAY, p.delays()),
    ("deployment", "Start delay", "p95"): lambda p: quantile(0.95, DELAY, p.delays()),
    ("deployment", "Start delay", "mean"): lambda p: mean(p.delays()),
    ("deployment", "Oldest"): lambda p: p.by("state", {state: age for (_, state), age in p.ages().items()}),
    ("deployment", "Task runs"): lambda p: p.by(
        "state", {"Completed": 3 * p.records(), "Other": p.records()}
    ),
    ("deployment", "Task retries"): lambda p: one(2 * p.records()),
    ("deployment", "Counters"): lambda p: p.by("metric", {"rows": 5 * p.records(), "calls": 2 * p.records()}),
    ("deployment", "Gauges"): lambda p: p.gauges(),
    ("deployment", "Left out"): lambda p: p.by("reason", {"Undeclared": p.records()}),
    ("schedules", "Fired"): lambda p: one(len(p.lags())),
    ("schedules", "Missed"): lambda p: one(2),
    ("schedules", "Skipped"): lambda p: p.count("Cancelled"),
    ("schedules", "Suspended"): lambda p: one(1),
    ("schedules", "Ticks"): lambda p: p.by("outcome", {"Fired": 1, "Missed": 2}),
    ("schedules", "Scheduled runs"): lambda p: one(len(p.lags())),
    ("schedules", "Lag", "p50"): lambda p: quantile(0.5, LAG, p.lags()),
    ("schedules", "Lag", "p95"): lambda p: quantile(0.95, LAG, p.lags()),
    ("schedules", "Next ticks"): lambda p: p.next_ticks(),
    ("schedules", "Missed ticks"): lambda p: p.by("deployment", {"nightly": 2}),
    ("operator", "Leaders"): lambda p: one(1),
}

# Of the operator itself FlowRuns do not tell; what it says must be there, and be possible.
POSSIBLE = {
    ("operator", "Operators"): lambda values: values == [1],
    ("operator", "Oldest in the queue"): lambda values: 0 <= values[0] < 60,
    ("operator", "Oldest watch"): lambda values: 0 <= values[0] < 300,
    ("operator", "Event loop's lag"): lambda values: 0 <= values[0] < 60,
    ("operator", "Queue"): lambda values: 0 <= values[0] < 100,
    ("operator", "Decisions"): lambda values: len(values) == 2 * 5 and max(values) > 0.1,
    ("operator", "Duration of decisions"): lambda values: len(values) == 2 and 0 < max(values) < 15,
    ("operator", "Requests"): lambda values: len(values) > 3 and max(values) > 0.1,
    ("operator", "Duration of requests"): lambda values: len(values) > 1 and 0 < max(values) < 15,
    ("operator", "Age of watches"): lambda values: len(values) == 6 and max(values) < 300,
    ("operator", "Size of objects"): lambda values: 1000 < max(values) < 50_000,
}
PLAYED = {"Observations left out", "Left out by metric", "Refused or not answered"}
"""What this workload does not provoke: test_panels.py plays it."""


def found(table, target):
    name, legend = target.dashboard.removeprefix("millstream-"), target.target["legendFormat"]
    return table.get((name, target.title)) or table.get((name, target.title, legend))


def without_zeros(answer):
    return {own: value for own, value in answer.items() if value}


@pytest.mark.parametrize("target", [t for t in TARGETS if found(SAID, t)], ids=str)
def test_a_panel_says_what_the_runs_say(played, target):
    expected = without_zeros(found(SAID, target)(played))
    tolerance = {"abs": 2} if target.title in AGES else {"rel": 1e-6}
    assert without_zeros(played.ask(target)) == pytest.approx(expected, **tolerance)


@pytest.mark.parametrize("step", [1, 7, 30, 300])
@pytest.mark.parametrize("target", [t for t in TARGETS if "interval" in t.panel], ids=str)
def test_bars_add_up_to_what_happened(played, target, step):
    expected = found(SAID, target)(played)
    assert without_zeros(played.sums(target, step)) == pytest.approx(without_zeros(expected))


@pytest.mark.parametrize("target", [t for t in TARGETS if found(POSSIBLE, t)], ids=str)
def test_a_panel_about_the_operator_says_what_can_be(played, target):
    values = [value for value in played.ask(target).values() if not math.isnan(value)]
    assert all(value >= 0 for value in values)
    assert found(POSSIBLE, target)(values), values


def test_no_panel_is_left_out():
    left = [t.title for t in TARGETS if not (found(SAID, t) or found(POSSIBLE, t))]
    assert sorted(left) == sorted(PLAYED)
    assert len(SAID) + len(POSSIBLE) + len(PLAYED) == len(TARGETS)


@pytest.mark.parametrize("target", [t for t in TARGETS if t.panel["type"] == "timeseries"], ids=str)
def test_lines_can_be_drawn(played, target):
    lines = played.prometheus.lines(target.query("30s", namespace=played.ns.name), played.begin, played.time)
    assert lines or target.title in {*PLAYED, "Gauges"}


def test_one_deployment_can_be_looked_at(played):
    (target,) = [t for t in TARGETS if (t.dashboard, t.title) == ("millstream-deployment", "Failed")]
    query = target.query(played.window, namespace=played.ns.name, deployment="flaky")
    assert played.prometheus.ask(query, played.time) == {frozenset(): 0}


def test_each_panel_is_drawn_with_all_its_series(played):
    span, chosen = Span(played.begin, played.time), {"namespace": played.ns.name}
    for dashboard in DASHBOARDS.values():
        drawn = Drawn(draw(dashboard, played.prometheus, span, chosen))
        assert drawn.panels() == {panel["id"] for panel in panels(dashboard)}
        for panel in (p for p in panels(dashboard) if p["type"] == "timeseries"):
            queries = [target.query(f"{span.step}s", **chosen) for target in targets(dashboard, panel)]
            lines = [played.prometheus.lines(query, span.start, span.end, span.step) for query in queries]
            assert len(drawn.lines_of(panel)) == sum(map(len, lines)), panel["title"]


def test_the_demo_shows_what_prometheus_knows(played, tmp_path, capfd):
    (tmp_path / "url").write_text(played.prometheus.url)
    demo_monitoring.show(tmp_path)
    shown = capfd.readouterr().out
    alerts = len(played.prometheus.rules())
    assert f"SUCCESS: {alerts} rules found" in shown
    assert f"{alerts} alerts are loaded in Prometheus" in shown
    assert re.search(r"firing +MillstreamScheduleMissed", shown)
    assert re.search(r"Millstream / Fleet +Finished +20\n", shown)
    assert {path.stem for path in (tmp_path / "pictures").iterdir()} == DASHBOARDS.keys()


def test_exemplars_name_runs(played):
    query = 'millstream_flow_runs_finished_total{deployment="etl", state="Completed"}'
    (series,) = played.prometheus.exemplars(query)
    names = {exemplar["labels"]["run"] for exemplar in series["exemplars"]}
    assert names
    assert names <= {run["metadata"]["name"] for run in played.runs}


def test_the_alerts_are_loaded_and_those_that_should_fire(played):
    rules = played.prometheus.rules()
    assert {rule["health"] for rule in rules} == {"ok"}, [rule.get("lastError") for rule in rules]
    names = ("alertname", "deployment", "owner", "severity")
    assert {
        (*(alert["labels"].get(name) for name in names), float(alert["value"]))
        for rule in rules
        for alert in rule["alerts"]
        if alert["state"] == "firing"
    } == {
        ("MillstreamScheduleMissed", "nightly", None, "warning", 2),
        ("MillstreamRunsFailInARow", "etl", "data", "page", 3),
    }
