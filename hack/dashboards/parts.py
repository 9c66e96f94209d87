"""What the dashboards have in common: their variables and links, and the panels that they are made of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count

from grafana_foundation_sdk.builders import bargauge, common, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as grafana
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.common import (
    GraphDrawStyle,
    LegendDisplayMode,
    StackingMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

__all__ = [
    "FLEET",
    "TAG",
    "Panel",
    "Row",
    "Seen",
    "build",
    "happened",
    "of_deployment",
    "of_operator",
    "seconds_quantile",
]

TAG = "millstream"
FLEET = "millstream-fleet"
_SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
_DRILL_DOWN = (
    "/d/millstream-deployment?${datasource:queryparam}&${__url_time_range}"
    "&var-namespace=${__data.fields.namespace}&var-deployment=${__data.fields.deployment}"
)
_COLUMNS = 24
_NARROWEST_BAR = "2m"
"""An interval has to have a scrape, or its bar has nothing."""
_NEUTRAL = "blue"
_INSTANCES = 'job=~"$job", instance=~"$instance"'


def of_deployment(metric: str, *matchers: str) -> str:
    """Select the series of the chosen namespaces and deployments."""
    chosen = (_INSTANCES, 'namespace=~"$namespace"', 'deployment=~"$deployment"', *matchers)
    return f"{metric}{{{', '.join(chosen)}}}"


def of_operator(metric: str, *matchers: str) -> str:
    """Select the series of the operators."""
    return f"{metric}{{{', '.join((_INSTANCES, *matchers))}}}"


def happened(by: str, series: str, lasting: str = "") -> str:
    """Count what happened in each interval, an event once: `increase` guesses what was between two intervals.

    What was known before may be an hour old, as no operator may have been there. What has begun, or begun anew,
    counts from its least value on: what a process counted since the last bar and before its end is not seen.

    Args:
        by: labels of the bars.
        series: of a counter.
        lasting: labels of a counter that goes on in another operator's series.
    """

    def one(aggregated: str, values: str) -> str:
        return f"{aggregated} by ({lasting}) ({values})" if lasting else values

    now = one("max", f"last_over_time({series}[$__interval])")
    before = one("max", f"last_over_time({series}[1h] offset $__interval)")
    begun = one("min", f"min_over_time({series}[$__interval])")
    return f"sum by ({by}) ({now} - ({before} <= {now} or {begun}))"


def seconds_quantile(q: int, buckets: str) -> str:
    """Give a quantile, in hundredths, of times that objects have in whole seconds: less than one cannot be known."""
    return f"clamp_min(histogram_quantile(0.{q}, {buckets}), 1)"


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A panel.

    Attributes:
        seen: as a number, a table, lines, bars upon each other, or the buckets of a histogram.
        title: in a few words.
        text: what it shows, a sentence or two.
        unit: Grafana's name of the unit.
        queries: PromQL by the legend of its series.
        width: of 24 columns.
        empty: what stands there if there is nothing.
        warn: value from which on a number is red, and green below; without it, it is neither good nor bad.
        infinite: what stands in place of a value that is.
    """

    seen: "Seen"
    title: str
    text: str
    unit: str
    queries: dict[str, str]
    width: int = 8
    empty: str = ""
    warn: float | None = None
    infinite: str = ""


class Seen:
    """The ways in which a panel shows its figures."""

    NUMBER = "number"
    TABLE = "table"
    LINES = "lines"
    BARS = "bars"
    BUCKETS = "buckets"


@dataclass(frozen=True)
class Row:
    """Panels under a title."""

    title: str
    panels: Sequence[Panel]


def build(
    uid: str, title: str, text: str, rows: Iterable[Row], *, clustered: bool = True
) -> grafana.Dashboard:
    """Put a dashboard together.

    Args:
        uid: never changes: links and people's bookmarks name it.
        title: shown.
        text: what it is for.
        rows: of panels.
        clustered: whether it is about namespaces and deployments, and not about operators only.
    """
    made = (
        grafana.Dashboard(title)
        .uid(uid)
        .description(text)
        .tags([TAG])
        .readonly()
        .refresh("30s")
        .time("now-6h", "now")
        .timezone("browser")
        .link(
            grafana.DashboardLink("Millstream").type(models.DashboardLinkType.DASHBOARDS).tags([TAG])
            .as_dropdown(True).include_vars(True).keep_time(True)
        )
    )  # fmt: skip
    for variable in _variables(clustered=clustered):
        made.with_variable(variable)
    ids = count(1)
    for row in rows:
        made.with_row(grafana.Row(row.title).id(next(ids)))
        for panel in row.panels:
            made.with_panel(_panel(panel).id(next(ids)))
    return made


def _variables(*, clustered: bool) -> list[grafana.DatasourceVariable | grafana.QueryVariable]:
    build_info, info = "millstream_operator_build_info", "millstream_deployment_info"
    found: list[grafana.DatasourceVariable | grafana.QueryVariable] = [
        grafana.DatasourceVariable("datasource").label("Data source").type("prometheus"),
        _query("job", "Job", f"label_values({build_info}, job)"),
        _query("instance", "Operator", f'label_values({build_info}{{job=~"$job"}}, instance)'),
    ]
    if clustered:
        found += [
            _query("namespace", "Namespace", f'label_values({info}{{job=~"$job"}}, namespace)'),
            _query(
                "deployment", "Deployment",
                f'label_values({info}{{job=~"$job", namespace=~"$namespace"}}, deployment)',
            ),
        ]  # fmt: skip
    return found


def _query(name: str, label: str, query: str) -> grafana.QueryVariable:
    return (
        grafana.QueryVariable(name)
        .label(label)
        .datasource(_SOURCE)
        .query(query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(models.VariableOption(text="All", value="$__all", selected=True))
    )


_AnyPanel = bargauge.Panel | stat.Panel | table.Panel | timeseries.Panel
_AT_ONE_TIME = {Seen.NUMBER, Seen.TABLE, Seen.BUCKETS}
_FORMATS = {Seen.TABLE: PromQueryFormat.TABLE, Seen.BUCKETS: PromQueryFormat.HEATMAP}


def _panel(panel: Panel) -> _AnyPanel:
    made: _AnyPanel = _SHAPES[panel.seen](panel)
    made.title(panel.title).description(panel.text).datasource(_SOURCE).unit(panel.unit)
    made.span(panel.width).height(4 if panel.seen == Seen.NUMBER else 8)
    if panel.empty:
        made.no_value(panel.empty)
    if panel.infinite:
        never = models.ValueMappingResult(text=panel.infinite, color="red")
        made.mappings([models.ValueMap(options={"Infinity": never})])
    for number, (legend, expression) in enumerate(panel.queries.items()):
        query = prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(chr(ord("A") + number))
        query.datasource(_SOURCE)
        if panel.seen in _AT_ONE_TIME:
            query.instant()
        else:
            query.range().exemplar(True)
        if panel.seen in _FORMATS:
            query.format(_FORMATS[panel.seen])
        made.with_target(query)
    return made


def _number(panel: Panel) -> stat.Panel:
    made = stat.Panel().reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    if panel.warn is None:
        return made.thresholds(_colours(_NEUTRAL))
    return made.thresholds(_colours("green", red=panel.warn))


def _colours(usual: str, red: float | None = None) -> grafana.ThresholdsConfig:
    """Colour values. Where nothing is said, Grafana has green, and red from 80 on."""
    steps = [models.Threshold(color=usual, value=None)]
    if red is not None:
        steps.append(models.Threshold(color="red", value=red))
    return grafana.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def _table(panel: Panel) -> table.Panel:
    made = (
        table.Panel()
        .show_header(True)
        .with_transformation(
            models.DataTransformerConfig(id_val="organize", options={"excludeByName": {"Time": True}})
        )
    )
    if any("deployment)" in query or "deployment," in query for query in panel.queries.values()):
        made.data_links([grafana.DashboardLink("This deployment").url(_DRILL_DOWN)])
    return made


def _lines(_: Panel) -> timeseries.Panel:
    legend = common.VizLegendOptions().show_legend(True).display_mode(LegendDisplayMode.LIST)
    return timeseries.Panel().fill_opacity(5).line_width(1).legend(legend).min(0)


def _bars(panel: Panel) -> timeseries.Panel:
    stacked = common.StackingConfig().mode(StackingMode.NORMAL).group("A")
    bars = _lines(panel).draw_style(GraphDrawStyle.BARS).fill_opacity(80).stacking(stacked)
    return bars.interval(_NARROWEST_BAR)


def _buckets(_: Panel) -> bargauge.Panel:
    """A bar for each bucket. Grafana takes from each, in the format of heatmaps, what the smaller ones have."""
    last = common.ReduceDataOptions().calcs(["lastNotNull"])
    bars = bargauge.Panel().reduce_options(last).orientation(VizOrientation.HORIZONTAL).min(0)
    return bars.thresholds(_colours(_NEUTRAL))


_SHAPES = {
    Seen.NUMBER: _number,
    Seen.TABLE: _table,
    Seen.LINES: _lines,
    Seen.BARS: _bars,
    Seen.BUCKETS: _buckets,
}
