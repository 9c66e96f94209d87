"""What `make demo` has of monitoring: a Prometheus of its own, with the chart's alerts, and what it knows in the end.

    demo_monitoring.py serve FOLDER     run one, which scrapes the operator through the API server, until SIGTERM or Ctrl-C
    demo_monitoring.py wait FOLDER      until it has seen what is so now
    demo_monitoring.py show FOLDER      its alerts, some figures of the dashboards, and the dashboards' pictures

Needs KUBECONFIG and `hack/cluster/cluster prometheus`.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from dashboard_pictures import Span

sys.path.insert(0, str(Path(__file__).parent / "cluster"))

import control_plane
from grafana import DASHBOARDS, TARGETS
from prometheus_server import Prometheus, run_prometheus, until

ALERTS = Path(__file__).parents[1] / "charts/millstream/files/alerts.yaml"
METRICS = "/api/v1/namespaces/millstream-system/services/millstream-metrics:metrics/proxy/metrics"
FIGURES = {
    "millstream-fleet": ("Finished", "Success ratio"),
    "millstream-deployment": ("Last duration", "Skipped"),
    "millstream-schedules": ("Missed",),
    "millstream-operator": ("Leaders", "Oldest watch", "Event loop's lag"),
}
SOURCE = "a Prometheus that scraped the demo's operator"
_STOP_SECONDS = 20


@contextmanager
def api_server() -> Iterator[str]:
    """Lead to the API server, with the rights of the kubeconfig; give `host:port`."""
    command = [control_plane.program("kubectl"), "proxy", "--port=0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        said = process.stdout.readline() if process.stdout else ""
        found = re.search(r"127\.0\.0\.1:\d+", said)
        if not found:
            raise ChildProcessError(f"kubectl proxy does not say where it listens: {said!r}")
        yield found[0]
    finally:
        process.terminate()
        process.wait(_STOP_SECONDS)


def serve(folder: Path) -> None:
    """Run Prometheus until a signal comes, or the one who started this has ended."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    parent = os.getppid()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with api_server() as target, run_prometheus(target, folder, ALERTS, path=METRICS) as prometheus:
        (folder / "url").write_text(prometheus.url)
        print(f"It is at {prometheus.url} until this program ends.", flush=True)
        while os.getppid() == parent:
            time.sleep(1)


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit()


def wait(folder: Path) -> tuple[Prometheus, float]:
    """Wait until Prometheus has seen what is so now; give it, and the time of what it saw."""
    now, url = time.time(), folder / "url"
    until(url.exists, f"Prometheus begins: {folder}/log")
    prometheus = Prometheus(url.read_text())
    return prometheus, prometheus.scraped_after(now)


def show(folder: Path) -> None:
    """Say what Prometheus knows, and draw the dashboards."""
    from dashboard_pictures import Span, draw_all  # noqa: PLC0415 - slow, and `serve` has to be there soon

    prometheus, end = wait(folder)
    check = [control_plane.program("promtool"), "check", "rules", str(ALERTS)]
    subprocess.run(check, check=True)
    _show_alerts(prometheus)
    span = Span(min(_first(prometheus), end - 60), end, SOURCE)
    _show_figures(prometheus, span)
    print("\nThe dashboards, drawn from what it answers to their queries:")
    for path in draw_all(prometheus, folder / "pictures", span):
        print(f"  {path}")


def _show_alerts(prometheus: Prometheus) -> None:
    until(lambda: {rule["health"] for rule in prometheus.rules()} == {"ok"}, "all alerts can be computed")
    rules = prometheus.rules()
    print(f"{len(rules)} alerts are loaded in Prometheus {prometheus.version()}, which ends with the demo:")
    for rule in rules:
        print(f"  {rule['state']:9} {rule['name']}")


def _show_figures(prometheus: Prometheus, span: "Span") -> None:
    from dashboard_pictures import shown  # noqa: PLC0415 - as above

    print(f"\nFigures of the dashboards, by their own queries, {span.words}:")
    for target in TARGETS:
        if target.title in FIGURES[target.dashboard]:
            value = max(
                (points[-1][1] for _, points in prometheus.instant(target.query(span.window), span.end)),
                default=None,
            )
            unit = target.panel["fieldConfig"]["defaults"]["unit"]
            text = "none" if value is None else shown(value, unit)
            print(f"  {DASHBOARDS[target.dashboard]['title']:24} {target.title:20} {text}")


def _first(prometheus: Prometheus) -> float:
    """Give the time of the first scrape."""
    query = "min_over_time(timestamp(millstream_operator_leader)[1d:1s])"
    return min(prometheus.ask(query).values())


if __name__ == "__main__":
    {"serve": serve, "wait": wait, "show": show}[sys.argv[1]](Path(sys.argv[2]))
