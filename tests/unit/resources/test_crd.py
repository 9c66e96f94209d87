import json

import jsonschema_rs
import pytest

from millstream.resources import crd
from millstream.resources.crd import definitions, main
from millstream.resources.flow_deployment import FlowDeploymentSpec, FlowDeploymentStatus
from millstream.resources.flow_run import FlowRunSpec, FlowRunStatus
from millstream.resources.pod_options import RESERVED_PREFIXES

FILES = ("flowdeployments.millstream.dev.json", "flowruns.millstream.dev.json")
# Keywords that Kubernetes allows in a structural schema; others it refuses or drops.
STRUCTURAL = {
    "type", "description", "default", "enum", "format", "pattern", "minLength", "maxLength", "minimum", "maximum",
    "minItems", "maxItems", "maxProperties", "items", "properties", "additionalProperties", "required", "anyOf",
}  # fmt: skip


def version(name):
    (found,) = definitions()[name]["spec"]["versions"]
    return found


def schema(name, part):
    return version(name)["schema"]["openAPIV3Schema"]["properties"][part]


def nodes(node, path=""):
    """Go through a schema and all that it holds."""
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in node:
            yield from nodes(node[key], f"{path}[]")


ALL = [(name, part) for name in FILES for part in ("spec", "status")]


def test_the_files_are_current(pytestconfig, capsys):
    assert main([str(pytestconfig.rootpath / "crds"), "--check"]) == 0, capsys.readouterr().out


def test_writes_what_is_not_current(tmp_path, capsys):
    assert main([str(tmp_path), "--check"]) == 1
    assert "is not current; run: make generate" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
    assert main([str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)
    assert main([str(tmp_path), "--check"]) == 0


@pytest.mark.parametrize("name", FILES)
def test_is_small_enough_for_client_side_apply(name):
    assert len(crd._encode(definitions()[name])) < 150_000


@pytest.mark.parametrize(("name", "part"), ALL)
def test_is_structural(name, part):
    for path, node in nodes(schema(name, part)):
        unknown = {key for key in node if key not in STRUCTURAL and not key.startswith("x-kubernetes-")}
        assert not unknown, path
        assert "type" in node or {"x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields"} & set(
            node
        ), path
        assert not ("properties" in node and "additionalProperties" in node), path


@pytest.mark.parametrize(("name", "part"), ALL)
def test_says_what_each_field_is_in_one_line(name, part):
    for path, node in nodes(schema(name, part)):
        if path and not path.endswith("[]"):
            assert node.get("description"), path
        assert "\n" not in node.get("description", ""), path


@pytest.mark.parametrize(("name", "part"), [(name, "spec") for name in FILES])
def test_what_a_user_writes_is_bounded(name, part):
    for path, node in nodes(schema(name, part)):
        if node.get("type") == "array":
            assert "maxItems" in node, path
        if node.get("type") == "string" and not {"enum", "format"} & node.keys():
            assert "maxLength" in node, path


@pytest.mark.parametrize(
    ("model", "name", "part"),
    [
        (FlowDeploymentSpec, FILES[0], "spec"),
        (FlowDeploymentStatus, FILES[0], "status"),
        (FlowRunSpec, FILES[1], "spec"),
        (FlowRunStatus, FILES[1], "status"),
    ],
)
def test_has_the_fields_of_the_models(model, name, part):
    assert set(schema(name, part)["properties"]) == {f.alias for f in model.model_fields.values()}
    validator = jsonschema_rs.Draft202012Validator(schema(name, part))
    least = {"entrypoint": "a:b", "image": "i"} if model is FlowDeploymentSpec else {}
    assert validator.is_valid(json.loads(json.dumps(model.model_validate(least).to_dict())))


def test_of_a_run_only_what_is_said_later_can_be_changed():
    rules = [rule["rule"] for rule in schema(FILES[1], "spec")["x-kubernetes-validations"]]
    fixed = {rule.split(")")[0].removeprefix("has(self.") for rule in rules if rule.startswith("has(self.")}
    later = {"tags", "cancel", "suspend", "ttlSecondsAfterFinished"}
    assert fixed - {"deploymentRef"} == set(schema(FILES[1], "spec")["properties"]) - later - {
        "deploymentRef"
    }
    assert any("oldSelf.cancel" in rule for rule in rules)


@pytest.mark.parametrize("name", FILES)
def test_status_is_a_subresource_and_names_are_bounded(name):
    assert version(name)["subresources"] == {"status": {}}
    rules = version(name)["schema"]["openAPIV3Schema"]["x-kubernetes-validations"]
    assert any("<= 52" in rule["rule"] for rule in rules)


def test_runs_can_be_selected_by_state_and_deployment():
    paths = [field["jsonPath"] for field in version(FILES[1])["selectableFields"]]
    assert paths == [".status.state", ".spec.deploymentRef.name"]


def test_a_time_to_live_is_bounded_and_one_that_was_stored_before_can_be_read():
    field = schema(FILES[1], "spec")["properties"]["ttlSecondsAfterFinished"]
    assert field["maximum"] == 10 * 365 * 86_400
    assert (
        FlowRunSpec.model_validate({"ttlSecondsAfterFinished": 10**18}).ttl_seconds_after_finished == 10**18
    )


@pytest.mark.parametrize("field", ["labels", "annotations"])
def test_what_others_act_on_is_reserved(field):
    (rule,) = schema(FILES[0], "spec")["properties"]["pod"]["properties"][field]["x-kubernetes-validations"]
    for prefix in RESERVED_PREFIXES:
        assert f"!key.startsWith('{prefix}')" in rule["rule"]
        assert prefix in rule["message"]


def test_a_reason_of_a_newer_release_can_be_stored():
    assert "enum" not in schema(FILES[1], "status")["properties"]["reason"]
