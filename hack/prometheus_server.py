"""A Prometheus of one's own, with its configuration, its data and its port; and what it answers."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import control_plane
import requests

__all__ = ["JOB", "Prometheus", "Series", "run_prometheus", "until"]

T = TypeVar("T")
Labels = frozenset[tuple[str, str]]
Series = tuple[dict[str, str], list[tuple[float, float]]]
"""Labels, and pairs of a time and a value."""

JOB = "millstream-operator"
_DEADLINE_SECONDS = 240
_STOP_SECONDS = 60


def until(probe: Callable[[], T], what: str) -> T:
    """Ask until the answer is true."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while not (answer := probe()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {_DEADLINE_SECONDS} s: {what}")
        time.sleep(0.05)
    return answer


class Prometheus:
    """The interface of a Prometheus."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ready(self) -> bool:
        """Whether it answers queries."""
        with suppress(requests.ConnectionError):
            return requests.get(f"{self.url}/-/ready", timeout=5).ok
        return False

    def instant(self, query: str, at: float | None = None) -> list[Series]:
        """Give what is so at one time, now if none is given."""
        parameters = {"query": query} | ({} if at is None else {"time": at})
        return [
            (series["metric"], _points([series["value"]]))
            for series in self._get("query", parameters)["result"]
        ]

    def lines(self, query: str, start: float, end: float, step: float = 1) -> list[Series]:
        """Give what was so over a time."""
        parameters = {"query": query, "start": start, "end": end, "step": step}
        found = self._get("query_range", parameters)["result"]
        return [(series["metric"], _points(series["values"])) for series in found]

    def ask(self, query: str, at: float | None = None) -> dict[Labels, float]:
        """Give what is so at one time, by the labels of the series that do not name the operator."""
        return {_own(labels): points[0][1] for labels, points in self.instant(query, at)}

    def latest_scrape(self) -> float:
        """Give the time of the newest scrape."""
        return max(self.ask("timestamp(millstream_operator_leader)").values(), default=0.0)

    def scraped_after(self, moment: float) -> float:
        """Wait for a scrape that began after a moment; give its time."""
        return until(lambda: (found := self.latest_scrape()) > moment and found, "a scrape")

    def rules(self) -> list[dict[str, Any]]:
        """Give the rules that it has loaded."""
        return [rule for group in self._get("rules", {})["groups"] for rule in group["rules"]]

    def version(self) -> str:
        """Give its version."""
        return str(self._get("status/buildinfo", {})["version"])

    def exemplars(self, query: str) -> Any:
        """Give the exemplars of the last ten minutes."""
        return self._get("query_exemplars", {"query": query, "start": time.time() - 600, "end": time.time()})

    def _get(self, what: str, parameters: dict[str, Any]) -> Any:
        answer = requests.get(f"{self.url}/api/v1/{what}", parameters, timeout=60).json()
        if answer["status"] != "success":
            raise ValueError(f"{parameters.get('query', what)}: {answer.get('error')}")
        return answer["data"]


def _points(values: list[list[Any]]) -> list[tuple[float, float]]:
    return [(float(moment), float(value)) for moment, value in values]


def _own(labels: dict[str, str]) -> Labels:
    return frozenset(
        (name, value) for name, value in labels.items() if name not in {"__name__", "job", "instance"}
    )


@contextmanager
def run_prometheus(target: str, folder: Path, *rules: Path, path: str = "/metrics") -> Iterator[Prometheus]:
    """Run a Prometheus that scrapes an operator each second, as the chart's ServiceMonitor has it: metrics keep their labels.

    Args:
        target: `host:port` of the operator, or of what leads to it.
        folder: where its configuration, its data and its log are put.
        rules: files with alerts.
        path: of the metrics.
    """
    port = control_plane.free_port()
    scrape = {
        "job_name": JOB,
        "honor_labels": True,
        "metrics_path": path,
        "static_configs": [{"targets": [target]}],
    }
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(file) for file in rules],
        "scrape_configs": [scrape],
    }
    (folder / "prometheus.yml").write_text(json.dumps(configuration))  # JSON is YAML as well
    command = [
        control_plane.program("prometheus"),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--enable-feature=exemplar-storage",
        "--log.level=warn",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        server = Prometheus(f"http://127.0.0.1:{port}")
        until(lambda: process.poll() is not None or server.ready(), f"Prometheus answers: {folder}/log")
        if process.poll() is not None:
            raise ChildProcessError(f"Prometheus ended by itself:\n{(folder / 'log').read_text()}")
        yield server
    finally:
        process.terminate()
        process.wait(_STOP_SECONDS)
