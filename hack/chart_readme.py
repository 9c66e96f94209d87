"""Write charts/millstream/README.md from its template and the comments of values.yaml, with helm-docs.

python hack/chart_readme.py            write it
python hack/chart_readme.py --check    exit 1 if it is not current
"""

import subprocess
import sys
from pathlib import Path

from generated import write_or_check

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "hack/cluster"))

from control_plane import program  # noqa: E402 - from a folder that is no package

PAGE = ROOT / "charts/millstream/README.md"


def page() -> str:
    """Have helm-docs make the page."""
    command = [
        program("helm-docs"),
        "--chart-search-root",
        PAGE.parent,
        "--sort-values-order",
        "file",
        "--dry-run",
    ]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip() + "\n"


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page()))
