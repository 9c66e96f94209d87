"""The objects that make a deployment: a FlowDeployment, and the ConfigMap with its flow's files."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from millstream._deploy import requirements, source
from millstream._deploy.files import local_files
from millstream._deploy.loading import loaded_alone
from millstream._deploy.schedules import named, problem_of
from millstream._deploy.spec import in_order, spec_problems
from millstream._deploy.wanted import merged
from millstream.entrypoint import full_entrypoint, load_flow, load_schedules
from millstream.exceptions import DeploymentError, MillstreamError
from millstream.resources.model import API_VERSION
from millstream.resources.names import MAX_RUN_NAME, object_name
from millstream.resources.quantity import amount

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from millstream._cluster.cluster import Object
    from millstream._deploy.wanted import Wanted
    from millstream.flows import Flow

_NAME: Final = re.compile(rf"[a-z0-9]([-a-z0-9]{{0,{MAX_RUN_NAME - 2}}}[a-z0-9])?")
_LONGEST_DESCRIPTION: Final = 4096


class Manifests(NamedTuple):
    """What is to be in the cluster.

    Attributes:
        root: The folder of the project.
        deployment: The FlowDeployment.
        source: The ConfigMap with the flow's files; None if they are in an image.
        files: These files, by their path in the project.
        requirements: The packages that the flow declares.
        elsewhere: Files that it loads from outside the project, which the image has to have.
        keeps_results: Whether the flow says that its result is kept, and not where.
    """

    root: Path
    deployment: Object
    source: Object | None
    files: Mapping[str, bytes]
    requirements: Sequence[str]
    elsewhere: Sequence[Path]
    keeps_results: bool = False

    @property
    def name(self) -> str:
        """What the deployment is called."""
        name: str = self.deployment["metadata"]["name"]
        return name


def manifests(wanted: Wanted, root: Path, *, image: str | None, builds: bool) -> Manifests:
    """Make the objects of a deployment.

    Args:
        wanted: The deployment.
        root: The folder of the project, and the one in which a file of requirements is named.
        image: That of flows whose files travel; None if the cluster knows it.
        builds: Whether an image is to be built, so that no files travel.

    Raises:
        DeploymentError: Naming all that is wrong.
        MillstreamError: The flow cannot be loaded, or is none.
    """
    wrong = [*_name_problems(wanted.name), *spec_problems(wanted.spec, wanted.place)]
    wrong += [*_schedule_problems(wanted), *_quantity_problems(wanted)]
    _refuse(wanted.name or wanted.entrypoint, wrong)
    beside = root
    root, entrypoint = _in_project(root, wanted.entrypoint)
    with loaded_alone(root) as loaded:
        entrypoint = full_entrypoint(entrypoint)
        flow = load_flow(entrypoint)
        spec = _spec(wanted, flow, entrypoint)
        file = _file_of(entrypoint)
    name = wanted.name if wanted.name is not None else object_name(flow.name)
    _refuse(name, list(_parameter_problems(spec)))
    travels = not builds and not spec.get("image") and "configMap" not in (spec.get("source") or {})
    into_image = builds and not (root / "Dockerfile").is_file()
    found: dict[str, bytes] = {}
    elsewhere: list[Path] = []
    if travels or into_image:
        elsewhere = sorted(path for path in loaded if not path.is_relative_to(root))
        found = local_files(root, entrypoint.rpartition(":")[0], wanted.include)
        _refuse(name, _left_behind(root, loaded, found))
    elif wanted.include:
        _refuse(
            name,
            ["include goes with files that travel, and these are to be in an image or a ConfigMap already."],
        )
    needed = _requirements(beside, file if travels or builds else None, wanted)
    made = source.source_map(name, found) if travels else None
    if made is not None and image is not None:
        spec["image"] = image
    if made is not None or (needed and not into_image):  # a Dockerfile of the project may leave some out
        spec["source"] = _source(spec.get("source") or {}, made, found, needed)
    body = {
        "apiVersion": API_VERSION,
        "kind": "FlowDeployment",
        "metadata": {"name": name},
        "spec": in_order(spec),
    }
    keeps_results = flow.persist_result is True and flow.result_storage is None
    return Manifests(root, body, made, found, needed, elsewhere, keeps_results)


def manifests_of_all(
    wanted: Sequence[Wanted], root: Path, *, image: str | None, builds: bool
) -> list[Manifests]:
    """Make the objects of several deployments, as `manifests` does.

    Raises:
        DeploymentError: Naming all that is wrong with any of them.
    """
    made, problems = [], []
    for one in wanted:
        try:
            made.append(manifests(one, root, image=image, builds=builds))
        except MillstreamError as error:
            problems.append(str(error))
    if problems:
        raise DeploymentError("\n".join(problems))
    return made


def _left_behind(root: Path, loaded: Iterable[Path], found: Mapping[str, bytes]) -> list[str]:
    """What was loaded here and will not be found there, as the folder `src` of a project that is installed here."""
    files = (path.relative_to(root).as_posix() for path in loaded if path.is_relative_to(root))
    return [
        f"It loads {file}, which is not found by its imports beside it and in {root}. Include it, if it is loaded "
        f"by name (--include {file}), or make an image (--build, --image)."
        for file in sorted(files)
        if file not in found
    ]


def _in_project(root: Path, entrypoint: str) -> tuple[Path, str]:
    """The folder of the project, which is that of the file if this lies elsewhere, and the entrypoint in it."""
    place, colon, name = (
        entrypoint.rpartition(":") if not entrypoint.endswith(".py") else (entrypoint, "", "")
    )
    if not place.endswith(".py"):
        return root, entrypoint
    path = Path(os.path.abspath(root / place))  # noqa: PTH100 - `resolve` follows links
    if not path.is_relative_to(root):
        root = Path(os.path.realpath(path.parent))  # as the working directory is, when code is loaded in it
        path = root / path.name
    return root, f"{path.relative_to(root).as_posix()}{colon}{name}"


def _refuse(name: str, problems: Sequence[str]) -> None:
    if problems:
        raise DeploymentError("\n  ".join([f"{name} cannot be deployed:", *problems]))


def _spec(wanted: Wanted, flow: Flow[..., Any], entrypoint: str) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if flow.description:
        said["description"] = flow.description[:_LONGEST_DESCRIPTION]
    if flow.version:
        said["version"] = flow.version
    schema = flow.parameter_schema()
    if flow.should_validate_parameters:
        said["parameterSchema"] = schema
    if "schedules" not in wanted.spec:
        said["schedules"] = _own_schedules(entrypoint)
    spec: dict[str, Any] = {"entrypoint": entrypoint, **merged(said, dict(wanted.spec))}
    if given := wanted.parameters(schema):
        spec["parameters"] = {**spec.get("parameters", {}), **given}
    spec["schedules"] = named(spec.get("schedules") or [])
    return spec


def _own_schedules(entrypoint: str) -> list[dict[str, Any]]:
    try:
        return load_schedules(entrypoint)
    except ValueError as error:
        raise DeploymentError(f"{error} Or say when it is to run: --cron, --interval, --rrule.") from error


def _name_problems(name: str | None) -> Iterator[str]:
    if name is not None and not _NAME.fullmatch(name):
        yield (
            f"{name!r} is no name of a deployment, which has up to {MAX_RUN_NAME} of a-z, 0-9 and -; "
            f"{object_name(name)} is one."
        )


def _schedule_problems(wanted: Wanted) -> Iterator[str]:
    schedules = wanted.spec.get("schedules")
    seen: dict[str, int] = {}
    for number, schedule in enumerate(schedules if isinstance(schedules, list) else ()):
        if not isinstance(schedule, dict):
            continue
        place = wanted.place(("schedules", number))
        if problem := problem_of(schedule):
            yield f"{place}: {problem}"
        name = schedule.get("name")
        if isinstance(name, str) and name in seen:
            yield f"{place}: the name {name} is that of schedules.{seen[name]} already."
        seen.setdefault(str(name), number)


def _quantity_problems(wanted: Wanted) -> Iterator[str]:
    """Amounts that Kubernetes does not read; of the pod's form otherwise only a cluster can tell."""
    pod = wanted.spec.get("pod")
    resources = pod.get("resources") if isinstance(pod, dict) else None
    for part in ("requests", "limits"):
        amounts = resources.get(part) if isinstance(resources, dict) else None
        for name, given in amounts.items() if isinstance(amounts, dict) else ():
            try:
                amount(given)
            except ValueError as error:
                yield f"{wanted.place(('pod', 'resources', part, name))}: {error}."


def _parameter_problems(spec: Mapping[str, Any]) -> Iterator[str]:
    """What does not fit of the parameters that runs get; for what has no default, a schedule has to have it."""
    try:
        from millstream.resources.parameters import InvalidSchemaError, problems  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise DeploymentError(
            "To deploy, the kubernetes extra is needed: pip install 'millstream[kubernetes]'."
        ) from error
    schema = spec.get("parameterSchema")
    if schema is None:
        return
    given = spec.get("parameters", {})
    try:
        wrong = problems(schema | {"required": []}, given)
        yield from (f"parameters: {problem}" for problem in wrong)
        for schedule in spec.get("schedules", ()):
            of_runs = problems(schema, {**given, **schedule.get("parameters", {})})
            yield from (f"parameters of schedule {schedule['name']}: {p}" for p in of_runs if p not in wrong)
    except InvalidSchemaError as error:
        yield f"the schema of the parameters cannot be used: {error}"


def _requirements(beside: Path, file: Path | None, wanted: Wanted) -> list[str]:
    if wanted.requirements is not None:
        return requirements.listed_in(beside / wanted.requirements)
    return [] if file is None else requirements.declared_in(file)


def _file_of(entrypoint: str) -> Path | None:
    """The file with the code of a flow that is loaded; None if its module is no text."""
    place = entrypoint.rpartition(":")[0]
    file = place if place.endswith(".py") else sys.modules[place].__file__
    return Path(file).absolute() if file is not None and file.endswith(".py") else None


def _source(
    given: Mapping[str, Any], made: Object | None, found: Mapping[str, bytes], needed: Sequence[str]
) -> dict[str, Any]:
    packages = list(dict.fromkeys([*needed, *given.get("requirements", ())]))
    return {
        **given,
        **({} if made is None else source.mounted(made, found)),
        **({"requirements": packages} if packages else {}),
    }
