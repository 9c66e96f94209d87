"""Type hints of parameters, checked and described by pydantic. Imported only when there are some to check."""

from __future__ import annotations

import logging
import typing
from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.json_schema import GenerateJsonSchema

from millstream.exceptions import ParameterTypeError

if TYPE_CHECKING:
    import inspect
    from collections.abc import Callable

    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import ErrorDetails
    from pydantic_core.core_schema import CoreSchema

_LONGEST_VALUE = 80
_logger = logging.getLogger("millstream")


class ParameterTypes:
    """One pydantic model of all parameters, so that one validation finds all bad ones.

    Its fields are numbered and have the parameters' names as aliases: a parameter may have a name that a field may
    not, such as `schema`, `copy` or `_x`.
    """

    def __init__(self, fn: Callable[..., Any], signature: inspect.Signature, owner: str) -> None:
        self._fn = fn
        self._signature = signature
        self._owner = owner

    @cached_property
    def _model(self) -> type[BaseModel]:
        hints, unresolved = _resolved_hints(self._fn, self._signature)
        for name, text in unresolved.items():
            _logger.warning(
                "%s does not check its parameter %r: the type hint %s cannot be resolved. What it names has to be "
                "defined where the code runs, and not only under `if TYPE_CHECKING:`.",
                self._owner,
                name,
                text if isinstance(text, str) else repr(text),
            )
        fields: dict[str, Any] = {}
        for number, parameter in enumerate(self._signature.parameters.values()):
            default = ... if parameter.default is parameter.empty else parameter.default
            hint: Any = hints[parameter.name]
            if parameter.kind is parameter.VAR_POSITIONAL:
                hint, default = tuple.__class_getitem__((hint, ...)), ()
            elif parameter.kind is parameter.VAR_KEYWORD:
                hint, default = dict.__class_getitem__((str, hint)), {}
            elif default is None:
                hint = typing.Union[hint, None]  # noqa: UP007 - not every hint has `|`. `x: str = None` is common.
            fields[f"p{number}"] = (hint, Field(default, alias=parameter.name, title=parameter.name))
        return create_model(
            "Parameters",
            __config__=ConfigDict(arbitrary_types_allowed=True, extra="forbid"),
            __module__=getattr(self._fn, "__module__", None) or __name__,
            **fields,
        )

    def validate(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """The values, coerced to the type hints. A parameter's own default always passes.

        Raises:
            ParameterTypeError: Naming every bad parameter and what it got.
        """
        try:
            return self._coerced(parameters)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_context=False)
        defaults = {n: p.default for n, p in self._signature.parameters.items()}
        bad = {str(problem["loc"][0]) for problem in problems}
        own_defaults = {name for name in bad if parameters[name] is defaults[name]}
        if bad - own_defaults:
            raise ParameterTypeError(self._explain([p for p in problems if p["loc"][0] not in own_defaults]))
        return self._coerced({n: v for n, v in parameters.items() if n not in own_defaults})

    def schema(self) -> dict[str, Any]:
        """The JSON schema of the parameters."""
        schema = self._model.model_json_schema(
            by_alias=True,
            ref_template="#/definitions/{model}",
            schema_generator=_LenientJsonSchema,
        )
        definitions = schema.pop("$defs", {})
        properties = schema.get("properties", {})
        kinds = self._signature.parameters
        for position, (name, described) in enumerate(properties.items()):
            described["position"] = position
            if kinds[name].kind in (kinds[name].VAR_POSITIONAL, kinds[name].VAR_KEYWORD):
                described.pop("default", None)
        schema["additionalProperties"] = any(p.kind is p.VAR_KEYWORD for p in kinds.values())
        return {**schema, "properties": properties, "definitions": definitions}

    def _coerced(self, parameters: dict[str, Any]) -> dict[str, Any]:
        validated = self._model.model_validate(parameters)
        return {
            name: getattr(validated, f"p{number}") for number, name in enumerate(self._signature.parameters)
        }

    def _explain(self, problems: list[ErrorDetails]) -> str:
        lines = [_problem(problem) for problem in problems]
        if len(lines) == 1:
            return f"{self._owner} got a bad parameter: {lines[0]}"
        return "\n  ".join([f"{self._owner} got bad parameters:", *lines])


class _LenientJsonSchema(GenerateJsonSchema):
    """Describes what JSON can describe and leaves the rest open: a value of an arbitrary class may be anything."""

    ignored_warning_kinds = GenerateJsonSchema.ignored_warning_kinds | {"non-serializable-default"}

    def handle_invalid_for_json_schema(self, schema: CoreSchema, error_info: str) -> JsonSchemaValue:
        del schema, error_info
        return {}


def _problem(problem: ErrorDetails) -> str:
    """One bad value, as `x: Input should be a valid integer, got 'zz' (str)`."""
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "missing":
        return f"{where}: {problem['msg']}"
    value = problem["input"]
    text = repr(value)
    if len(text) > _LONGEST_VALUE:
        text = f"{text[:_LONGEST_VALUE]}…"
    return f"{where}: {problem['msg']}, got {text} ({type(value).__name__})"


def _resolved_hints(
    fn: Callable[..., Any], signature: inspect.Signature
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Type hints by parameter, `Any` where there is none; and those that exist for type checkers only."""
    function = getattr(fn, "__func__", getattr(fn, "func", fn))
    module_names = getattr(function, "__globals__", {})
    code, cells = getattr(function, "__code__", None), getattr(function, "__closure__", None)
    closure = dict(_filled(zip(code.co_freevars, cells, strict=True))) if code and cells else {}
    hints: dict[str, Any] = {}
    unresolved: dict[str, Any] = {}
    for name, parameter in signature.parameters.items():
        hints[name] = Any
        if parameter.annotation is not parameter.empty:
            holder = SimpleNamespace(__annotations__={name: parameter.annotation})
            try:
                hints.update(typing.get_type_hints(holder, module_names, closure, include_extras=True))
            except Exception:  # noqa: BLE001 - an annotation may be any text; then nothing is checked
                unresolved[name] = parameter.annotation
    return hints, unresolved


def _filled(cells: typing.Iterable[tuple[str, Any]]) -> typing.Iterator[tuple[str, Any]]:
    """The variables of a closure that have a value yet."""
    for name, cell in cells:
        try:
            yield name, cell.cell_contents
        except ValueError:
            continue
