"""Images of projects, by a program that stands in for Docker and notes what it is asked."""

import json
import sys

import pytest

from millstream._deploy.images import Builder, Project, shared, tagged
from millstream._deploy.manifests import Manifests
from millstream.exceptions import DeploymentError

FAKE = f"""#!{sys.executable}
import json, os, pathlib, sys
folder = pathlib.Path(__file__).parent
arguments = sys.argv[1:]
with open(folder / "calls", "a") as calls:
    calls.write(json.dumps(arguments) + "\\n")
print("working")
if (folder / f"no-{{arguments[0]}}").exists():
    sys.exit("it cannot")
if arguments[0] == "build":
    context = pathlib.Path(arguments[-1])
    found = {{str(p.relative_to(context)): p.read_text() for p in context.rglob("*") if p.is_file()}}
    (folder / "context").write_text(json.dumps(found))
    pathlib.Path(arguments[arguments.index("--iidfile") + 1]).write_text("sha256:" + "0123456789abcdef" * 4)
"""
EVIL = "$(touch evil); `touch evil`"


class Fake:
    def __init__(self, folder):
        self.folder = folder

    def add(self, name):
        program = self.folder / name
        program.write_text(FAKE)
        program.chmod(0o755)

    @property
    def calls(self):
        return [json.loads(line) for line in (self.folder / "calls").read_text().splitlines()]

    @property
    def context(self):
        return json.loads((self.folder / "context").read_text())


@pytest.fixture
def fake(tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return Fake(folder)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


@pytest.mark.parametrize("program", ["docker", "buildah"])
def test_an_image_is_made_of_the_files_and_requirements(fake, root, program, capfd):
    fake.add(program)
    files = {"etl.py": b"x = 1", "lib/a.sql": EVIL.encode()}
    image = Builder().build(Project(root, files, [EVIL, "pandas"]), base=EVIL, repository="team/etl")
    assert image == "team/etl:0123456789ab"
    dockerfile = fake.context.pop("Dockerfile")
    assert fake.context | {"Dockerfile": dockerfile} == {
        "Dockerfile": dockerfile,
        "requirements.txt": f"{EVIL}\npandas",
        "files/etl.py": "x = 1",
        "files/lib/a.sql": EVIL,
    }
    assert "evil" not in dockerfile
    build, tag = fake.calls
    assert build[3:5] == ["--build-arg", f"BASE={EVIL}"]
    assert tag == ["tag", f"sha256:{'0123456789abcdef' * 4}", image]
    assert capfd.readouterr().out == ""


def test_without_requirements_nothing_is_installed(fake, root):
    fake.add("docker")
    Builder().build(Project(root, {"etl.py": b""}, []), base="flows:1", repository="etl")
    assert "pip" not in fake.context["Dockerfile"]


def test_a_project_may_have_a_dockerfile_of_its_own(fake, root):
    fake.add("docker")
    (root / "Dockerfile").write_text("FROM x")
    Builder().build(Project(root, {}, ["pandas"]), base=None, repository="etl:3")
    assert fake.context == {"Dockerfile": "FROM x"}
    assert fake.calls[0][-1] == str(root)
    assert fake.calls[1][-1] == "etl:3"


def test_docker_goes_before_buildah_and_pushes(fake, root):
    fake.add("docker")
    fake.add("buildah")
    builder = Builder()
    (fake.folder / "buildah").unlink()
    builder.push("etl:1")
    assert fake.calls == [["push", "etl:1"]]


@pytest.mark.parametrize("step", ["build", "tag"])
def test_what_fails_is_told(fake, root, step):
    fake.add("docker")
    (fake.folder / f"no-{step}").touch()
    with pytest.raises(DeploymentError, match=f"docker {step} failed with exit code 1"):
        Builder().build(Project(root, {}, []), base="flows:1", repository="etl")


def test_without_a_builder_it_says_what_else_there_is(fake):
    with pytest.raises(DeploymentError, match="Without --build the flow's files travel"):
        Builder()


def test_without_a_base_it_says_how_to_name_one(fake, root):
    fake.add("docker")
    with pytest.raises(DeploymentError, match="set MILLSTREAM_DEPLOY_IMAGE"):
        Builder().build(Project(root, {}, []), base=None, repository="etl")


@pytest.mark.parametrize(
    ("repository", "image"),
    [
        ("etl", "etl:0123456789ab"),
        ("etl:1", "etl:1"),
        ("host:5000/etl", "host:5000/etl:0123456789ab"),
        ("host:5000/etl:1", "host:5000/etl:1"),
    ],
)
def test_tags(repository, image):
    assert tagged(repository, "sha256:0123456789abcdef") == image


def one_of(root, image, files, requirements):
    return Manifests(root, {"spec": {"image": image}}, None, files, requirements, [])


def test_deployments_that_name_the_same_image_share_it(root):
    made = [
        one_of(root, "etl:1", {"a.py": b"a", "lib.py": b""}, ["x", "y"]),
        one_of(root, "other", {"b.py": b"b"}, []),
        one_of(root, "etl:1", {"c.py": b"c", "lib.py": b""}, ["y", "z"]),
    ]
    assert shared(made) == {
        "etl:1": Project(root, {"a.py": b"a", "lib.py": b"", "c.py": b"c"}, ["x", "y", "z"]),
        "other": Project(root, {"b.py": b"b"}, []),
    }


def test_an_image_is_not_of_two_projects(root):
    with pytest.raises(DeploymentError, match="etl cannot be built of two projects"):
        shared([one_of(root, "etl", {}, []), one_of(root / "other", "etl", {}, [])])
