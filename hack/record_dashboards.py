"""Draw docs/pictures: the dashboards, after ten minutes of two teams' work.

    PYTHONPATH=.:tests:hack:hack/cluster python hack/record_dashboards.py

API server, operator and Prometheus are real; there are no nodes, so what pods do is played by this program.
"""

import json
import os
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from api_server import COMPLETED, FAILED, INTERRUPTED, Client, Namespace, run_operator
from benchmarks.operator.cluster import cluster
from dashboard_pictures import Span, draw_all
from prometheus_server import Prometheus, run_prometheus

from millstream_operator.kinds import PODS

PICTURES = Path(__file__).parents[1] / "docs/pictures"
ALERTS = Path(__file__).parents[1] / "charts/millstream/files/alerts.yaml"
PORT = 18_411
SECONDS = 600
AWAY_FROM, AWAY_SECONDS = 380, 40
"""The operator is stopped for a while, as by a node that is drained: ticks are missed."""
SOURCE = (
    "a Prometheus that scraped a real operator, which was stopped once for 40 seconds, on a real API server. "
    "There are no nodes: a script does what pods would do"
)
CHOSEN = {"millstream-deployment": {"namespace": "shop", "deployment": "orders"}}
OUT_OF_MEMORY = (137, None, "OOMKilled")
METRICS = [
    {"name": "rows", "type": "Counter", "labels": ["table"]},
    {"name": "calls", "type": "Counter"},
    {"name": "fill", "type": "Gauge"},
]


@dataclass(frozen=True)
class Flow:
    """A deployment, and what becomes of its runs.

    Attributes:
        seconds: how long an attempt takes, at least and at most.
        fails: how many attempts of a hundred raise.
        dies: how many are out of memory.
        burst: how many runs are made at a time by hand.
        spec: of the FlowDeployment.
    """

    seconds: tuple[float, float]
    fails: int = 0
    dies: int = 0
    burst: int = 0
    spec: dict[str, object] = field(default_factory=dict)


TEAMS = {
    "shop": {
        "orders": Flow(
            (4, 14), fails=4,
            spec={"schedules": [{"name": "often", "interval": 15}], "owner": "sales", "severity": "page", "metrics": METRICS,
                  "retryPolicy": {"failures": 2, "backoff": {"seconds": 5}}},
        ),
        "invoices": Flow(
            (18, 50), fails=10,
            spec={"schedules": [{"name": "often", "interval": 30}], "owner": "sales", "severity": "warning", "concurrency": {"limit": 1}},
        ),
        "stock": Flow(
            (10, 45), fails=3,
            spec={"schedules": [{"name": "often", "interval": 20}], "owner": "stores", "concurrency": {"limit": 1, "policy": "Skip"}},
        ),
        "returns": Flow((5, 10), spec={"schedules": [{"name": "often", "interval": 60}], "suspend": True, "owner": "stores"}),
    },
    "science": {
        "features": Flow(
            (20, 60), fails=5, dies=10, burst=9,
            spec={"concurrency": {"limit": 3}, "owner": "models", "retryPolicy": {"failures": 1, "backoff": {"seconds": 8}}},
        ),
        "train": Flow((70, 160), fails=10, burst=1, spec={"owner": "models", "severity": "warning"}),
        "scrape": Flow((3, 9), fails=40, spec={"schedules": [{"name": "often", "interval": 25}], "owner": "models"}),
    },
}  # fmt: skip
BURST_SECONDS = 110


class Team:
    """A namespace, and the nodes that it does not have."""

    def __init__(self, ns: Namespace, flows: dict[str, Flow], chance: random.Random) -> None:
        self._ns, self._flows, self._chance = ns, flows, chance
        self._due: dict[tuple[str, str], float] = {}
        self._began: dict[str, str] = {}
        self._bursts = 0

    def deploy(self) -> None:
        """Make the deployments."""
        for name, flow in self._flows.items():
            self._ns.deploy(name, **flow.spec)

    def create_runs(self, seconds: float) -> None:
        """Make the runs that people make, from time to time."""
        if seconds < self._bursts * BURST_SECONDS:
            return
        for name, flow in self._flows.items():
            for number in range(flow.burst):
                self._ns.run(f"{name}-{self._bursts}-{number}", deploymentRef={"name": name})
        self._bursts += 1

    def play_pods(self) -> None:
        """Do what nodes would have done by now."""
        for pod in self._ns.items(PODS):
            meta, phase = pod["metadata"], pod["status"]["phase"]
            flow = self._flows[meta["labels"]["millstream.dev/deployment"]]
            if phase == "Pending" and self._is_time(meta["name"], phase, 0.6, 4):
                self._began[meta["name"]] = _now()
                self._ns.start(pod, self._began[meta["name"]])
            elif phase == "Running" and (
                "deletionTimestamp" in meta or self._is_time(meta["name"], phase, *flow.seconds)
            ):
                end = INTERRUPTED if "deletionTimestamp" in meta else self._end(flow)
                self._ns.finish(pod, *end, times=(self._began[meta["name"]], _now()))

    def _is_time(self, pod: str, phase: str, least: float, most: float) -> bool:
        due = self._due.setdefault((pod, phase), time.monotonic() + self._chance.uniform(least, most))
        return time.monotonic() >= due

    def _end(self, flow: Flow) -> tuple[object, ...]:
        drawn = self._chance.uniform(0, 100)
        if drawn < flow.dies:
            return OUT_OF_MEMORY
        code, record = FAILED if drawn < flow.dies + flow.fails else COMPLETED
        tasks = {"Completed": self._chance.randint(4, 12), **({"Failed": 1} if code else {})}
        return code, {
            **record,
            "tasks": tasks,
            "task_retries": self._chance.choice([0, 0, 0, 1]),
            **self._recorded(flow),
        }

    def _recorded(self, flow: Flow) -> dict[str, object]:
        if "metrics" not in flow.spec:
            return {}
        values = [
            {
                "name": "rows",
                "type": "Counter",
                "labels": {"table": "orders"},
                "value": self._chance.randint(200, 900),
            },
            {"name": "calls", "type": "Counter", "labels": {}, "value": self._chance.randint(5, 40)},
            {
                "name": "fill",
                "type": "Gauge",
                "labels": {},
                "value": round(self._chance.uniform(0.4, 0.9), 2),
            },
        ]
        return {"metrics": values}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@contextmanager
def _client() -> Iterator[Client]:
    """Speak to the API server of KUBECONFIG."""
    path = Path(os.environ["KUBECONFIG"])
    config = json.loads(path.read_text())
    client = Client(
        config["clusters"][0]["cluster"]["server"],
        config["users"][0]["user"]["token"],
        path.parent / "apiserver.crt",
    )
    yield client
    client.close()


def work(teams: list[Team], begin: float, end: float) -> None:
    """Let the teams work from one second to another."""
    while (seconds := time.monotonic() - begin) < end:
        for team in teams:
            team.create_runs(seconds)
            team.play_pods()
        time.sleep(0.25)


def play(client: Client, prometheus: Prometheus, folder: Path) -> Span:
    """Let it all happen; give the time that it took."""
    chance = random.Random(8)  # noqa: S311 - nothing to be kept secret
    config = Path(os.environ["KUBECONFIG"])
    teams = []
    for name, flows in TEAMS.items():
        client.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        teams.append(Team(Namespace(client, name), flows, chance))
    with run_operator(config, folder / "operator", "--port", str(PORT), "--scrape-seconds", "1"):
        for team in teams:
            team.deploy()
        started = prometheus.scraped_after(time.time())
        begin = time.monotonic()
        work(teams, begin, AWAY_FROM)
    work(teams, begin, AWAY_FROM + AWAY_SECONDS)
    with run_operator(config, folder / "operator", "--port", str(PORT), "--scrape-seconds", "1"):
        work(teams, begin, SECONDS)
        return Span(started, prometheus.scraped_after(time.time()), SOURCE)


def record(folder: Path) -> None:
    """Draw the pictures; the folder is for what the programs leave."""
    with (
        cluster(controllers=True),
        _client() as client,
        run_prometheus(f"127.0.0.1:{PORT}", folder, ALERTS) as prometheus,
    ):
        span = play(client, prometheus, folder)
        draw_all(prometheus, PICTURES, span, CHOSEN)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        record(Path(folder))
