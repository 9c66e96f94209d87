"""Write docs/prefect.md from docs/prefect.toml; with --check, only say whether it is current."""

import sys
import tomllib
from pathlib import Path

from generated import write_or_check

ROOT = Path(__file__).parents[1]
SOURCE, PAGE = ROOT / "docs/prefect.toml", ROOT / "docs/prefect.md"
HEAD = """# Prefect's names

What of Prefect 3 there is, and at the end what of Prefect 1. `from prefect` becomes `from millstream`, for Prefect 1 `from
millstream.v1`; modules have the same names. What is not supported is an error, never ignored. The tests are in [tests/unit/sdk](../tests/unit/sdk) and [tests/processes](../tests/processes).
"""


def page() -> str:
    """The page as it should be."""
    parts = [HEAD]
    for title, rows in tomllib.loads(SOURCE.read_text()).items():
        parts.append(
            f"\n## {title}\n\n| {title if title == 'Prefect 1' else 'Prefect 3'} | Millstream |\n| --- | --- |\n"
        )
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
