"""What a flow needs beside its image: files from a ConfigMap, and packages that are installed before it is loaded."""

import json
from typing import Annotated

from pydantic import ConfigDict, Field

from millstream.resources.model import Model, ObjectName, matches, validation, validations

__all__ = ["Source", "SourceItem"]

_KEY = r"^[-._a-zA-Z0-9]+$"
_PATH = r"^\.?[^./\x00-\x1f\x7f][^/\x00-\x1f\x7f]*(/\.?[^./\x00-\x1f\x7f][^/\x00-\x1f\x7f]*)*$"
_IN_A_LINE = "[^\\\\\\x00-\\x1f\\x7f-\\x9f\u2028\u2029]"
"""Characters that end no line for pip, which takes all that Python does for ends of lines."""
_REQUIREMENT = (
    r"^[a-zA-Z0-9]([-._a-zA-Z0-9]*[a-zA-Z0-9])? *(\[[-._a-zA-Z0-9, ]*\])?"
    rf" *([<>=!~(;]{_IN_A_LINE}*|@ *[a-z][a-z0-9+]*:{_IN_A_LINE}*)?$"
)
"""Its first look: the runner reads it as PEP 508 says."""
_NO_REQUIREMENT = (
    "give a requirement as in PEP 508, such as pandas>=2.3 or pandas[excel]; options and local paths are none, and "
    "what index is used is said by variables of spec.pod.env, such as PIP_INDEX_URL"
)
_SOMETHING = "give configMap or requirements"
_ITEMS_OF = "items goes with configMap"


class SourceItem(Model):
    """Where the file of a key is put."""

    key: str = Field(
        min_length=1, max_length=253, pattern=_KEY, description="A key of the ConfigMap, which must be there."
    )
    path: str = Field(
        min_length=1,
        max_length=512,
        description="Path of its file in the working directory: pkg/__init__.py.",
        json_schema_extra=matches(_PATH, "give a path within the working directory, without . and .."),
    )


_Requirement = Annotated[
    str,
    Field(
        min_length=1,
        max_length=512,
        json_schema_extra=validation(
            f"self.matches({json.dumps(_REQUIREMENT)}) && !self.contains(' -') && !self.contains(' #')",
            _NO_REQUIREMENT,
        ),
    ),
]


class Source(Model):
    """What a flow needs beside its image."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            ("has(self.configMap) || (has(self.requirements) && self.requirements.size() > 0)", _SOMETHING),
            ("!has(self.items) || self.items.size() == 0 || has(self.configMap)", _ITEMS_OF),
        )
    )

    config_map: ObjectName | None = Field(
        default=None, description="ConfigMap whose keys are mounted as the files of the working directory."
    )
    items: list[SourceItem] = Field(
        default_factory=list,
        max_length=512,
        description="Which keys are mounted, and as which files, folders included; all keys by their names if empty.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["path"]},
    )
    requirements: list[_Requirement] = Field(
        default_factory=list,
        max_length=128,
        description="Packages to install before the flow is loaded, as in PEP 508, unless the image has them.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
