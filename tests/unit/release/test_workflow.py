"""The workflow of a release cannot be run here: GitHub's schema, by `make lint`, and a few rules of ours are left to check."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
(WORKFLOW,) = (ROOT / ".github/workflows").glob("*.yaml")


@pytest.fixture(scope="module")
def jobs():
    return yaml.safe_load(WORKFLOW.read_text())["jobs"]


def test_what_others_wrote_is_pinned():
    used = re.findall(r"uses: (.*)", WORKFLOW.read_text())
    assert used
    for line in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)


def test_a_job_may_do_what_it_needs_and_no_more(jobs):
    assert yaml.safe_load(WORKFLOW.read_text())["permissions"] == {}
    assert {name: set(job["permissions"]) for name, job in jobs.items()} == {
        "test": {"contents"},
        "images": {"contents", "id-token"},
        "publish": {"contents", "id-token"},
    }


def test_a_secret_is_only_there_once_somebody_has_agreed(jobs):
    secret = {name for name, job in jobs.items() if "secrets." in str(job)}
    assert secret == {"images", "publish"}
    assert {name for name, job in jobs.items() if job.get("environment") == "release"} == secret


def test_a_tag_of_a_pre_release_starts_nothing():
    (pattern,) = yaml.safe_load(WORKFLOW.read_text())[True]["push"]["tags"]
    assert re.fullmatch(pattern.replace(".", r"\."), "v1.2.0")
    assert not re.fullmatch(pattern.replace(".", r"\."), "v1.2.0rc1")


def test_nothing_is_published_that_was_not_tested(jobs):
    assert [(name, job.get("needs")) for name, job in jobs.items()] == [
        ("test", None),
        ("images", "test"),
        ("publish", "images"),
    ]


def test_no_expression_becomes_part_of_a_script(jobs):
    scripts = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    assert not [script for script in scripts if "${{" in script]


def test_every_image_of_the_dockerfile_is_built(jobs):
    dockerfile = (ROOT / "Dockerfile").read_text()
    final = re.findall(r"^FROM runtime AS (operator|flow)$", dockerfile, re.MULTILINE)
    assert jobs["images"]["strategy"]["matrix"]["target"] == final
