"""The parameters of a run, from what users write."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

_JSON_TYPES = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
    list: "array",
    dict: "object",
}


def parameter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of commands that take parameters; `given_parameters` reads them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS = (
    click.option(
        "-p",
        "--param",
        "pairs",
        metavar="NAME=VALUE",
        multiple=True,
        help="A parameter. Where it takes no text, the value is JSON: -p n=3 -p 'tags=[\"a\"]'.",
    ),
    click.option("--params", "document", metavar="JSON", help="Parameters as a JSON object."),
    click.option(
        "--params-file",
        "file",
        metavar="FILE",
        type=click.Path(exists=True, dir_okay=False),
        help="Parameters as a file, in YAML or JSON.",
    ),
)


def given_parameters(
    schema: Mapping[str, Any], *, pairs: Iterable[str], document: str | None, file: str | None
) -> dict[str, Any]:
    """All parameters that were given: those of the file, then those of the JSON object, then the single ones.

    Args:
        schema: The JSON schema of the parameters.
        pairs: Texts `NAME=VALUE`.
        document: A JSON object.
        file: The path of a file in YAML or JSON.

    Raises:
        click.UsageError: One of them is not of that form.
    """
    from pathlib import Path  # noqa: PLC0415 - slow to import

    parameters = {} if file is None else _from_file(Path(file))
    if document is not None:
        parameters |= _object(_json(document, "--params"), "--params")
    return parameters | {name: typed(schema, name, text) for name, text in split(pairs).items()}


def split(pairs: Iterable[str]) -> dict[str, str]:
    """Texts `NAME=VALUE` as names and values.

    Raises:
        click.UsageError: A text is something else, or a name comes twice.
    """
    values: dict[str, str] = {}
    problems = []
    for pair in pairs:
        name, found, value = pair.partition("=")
        if not found or not name:
            problems.append(f"{pair!r} is no NAME=VALUE.")
        elif name in values:
            problems.append(f"{name!r} is given twice.")
        values[name] = value
    if problems:
        raise click.UsageError("\n".join(problems))
    return values


def typed(schema: Mapping[str, Any], name: str, text: str) -> Any:
    """The value that a text stands for: itself where the parameter takes text, else what it is as JSON.

    What is no JSON stays text, so that the check of the parameters says what is wrong with it.
    """
    properties = schema.get("properties", {})
    types = set(_types(properties.get(name, {}), schema.get("definitions", {})))
    if "string" in types or (types == {"formatted", "null"} and text != "null") or types == {"formatted"}:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _types(schema: Any, definitions: Mapping[str, Any]) -> Iterator[str]:
    """The types that a schema allows; `formatted` are texts such as dates. Nothing if it allows everything."""
    if not isinstance(schema, dict):
        return
    if "$ref" in schema:
        yield from _types(definitions.get(schema["$ref"].rpartition("/")[2]), definitions)
    for several in ("anyOf", "oneOf", "allOf"):
        for one in schema.get(several, ()):
            yield from _types(one, definitions)
    if "type" in schema:
        declared = schema["type"]
        for one in declared if isinstance(declared, list) else [declared]:
            yield "formatted" if one == "string" and "format" in schema else one
    else:
        values = [*schema.get("enum", ()), *([schema["const"]] if "const" in schema else ())]
        yield from (_JSON_TYPES[type(value)] for value in values)


def _from_file(path: Path) -> dict[str, Any]:
    import yaml  # noqa: PLC0415 - slow to import, and for files only

    from millstream._yaml import Loader  # noqa: PLC0415 - as above

    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader)  # noqa: S506 - as safe as its base
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise click.UsageError(f"{path} cannot be read: {error}") from error
    return _object({} if content is None else content, str(path))


def _json(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"{place} is no JSON: {error}") from error


def _object(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise click.UsageError(f'{place} takes names and values, as {{"n": 3}}.')
    return value
