"""A Prometheus of the test's own: its configuration, its data and its port."""

import contextlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import control_plane
import requests
from api_server import eventually

Labels = frozenset[tuple[str, str]]


class Prometheus:
    """A Prometheus that scrapes one operator each second."""

    def __init__(self, url: str) -> None:
        self._url = url

    def ready(self) -> bool:
        with contextlib.suppress(requests.ConnectionError):
            return requests.get(f"{self._url}/-/ready", timeout=5).ok
        return False

    def ask(self, query: str, at: float | None = None) -> dict[Labels, float]:
        """Give the answer by the labels of its series."""
        parameters = {"query": query} | ({} if at is None else {"time": at})
        answer = requests.get(f"{self._url}/api/v1/query", parameters, timeout=10).json()
        assert answer["status"] == "success", f"{query}: {answer.get('error')}"
        return {_labels(series["metric"]): float(series["value"][1]) for series in answer["data"]["result"]}

    def draw(self, query: str, start: float, end: float) -> list[list[float]]:
        """Give the values of the lines of a query, as a panel would draw them."""
        parameters = {"query": query, "start": start, "end": end, "step": 1}
        answer = requests.get(f"{self._url}/api/v1/query_range", parameters, timeout=10).json()
        assert answer["status"] == "success", f"{query}: {answer.get('error')}"
        return [[float(value) for _, value in series["values"]] for series in answer["data"]["result"]]

    def latest_scrape(self) -> float:
        """Give the time of the newest scrape."""
        return max(self.ask("timestamp(millstream_operator_leader)").values(), default=0.0)

    def scraped_after(self, moment: float) -> float:
        """Wait for a scrape that began after a moment; give its time."""
        return eventually(lambda: (found := self.latest_scrape()) > moment and found, "a scrape")

    def rules(self) -> Any:
        return requests.get(f"{self._url}/api/v1/rules", timeout=10).json()["data"]["groups"]

    def exemplars(self, query: str) -> Any:
        parameters = {"query": query, "start": time.time() - 600, "end": time.time()}
        return requests.get(f"{self._url}/api/v1/query_exemplars", parameters, timeout=10).json()["data"]


def _labels(metric: dict[str, str]) -> Labels:
    dropped = {"__name__", "job", "instance"}
    return frozenset((name, value) for name, value in metric.items() if name not in dropped)


@contextlib.contextmanager
def run_prometheus(target: str, folder: Path, *rules: Path) -> Iterator[Prometheus]:
    """Run a Prometheus that scrapes `host:port`, as the chart's ServiceMonitor has it: metrics keep their labels."""
    port = _free_port()
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(path) for path in rules],
        "scrape_configs": [
            {
                "job_name": "millstream-operator",
                "honor_labels": True,
                "static_configs": [{"targets": [target]}],
            }
        ],
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
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=dict(os.environ))
    try:
        server = Prometheus(f"http://127.0.0.1:{port}")
        eventually(lambda: process.poll() is None and server.ready(), f"Prometheus: {folder}/log")
        yield server
    finally:
        process.terminate()
        process.wait(20)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
