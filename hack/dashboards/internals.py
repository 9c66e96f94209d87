"""The operator itself."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.parts import Panel, Row, Seen, build, of_operator

__all__ = ["dashboard"]

_REQUESTS = "millstream_operator_api_requests_total"
_RECONCILES = "millstream_operator_reconciles_total"


def dashboard() -> Dashboard:
    """The dashboard."""
    return build(
        "millstream-operator",
        "Millstream / Operator",
        "The operator itself: whether it leads, keeps up, and gets along with the API server.",
        [Row("Now", _NOW), Row("Work", _WORK), Row("API server", _API), Row("Room", _ROOM)],
        clustered=False,
    )


def _rate(metric: str, by: str, *matchers: str) -> str:
    return f"sum by ({by}) (rate({of_operator(metric, *matchers)}[$__rate_interval]))"


def _quantile(q: int, metric: str, by: str) -> str:
    return f"histogram_quantile(0.{q}, {_rate(metric + '_bucket', f'le, {by}')})"


_NOW = (
    Panel(
        seen=Seen.NUMBER, title="Leaders", text="Must be 1: with none nothing is decided.", unit="short", width=4,
        queries={"": f'sum({of_operator("millstream_operator_leader")}) or vector(0)'},
    ),
    Panel(
        seen=Seen.NUMBER, title="Operators", text="Replicas by version.", unit="short", width=4, empty="none",
        queries={"{{version}}": f'count by (version) ({of_operator("millstream_operator_build_info")})'},
    ),
    Panel(
        seen=Seen.NUMBER, title="Oldest in the queue", unit="s", width=4, warn=30,
        text="How long the run or deployment has waited that has waited for longest to be decided about.",
        queries={"": f'max({of_operator("millstream_operator_queue_oldest_seconds")})'},
    ),
    Panel(
        seen=Seen.NUMBER, title="Oldest watch", unit="s", width=4, warn=600,
        text="For how long nothing was heard of some kind of objects: 90 seconds at most, five and a half minutes for FlowDeployments.",
        queries={"": f'max({of_operator("millstream_operator_watch_age_seconds")})'},
    ),
    Panel(
        seen=Seen.NUMBER, title="Event loop's lag", unit="s", width=4, warn=5,
        text="How late the operator runs what is due.",
        queries={"": f'max({of_operator("millstream_operator_loop_lag_seconds")})'},
    ),
    Panel(
        seen=Seen.NUMBER, title="Observations left out", unit="short", width=4, warn=1,
        text="Observations left out in the time that is shown, since their metric has as many series as it may have.",
        queries={
            "": f'round(sum(increase({of_operator("millstream_operator_series_dropped_total")}[$__range]))) or vector(0)'
        },
    ),
)  # fmt: skip

_WORK = (
    Panel(
        seen=Seen.LINES, title="Queue", text="Runs and deployments that wait to be decided about.", unit="short",
        queries={"{{instance}}": f'max by (instance) ({of_operator("millstream_operator_queue_length")})'},
    ),
    Panel(
        seen=Seen.LINES, title="Decisions", text="Decisions a second, with what they did, by result.", unit="ops",
        queries={"{{kind}} {{result}}": _rate(_RECONCILES, "kind, result")},
    ),
    Panel(
        seen=Seen.LINES, title="Duration of decisions", text="With all that a decision does, 95 of 100.", unit="s",
        queries={"{{kind}}": _quantile(95, "millstream_operator_reconcile_duration_seconds", "kind")},
    ),
)  # fmt: skip

_API = (
    Panel(
        seen=Seen.LINES, title="Requests", text="Requests a second, by verb and status; 0 is no answer.", unit="reqps",
        queries={"{{verb}} {{code}}": _rate(_REQUESTS, "verb, code")},
    ),
    Panel(
        seen=Seen.LINES, title="Refused or not answered", unit="reqps", empty="none",
        text="409 is usual where others write as well; 429 is the API server asking for patience.",
        queries={"{{verb}} {{resource}} {{code}}": _rate(_REQUESTS, "verb, resource, code", 'code!~"2.."')},
    ),
    Panel(
        seen=Seen.LINES, title="Duration of requests", text="95 of 100, by verb.", unit="s",
        queries={"{{verb}}": _quantile(95, "millstream_operator_api_request_duration_seconds", "verb")},
    ),
    Panel(
        seen=Seen.LINES, title="Age of watches", unit="s", width=24,
        text="How long ago anything was heard of objects of a kind; of FlowDeployments, the last list, which comes every five minutes.",
        queries={"{{resource}}": f'max by (resource) ({of_operator("millstream_operator_watch_age_seconds")})'},
    ),
)  # fmt: skip

_ROOM = (
    Panel(
        seen=Seen.LINES, title="Size of objects", unit="bytes", width=12,
        text="Of objects that the operator wrote, 95 of 100. The API server takes about a mebibyte.",
        queries={"{{resource}}": _quantile(95, "millstream_operator_object_bytes", "resource")},
    ),
    Panel(
        seen=Seen.LINES, title="Left out by metric", text="Observations a second that found no room.", unit="ops", width=12, empty="nothing",
        queries={"{{metric}}": _rate("millstream_operator_series_dropped_total", "metric")},
    ),
)  # fmt: skip
