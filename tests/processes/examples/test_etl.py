"""The ETL example runs with no cluster and no server."""

import subprocess
import sys
from pathlib import Path

ETL = Path(__file__).parents[3] / "examples/01_etl/etl.py"


def test_the_etl_example_runs_on_a_laptop(tmp_path):
    command = [sys.executable, ETL, "--month=7", f"--output={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    log = done.stdout + done.stderr
    assert "336,776 flights" in log
    assert "503" in log, "the source turns its first visitor away"
    written = (tmp_path / "delays-7.csv").read_text().splitlines()
    assert written[0] == "carrier,flights,mean_delay,late"
    assert len(written) == 16
