"""The parameters of a flow: how a call binds to them and what is wrong with it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from millstream._callables import positional_counts
from millstream.exceptions import ParameterBindError

if TYPE_CHECKING:
    import inspect
    from collections.abc import Callable, Iterable, Mapping

    from millstream._parameter_types import ParameterTypes


class Parameters:
    """What a function takes.

    The signature is read at the first call that needs it: `inspect` is slow to import, and so is pydantic, which is
    used only if there are type hints.
    """

    def __init__(self, fn: Callable[..., Any], owner: str) -> None:
        self._fn = fn
        self._owner = owner
        self._positional_counts = positional_counts(fn)
        self._takes_nothing = self._positional_counts == range(1)

    @cached_property
    def signature(self) -> inspect.Signature:
        """The function's signature."""
        import inspect  # noqa: PLC0415 - slow

        return inspect.signature(self._fn)

    @cached_property
    def types(self) -> ParameterTypes:
        """The type hints."""
        from millstream._parameter_types import ParameterTypes  # noqa: PLC0415 - slow

        return ParameterTypes(self._fn, self.signature, self._owner)

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The parameters of a call by name, defaults filled in.

        Raises:
            ParameterBindError: The function cannot be called like this.
        """
        if self._takes_nothing and not args and not kwargs:
            return {}
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError:
            raise ParameterBindError(self._explain(args, kwargs)) from None
        bound.apply_defaults()
        return bound.arguments

    def check_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """See that the function can be called like this.

        Raises:
            ParameterBindError: It cannot.
        """
        if kwargs or len(args) not in self._positional_counts:
            self.bind(args, kwargs)

    def bind_by_name(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The same from names and values, as a deployment gives them.

        Raises:
            ParameterBindError: Parameters are missing or unknown.
        """
        if self._takes_nothing and not parameters:
            return {}
        bound: dict[str, Any] = {}
        missing = []
        rest = dict(parameters)
        for name, parameter in self.signature.parameters.items():
            if parameter.kind is parameter.VAR_KEYWORD:  # the last one
                bound[name] = {**rest.pop(name, {}), **rest}
                rest = {}
            elif name in rest:
                bound[name] = rest.pop(name)
            elif parameter.kind is parameter.VAR_POSITIONAL:
                bound[name] = ()
            elif parameter.default is parameter.empty:
                missing.append(name)
            else:
                bound[name] = parameter.default
        if missing or rest:
            raise ParameterBindError(self._message([*_listed("missing", missing), *_listed("unknown", rest)]))
        return bound

    def arguments(self, parameters: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Positional and keyword arguments for a call with these bound parameters."""
        if not parameters:
            return (), {}
        import inspect  # noqa: PLC0415 - loaded with the signature

        bound = inspect.BoundArguments(self.signature, parameters)
        return bound.args, bound.kwargs

    def validate(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Bound parameters, coerced to their type hints.

        Raises:
            ParameterTypeError: Values that a type hint does not allow.
        """
        if not parameters or not self._has_annotations():
            return parameters
        return self.types.validate(parameters)

    def bad_values(self, parameters: Mapping[str, Any]) -> str:
        """What is wrong with the values of those parameters that there are; nothing if they are right."""
        known = {name: value for name, value in parameters.items() if name in self.signature.parameters}
        return self.types.bad_values(known) if known and self._has_annotations() else ""

    def _has_annotations(self) -> bool:
        return any(p.annotation is not p.empty for p in self.signature.parameters.values())

    def _explain(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        """All that is wrong with a call, where Python's own message stops at the first thing."""
        by_kind = list(self.signature.parameters.values())
        positional = [p for p in by_kind if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        by_name = {p.name for p in by_kind if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        taken = {p.name for p in positional[: len(args)]}
        required = [p for p in positional if p.name not in taken] + [
            p for p in by_kind if p.kind is p.KEYWORD_ONLY
        ]
        missing = [
            p.name for p in required if p.default is p.empty and not (p.name in kwargs and p.name in by_name)
        ]
        twice = [name for name in kwargs if name in taken and name in by_name]
        unknown = [name for name in kwargs if name not in by_name]
        if any(p.kind is p.VAR_KEYWORD for p in by_kind):
            unknown = []
        problems = [
            *_listed("missing", missing),
            *_listed("unknown", unknown),
            *_listed("given twice", twice),
        ]
        if len(args) > len(positional) and not any(p.kind is p.VAR_POSITIONAL for p in by_kind):
            problems.append(f"{len(args)} positional values for {len(positional)}")
        return self._message(problems)

    def _message(self, problems: list[str]) -> str:
        takes = self.types.signature_to_show() if self._has_annotations() else self.signature
        return f"{self._owner} cannot be called like this: {'; '.join(problems)}. It takes {takes}."


def _listed(what: str, names: Iterable[str]) -> list[str]:
    listed = ", ".join(repr(name) for name in names)
    return [f"{what} {listed}"] if listed else []
