"""What the dashboards have in common: their variables and links, and the panels that they are made of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count

from grafana_foundation_sdk.builders import common, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as grafana
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.common import GraphDrawStyle, LegendDisplayMode, StackingMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

__all__ = ["FLEET", "TAG", "Panel", "Row", "Seen", "build", "of_deployment", "of_operator"]

TAG = "millstream"
FLEET = "millstream-fleet"
_SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
_DRILL_DOWN = (
    "/d/millstream-deployment?${datasource:queryparam}&${__url_time_range}"
    "&var-namespace=${__data.fields.namespace}&var-deployment=${__data.fields.deployment}"
)
_COLUMNS = 24
_INSTANCES = 'job=~"$job", instance=~"$instance"'


def of_deployment(metric: str, *matchers: str) -> str:
    """Select the series of the chosen namespaces and deployments."""
    chosen = (_INSTANCES, 'namespace=~"$namespace"', 'deployment=~"$deployment"', *matchers)
    return f"{metric}{{{', '.join(chosen)}}}"


def of_operator(metric: str, *matchers: str) -> str:
    """Select the series of the operators."""
    return f"{metric}{{{', '.join((_INSTANCES, *matchers))}}}"


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A panel.

    Attributes:
        seen: as a number, a table, lines, or bars upon each other.
        title: in a few words.
        text: what it shows, a sentence or two.
        unit: Grafana's name of the unit.
        queries: PromQL by the legend of its series.
        width: of 24 columns.
        empty: what stands there if there is nothing.
        warn: value from which on a number is red.
    """

    seen: "Seen"
    title: str
    text: str
    unit: str
    queries: dict[str, str]
    width: int = 8
    empty: str = ""
    warn: float | None = None


class Seen:
    """The ways in which a panel shows its figures."""

    NUMBER = "number"
    TABLE = "table"
    LINES = "lines"
    BARS = "bars"


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


_AnyPanel = stat.Panel | table.Panel | timeseries.Panel


def _panel(panel: Panel) -> _AnyPanel:
    made: _AnyPanel = _SHAPES[panel.seen](panel)
    made.title(panel.title).description(panel.text).datasource(_SOURCE).unit(panel.unit)
    made.span(panel.width).height(4 if panel.seen == Seen.NUMBER else 8)
    if panel.empty:
        made.no_value(panel.empty)
    for number, (legend, expression) in enumerate(panel.queries.items()):
        query = prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(chr(ord("A") + number))
        query.datasource(_SOURCE)
        if panel.seen in {Seen.NUMBER, Seen.TABLE}:
            query.instant()
        else:
            query.range().exemplar(True)
        if panel.seen == Seen.TABLE:
            query.format(PromQueryFormat.TABLE)
        made.with_target(query)
    return made


def _number(panel: Panel) -> stat.Panel:
    made = stat.Panel().reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    if panel.warn is not None:
        steps = [models.Threshold(color="green", value=None), models.Threshold(color="red", value=panel.warn)]
        made.thresholds(grafana.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps))
    return made


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
    return _lines(panel).draw_style(GraphDrawStyle.BARS).fill_opacity(80).stacking(stacked)


_SHAPES = {Seen.NUMBER: _number, Seen.TABLE: _table, Seen.LINES: _lines, Seen.BARS: _bars}
