"""Write the dashboards into the chart; --check only compares."""

import sys
from pathlib import Path

from generated import write_or_check
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards import deployment, fleet, internals, schedules

FOLDER = Path(__file__).parents[2] / "charts/millstream/files/dashboards"


def main() -> int:
    """Give the exit code of the command."""
    made = [module.dashboard().build() for module in (fleet, deployment, schedules, internals)]
    results = [
        write_or_check(
            FOLDER / f"{dashboard.uid}.json", JSONEncoder(indent=1, sort_keys=True).encode(dashboard) + "\n"
        )
        for dashboard in made
    ]
    return max(results)


if __name__ == "__main__":
    sys.exit(main())
