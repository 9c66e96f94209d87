"""The manifests in the documentation are valid, and would run."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from millstream.resources import crd, flow_deployment, flow_run, namespace_defaults
from millstream.resources.flow_deployment import FlowDeploymentSpec
from millstream.resources.flow_run import FlowRunSpec
from millstream.resources.model import API_VERSION, GROUP
from millstream.resources.names import MAX_RUN_NAME
from millstream_operator.decide import readiness
from millstream_operator.decide.schedules import problem_of
from millstream_operator.defaults_reader import read_defaults

Object = dict[str, Any]

ROOT = Path(__file__).parents[3]


def documented() -> Iterator[tuple[str, Object]]:
    """Go through the objects in all blocks of YAML, each with where it stands."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        text = page.read_text()
        for match in re.finditer(r"^```yaml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
            line = text.count("\n", 0, match.start()) + 1
            for o in yaml.safe_load_all(match[1]):
                if isinstance(o, dict) and "kind" in o:
                    yield f"{page.name}:{line} {o['kind']}", o


MODELS = {flow_deployment.KIND: FlowDeploymentSpec, flow_run.KIND: FlowRunSpec}
SCHEMAS = {
    body["spec"]["names"]["kind"]: jsonschema_rs.Draft202012Validator(
        body["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    )
    for body in crd.definitions().values()
}
OBJECTS = [pytest.param(o, id=where) for where, o in documented()]
OURS = [p for p in OBJECTS if str(p.values[0]["apiVersion"]).startswith(f"{GROUP}/")]
DEFAULTS = [p for p in OBJECTS if p.values[0]["metadata"].get("name") == namespace_defaults.NAME]


@pytest.mark.parametrize("o", OURS)
def test_a_manifest_fits_its_schema_and_its_model(o: Object):
    assert o["apiVersion"] == API_VERSION
    assert [f"{e.instance_path}: {e.message}" for e in SCHEMAS[o["kind"]].iter_errors(o)] == []
    MODELS[o["kind"]].model_validate(o["spec"])  # which also refuses unknown fields
    meta = o["metadata"]
    assert meta.keys() & {"name", "generateName"}
    assert len(meta.get("name") or meta["generateName"] + "abcde") <= MAX_RUN_NAME


@pytest.mark.parametrize("o", [p for p in OURS if p.values[0]["kind"] == flow_deployment.KIND])
def test_a_deployment_of_a_manifest_can_be_run(o: Object):
    spec = FlowDeploymentSpec.model_validate(o["spec"])
    assert readiness._problem(spec) is None
    assert [problem_of(schedule) for schedule in spec.schedules if problem_of(schedule)] == []


@pytest.mark.parametrize("o", DEFAULTS)
def test_defaults_in_the_documentation_can_be_read(o: Object):
    assert o["kind"] == "ConfigMap"
    stored = o | {"metadata": {"namespace": "team", "uid": "1", "resourceVersion": "1"} | o["metadata"]}
    read = read_defaults(stored, config_namespace="millstream-system")
    assert read.error == ""
    assert read.value.model_fields_set


def test_every_default_is_shown():
    shown = {key for p in DEFAULTS for key in p.values[0]["data"]}
    assert {field.alias for field in namespace_defaults.NamespaceDefaults.model_fields.values()} <= shown


def test_there_are_manifests():
    assert len(OURS) >= 8
    assert DEFAULTS
