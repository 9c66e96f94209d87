"""Schedules: what fired, what was missed, and what comes next."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.parts import Panel, Row, Seen, build, happened, of_deployment, seconds_quantile

__all__ = ["dashboard"]

_TICKS = "millstream_schedule_ticks_total"
_LAG = of_deployment("millstream_schedule_lag_seconds_bucket")
_MISSED = 'outcome="Missed"'
_NEXT = of_deployment("millstream_schedule_next_timestamp_seconds")
_CREATED = of_deployment("millstream_flow_runs_created_total", 'trigger="Schedule"')


def dashboard() -> Dashboard:
    """The dashboard."""
    return build(
        "millstream-schedules",
        "Millstream / Schedules",
        "What fired, what was missed, and what comes next.",
        [Row("Ticks", _HAPPENED), Row("Deployments", _LISTS)],
    )


def _passed(*matchers: str) -> str:
    """Count ticks. The counter lasts, so that what a new operator finds missed is seen though its series are new."""
    ticks, by = of_deployment(_TICKS, *matchers), "by (namespace, deployment)"
    return f"max {by} ({ticks}) - min {by} (min_over_time({ticks}[$__range]))"


def _ticks(outcome: str) -> str:
    chosen = f'outcome="{outcome}"'
    return f"sum({_passed(chosen)}) or vector(0)"


def _quantile(q: int) -> str:
    return seconds_quantile(q, f"sum by (le) (increase({_LAG}[$__rate_interval]))")


_HAPPENED = (
    Panel(
        seen=Seen.NUMBER, title="Fired", text="Ticks that made a run, in the time that is shown.", unit="short", width=6,
        queries={"": _ticks("Fired")},
    ),
    Panel(
        seen=Seen.NUMBER, title="Missed", unit="short", width=6, warn=1,
        text="Ticks that made none, as no operator was there in time and the schedule's policy says so.",
        queries={"": _ticks("Missed")},
    ),
    Panel(
        seen=Seen.NUMBER, title="Skipped", unit="short", width=6,
        text="Runs that were cancelled at once since concurrency.policy is Skip, in the time that is shown.",
        queries={
            "": f'round(sum(increase({of_deployment("millstream_flow_runs_skipped_total")}[$__range]))) or vector(0)'
        },
    ),
    Panel(
        seen=Seen.NUMBER, title="Suspended", text="Deployments whose schedules rest.", unit="short", width=6,
        queries={"": f'sum({of_deployment("millstream_deployment_suspended")}) or vector(0)'},
    ),
    Panel(
        seen=Seen.BARS, title="Ticks", text="Ticks that passed in each interval.", unit="short",
        queries={
            "{{outcome}}": happened("outcome", of_deployment(_TICKS), "namespace, deployment, outcome"),
        },
    ),
    Panel(
        seen=Seen.BARS, title="Scheduled runs", text="Runs of schedules that the operator took up in each interval.", unit="short",
        queries={"runs": happened("", _CREATED)},
    ),
    Panel(
        seen=Seen.LINES, title="Lag", text="From a tick to the creation of its run, which has whole seconds, so 1 s may be less.", unit="s",
        queries={"p50": _quantile(50), "p95": _quantile(95)},
    ),
)  # fmt: skip

_LISTS = (
    Panel(
        seen=Seen.TABLE, title="Next ticks", unit="s", width=12, empty="none",
        text="Time until the next tick of each deployment, the nearest at first; less than zero if it is overdue.",
        queries={"": f"sort(max by (namespace, deployment) ({_NEXT}) - time())"},
    ),
    Panel(
        seen=Seen.TABLE, title="Missed ticks", unit="short", width=12, empty="none",
        text="Deployments with ticks that made no run, in the time that is shown.",
        queries={"": f"{_passed(_MISSED)} > 0"},
    ),
)  # fmt: skip
