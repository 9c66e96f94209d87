"""What Grafana's dashboard linter asks for, and that dashboards and registry know of the same metrics."""

import re
from pathlib import Path

import pytest
import yaml
from grafana import DASHBOARDS, TARGETS, panels
from promql import asked, selectors

from millstream_operator.metric_registry import LABEL_VALUES, METRICS

ALERTS = Path(__file__).parents[3] / "charts/millstream/files/alerts.yaml"
_UNITS = {"short", "s", "bytes", "percentunit", "ops", "reqps"}
PANELS = [(uid, panel) for uid, dashboard in DASHBOARDS.items() for panel in panels(dashboard)]
SHORT = [f"{uid}: {panel['title']}" for uid, panel in PANELS]
_WINDOWS = {"__interval", "__rate_interval", "__range"}


def variables(dashboard):
    return {variable["name"]: variable for variable in dashboard["templating"]["list"]}


def is_bars(panel):
    return panel["fieldConfig"]["defaults"].get("custom", {}).get("drawStyle") == "bars"


def test_there_are_four():
    assert set(DASHBOARDS) == {
        "millstream-fleet",
        "millstream-deployment",
        "millstream-schedules",
        "millstream-operator",
    }


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_a_dashboard_is_as_the_linter_wants_it(uid):
    dashboard = DASHBOARDS[uid]
    assert dashboard["uid"] == uid
    assert dashboard["editable"] is False
    assert dashboard["tags"] == ["millstream"]
    assert dashboard["description"].endswith(".")
    assert dashboard["links"][0]["includeVars"]
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    titles = [panel["title"] for panel in panels(dashboard)]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_its_variables_are_too(uid):
    found = variables(DASHBOARDS[uid])
    expected = ["datasource", "job", "instance"]
    if uid != "millstream-operator":
        expected += ["namespace", "deployment"]
    assert list(found) == expected
    assert (found.pop("datasource")["query"], DASHBOARDS[uid]["templating"]["list"][0]["type"]) == (
        "prometheus",
        "datasource",
    )
    for name, variable in found.items():
        assert variable["datasource"]["uid"] == "${datasource}"
        assert (variable["multi"], variable["includeAll"], variable["allValue"]) == (True, True, ".*")
        assert variable["refresh"] == 2, "when the time range changes"
        metric, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]).groups()
        assert label == name
        assert asked(metric.replace("$", "")) <= METRICS.keys()


@pytest.mark.parametrize(("uid", "panel"), PANELS, ids=SHORT)
def test_a_panel_is_as_the_linter_wants_it(uid, panel):
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["description"] != panel["title"]
    assert panel["fieldConfig"]["defaults"]["unit"] in _UNITS
    assert panel["datasource"]["uid"] == "${datasource}"
    assert panel["targets"]


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_a_query_is_as_the_linter_wants_it(target):
    known = variables(DASHBOARDS[target.dashboard])
    assert set(re.findall(r"\$(\w+)", target.expression)) <= {*_WINDOWS, *known}
    for selector in selectors(target.query()):
        matchers = {matcher.name: matcher.value for matcher in selector.matchers.matchers}
        assert {"job", "instance"} <= matchers.keys(), "one Prometheus may know several installations"
        name = re.sub(r"_(bucket|count|sum)$", "", selector.name)
        metric = METRICS[name]
        if name != selector.name:
            assert metric.kind == "histogram"
        chosen = {"namespace", "deployment"} & set(metric.labels)
        assert chosen <= matchers.keys()
        assert matchers.keys() - {"job", "instance"} <= set(metric.labels)
        for label, value in matchers.items():
            closed = LABEL_VALUES.get((name, label))
            assert closed is None or set(value.split("|")) <= set(closed)
        counts = metric.kind in {"counter", "histogram"}
        if not counts or (not is_bars(target.panel) and not metric.lasts):  # these outlive operators
            rate = re.search(rf"(?:rate|increase)\({selector.name}{{", target.expression)
            assert bool(rate) is counts, "rates of counters, not of gauges"


@pytest.mark.parametrize(("uid", "panel"), PANELS, ids=SHORT)
def test_a_value_is_green_only_where_another_would_be_red(uid, panel):
    if panel["type"] in {"stat", "bargauge"}:  # Grafana's own are green, and red from 80 on
        colours = [step["color"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
        assert colours in (["blue"], ["green", "red"])


@pytest.mark.parametrize("target", [t for t in TARGETS if "histogram_quantile" in t.expression], ids=str)
def test_times_of_runs_are_not_told_more_precisely_than_objects_have_them(target):
    (name,) = {selector.name.removesuffix("_bucket") for selector in selectors(target.query())}
    if name.startswith("millstream_operator_"):  # measured by itself
        return
    assert min(METRICS[name].buckets) >= 1
    assert re.fullmatch(r"clamp_min\(histogram_quantile\(.+\), 1\)", target.expression)


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_lines_are_rates_of_their_interval_and_numbers_of_what_is_shown(target):
    windows = set(re.findall(r"\$(__\w+)", target.expression))
    drawn = target.panel["type"] == "timeseries"
    expected = "__interval" if is_bars(target.panel) else "__rate_interval" if drawn else "__range"
    assert windows <= {expected}
    assert target.target["instant"] is not drawn


@pytest.mark.parametrize("target", [t for t in TARGETS if is_bars(t.panel)], ids=str)
def test_bars_count_once_what_happened_in_their_interval(target):
    assert target.panel["interval"] == "2m", "an interval without a scrape would have nothing"
    assert "increase(" not in target.expression
    assert "] offset $__interval" in target.expression


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_a_legend_names_labels_that_the_query_keeps(target):
    labels = set(re.findall(r"{{(\w+)}}", target.target["legendFormat"]))
    kept = {
        label.strip()
        for group in re.findall(r"by \(([^)]*)\)", target.expression)
        for label in group.split(",")
    }
    assert labels <= kept


def test_every_metric_is_shown_or_watched_by_an_alert():
    rules = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    queries = [*(target.query() for target in TARGETS), *(rule["expr"] for rule in rules)]
    assert {name for query in queries for name in asked(query)} == METRICS.keys()


def test_dashboards_fit_a_config_map():
    assert sum(len(str(dashboard)) for dashboard in DASHBOARDS.values()) < 512 * 1024
