"""The selectors of commands in the documentation find what they say."""

import re
from pathlib import Path

import pytest

from millstream.resources import crd, labels

ROOT = Path(__file__).parents[3]
PAGES = (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "charts").rglob("*.txt"))
FIELDS = {
    plural: {
        field["jsonPath"].lstrip(".") for field in body["spec"]["versions"][0].get("selectableFields", ())
    }
    for body in crd.definitions().values()
    for plural in (body["spec"]["names"]["plural"], *body["spec"]["names"]["shortNames"])
}
OF_PODS = {
    labels.RUN, labels.RUN_UID, labels.ATTEMPT, labels.DEPLOYMENT,
    "app.kubernetes.io/component",
}  # fmt: skip
OF_SOME_RUNS = {labels.PARENT_RUN_UID, labels.SCHEDULE, labels.BACKFILL, labels.RETRY_OF}
"""On runs of one origin each; with one of these, and not without, the label of the deployment is on them as well."""
THEIRS = {"kubernetes.io/service-name"}


def _selectors(option):
    found = re.compile(rf"(kubectl[^`|\n]*?)\s(?:{option})[ =]([^\s`]+)")
    for page in PAGES:
        for command, selector in found.findall(page.read_text()):
            yield pytest.param(command, re.findall(r"([^,=]+)=", selector), id=f"{page.name}: {selector}")


@pytest.mark.parametrize(("command", "keys"), list(_selectors("--field-selector")))
def test_a_field_can_be_selected_by(command, keys):
    (fields,) = [fields for plural, fields in FIELDS.items() if plural in command.split()]
    assert keys
    assert set(keys) <= fields


@pytest.mark.parametrize(("command", "keys"), list(_selectors("-l|--selector")))
def test_a_label_is_on_what_is_looked_for(command, keys):
    assert keys
    if {"fr", "flowruns"} & set(command.split()):
        assert set(keys) & OF_SOME_RUNS
        assert set(keys) <= OF_SOME_RUNS | {labels.DEPLOYMENT}
    else:
        assert set(keys) <= OF_PODS | THEIRS
