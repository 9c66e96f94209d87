"""Write docs/metrics.md from the operator's registry of metrics; --check only compares."""

import sys
from pathlib import Path

from generated import write_or_check

from millstream_operator.metric_registry import LABEL_VALUES, METRICS, Metric
from millstream_operator.metrics import MOST_SERIES

PAGE = Path(__file__).parents[1] / "docs/metrics.md"
HEAD = """# Metrics

What the operator shows at `/metrics` on port 8080 (the Service `millstream-metrics`), in Prometheus' text format, or as OpenMetrics for
those who ask for that. This page is made from the operator's registry, and dashboards and alerts are checked against the same list.
How a flow records figures of its own is in [user_metrics.md](user_metrics.md), and what to look at first in [dashboards.md](dashboards.md).

Scrape it with `honorLabels: true`, or Prometheus puts the operator's own namespace in place of the deployments'.

Labels are namespaces, deployments that exist, and closed lists; never the name of a run, a pod or a node. In OpenMetrics, counters and
durations of runs carry the name of the newest run as an exemplar (start Prometheus with `--enable-feature=exemplar-storage`). A run of a
template, or of a deployment that does not exist, has `deployment=""`.

The replica that leads shows what is about runs and deployments; each shows what is about itself. So
`sum without (instance, pod) (…)` is right for counters, and `max without (instance, pod) (…)` for gauges.
A metric has at most {most:,} series, which is {deployments:,} deployments for a histogram; observations beyond that are counted in
`millstream_operator_series_dropped_total`. The series of a deployment begin at zero when it is first seen, its histograms with the first
run that they tell of, and go after it is deleted.

## What can be relied on

- Gauges about the cluster are computed from the operator's cache when they are asked for. After a restart or a change of the leader they
  are what they were. So is what the table calls lasting: it is stored in the deployment's status, in the write that it is about. Ask for it
  by `max by (…) (x) - min by (…) (min_over_time(x[1h]))`: the series of a new operator begins where the last one's ended, or beyond.
- Of the ticks that have passed while no operator was there, the newest 100 of a schedule are looked at, and counted.
- The other counters begin at zero with each process, as `rate` and `increase` expect. A change of a run counts once: for the operator that
  leads when it becomes known, and not again after a restart.
- A new series is shown as zero for two minutes after its first scrape, then with what has been counted meanwhile: `increase` and `rate` see
  only what is added to a series that they know, and so they see also what had happened while no operator was there. As long a series is
  shown with its last value when its deployment is deleted, if it has counted anything, and if anybody has scraped in the last twelve
  minutes. So each Prometheus that scrapes at least once a minute sees all of it, also if one scrape fails. For longer intervals give the
  operator the longest, `MILLSTREAM_OPERATOR_SCRAPE_SECONDS`: the time is twice that. The chart does so for its ServiceMonitor or
  PodMonitor.
- What the operator had counted since the last scrape dies with it when it is killed, and so does what it has not shown yet. An end that was
  stored when the operator died, and whose pod had not been let go of yet, is counted by the next one. So between two scrapes a kill can lose
  runs, and hardly ever counts one twice: only if the scrape came within the milliseconds between the two writes.
- Times of runs are those of their statuses, which have whole seconds, as Kubernetes' own: a delay of less than one says no more than that.
- For figures that must be exact ask for the FlowRuns themselves, as long as `runHistory` keeps them, or for `millstream_flow_runs`.

"""
SECTIONS = {
    "Runs": ("millstream_flow_run", "millstream_pod_"),
    "Tasks": ("millstream_task_",),
    "Deployments and schedules": ("millstream_deployment_", "millstream_schedule_"),
    "What flows record": ("millstream_user_",),
    "The operator": ("millstream_operator_",),
}


def page() -> str:
    """The page as it should be."""
    return HEAD.format(most=MOST_SERIES, deployments=_most_deployments()) + "\n".join(
        _section(title, *SECTIONS[title]) for title in SECTIONS
    )


def _most_deployments() -> int:
    return MOST_SERIES // max(metric.series for metric in METRICS.values())


def _section(title: str, *prefixes: str) -> str:
    rows = "".join(_row(metric) for metric in METRICS.values() if metric.name.startswith(prefixes))
    return f"## {title}\n\n| metric | type | unit | labels | what it says |\n| --- | --- | --- | --- | --- |\n{rows}"


def _row(metric: Metric) -> str:
    kind = f"{metric.kind}, lasting" if metric.lasts and metric.kind == "counter" else metric.kind
    labels = ", ".join(_label(metric, label) for label in metric.labels)
    return f"| `{metric.name}` | {kind} | {metric.unit} | {labels} | {metric.text} |\n"


def _label(metric: Metric, label: str) -> str:
    values = LABEL_VALUES.get((metric.name, label))
    return f"`{label}`: {' '.join(values)}" if values else f"`{label}`"


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page()))
