"""An image with a flow's project, built by Docker or Buildah. What users say goes into files and arguments, never a shell."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from millstream.exceptions import DeploymentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from millstream._deploy.manifests import Manifests

_BUILDERS: Final = ("docker", "buildah")
_DIGITS: Final = 12
_STANDARD_ERROR: Final = 2  # what builders print is about the work, and not what was asked for
_DOCKERFILE: Final = """\
ARG BASE
FROM ${BASE}
USER root
COPY requirements.txt /tmp/requirements.txt
RUN pip install --no-cache-dir --requirement /tmp/requirements.txt
USER 65532:65532
COPY files/ /flows/
WORKDIR /flows
"""
_NO_REQUIREMENTS: Final = """\
ARG BASE
FROM ${BASE}
COPY files/ /flows/
WORKDIR /flows
"""


class Project(NamedTuple):
    """What goes into an image.

    Attributes:
        root: The folder of the project.
        files: What its flows take along.
        requirements: The packages that they declare.
    """

    root: Path
    files: Mapping[str, bytes]
    requirements: Sequence[str]


def shared(made: Iterable[Manifests]) -> dict[str, Project]:
    """What to build, by the names of images: deployments that name the same share it, with all that they need.

    Raises:
        DeploymentError: Those that name the same are of several projects.
    """
    projects: dict[str, Project] = {}
    for one in made:
        image = one.deployment["spec"]["image"]
        known = projects.get(image, Project(one.root, {}, ()))
        if known.root != one.root:
            raise DeploymentError(
                f"{image} cannot be built of two projects, {known.root} and {one.root}: give each an image of its own."
            )
        needed = dict.fromkeys([*known.requirements, *one.requirements])
        projects[image] = Project(one.root, {**known.files, **one.files}, list(needed))
    return projects


class Builder:
    """Docker, or Buildah where that is not there.

    Raises:
        DeploymentError: Neither is there.
    """

    def __init__(self) -> None:
        found = [path for name in _BUILDERS if (path := shutil.which(name))]
        if not found:
            raise DeploymentError(
                "To build an image, Docker or Buildah is needed, and neither is in PATH. Without --build the flow's "
                "files travel in a ConfigMap; --image names an image that there is."
            )
        self._program = found[0]

    def build(
        self,
        project: Project,
        *,
        base: str | None,
        repository: str,
    ) -> str:
        """Build the image of a project, by its Dockerfile if it has one, and give its name.

        Args:
            project: What goes into it.
            base: The image to build on; None: as the Dockerfile says.
            repository: What to call it; the tag, if there is none, comes from the content.

        Raises:
            DeploymentError: It cannot be built.
        """
        own = (project.root / "Dockerfile").is_file()
        if not own and base is None:
            raise DeploymentError(
                "There is no Dockerfile, and none can be made without an image to build on: set MILLSTREAM_DEPLOY_IMAGE "
                "to the image of flows, for instance by `millstream config set MILLSTREAM_DEPLOY_IMAGE=...`."
            )
        with nullcontext(str(project.root)) if own else tempfile.TemporaryDirectory() as context:
            if not own:
                _write_context(Path(context), project)
            with tempfile.TemporaryDirectory() as notes:
                id_file = Path(notes) / "id"
                arguments = () if base is None else ("--build-arg", f"BASE={base}")
                self._run("build", "--iidfile", str(id_file), *arguments, context)
                identity = id_file.read_text(encoding="utf-8").strip()
        image = tagged(repository, identity)
        self._run("tag", identity, image)
        return image

    def push(self, image: str) -> None:
        """Push an image to its registry.

        Raises:
            DeploymentError: It cannot be pushed.
        """
        self._run("push", image)

    def _run(self, *arguments: str) -> None:
        done = subprocess.run(  # noqa: S603 - arguments are none of a shell's
            [self._program, *arguments], stdout=_STANDARD_ERROR, stdin=subprocess.DEVNULL, check=False
        )
        if done.returncode:
            name = Path(self._program).name
            raise DeploymentError(
                f"{name} {arguments[0]} failed with exit code {done.returncode}; it says why above."
            )


def tagged(repository: str, identity: str) -> str:
    """The name of an image: as it is if it has a tag, or else with one of its content."""
    if ":" in repository.rpartition("/")[2] or "@" in repository:
        return repository
    return f"{repository}:{identity.rpartition(':')[2][:_DIGITS]}"


def _write_context(folder: Path, project: Project) -> None:
    dockerfile = _DOCKERFILE if project.requirements else _NO_REQUIREMENTS
    (folder / "Dockerfile").write_text(dockerfile, encoding="utf-8")
    (folder / "requirements.txt").write_text("\n".join(project.requirements), encoding="utf-8")
    for name, content in project.files.items():
        path = folder / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
