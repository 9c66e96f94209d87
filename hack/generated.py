"""Pages that are made from something else: written, or with --check only compared."""

import sys
from pathlib import Path

__all__ = ["write_or_check"]


def write_or_check(page: Path, text: str) -> int:
    """Give the exit code of the command: 1 if the page is only compared, and is not the text."""
    if "--check" not in sys.argv:
        page.write_text(text)
        return 0
    if page.exists() and page.read_text() == text:
        return 0
    print(f"{page} is not current: make generate")
    return 1
