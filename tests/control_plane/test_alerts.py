"""Each alert fires when it should, and does not when it should not: promtool plays both."""

import json
import subprocess
from itertools import chain
from pathlib import Path

import control_plane
import pytest
import yaml
from promql import asked, selectors
from promtool import play, promtool

from millstream_operator.metric_registry import LABEL_VALUES, METRICS

pytestmark = pytest.mark.control_plane

ROOT = Path(__file__).parents[2]
RULES = ROOT / "charts/millstream/files/alerts.yaml"
RUNBOOKS = ROOT / "docs/runbooks"


def alerts(file):
    return [rule for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in alerts(RULES)}
DAY = 24 * 60
ETL = 'namespace="team", deployment="etl"'
OF_ETL = {"namespace": "team", "deployment": "etl"}
INFO = {f'millstream_deployment_info{{{ETL}, version="1", owner="data", severity="page"}}': f"1x{4 * DAY}"}
QUIET = {f'millstream_deployment_info{{{ETL}, version="1", owner="", severity=""}}': f"1x{4 * DAY}"}
OWNED = OF_ETL | {"owner": "data", "severity": "page"}
SOLD = OF_ETL | {"owner": "sales", "severity": "page"}
JOB = 'job="millstream-operator", instance="a"'


def finished(completed, failed):
    name = "millstream_flow_runs_finished_total"
    return {
        f'{name}{{{ETL}, state="Completed"}}': completed,
        f'{name}{{{ETL}, state="Failed"}}': failed,
    }


def ticks(outcome, values):
    return {f'millstream_schedule_ticks_total{{{ETL}, outcome="{outcome}"}}': values}


def oldest(state, values, deployment="etl"):
    owner = f'namespace="team", deployment="{deployment}"'
    return {f'millstream_flow_run_oldest_seconds{{{owner}, state="{state}"}}': values}


SUCCESS = f"millstream_flow_run_last_success_timestamp_seconds{{{ETL}}}"
NEXT = f"millstream_schedule_next_timestamp_seconds{{{ETL}}}"
LAST = f"millstream_schedule_last_timestamp_seconds{{{ETL}}}"
SINCE = f"millstream_schedule_since_timestamp_seconds{{{ETL}}}"


def ticking(hours, days, away=()):
    """Give the series of a schedule from its beginning at zero, hour by hour; away are the hours of the day without an operator."""
    last, following = [], []
    for hour in range(days * 24):
        gone = hour % 24 in away
        tick = hour // hours * hours
        last.append("_" if gone or not tick else str(tick * 3600))
        following.append("_" if gone else str((tick + hours) * 3600))
    each = {LAST: last, NEXT: following, SINCE: ["_" if h % 24 in away else "0" for h in range(days * 24)]}
    return {
        series: " ".join(f"{value}x59" if value != "_" else "_x60" for value in values)
        for series, values in each.items()
    }


LONG_INFO = dict.fromkeys(INFO, f"1x{20 * DAY}")
OTHER_INFO = {key.replace('owner="data"', 'owner="sales"'): value for key, value in INFO.items()}
IN_A_ROW = f"millstream_flow_runs_failed_in_a_row{{{ETL}}}"
LEADER = "millstream_operator_lease_held"
SUSPENDED = {f"millstream_deployment_suspended{{{ETL}}}": f"0x5 1x{4 * DAY}"}
BUILD = "millstream_operator_build_info"
REFUSED = f'millstream_operator_reconciles_total{{{JOB}, kind="flowruns", result="refused"}}'
OF_REFUSED = {"job": "millstream-operator", "kind": "flowruns", "severity": "warning"}
REQUESTS = f'millstream_operator_api_requests_total{{{JOB}, verb="patch", resource="flowruns", code="429"}}'
OF_REQUESTS = {"job": "millstream-operator", "verb": "patch", "resource": "flowruns"}

# For each alert: what it is, the series minute by minute, the minute, and the labels with which it fires, each time if
# it does so more than once, or none.
CASES = [
    ("MillstreamOperatorDown", "none was ever there", {}, 6, {"severity": "critical"}),
    ("MillstreamOperatorDown", "it has gone", {BUILD: "1x5 _x20"}, 20, {"severity": "critical"}),
    ("MillstreamOperatorDown", "it has just gone", {BUILD: "1x5 stale"}, 9, None),
    ("MillstreamOperatorDown", "it is there", {BUILD: "1x30"}, 20, None),
    (
        "MillstreamNoLeader", "two stand by and see nobody", {f'{LEADER}{{job="j", instance="a"}}': "0x9", f'{LEADER}{{job="j", instance="b"}}': "0x9"},
        5, {"job": "j", "severity": "critical"},
    ),
    (
        "MillstreamNoLeader", "one leads", {f'{LEADER}{{job="j", instance="a"}}': "0x9", f'{LEADER}{{job="j", instance="b"}}': "1x9"}, 5, None,
    ),
    (
        "MillstreamNoLeader", "of two releases one has none",
        {f'{LEADER}{{namespace="a", job="j"}}': "1x9", f'{LEADER}{{namespace="b", job="j"}}': "0x9"},
        5, {"namespace": "b", "job": "j", "severity": "critical"},
    ),
    (
        "MillstreamNoLeader", "the leader is not scraped, and the other sees it",
        {f'{LEADER}{{job="j", instance="a"}}': "1x3 stale", f'{LEADER}{{job="j", instance="b"}}': "1x20"}, 10, None,
    ),
    ("MillstreamNoLeader", "a change of the leader", {f'{LEADER}{{job="j"}}': "1 0 1x9"}, 3, None),
    (
        "MillstreamQueueStuck", "it waits", {f"millstream_operator_queue_oldest_seconds{{{JOB}}}": "90+60x9"},
        7, {"job": "millstream-operator", "instance": "a", "severity": "warning"},
    ),
    ("MillstreamQueueStuck", "it waits a while", {f"millstream_operator_queue_oldest_seconds{{{JOB}}}": "5x2 90x2 5x9"}, 7, None),
    (
        "MillstreamWatchStale", "nothing is heard", {f'millstream_operator_watch_age_seconds{{{JOB}, resource="pods"}}': "0+60x30"},
        20, {"job": "millstream-operator", "instance": "a", "resource": "pods", "severity": "warning"},
    ),
    ("MillstreamWatchStale", "a list each 5 minutes", {f'millstream_operator_watch_age_seconds{{{JOB}, resource="flowdeployments"}}': "0+60x5 0+60x5 0+60x5"}, 16, None),
    (
        "MillstreamWatchStale", "it goes on while the kubelet starts the operator anew",
        {f'millstream_operator_watch_age_seconds{{{JOB}, resource="pods"}}': "0+60x20 0+60x20 0+60x20"},
        30, {"job": "millstream-operator", "instance": "a", "resource": "pods", "severity": "warning"},
    ),
    (
        "MillstreamWatchStale", "it is heard again",
        {f'millstream_operator_watch_age_seconds{{{JOB}, resource="pods"}}': "0+60x20 0x60"}, 70, None,
    ),
    ("MillstreamApiThrottled", "again and again", {REQUESTS: "0+30x30"}, 20, OF_REQUESTS | {"severity": "warning"}),
    ("MillstreamApiThrottled", "once", {REQUESTS: "0x5 30x30"}, 20, None),
    ("MillstreamApiThrottled", "other refusals", {REQUESTS.replace("429", "409"): "0+30x30"}, 20, None),
    ("MillstreamOperatorRefused", "each minute", {REFUSED: "0x5 1+1x30"}, 20, OF_REFUSED | {"result": "refused"}),
    (
        "MillstreamOperatorRefused", "one of many, each 2 minutes",
        {REFUSED.replace("refused", "error"): "0 1 1 2 2 3 3 4 4 5 5 6 6 7 7 8 8 9 9", REFUSED.replace("refused", "ok"): "0+600x20"},
        17, OF_REFUSED | {"result": "error"},
    ),
    (
        "MillstreamOperatorRefused", "two operators",
        {REFUSED.replace("{", f'{{namespace="{name}", '): "0+3x30" for name in ("a", "b")},
        20, [OF_REFUSED | {"namespace": name, "result": "refused"} for name in ("a", "b")],
    ),
    ("MillstreamOperatorRefused", "for a while", {REFUSED: "0x5 1+1x5 6x20"}, 14, None),
    ("MillstreamOperatorRefused", "once", {REFUSED: "0x5 1x30"}, 20, None),
    ("MillstreamOperatorRefused", "somebody was quicker", {REFUSED.replace("refused", "conflict"): "0+9x30"}, 20, None),
    (
        "MillstreamSeriesDropped", "there is no room", {'millstream_operator_series_dropped_total{job="j", metric="m"}': "0x5 3x30"},
        20, {"job": "j", "metric": "m", "severity": "info"},
    ),
    ("MillstreamSeriesDropped", "long ago", {'millstream_operator_series_dropped_total{job="j", metric="m"}': "0x5 3x200"}, 180, None),
    ("MillstreamRunFailureRatioHigh", "most fail", finished("0x9 1x30", "0+1x40") | INFO, 30, OWNED),
    ("MillstreamRunFailureRatioHigh", "most fail, of nobody", finished("0x9 1x30", "0+1x40") | QUIET, 30, OF_ETL | {"severity": "warning"}),
    (
        "MillstreamRunFailureRatioHigh", "they have no deployment",
        {'millstream_flow_runs_finished_total{namespace="team", deployment="", state="Failed"}': "0+1x40"}, 30,
        {"namespace": "team", "deployment": "", "severity": "warning"},
    ),
    ("MillstreamRunFailureRatioHigh", "two fail", finished("0x40", "0x9 2x30") | INFO, 30, None),
    ("MillstreamRunFailureRatioHigh", "few of many fail", finished("0+9x40", "0+1x40") | INFO, 30, None),
    ("MillstreamRunFailureRatioHigh", "it was long ago", finished("0x200", "0x5 9x195") | INFO, 150, None),
    ("MillstreamRunsFailInARow", "a weekly one has failed twice", {IN_A_ROW: "1x5 2x30"} | INFO, 15, OWNED),
    ("MillstreamRunsFailInARow", "once", {IN_A_ROW: "1x30"} | INFO, 15, None),
    ("MillstreamRunsFailInARow", "one has completed", {IN_A_ROW: "5x5 0x30"} | INFO, 15, None),
    ("MillstreamRunsFailInARow", "it is suspended", {IN_A_ROW: "5x30"} | INFO | SUSPENDED, 15, None),
    ("MillstreamRunStuckPending", "it waits", oldest("Pending", "0+60x30") | INFO, 15, OWNED),
    (
        "MillstreamRunStuckPending", "it has no deployment", oldest("Pending", "0+60x30", ""), 15,
        {"namespace": "team", "deployment": "", "severity": "warning"},
    ),
    ("MillstreamRunStuckPending", "it starts soon", oldest("Pending", "0+60x5 0+60x5 0+60x5") | INFO, 15, None),
    ("MillstreamRunStuckPending", "it waits for a slot", oldest("Queued", "0+60x30") | INFO, 15, None),
    ("MillstreamRunStuckRunning", "for more than a day", oldest("Running", f"0+60x{2 * DAY}") | INFO, DAY + 10, OWNED),
    ("MillstreamRunStuckRunning", "for an hour", oldest("Running", "0+60x90") | INFO, 80, None),
    ("MillstreamLastSuccessTooOld", "it fires and fails", {SUCCESS: f"0x{4 * DAY}"} | ticking(24, 4) | INFO, 3 * DAY + 90, OWNED),
    ("MillstreamLastSuccessTooOld", "it has never succeeded", ticking(24, 4) | QUIET, 3 * DAY, OF_ETL | {"severity": "warning"}),
    ("MillstreamLastSuccessTooOld", "it never does, and has no operator at night", ticking(24, 6, away=range(18, 24)) | LONG_INFO, 5 * DAY + 600, OWNED),
    ("MillstreamLastSuccessTooOld", "it succeeds", {SUCCESS: f"0+60x{4 * DAY}"} | ticking(24, 4) | INFO, 3 * DAY + 90, None),
    ("MillstreamLastSuccessTooOld", "each 36 hours, after 5 days", ticking(36, 6) | LONG_INFO, 5 * DAY, OWNED),
    ("MillstreamLastSuccessTooOld", "each 36 hours, after 4 days and 5 hours", ticking(36, 6) | LONG_INFO, 4 * DAY + 300, OWNED),
    ("MillstreamLastSuccessTooOld", "each 36 hours, after less than two ticks", ticking(36, 6) | LONG_INFO, 3 * DAY - 10, None),
    ("MillstreamLastSuccessTooOld", "weekly, after two ticks", ticking(7 * 24, 16) | LONG_INFO, 14 * DAY + 90, OWNED),
    ("MillstreamLastSuccessTooOld", "weekly, after one tick", ticking(7 * 24, 16) | LONG_INFO, 10 * DAY, None),
    ("MillstreamLastSuccessTooOld", "it is suspended", ticking(24, 4) | INFO | SUSPENDED, 3 * DAY + 90, None),
    ("MillstreamLastSuccessTooOld", "it was resumed an hour ago", {SUCCESS: f"0x{4 * DAY}"} | ticking(24, 4) | {SINCE: f"{3 * DAY * 60}x{4 * DAY}"} | INFO, 3 * DAY + 90, None),
    ("MillstreamLastSuccessTooOld", "it has no schedules", {SUCCESS: f"0x{4 * DAY}"} | INFO, 3 * DAY, None),
    ("MillstreamScheduleMissed", "two are missed", ticks("Missed", "0x9 2x30") | INFO, 15, OWNED),
    ("MillstreamScheduleMissed", "two series name two owners", ticks("Missed", "0x9 2x30") | INFO | OTHER_INFO, 15, [OWNED, SOLD]),
    ("MillstreamRunStuckPending", "two series name two owners", oldest("Pending", "0+60x30") | OTHER_INFO | INFO, 15, [OWNED, SOLD]),
    ("MillstreamScheduleMissed", "for a day there was no operator", ticks("Missed", f"3x9 _x{DAY} 5x99") | INFO, DAY + 30, OWNED),
    ("MillstreamScheduleMissed", "that was hours ago", ticks("Missed", f"3x9 _x{DAY} 5x200") | INFO, DAY + 180, None),
    (
        "MillstreamScheduleMissed", "another deployment has the name now",
        ticks("Missed", "9x200 0x9 2x30") | INFO, 220, OWNED,
    ),
    ("MillstreamScheduleMissed", "they fire", ticks("Fired", "0+1x40") | ticks("Missed", "2x40") | INFO, 15, None),
    ("MillstreamScheduleMissed", "for ten days there was no operator", ticks("Missed", f"3x29 _x{10 * DAY} 5x99") | LONG_INFO, 10 * DAY + 60, OWNED),
    ("MillstreamScheduleMissed", "ten days ago, and none since", ticks("Missed", f"3x29 _x{10 * DAY} 3x99") | LONG_INFO, 10 * DAY + 60, None),
    ("MillstreamScheduleMissed", "it was hours ago", ticks("Missed", "0x9 2x190") | INFO, 180, None),
    (
        "MillstreamScheduleMissed",
        "a new operator finds it",
        {
            f'millstream_schedule_ticks_total{{{ETL}, outcome="Missed", instance="a"}}': "3x9 stale",
            f'millstream_schedule_ticks_total{{{ETL}, outcome="Missed", instance="b"}}': "_x30 5x30",
        }
        | INFO,
        45,
        OWNED,
    ),
    ("MillstreamScheduleOverdue", "it does not fire", {NEXT: "300x30"} | INFO, 12, OWNED),
    ("MillstreamScheduleOverdue", "it fires each minute", {NEXT: "60+60x30"} | INFO, 12, None),
    ("MillstreamScheduleOverdue", "it is still to come", {NEXT: f"{DAY * 60}x30"} | INFO, 12, None),
]  # fmt: skip


def firing(alert, labels):
    """Give the series of an alert that fires."""
    shown = {"alertname": alert, "alertstate": "firing"} | {k: v for k, v in labels.items() if v}
    text = ", ".join(f"{key}={json.dumps(value)}" for key, value in shown.items())
    return {"labels": f"ALERTS{{{text}}}", "value": 1}


def played(alert, what, series, minute, labels):
    """Give the case as promtool reads it."""
    name = f'ALERTS{{alertname="{alert}", alertstate="firing"}}'
    times = labels if isinstance(labels, list) else [labels] if labels else []
    expected = [firing(alert, each) for each in times]
    return {
        "name": what,
        "interval": "1m",
        "input_series": [{"series": key, "values": value} for key, value in series.items()],
        "promql_expr_test": [{"expr": name, "eval_time": f"{minute}m", "exp_samples": expected}],
    }


def rendered(folder, **thresholds):
    """Give a file with the rules as the chart renders them."""
    text = subprocess.run(
        [control_plane.program("helm"), "template", "x", RULES.parents[1], "--kube-version=1.32.0", "--values=-"],
        input=json.dumps({"alerts": {"create": True, "thresholds": thresholds}}),
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    (rules,) = (o["spec"] for o in yaml.safe_load_all(text) if o and o["kind"] == "PrometheusRule")
    path = folder / "rules.yaml"
    path.write_text(yaml.safe_dump(rules))
    return path


@pytest.fixture(scope="module")
def rules(tmp_path_factory):
    return rendered(tmp_path_factory.mktemp("rules"))


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_fires_when_it_should_and_only_then(tmp_path, rules, alert):
    play_alone(tmp_path, rules, [case for case in CASES if case[0] == alert])


def play_alone(folder, rules, cases):
    """Play cases of one alert, by itself: all others would be evaluated too, for the days that some cases take."""
    ((alert,),) = {case[:1] for case in cases}
    own = [rule for rule in alerts(rules) if rule["alert"] == alert]
    path = folder / "alone.yaml"
    path.write_text(json.dumps({"groups": [{"name": "one", "rules": own}]}))
    takes_days = any(minute > 2 * DAY for _, _, _, minute, _ in cases)
    play(folder, [played(*case) for case in cases], path, interval="10m" if takes_days else "1m")


# The alert, another value of a threshold, and the case in which it fires no longer, or does now.
THRESHOLDS = [
    ("MillstreamRunFailureRatioHigh", "failureRatio", 0.99, "most fail"),
    ("MillstreamRunFailureRatioHigh", "failures", 1000, "most fail"),
    ("MillstreamRunsFailInARow", "failedInARow", 3, "a weekly one has failed twice"),
    ("MillstreamRunStuckPending", "pendingSeconds", 3600, "it waits"),
    ("MillstreamRunStuckRunning", "runningSeconds", 2592000, "for more than a day"),
    ("MillstreamLastSuccessTooOld", "lastSuccessSeconds", 2592000, "it fires and fails"),
    ("MillstreamRunFailureRatioHigh", "failures", 2, "two fail"),
    ("MillstreamRunFailureRatioHigh", "failureRatio", 0.05, "few of many fail"),
    ("MillstreamRunsFailInARow", "failedInARow", 1, "once"),
    ("MillstreamRunStuckPending", "pendingSeconds", 30, "it starts soon"),
    ("MillstreamRunStuckRunning", "runningSeconds", 1800, "for an hour"),
]


@pytest.mark.parametrize(("alert", "threshold", "value", "case"), THRESHOLDS)
def test_another_threshold_of_the_chart_turns_it_round(tmp_path, alert, threshold, value, case):
    (known,) = (c for c in CASES if c[:2] == (alert, case))
    *same, labels = known
    play_alone(tmp_path, rendered(tmp_path, **{threshold: value}), [(*same, None if labels else OWNED)])


def test_promtool_finds_nothing_wrong(rules):
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", RULES, rules)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_is_seen_to_fire_and_not_to(alert):
    fires = {labels is not None for name, _, _, _, labels in CASES if name == alert}
    assert fires == {True, False}


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_asks_for_metrics_that_there_are(alert):
    expression = ALERTS[alert]["expr"]
    assert asked(expression) <= METRICS.keys()
    for selector in selectors(expression):
        for matcher in selector.matchers.matchers:
            closed = LABEL_VALUES.get((selector.name, matcher.name))
            assert matcher.name in METRICS[selector.name].labels
            assert closed is None or set(matcher.value.split("|")) <= set(closed)


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_what_to_do(alert):
    rule = ALERTS[alert]
    assert rule["annotations"].keys() == {"summary", "description", "runbook"}
    assert "severity" in rule["labels"]
    page = ROOT / rule["annotations"]["runbook"]
    assert page == RUNBOOKS / f"{alert}.md"
    text = page.read_text()
    assert text.startswith(f"# {alert}\n")
    assert "**What it does:**" in text
    assert "**What to do:**" in text


def test_there_is_no_page_without_an_alert():
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == {*ALERTS, "README"}
    listed = (RUNBOOKS / "README.md").read_text()
    assert all(f"[{alert}]({alert}.md)" in listed for alert in ALERTS)


def test_no_case_is_of_an_alert_that_there_is_not():
    assert set(chain.from_iterable([alert] for alert, *_ in CASES)) == ALERTS.keys()
