"""A flow's files as a ConfigMap that is named by its content: live runs keep what they began with."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

from millstream.exceptions import DeploymentError
from millstream.resources.labels import MANAGED_BY, MANAGED_BY_VALUE, SOURCE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from millstream._cluster.cluster import Object

_MOST_BYTES: Final = 1_048_576  # of the values of a ConfigMap
_MOST_FILES: Final = 512  # of spec.source.items
_LARGEST: Final = 5
_DIGITS: Final = 10


def source_map(deployment: str, files: Mapping[str, bytes]) -> Object:
    """The ConfigMap that brings files to the runs of a deployment.

    Raises:
        DeploymentError: They are too many, or too large.
    """
    _check_size(files)
    keys = _keys(files)
    data: dict[str, str] = {}
    binary: dict[str, str] = {}
    for path, content in files.items():
        try:
            data[keys[path]] = content.decode()
        except UnicodeDecodeError:
            binary[keys[path]] = base64.b64encode(content).decode()
    body: Object = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": f"{deployment}-source-{_digest(files)}",
            "labels": {MANAGED_BY: MANAGED_BY_VALUE, SOURCE: deployment},
        },
        "immutable": True,
    }
    return body | ({"data": data} if data else {}) | ({"binaryData": binary} if binary else {})


def mounted(source: Object, files: Mapping[str, bytes]) -> dict[str, Any]:
    """What `spec.source` says of that ConfigMap; files whose keys are their paths need no list."""
    keys = _keys(files)
    named: dict[str, Any] = {"configMap": source["metadata"]["name"]}
    if any(key != path for path, key in keys.items()):
        named["items"] = [{"key": key, "path": path} for path, key in keys.items()]
    return named


def _keys(files: Mapping[str, bytes]) -> dict[str, str]:
    """The key of each path; two paths never have the same."""
    keys = {path: re.sub(r"[^-._a-zA-Z0-9]", "_", path) for path in files}
    taken = list(keys.values())
    return {
        path: key if key == path or taken.count(key) == 1 else f"{key}-{_digest({path: b''})}"
        for path, key in keys.items()
    }


def _digest(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for path, content in sorted(files.items()):
        digest.update(f"{path}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:_DIGITS]


def _check_size(files: Mapping[str, bytes]) -> None:
    total = sum(map(len, files.values()))
    if total <= _MOST_BYTES and len(files) <= _MOST_FILES:
        return
    largest = sorted(files.items(), key=lambda item: -len(item[1]))[:_LARGEST]
    listed = [f"{len(content):>12,} bytes  {path}" for path, content in largest]
    why = (
        f"The flow's {len(files)} files have {total:,} bytes, and a ConfigMap takes {_MOST_BYTES:,} in {_MOST_FILES} "
        "files. Put them into an image: --build, or --image. The largest are:"
    )
    raise DeploymentError("\n  ".join([why, *listed]))
