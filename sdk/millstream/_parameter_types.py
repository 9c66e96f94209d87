"""Type hints of parameters, checked and described by pydantic. Imported only when there are some to check."""

from __future__ import annotations

import logging
import typing
from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PydanticUserError,
    SecretStr,
    TypeAdapter,
    ValidationError,
    create_model,
)
from pydantic.json_schema import GenerateJsonSchema

from millstream._parameter_problems import explained, holds_secret
from millstream.exceptions import ParameterTypeError

if TYPE_CHECKING:
    import inspect
    from collections.abc import Callable

    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core.core_schema import CoreSchema

_HIDDEN = SecretStr("hidden")
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
    def _hints(self) -> dict[str, Any]:
        hints, unresolved = _resolved_hints(self._fn, self._signature)
        for name, text in unresolved.items():
            _logger.warning(
                "%s does not check its parameter %r: the type hint %s cannot be resolved. What it names has to be "
                "defined where the code runs, and not only under `if TYPE_CHECKING:`.",
                self._owner,
                name,
                text if isinstance(text, str) else repr(text),
            )
        return hints

    @cached_property
    def _model(self) -> type[BaseModel]:
        try:
            return self._model_of(self._hints)
        except PydanticUserError:
            return self._model_of({name: self._checkable(name, hint) for name, hint in self._hints.items()})

    def _checkable(self, name: str, hint: Any) -> Any:
        """The type hint, or `Any` in place of one that pydantic refuses, as `typing.TypedDict` before Python 3.12."""
        try:
            TypeAdapter(hint)
        except PydanticUserError as error:
            _logger.warning("%s does not check its parameter %r: %s", self._owner, name, error.message)
            return Any
        return hint

    def _model_of(self, hints: dict[str, Any]) -> type[BaseModel]:
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
            problems = [p for p in problems if p["loc"][0] not in own_defaults]
            raise ParameterTypeError(explained(self._owner, problems, self._hints))
        return self._coerced({n: v for n, v in parameters.items() if n not in own_defaults})

    def bad_values(self, some: dict[str, Any]) -> str:
        """What is wrong with the values of some of the parameters; nothing if they are right."""
        try:
            self._model.model_validate(some)
        except ValidationError as error:
            problems = [
                p for p in error.errors(include_url=False, include_context=False) if p["loc"][0] in some
            ]
            return explained(self._owner, problems, self._hints) if problems else ""
        return ""

    def schema(self) -> dict[str, Any]:
        """The JSON schema of the parameters."""
        schema = self._model.model_json_schema(
            by_alias=True,
            ref_template="#/definitions/{model}",
            schema_generator=_LenientJsonSchema,
        )
        definitions = schema.pop("$defs", {})
        properties = schema.get("properties", {})
        descriptions = self._descriptions()
        kinds = self._signature.parameters
        for position, (name, described) in enumerate(properties.items()):
            described["position"] = position
            if name in descriptions:
                described.setdefault("description", descriptions[name])
            variadic = kinds[name].kind in (kinds[name].VAR_POSITIONAL, kinds[name].VAR_KEYWORD)
            # The default of a secret is one too.
            if variadic or (described.get("default") is not None and holds_secret(self._hints[name])):
                described.pop("default", None)
        schema["additionalProperties"] = any(p.kind is p.VAR_KEYWORD for p in kinds.values())
        return {**schema, "properties": properties, "definitions": definitions}

    def signature_to_show(self) -> inspect.Signature:
        """The signature for messages, without the defaults of secrets."""
        hints, _ = _resolved_hints(self._fn, self._signature)
        parameters = [
            p
            if p.default is p.empty or p.default is None or not holds_secret(hints[name])
            else p.replace(default=_HIDDEN)
            for name, p in self._signature.parameters.items()
        ]
        return self._signature.replace(parameters=parameters)

    def _descriptions(self) -> dict[str, str]:
        from millstream._docstrings import descriptions  # noqa: PLC0415 - for the schema only, and slow to import

        return descriptions(self._fn)

    def _coerced(self, parameters: dict[str, Any]) -> dict[str, Any]:
        validated = self._model.model_validate(parameters)
        return {
            name: getattr(validated, f"p{number}") for number, name in enumerate(self._signature.parameters)
        }


class _LenientJsonSchema(GenerateJsonSchema):
    """Describes what JSON can describe and leaves the rest open: a value of an arbitrary class may be anything."""

    ignored_warning_kinds = GenerateJsonSchema.ignored_warning_kinds | {"non-serializable-default"}

    def handle_invalid_for_json_schema(self, schema: CoreSchema, error_info: str) -> JsonSchemaValue:
        del schema, error_info
        return {}


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
