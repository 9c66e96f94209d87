"""One deployment, in depth."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.parts import Panel, Row, Seen, build, happened, of_deployment, seconds_quantile

__all__ = ["dashboard"]

_FINISHED = "millstream_flow_runs_finished_total"
_DURATION = "millstream_flow_run_duration_seconds"
_DELAY = "millstream_flow_run_start_delay_seconds"


def dashboard() -> Dashboard:
    """The dashboard."""
    return build(
        "millstream-deployment",
        "Millstream / Deployment",
        "One deployment in depth: its runs, its tasks, its pods, and what it counts itself.",
        [Row("Now", _NOW), Row("Runs", _RUNS), Row("Tasks", _TASKS), Row("What it counts itself", _OWN)],
    )


def _sum(metric: str, by: str = "", window: str = "$__rate_interval", *matchers: str) -> str:
    return f"sum{by and f' by ({by}) '}(increase({of_deployment(metric, *matchers)}[{window}]))"


def _happened(metric: str, by: str) -> str:
    return happened(by, of_deployment(metric))


def _quantile(q: int, metric: str) -> str:
    return seconds_quantile(q, _sum(metric + "_bucket", "le"))


def _mean(metric: str) -> str:
    return f"{_sum(metric + '_sum')} / {_sum(metric + '_count')}"


_NOW = (
    Panel(
        seen=Seen.NUMBER, title="Since the last success", unit="s", width=4, empty="none yet",
        text="Time since a run completed last.",
        queries={"": f'time() - max({of_deployment("millstream_flow_run_last_success_timestamp_seconds")})'},
    ),
    Panel(
        seen=Seen.NUMBER, title="Last duration", unit="s", width=4, empty="none yet",
        text="How long the run took that finished last, the longest of several deployments.",
        queries={"": f'max({of_deployment("millstream_flow_run_last_duration_seconds")})'},
    ),
    Panel(
        seen=Seen.NUMBER, title="Completed", unit="short", width=3, text="Runs that completed in the time that is shown.",
        queries={"": "round(" + _sum(_FINISHED, "", "$__range", 'state="Completed"') + ") or vector(0)"},
    ),
    Panel(
        seen=Seen.NUMBER, title="Failed", unit="short", width=3, warn=1,
        text="Runs that failed, crashed or timed out in the time that is shown.",
        queries={
            "": "round(" + _sum(_FINISHED, "", "$__range", 'state=~"Failed|TimedOut|Crashed"') + ") or vector(0)"
        },
    ),
    Panel(
        seen=Seen.NUMBER, title="Failed in a row", unit="short", width=4, warn=1, empty="no deployment",
        text="Runs that failed, crashed or timed out since one completed, of those that are kept; the most of several deployments.",
        queries={"": f'max({of_deployment("millstream_flow_runs_failed_in_a_row")})'},
    ),
    Panel(
        seen=Seen.NUMBER, title="Skipped", unit="short", width=3,
        text="Runs that were cancelled at once since concurrency.policy is Skip, in the time that is shown.",
        queries={"": f'round({_sum("millstream_flow_runs_skipped_total", "", "$__range")}) or vector(0)'},
    ),
    Panel(
        seen=Seen.NUMBER, title="Pods in trouble", unit="short", width=3, warn=1,
        text="Pods of the whole namespace that failed, were taken away or do not start, in the time that is shown.",
        queries={
            "": 'round(sum(increase(millstream_pod_failures_total'
            '{job=~"$job", instance=~"$instance", namespace=~"$namespace"}[$__range]))) or vector(0)'
        },
    ),
)  # fmt: skip

_RUNS = (
    Panel(
        seen=Seen.LINES, title="Runs by state", text="Runs that exist, final ones included.", unit="short",
        queries={"{{state}}": f'sum by (state) ({of_deployment("millstream_flow_runs")})'},
    ),
    Panel(
        seen=Seen.BARS, title="Ended", text="Runs that became final, in each interval.", unit="short",
        queries={"{{state}}": _happened(_FINISHED, "state")},
    ),
    Panel(
        seen=Seen.BARS, title="Retries", unit="short",
        text="Attempts that were followed by another one: Failure for the code, Disruption for what Kubernetes took away.",
        queries={"{{cause}}": _happened("millstream_flow_run_retries_total", "cause")},
    ),
    Panel(
        seen=Seen.LINES, title="Duration", unit="s",
        text="From the first start of a run to its end, of runs that ended in each interval.",
        queries={"p50": _quantile(50, _DURATION), "p95": _quantile(95, _DURATION), "mean": _mean(_DURATION)},
    ),
    Panel(
        seen=Seen.BUCKETS, title="Runs by duration", unit="short", empty="no run has ended",
        text="Runs that ended in the time that is shown: how many took as many seconds, and more than the bar above.",
        queries={"{{le}}": f'round({_sum(f"{_DURATION}_bucket", "le", "$__range")})'},
    ),
    Panel(
        seen=Seen.LINES, title="Start delay", unit="s",
        text="From the time that a run was due to the start of its container: slots, scheduling, image pull. Times have whole seconds, so 1 s may be less.",
        queries={"p50": _quantile(50, _DELAY), "p95": _quantile(95, _DELAY), "mean": _mean(_DELAY)},
    ),
    Panel(
        seen=Seen.LINES, title="Oldest", unit="s", width=24,
        text="How long the run that has been queued, pending or running for longest has been so.",
        queries={"{{state}}": f'max by (state) ({of_deployment("millstream_flow_run_oldest_seconds")})'},
    ),
)  # fmt: skip

_TASKS = (
    Panel(
        seen=Seen.BARS, title="Task runs", unit="short", width=12,
        text="Task runs that ended, as the completion records of attempts tell when these end.",
        queries={"{{state}}": _happened("millstream_task_runs_finished_total", "state")},
    ),
    Panel(
        seen=Seen.BARS, title="Task retries", unit="short", width=12, text="How often tasks were tried again within attempts.",
        queries={"retries": _happened("millstream_task_retries_total", "")},
    ),
)  # fmt: skip

_OWN = (
    Panel(
        seen=Seen.BARS, title="Counters", unit="short", empty="none is declared", text="What flows counted in each interval, by the names that the deployment declares.",
        queries={"{{metric}}": _happened("millstream_user_counter_total", "metric")},
    ),
    Panel(
        seen=Seen.LINES, title="Gauges", unit="short", empty="none was recorded", text="What the run said that finished last.",
        queries={"{{metric}}": f'max by (metric) ({of_deployment("millstream_user_gauge")})'},
    ),
    Panel(
        seen=Seen.BARS, title="Left out", unit="short", empty="nothing", text="Values that flows recorded and that are not shown, by reason.",
        queries={"{{reason}}": _happened("millstream_user_samples_dropped_total", "reason")},
    ),
)  # fmt: skip
