"""What tasks can ask for while they run: `context.get("parameters")`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_values: ContextVar[Mapping[str, Any]] = ContextVar("millstream_v1_context", default={})  # noqa: B039 - never changed


class Context(Mapping[str, Any]):
    """The facts about the run, by name, as items and as attributes.

    In a task: `parameters`, `date`, `today` and `today_nodash`, also of `yesterday` and `tomorrow`,
    `scheduled_start_time`, `flow_name`, `flow_run_id`, `flow_run_name`, `task_name`, `task_full_name`, `task_slug`,
    `task_tags`, `task_run_id`, `task_run_count`, `map_index`, `logger`, and in loops `task_loop_count` and
    `task_loop_result`. What `flow.run(context=...)` and `with context(...)` add is there as well.
    """

    @contextmanager
    def __call__(self, **values: Any) -> Iterator[Context]:
        """Add facts for a block."""
        token = _values.set({**_values.get(), **values})
        try:
            yield self
        finally:
            _values.reset(token)

    def __getitem__(self, name: str) -> Any:
        return _values.get()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_values.get())

    def __len__(self) -> int:
        return len(_values.get())

    def to_dict(self) -> dict[str, Any]:
        """All of it as it is now."""
        return dict(_values.get())

    def __getattr__(self, name: str) -> Any:
        try:
            return _values.get()[name]
        except KeyError:
            has = ", ".join(sorted(_values.get())) or "nothing: most of it is there while a task runs"
            raise AttributeError(f"The context has no {name!r}; it has {has}.") from None

    def __repr__(self) -> str:
        return f"<Context: {', '.join(sorted(_values.get()))}>"


context = Context()
