"""Draw the dashboards of a Prometheus into a folder."""

import argparse
import time
from pathlib import Path

from prometheus_server import Prometheus

from dashboard_pictures import Span, draw_all


def main() -> None:
    """Draw them, and name the files."""
    parser = argparse.ArgumentParser(prog="python -m dashboard_pictures", description=__doc__)
    parser.add_argument("url", help="of Prometheus")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=15, help="that are shown, up to now")
    options = parser.parse_args()
    end = time.time()
    for path in draw_all(Prometheus(options.url), options.folder, Span(end - 60 * options.minutes, end)):
        print(path)


if __name__ == "__main__":
    main()
