"""Write docs/prefect.md from docs/prefect.toml; with --check, only say whether it is current."""

import sys
import tomllib
from pathlib import Path

from generated import write_or_check

ROOT = Path(__file__).parents[1]
SOURCE, PAGE = ROOT / "docs/prefect.toml", ROOT / "docs/prefect.md"
HEAD = """# Prefect's names

What of Prefect 3 there is. `from prefect` becomes `from millstream`; modules have the same names. What is not supported is an
error, never ignored. The tests are in [tests/unit/sdk](../tests/unit/sdk) and [tests/processes](../tests/processes).
"""


def page() -> str:
    """The page as it should be."""
    parts = [HEAD]
    for title, rows in tomllib.loads(SOURCE.read_text()).items():
        parts.append(f"\n## {title}\n\n| Prefect 3 | Millstream |\n| --- | --- |\n")
        parts += (f"| {_code(name)} | {_told(said)} |\n" for name, said in rows.items())
    return "".join(parts)


def _told(said: str) -> str:
    kind, _, words = said.partition(": ")
    if kind == "no":
        return f"not supported: {words}"
    return f"works, other signature: {words} ({kind})" if words else f"works ({kind})"


def _code(name: str) -> str:
    return name.replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page()))
