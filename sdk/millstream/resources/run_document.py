"""The run document: what the operator tells the runner in the pod, as one JSON object.

It travels as an annotation of the pod and is mounted as a file by the downward API. So it is never seen by a
shell, a template or the kubelet's expansion of `$(NAME)`, and one path serves every size up to `MAX_BYTES`.
"""

import json
from dataclasses import dataclass, field
from typing import Any

__all__ = ["DIRECTORY", "FILE", "MAX_BYTES", "VERSION", "InvalidDocumentError", "RunDocument"]

VERSION = 1
MAX_BYTES = 128 * 1024
DIRECTORY = "/run/millstream"
FILE = "run.json"


class InvalidDocumentError(ValueError):
    """The run document is not one that this runner understands."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunDocument:
    """One attempt of one run, as data.

    Attributes:
        run: name of the FlowRun.
        namespace: its namespace.
        uid: its UID; the completion record repeats it.
        attempt: number of this attempt, from 1; the completion record repeats it.
        entrypoint: `module.path:flow` or `path/file.py:flow`, seen from the working directory.
        parameters: JSON values by parameter name, the run's over the deployment's.
        deployment: name of the FlowDeployment, None for a run of a template.
        tags: the run's tags and its deployment's.
        scheduled_time: when the run was due, RFC 3339; None for a run that was due at once.
        run_seconds: how long this attempt may take, None for no limit.
        grace_seconds: between SIGTERM and SIGKILL.
        log_tail: whether the last lines of output may be stored with a failed run.
        requirements: packages to install before the flow is loaded, as in PEP 508.
    """

    run: str
    namespace: str
    uid: str
    attempt: int
    entrypoint: str
    parameters: dict[str, Any] = field(default_factory=dict)
    deployment: str | None = None
    tags: list[str] = field(default_factory=list)
    scheduled_time: str | None = None
    run_seconds: int | None = None
    grace_seconds: int = 30
    log_tail: bool = True
    requirements: list[str] = field(default_factory=list)

    def to_json(self) -> str:
        """Serialise; the operator refuses a document of more than `MAX_BYTES` bytes before a Job exists.

        What is empty is left out, so that a runner that does not know of it yet reads the rest.
        """
        values = {name: getattr(self, name) for name in _TYPES}
        return json.dumps(
            {"version": VERSION}
            | {name: value for name, value in values.items() if value not in (None, [], {})},
            separators=(",", ":"),
            ensure_ascii=False,
        )

    @classmethod
    def from_json(cls, text: str) -> "RunDocument":
        """Read a document.

        Raises:
            InvalidDocumentError: it is no JSON object, of another version, lacks or adds fields, or has one of a
                wrong type.
        """
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InvalidDocumentError(f"the run document is not JSON: {error}") from None
        if not isinstance(values, dict):
            raise InvalidDocumentError("the run document is not a JSON object")
        version = values.pop("version", None)
        if version != VERSION:
            raise InvalidDocumentError(
                f"the run document has version {version!r}, this runner reads version {VERSION}: "
                "use images of the same release for the operator and for flows"
            )
        try:
            document = cls(**values)
        except TypeError as error:
            raise InvalidDocumentError(f"the run document does not fit: {error}") from None
        for name, expected in _TYPES.items():
            if not isinstance(value := getattr(document, name), expected):
                raise InvalidDocumentError(f"the run document does not fit: {name} cannot be {value!r}")
        return document


_TYPES: dict[str, tuple[type, ...]] = {
    "run": (str,),
    "namespace": (str,),
    "uid": (str,),
    "attempt": (int,),
    "entrypoint": (str,),
    "parameters": (dict,),
    "deployment": (str, type(None)),
    "tags": (list,),
    "scheduled_time": (str, type(None)),
    "run_seconds": (int, type(None)),
    "grace_seconds": (int,),
    "log_tail": (bool,),
    "requirements": (list,),
}
