"""The fleet: all deployments at a glance."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.parts import FLEET, Panel, Row, Seen, build, happened, of_deployment, seconds_quantile

__all__ = ["dashboard"]

_FINISHED = "millstream_flow_runs_finished_total"
_RUNS = "millstream_flow_runs"
_BAD = 'state=~"Failed|TimedOut|Crashed"'
_COMPLETED = 'state="Completed"'
_RUNNING = 'state="Running"'
_NOT_RUNNING = 'state!="Running"'
_WAITING = 'state=~"Queued|Pending|AwaitingRetry"'
_LIVE = 'state!~"Completed|Failed|TimedOut|Crashed|Cancelled"'
_JUDGED = 'state=~"Completed|Failed|TimedOut|Crashed"'
_INFO = f"max by (namespace, deployment, owner, severity) ({of_deployment('millstream_deployment_info')})"
_SUCCESS = (
    f"max by (namespace, deployment) ({of_deployment('millstream_flow_run_last_success_timestamp_seconds')})"
)
_IN_A_ROW = f"max by (namespace, deployment) ({of_deployment('millstream_flow_runs_failed_in_a_row')})"


def dashboard() -> Dashboard:
    """The dashboard."""
    return build(
        FLEET,
        "Millstream / Fleet",
        "All deployments at a glance: what runs, what waits, what fails.",
        [Row("Now", _NOW), Row("Runs", _OVER_TIME), Row("Where to look", _LISTS)],
    )


def _since(metric: str, *matchers: str) -> str:
    return f"sum(increase({of_deployment(metric, *matchers)}[$__range]))"


def _quantiles(metric: str) -> dict[str, str]:
    buckets = f"sum by (le) (increase({of_deployment(metric + '_bucket')}[$__rate_interval]))"
    return {f"p{q}": seconds_quantile(q, buckets) for q in (50, 95)}


_NOW = (
    Panel(
        seen=Seen.NUMBER, title="Running", text="Runs whose container runs now.", unit="short", width=4,
        queries={"": f"sum({of_deployment(_RUNS, _RUNNING)}) or vector(0)"},
    ),
    Panel(
        seen=Seen.NUMBER, title="Waiting", width=4, unit="short",
        text="Runs that are due and do not run: they wait for a slot, for a pod, or for their next attempt.",
        queries={"": f"sum({of_deployment(_RUNS, _WAITING)}) or vector(0)"},
    ),
    Panel(
        seen=Seen.NUMBER, title="Finished", text="Runs that became final in the time that is shown.", unit="short", width=4,
        queries={"": f"round({_since(_FINISHED)}) or vector(0)"},
    ),
    Panel(
        seen=Seen.NUMBER, title="Failed", unit="short", width=4, warn=1,
        text="Runs that failed, crashed or timed out in the time that is shown.",
        queries={"": f"round({_since(_FINISHED, _BAD)}) or vector(0)"},
    ),
    Panel(
        seen=Seen.NUMBER, title="Success ratio", unit="percentunit", width=4, empty="no run has ended",
        text="Completed runs among those that ended in the time that is shown; cancelled ones are left out.",
        queries={"": f"{_since(_FINISHED, _COMPLETED)} / ({_since(_FINISHED, _JUDGED)} > 0)"},
    ),
    Panel(
        seen=Seen.NUMBER, title="Suspended deployments", text="Deployments whose schedules rest.", unit="short", width=4,
        queries={"": f'sum({of_deployment("millstream_deployment_suspended")}) or vector(0)'},
    ),
)  # fmt: skip

_OVER_TIME = (
    Panel(
        seen=Seen.LINES, title="Runs by state", text="Runs that exist and are not final.", unit="short", width=12,
        queries={
            "{{state}}": f"sum by (state) ({of_deployment(_RUNS, _LIVE)})"
        },
    ),
    Panel(
        seen=Seen.BARS, title="Ended", text="Runs that became final, in each interval.", unit="short", width=12,
        queries={"{{state}}": happened("state", of_deployment(_FINISHED))},
    ),
    Panel(
        seen=Seen.BARS, title="Begun", text="Runs that the operator took up in each interval, by what made them.", unit="short",
        queries={"{{trigger}}": happened("trigger", of_deployment("millstream_flow_runs_created_total"))},
    ),
    Panel(
        seen=Seen.LINES, title="Duration", unit="s",
        text="From the first start of a run to its end, of runs that ended in each interval. Buckets grow by two or three.",
        queries=_quantiles("millstream_flow_run_duration_seconds"),
    ),
    Panel(
        seen=Seen.LINES, title="Start delay", unit="s",
        text="From the time that a run was due to the start of its container: slots, scheduling, image pull. Times have whole seconds, so 1 s may be less.",
        queries=_quantiles("millstream_flow_run_start_delay_seconds"),
    ),
)  # fmt: skip

_LISTS = (
    Panel(
        seen=Seen.TABLE, title="Most failures", unit="short", width=8, empty="none",
        text="Deployments by the runs that failed, crashed or timed out in the time that is shown.",
        queries={
            "": f"topk(10, round(sum by (namespace, deployment) (increase({of_deployment(_FINISHED, _BAD)}[$__range])))) > 0"
        },
    ),
    Panel(
        seen=Seen.TABLE, title="Failed in a row", unit="short", width=8, empty="none",
        text="Deployments by the runs that failed, crashed or timed out since one completed, of those that are kept.",
        queries={"": f"topk(20, {_IN_A_ROW} > 0)"},
    ),
    Panel(
        seen=Seen.TABLE, title="Time since the last success", unit="s", width=8, empty="none yet", infinite="never",
        text="The deployments for which it is longest, with the owner and severity that they name; never where runs have only failed.",
        queries={
            "": f"topk(20, {_INFO} * on (namespace, deployment) group_left () (time() - {_SUCCESS} or ({_IN_A_ROW} > 0) * Inf))"
        },
    ),
    Panel(
        seen=Seen.TABLE, title="What goes wrong with pods", unit="short", width=6, empty="nothing",
        text="Pods of the chosen namespaces that failed, were taken away or do not start, in the time that is shown.",
        queries={
            "": 'round(sum by (namespace, reason) (increase(millstream_pod_failures_total'
            '{job=~"$job", instance=~"$instance", namespace=~"$namespace"}[$__range]))) > 0'
        },
    ),
    Panel(
        seen=Seen.TABLE, title="Retries", unit="short", width=6, empty="none",
        text="Attempts that were followed by another in the time that is shown: Failure for the code, Disruption for what Kubernetes took away.",
        queries={
            "": f'round(sum by (namespace, deployment, cause) (increase({of_deployment("millstream_flow_run_retries_total")}[$__range]))) > 0'
        },
    ),
    Panel(
        seen=Seen.TABLE, title="Waiting for longest", unit="s", width=6, empty="nothing waits",
        text="How long the oldest run of a deployment has been queued or pending.",
        queries={
            "": f'topk(10, max by (namespace, deployment, state) ({of_deployment("millstream_flow_run_oldest_seconds", _NOT_RUNNING)}))'
        },
    ),
    Panel(
        seen=Seen.TABLE, title="Running for longest", unit="s", width=6, empty="nothing runs",
        text="How long the oldest run of a deployment has been running.",
        queries={
            "": f'topk(10, max by (namespace, deployment) ({of_deployment("millstream_flow_run_oldest_seconds", _RUNNING)}))'
        },
    ),
)  # fmt: skip
