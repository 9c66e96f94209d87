"""What the operator itself puts into the flow's container: volumes, and the variables that say where they are."""

from typing import Any

from millstream.resources import blocks, labels, storage
from millstream.resources.run_document import DIRECTORY, FILE
from millstream.resources.run_template import RunTemplate

__all__ = ["WORKING_DIRECTORY", "own_mounts", "own_variables", "own_volumes"]

WORKING_DIRECTORY = "/flows"
"""Where the files of `source.configMap` are."""
_TEMPORARY_DIRECTORY = "/tmp"  # noqa: S108  (in the container, an emptyDir of its own)

Object = dict[str, Any]


def own_volumes(template: RunTemplate) -> list[Object]:
    """Give the volumes that a pod has beside those of its deployment."""
    return [volume for volume, _ in _files(template)]


def own_mounts(template: RunTemplate) -> list[Object]:
    """Give where these are in the flow's container."""
    return [mount | {"name": volume["name"]} for volume, mount in _files(template)]


def own_variables(template: RunTemplate) -> dict[str, str]:
    """Give the environment variables that say where a flow finds its blocks and its storage."""
    variables = {blocks.VARIABLE: blocks.FOLDER} if template.blocks else {}
    if template.storage:
        variables[storage.VARIABLE] = template.storage.url or storage.FOLDER
    return variables


def _files(template: RunTemplate) -> list[tuple[Object, Object]]:
    """Pair each volume with its mount."""
    reference = {"fieldPath": f"metadata.annotations['{labels.DOCUMENT_ANNOTATION}']"}
    document = {"items": [{"path": FILE, "fieldRef": reference}]}
    files = [({"name": "millstream-run", "downwardAPI": document}, _read_only(DIRECTORY))]
    if _needs_temporary(template):
        files.append(({"name": "millstream-tmp", "emptyDir": {}}, {"mountPath": _TEMPORARY_DIRECTORY}))
    if template.source and template.source.config_map:
        chosen = template.source.to_dict()["items"]
        source = {"name": template.source.config_map} | ({"items": chosen} if chosen else {})
        files.append(({"name": "millstream-source", "configMap": source}, _read_only(WORKING_DIRECTORY)))
    for number, name in enumerate(template.blocks):  # the name of a Secret may be too long for a volume
        block = {"name": f"millstream-block-{number}", "secret": {"secretName": name}}
        files.append((block, _read_only(f"{blocks.FOLDER}/{name}")))
    if template.storage and template.storage.persistent_volume_claim:
        claim = {"claimName": template.storage.persistent_volume_claim}
        volume = {"name": "millstream-storage", "persistentVolumeClaim": claim}
        files.append((volume, {"mountPath": storage.FOLDER}))
    return files


def _read_only(path: str) -> Object:
    return {"mountPath": path, "readOnly": True}


def _needs_temporary(template: RunTemplate) -> bool:
    return all(mount.mount_path.rstrip("/") != _TEMPORARY_DIRECTORY for mount in template.pod.volume_mounts)
