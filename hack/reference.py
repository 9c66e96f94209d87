"""Write docs/reference.md: the public names of the SDK, from the modules themselves; --check only compares."""

import importlib
import inspect
import sys
from pathlib import Path
from types import ModuleType

from generated import write_or_check

PAGE = Path(__file__).parents[1] / "docs/reference.md"
MODULES = [
    "annotations",
    "blocks",
    "blocks.abstract",
    "blocks.notifications",
    "blocks.webhook",
    "cache_policies",
    "concurrency",
    "context",
    "entrypoint",
    "exceptions",
    "filesystems",
    "flows",
    "futures",
    "logging",
    "metrics",
    "notifications",
    "results",
    "runtime",
    "schedules",
    "serializers",
    "serving",
    "settings",
    "states",
    "task_runners",
    "tasks",
    "transactions",
    "v1",
    "v1.engine.cache_validators",
    "v1.engine.signals",
    "v1.engine.state",
    "v1.executors",
    "v1.schedules",
    "v1.schedules.clocks",
    "v1.schedules.filters",
    "v1.tasks.control_flow",
    "v1.triggers",
]
HEAD = """# The public names of the SDK

All that `import millstream` gives, and the modules behind it. What is not here, and whatever begins with an underscore, may change.
How things are used is in [flows.md](flows.md), [settings.md](settings.md) and [schedules.md](schedules.md).
"""


def page() -> str:
    """The page as it should be."""
    modules = ["millstream", *(f"millstream.{name}" for name in MODULES)]
    return HEAD + "".join(_section(importlib.import_module(name)) for name in modules)


def _section(module: ModuleType) -> str:
    rows = "".join(f"| `{name}` | {_summary(module, name)} |\n" for name in _names(module))
    return f"\n## {module.__name__}\n\n{_first_line(module)}\n\n| name | what |\n| --- | --- |\n{rows}"


def _names(module: ModuleType) -> list[str]:
    own = [
        name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__
    ]
    return sorted(getattr(module, "__all__", own), key=str.lower)


def _summary(module: ModuleType, name: str) -> str:
    value = getattr(module, name)
    called = getattr(value, "__name__", name)
    if called != name and getattr(module, called, None) is value:
        return f"The same as `{called}`."
    return _first_line(value).replace("|", "\\|")


def _first_line(value: object) -> str:
    return (inspect.getdoc(value) or "").partition("\n")[0]


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page()))
