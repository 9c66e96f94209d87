"""What `make release-dry-run` builds."""

import os
import shutil
import subprocess
import tarfile

import pytest
import yaml
from chart.conftest import ROOT, VERSION

DIGEST = f"sha256:{'0' * 64}"
IMAGE = f"registry.example.com/team/millstream-operator:{VERSION}@{DIGEST}"
NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "dist", ".*_cache", "__pycache__")


@pytest.fixture
def release(tmp_path):
    """Run hack/release in a copy of the tree, whose changelog has the section given."""
    tree = tmp_path / "tree"
    shutil.copytree(ROOT, tree, ignore=NOT_COPIED, symlinks=True)
    (tree / ".venv").symlink_to(ROOT / ".venv")

    def run(section, **environment):
        (tree / "CHANGELOG.md").write_text(f"# Changelog\n\n## {section}\n")
        done = subprocess.run(
            [tree / "hack/release"],
            env=os.environ | {"OUT": str(tmp_path / "out")} | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr, done.returncode

    return run


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        ("v9.9.9", f"the tag is v9.9.9, and the version {VERSION}"),
        (f"v{VERSION}", f"CHANGELOG.md has no section '## {VERSION} (date)'"),
    ],
)
def test_a_tag_that_does_not_fit_is_refused_before_anything_is_built(release, tmp_path, tag, message):
    said, code = release("Unreleased", RELEASE=tag)
    assert code != 0
    assert message in said
    assert not (tmp_path / "out").exists()


def test_a_version_that_is_a_pre_release_is_refused(release, tmp_path):
    project = tmp_path / "tree/pyproject.toml"
    project.write_text(project.read_text().replace(f'version = "{VERSION}"', 'version = "9.0.0rc1"'))
    said, code = release("9.0.0rc1 (2026-01-31)", RELEASE="v9.0.0rc1")
    assert code != 0
    assert "the version is 9.0.0rc1: a release has three numbers and nothing else" in said


def test_all_files_name_the_image_by_its_digest(release, tmp_path):
    registry = "registry.example.com/team"
    said, code = release(
        f"{VERSION} (2026-01-31)", RELEASE=f"v{VERSION}", REGISTRY=registry, OPERATOR_DIGEST=DIGEST
    )
    assert code == 0, said
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == {
        "SHA256SUMS",
        "crds.yaml",
        "install.yaml",
        "operator.yaml",
        "uninstall.yaml",
        f"millstream-{VERSION}-py3-none-any.whl",
        f"millstream-{VERSION}.cdx.json",
        f"millstream-{VERSION}.tar.gz",
        f"millstream-{VERSION}.tgz",
    }
    subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=out, check=True)
    with tarfile.open(out / f"millstream-{VERSION}.tgz") as chart:
        image = yaml.safe_load(chart.extractfile("millstream/values.yaml"))["image"]
    assert (image["registry"], image["digest"]) == (registry, DIGEST)
    for name, kind in (("install", "Deployment"), ("operator", "Deployment"), ("uninstall", "Job")):
        objects = list(yaml.safe_load_all((out / f"{name}.yaml").read_text()))
        (found,) = [o for o in objects if o["kind"] == kind]
        assert found["spec"]["template"]["spec"]["containers"][0]["image"] == IMAGE
        assert ("CustomResourceDefinition" in {o["kind"] for o in objects}) == (name == "install")
