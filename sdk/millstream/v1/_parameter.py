"""Parameters of a flow, which its runs are given."""

from __future__ import annotations

import keyword
from typing import TYPE_CHECKING, Any, ClassVar

from millstream.v1 import _building
from millstream.v1._context import context
from millstream.v1._task import Task

if TYPE_CHECKING:
    from collections.abc import Iterable

    from millstream.v1._flow_graph import FlowGraph

__all__ = ["Parameter"]

_NONE: Any = object()


class Parameter(Task):
    """A value that a run of the flow is given: `flow.run(parameters={"url": ...})`.

    Attributes:
        name: Its name, as Python names are.
        required: Whether a run has to be given it; so unless it has a default.
        default: Its value where the run is given none.
    """

    begins: ClassVar[bool] = True

    def __init__(
        self,
        name: str,
        default: Any = _NONE,
        required: bool | None = None,  # noqa: FBT001 - as in Prefect
        tags: Iterable[str] | None = None,
    ) -> None:
        _check_name(name)
        if required is not None and not isinstance(required, bool):
            raise TypeError(f"required is True or False, and got {required!r}.")
        if isinstance(default, Task):
            raise TypeError(f"The default of Parameter {name!r} is a plain value, and got {default!r}.")
        self.required = default is _NONE if required is None else required
        self.default = None if default is _NONE else default
        super().__init__(name=name, slug=name, tags=list(tags or ()))

    def run(self) -> Any:
        """Give its value in this run."""
        return context["parameters"][self.name]

    def __call__(self, flow: FlowGraph | None = None) -> Parameter:  # type: ignore[override] # it takes no arguments
        """Add it to the flow of the block; itself, and no copy."""
        _building.flow_for(self, flow).add_task(self)
        return self

    def copy(self, **task_args: Any) -> Task:
        """A Parameter of another name: `p.copy(name="other")`."""
        name = task_args.pop("name", None)
        if name is None or task_args:
            raise TypeError(f'Parameter {self.name!r} is copied under another name: copy(name="other").')
        return Parameter(name, self.default if not self.required else _NONE, self.required, self.tags)

    def __repr__(self) -> str:
        return f"<Parameter: {self.name}>"


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError(f"A Parameter's name is a name as in Python, such as 'p_url', and got {name!r}.")
