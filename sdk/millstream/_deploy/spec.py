"""What is wrong with a spec that users wrote, each with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from millstream._deploy.project import hint
from millstream.resources.flow_deployment import FlowDeploymentSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from millstream._deploy.wanted import Location

_OURS = {
    "parameterSchema": "it is made of the flow's signature: leave it out",
    "entrypoint": "it stands beside the name",
}


def spec_problems(spec: Mapping[str, Any], place: Callable[[Location], str]) -> list[str]:
    """All that is wrong, as far as one can say without a cluster.

    Args:
        spec: Fields of a FlowDeployment's spec.
        place: Says where one of them stands.
    """
    problems = [f"{place((name,))}: {why}." for name, why in _OURS.items() if name in spec]
    given = {name: value for name, value in spec.items() if name not in _OURS}
    if isinstance(schedules := given.get("schedules"), list):  # their names may be left out
        unnamed = {"name": "unnamed"}
        given["schedules"] = [unnamed | one if isinstance(one, dict) else one for one in schedules]
    try:
        FlowDeploymentSpec.model_validate({"entrypoint": "m:f", **given}, by_alias=True, by_name=False)
    except ValidationError as error:
        problems += [f"{place(e['loc'])}: {_sentence(e)}" for e in error.errors()]
    return problems


def _sentence(error: Any) -> str:
    location: Location = error["loc"]
    if error["type"] == "extra_forbidden":
        return f"there is no such field; {hint(str(location[-1]), _fields_around(location))}"
    if location[-1] == "interval" and isinstance(error["input"], str):
        return "it takes a number of seconds: 900 for 15 minutes."
    return f"{error['msg']}."


def in_order(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a spec in the order of the CRD, without those that are empty."""
    names = [field.alias or name for name, field in FlowDeploymentSpec.model_fields.items()]
    return {name: spec[name] for name in names if spec.get(name) not in (None, [], {})}


def _fields_around(location: Location) -> list[str]:
    """The fields that there are beside one."""
    model: type[BaseModel] = FlowDeploymentSpec
    for part in location[:-1]:
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        if isinstance(part, str) and part in fields:
            model = next(iter(_models_in(fields[part].annotation)), model)
    own = [] if model is not FlowDeploymentSpec else ["include", "requirements", "name"]
    return [field.alias or name for name, field in model.model_fields.items()] + own


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
