"""What `make release-dry-run` builds."""

import os
import subprocess
import tarfile

import pytest
import yaml
from chart.conftest import ROOT

DIGEST = f"sha256:{'0' * 64}"
IMAGE = f"registry.example.com/team/millstream-operator:0.1.0@{DIGEST}"


def _release(**environment):
    done = subprocess.run(
        [ROOT / "hack/release"], env=os.environ | environment, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr, done.returncode


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        ("v9.9.9", "the tag is v9.9.9, and the version 0.1.0"),
        ("v0.1.0", "CHANGELOG.md has no section '## 0.1.0 (date)'"),
    ],
)
def test_a_tag_that_does_not_fit_is_refused_before_anything_is_built(tmp_path, tag, message):
    said, code = _release(OUT=str(tmp_path / "out"), RELEASE=tag)
    assert code != 0
    assert message in said
    assert not (tmp_path / "out").exists()


def test_all_files_name_the_image_by_its_digest(tmp_path):
    said, code = _release(OUT=str(tmp_path), REGISTRY="registry.example.com/team", OPERATOR_DIGEST=DIGEST)
    assert code == 0, said
    assert {path.name for path in tmp_path.iterdir()} == {
        "SHA256SUMS",
        "crds.yaml",
        "install.yaml",
        "millstream-0.1.0-py3-none-any.whl",
        "millstream-0.1.0.cdx.json",
        "millstream-0.1.0.tar.gz",
        "millstream-0.1.0.tgz",
    }
    subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=tmp_path, check=True)
    with tarfile.open(tmp_path / "millstream-0.1.0.tgz") as chart:
        image = yaml.safe_load(chart.extractfile("millstream/values.yaml"))["image"]
    assert (image["registry"], image["digest"]) == ("registry.example.com/team", DIGEST)
    objects = yaml.safe_load_all((tmp_path / "install.yaml").read_text())
    (deployment,) = [o for o in objects if o["kind"] == "Deployment"]
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == IMAGE
