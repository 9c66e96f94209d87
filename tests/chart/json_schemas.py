"""JSON schemas for kubeconform, from what an API server says of its kinds."""

import json

__all__ = ["FILE_NAME", "write_schemas"]

FILE_NAME = "{{.Group}}_{{.ResourceAPIVersion}}_{{.ResourceKind}}.json"
_REFERENCE = "#/definitions/"


def write_schemas(kubectl, folder):
    """Write a file for each kind, strict: what a schema does not name is a mistake."""
    definitions = {
        name: _strict(node)
        for name, node in json.loads(kubectl("get", "--raw", "/openapi/v2"))["definitions"].items()
    }
    definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"] = {"type": ["string", "number"]}
    for name, node in definitions.items():
        for kind in node.get("x-kubernetes-group-version-kind", ()):
            # To kubeconform, the group of what has none is its version.
            group = kind["group"] or kind["version"]
            file = folder / f"{group}_{kind['version']}_{kind['kind'].lower()}.json"
            needed = _needed(definitions, name, {})
            file.write_text(json.dumps({"$ref": _REFERENCE + name, "definitions": needed}))


def _strict(node):
    if isinstance(node, list):
        return [_strict(child) for child in node]
    if not isinstance(node, dict):
        return node
    if node.get("format") == "int-or-string" or node.get("x-kubernetes-int-or-string") is True:
        return {"type": ["string", "integer"]}
    node = {key: _strict(child) for key, child in node.items()}
    if isinstance(node.get("properties"), dict) and not node.get("x-kubernetes-preserve-unknown-fields"):
        node.setdefault("additionalProperties", False)
    return node


def _needed(definitions, name, found):
    if name not in found:
        found[name] = definitions[name]
        for reference in _references(definitions[name]):
            _needed(definitions, reference, found)
    return found


def _references(node):
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from _references(child)
    if isinstance(node, dict) and isinstance(node.get("$ref"), str):
        yield node["$ref"].removeprefix(_REFERENCE)
