"""The CustomResourceDefinitions, generated from the models.

python -m millstream.resources.crd crds            write crds/<plural>.<group>.json
python -m millstream.resources.crd crds --check    exit 1 if a file there is not current
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from millstream.resources import flow_deployment, flow_run
from millstream.resources.model import GROUP, VERSION, Model
from millstream.resources.names import MAX_RUN_NAME
from millstream.resources.states import RunState

__all__ = ["definitions", "structural"]

Schema = dict[str, Any]

# One more than in the release before, if anything here is not as it was there: the chart does not put older definitions in
# the place of newer ones. Fields cannot tell which are newer, since a version may lack one that the version before had.
_REVISION = 1
_REVISION_ANNOTATION = f"{GROUP}/schema-revision"

_NOT_STRUCTURAL = {"title", "$defs", "propertyNames"}

_NAME_RULES = [
    {
        "rule": f"size(self.metadata.name) <= {MAX_RUN_NAME}",
        "message": f"metadata.name may have at most {MAX_RUN_NAME} characters, so that the names of Jobs and "
        "pods, which are made from it, fit",
    },
    {
        "rule": "!self.metadata.name.contains('.')",
        "message": "metadata.name may not contain dots, because pods are named after it",
    },
]
_FINAL_STATES = json.dumps([state.value for state in RunState if state.is_final])
_FINAL_RULE = {
    # On the whole object: a rule on the status would say nothing when the status is taken away.
    "rule": f"!has(oldSelf.status) || !has(oldSelf.status.state) || !(oldSelf.status.state in {_FINAL_STATES})"
    " || (has(self.status) && has(self.status.state) && self.status.state == oldSelf.status.state)",
    "message": "a final state does not change",
}
_ONE_ORIGIN_RULE = {
    "rule": "has(self.deploymentRef) != has(self.template)",
    "message": "give exactly one of spec.deploymentRef and spec.template",
}
_MUTABLE_RUN_FIELDS = {"tags", "cancel", "suspend", "ttlSecondsAfterFinished"}
_CANCEL_RULE = {
    "rule": "!has(oldSelf.cancel) || !oldSelf.cancel || (has(self.cancel) && self.cancel)",
    "message": "a cancel cannot be taken back; create a new FlowRun",
}


def definitions() -> dict[str, Schema]:
    """Give the CustomResourceDefinitions by file name."""
    return {
        f"{plural}.{GROUP}.json": _definition(kind=kind, plural=plural, **options)
        for kind, plural, options in (
            (flow_deployment.KIND, flow_deployment.PLURAL, _flow_deployment()),
            (flow_run.KIND, flow_run.PLURAL, _flow_run()),
        )
    }


def _flow_deployment() -> dict[str, Any]:
    ready = f".status.conditions[?(@.type=='{flow_deployment.READY}')]"
    suspended = f".status.conditions[?(@.type=='{flow_deployment.SUSPENDED}')]"
    return {
        "description": "What to run in this namespace, and how. Runs of it are FlowRuns.",
        "short_name": "fdep",
        "spec": structural(flow_deployment.FlowDeploymentSpec),
        "status": structural(flow_deployment.FlowDeploymentStatus),
        "rules": [],
        "columns": [
            _column("Entrypoint", ".spec.entrypoint"),
            _column("Image", ".spec.image"),
            _column("Ready", f"{ready}.status"),
            _column("Reason", f"{ready}.reason"),
            _column("Suspended", f"{suspended}.status"),
            _column("Active", ".status.active", "integer"),
            _column("Last run", ".status.lastRun.state"),
            _column("Next run", ".status.nextTime"),
        ],
        "wide": [_column("Message", f"{ready}.message", priority=1)],
        "selectable": [],
    }


def _flow_run() -> dict[str, Any]:
    spec = structural(flow_run.FlowRunSpec)
    spec["x-kubernetes-validations"] = [
        _ONE_ORIGIN_RULE,
        _CANCEL_RULE,
        *(_immutable(name) for name in spec["properties"] if name not in _MUTABLE_RUN_FIELDS),
    ]
    return {
        "description": "One run of a flow: of a FlowDeployment of this namespace, or of a template of its own.",
        "short_name": "fr",
        "spec": spec,
        "status": structural(flow_run.FlowRunStatus),
        "rules": [_FINAL_RULE],
        "columns": [
            _column("Deployment", ".spec.deploymentRef.name"),
            _column("State", ".status.state"),
            _column("Reason", ".status.reason"),
            _column("Attempt", ".status.attempt", "integer"),
            _column("Started", ".status.startTime", "date"),
            _column("Finished", ".status.completionTime", "date"),
        ],
        "wide": [
            _column("Priority", ".spec.priority", "integer", priority=1),
            _column("Message", ".status.message", priority=1),
        ],
        "selectable": [".status.state", ".spec.deploymentRef.name"],
    }


def _immutable(name: str) -> Schema:
    return {
        "rule": f"has(self.{name}) == has(oldSelf.{name})"
        f" && (!has(self.{name}) || self.{name} == oldSelf.{name})",
        "message": f"spec.{name} of a FlowRun cannot be changed; create a new FlowRun",
    }


def _column(name: str, path: str, kind: str = "string", priority: int = 0) -> Schema:
    return {"name": name, "type": kind, "jsonPath": path} | ({"priority": priority} if priority else {})


def _definition(
    *,
    kind: str,
    plural: str,
    description: str,
    short_name: str,
    spec: Schema,
    status: Schema,
    rules: list[Schema],
    columns: list[Schema],
    wide: list[Schema],
    selectable: list[str],
) -> Schema:
    version: Schema = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {
            "openAPIV3Schema": {
                "type": "object",
                "description": description,
                "required": ["spec"],
                "properties": {
                    "apiVersion": {"type": "string"},
                    "kind": {"type": "string"},
                    "metadata": {"type": "object"},
                    "spec": spec,
                    # Tools that wait by kstatus would else take an object that nobody has looked at for a good one.
                    "status": status | {"default": {}},
                },
                "x-kubernetes-validations": [*_NAME_RULES, *rules],
            }
        },
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            *columns,
            _column("Age", ".metadata.creationTimestamp", "date"),
            *wide,
        ],
    }
    if selectable:
        version["selectableFields"] = [{"jsonPath": path} for path in selectable]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{GROUP}",
            "annotations": {_REVISION_ANNOTATION: str(_REVISION)},
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": [short_name],
                "categories": ["millstream"],
            },
            "versions": [version],
        },
    }


def structural(model: type[Model]) -> Schema:
    """Turn a model into a structural schema, the dialect of JSON schema that Kubernetes reads."""
    schema: Schema = model.model_json_schema(by_alias=True)
    return _node(schema, schema.get("$defs", {}))


def _node(node: Schema, definitions: dict[str, Schema]) -> Schema:
    node = _resolve(_without_null(node), definitions)
    node = {key: value for key, value in node.items() if key not in _NOT_STRUCTURAL and value is not None}
    if "const" in node:
        node["enum"] = [node.pop("const")]
    if isinstance(node.get("default"), dict | list) or node.get("default") == "":
        del node["default"]
    if "default" in node and "description" in node:
        node["description"] += (
            f" Default: {json.dumps(node['default'])}."  # kubectl explain shows no defaults
        )
    if isinstance(node.get("additionalProperties"), bool):
        del node["additionalProperties"]
    if "properties" in node:
        node["properties"] = {name: _node(child, definitions) for name, child in node["properties"].items()}
    for key in ("items", "additionalProperties"):
        if key in node:
            node[key] = _node(node[key], definitions)
    if "description" in node:
        node["description"] = node["description"].split("\n\n")[0].replace("\n", " ")
    return node


def _resolve(node: Schema, definitions: dict[str, Schema]) -> Schema:
    if "$ref" not in node:
        return node
    referred: Schema = definitions[node["$ref"].rsplit("/", 1)[1]]
    return referred | {key: value for key, value in node.items() if key != "$ref"}


def _without_null(node: Schema) -> Schema:
    """Optional is said by not being required."""
    choices = [choice for choice in node.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) != 1:
        return node
    outer = {key: value for key, value in node.items() if key != "anyOf"}
    inner = choices[0]
    if "$ref" in inner:
        return outer | {"$ref": inner["$ref"]}
    return dict(inner) | outer


def _encode(definition: Schema) -> str:
    # Compact, and with one line a version: what client-side apply stores in an annotation stays small.
    return json.dumps(definition, separators=(",", ":"), ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write the files, or compare them with what would be written."""
    parser = argparse.ArgumentParser(description="Generate the CustomResourceDefinitions.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--check", action="store_true", help="only say which files are not current")
    options = parser.parse_args(arguments)
    files = {options.directory / name: _encode(body) for name, body in definitions().items()}
    stale = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        if not options.check:
            path.write_text(files[path])
        sys.stdout.write(f"{path} {'is not current; run: make generate' if options.check else 'written'}\n")
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
