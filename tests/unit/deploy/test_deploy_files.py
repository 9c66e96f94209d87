"""Which files a flow takes along."""

import errno
import os
from pathlib import Path

import pytest

from millstream._deploy.files import local_files
from millstream.exceptions import DeploymentError


@pytest.fixture
def root(tmp_path):
    return tmp_path


def write(root, **files):
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_py", ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize(
    "code",
    [
        "import other",
        "import other as o",
        "from other import x",
        "def f():\n    import other",
        "try:\n    import other\nexcept ImportError: ...",
        "import os, json, other",
    ],
)
def test_modules_that_are_imported_travel(root, code):
    write(root, etl_py=code, other_py="import third", third_py="", unused_py="")
    assert local_files(root, "etl.py") == {
        "etl.py": code.encode(),
        "other.py": b"import third",
        "third.py": b"",
    }


def test_a_circle_of_imports_ends(root):
    write(root, a_py="import b", b_py="import a")
    assert set(local_files(root, "a.py")) == {"a.py", "b.py"}


def make_package(root):
    package = root / "lib"
    (package / "sql").mkdir(parents=True)
    (package / "__pycache__").mkdir()
    for name in ("__init__.py", "sub.py", "sql/a.sql", "__pycache__/sub.pyc", ".env", "bad.py"):
        (package / name).write_text("" if name != "bad.py" else "print 'no code'")
    return package


@pytest.mark.parametrize(
    "code", ["import lib", "import lib.sub", "from lib import sub", "from lib.sub import x"]
)
def test_packages_travel_whole_without_what_is_hidden(root, code):
    make_package(root)
    write(root, etl_py=code)
    files = {"lib/__init__.py", "lib/sub.py", "lib/sql/a.sql", "lib/bad.py"}
    assert set(local_files(root, "etl.py")) == {"etl.py", *files}


def test_relative_imports_lead_on(root):
    package = make_package(root)
    (package / "sub.py").write_text("from ..near import x\nfrom . import bad")
    write(root, near_py="import far", far_py="")
    assert {"near.py"} <= set(local_files(root, "lib/sub.py"))


def test_folders_without_init_have_modules(root):
    write(
        root, etl_py="from steps.load import x\nimport steps.other.deep", steps__load_py="", steps__no_py=""
    )
    write(root, steps__other__deep_py="")
    assert set(local_files(root, "etl.py")) == {"etl.py", "steps/load.py", "steps/other/deep.py"}


def test_a_file_in_a_folder_finds_what_is_beside_it_and_in_the_project(root):
    write(root, flows__etl_py="import beside, above", flows__beside_py="", above_py="")
    assert set(local_files(root, "flows/etl.py")) == {"flows/etl.py", "flows/beside.py", "above.py"}


def test_a_module_takes_its_package_along(root):
    make_package(root)
    assert "lib/__init__.py" in local_files(root, "lib.sub")


def test_a_module_that_is_installed_cannot_travel(root):
    with pytest.raises(DeploymentError, match="The module json is not in"):
        local_files(root, "json")


def test_more_files_are_included_by_patterns(root):
    write(root, etl_py="", sql__a_py="1", data__x__y_py="2")
    assert set(local_files(root, "etl.py", ["sql/*.py", "data"])) == {"etl.py", "sql/a.py", "data/x/y.py"}


@pytest.mark.parametrize(
    ("pattern", "why"),
    [("*.sql", "nothing in"), ("../x", "not in the project"), ("/etc/passwd", "not in the project")],
)
def test_patterns_that_cannot_be(root, pattern, why):
    write(root, etl_py="")
    with pytest.raises(DeploymentError, match=why):
        local_files(root, "etl.py", [pattern])


@pytest.mark.parametrize("pattern", ["*", "**/*", "*/*", "data", "**"])
def test_what_is_hidden_is_not_included(root, pattern):
    write(root, etl_py="", data__a_py="", data__node_modules__b_py="")
    for hidden in (".env", ".git/config", ".venv/x", "data/.token", "data/.cache/x"):
        (root / hidden).parent.mkdir(exist_ok=True)
        (root / hidden).write_text("secret")
    assert set(local_files(root, "etl.py", [pattern])) <= {"etl.py", "data/a.py"}


@pytest.mark.parametrize("pattern", [".streamlit", ".streamlit/*", ".s*/*.toml", "**/.streamlit/x.toml"])
def test_what_is_hidden_is_included_when_it_is_said(root, pattern):
    write(root, etl_py="")
    (root / ".streamlit").mkdir()
    (root / ".streamlit" / "x.toml").touch()
    (root / ".streamlit" / ".key").touch()
    assert set(local_files(root, "etl.py", [pattern])) - {".streamlit/.key"} == {
        "etl.py",
        ".streamlit/x.toml",
    }


def test_nothing_fits_a_pattern_when_all_is_hidden(root):
    write(root, etl_py="")
    (root / "data").mkdir()
    (root / "data" / ".env").touch()
    with pytest.raises(DeploymentError, match="when the pattern has a name with its dot"):
        local_files(root, "etl.py", ["data/*"])


@pytest.mark.parametrize(
    ("pattern", "why"),
    [("", "names nothing"), (".", "names nothing"), ("/", "not in"), ("**x", "stands for")],
)
def test_patterns_that_are_none(root, pattern, why):
    write(root, etl_py="")
    with pytest.raises(DeploymentError, match=why):
        local_files(root, "etl.py", [pattern])


def test_links_do_not_lead_out_of_the_project(tmp_path):
    root = tmp_path / "project"
    make_package_in(root)
    (tmp_path / "key.pem").write_text("secret")
    (root / "lib" / "key.pem").symlink_to(tmp_path / "key.pem")
    with pytest.raises(DeploymentError, match=r"lib/key\.pem is a link to .*/key\.pem, and what is not in"):
        local_files(root, "etl.py")


@pytest.mark.parametrize("target", ["/etc", ".", ".."])
def test_links_to_folders_are_told(tmp_path, target):
    root = tmp_path / "project"
    make_package_in(root)
    (root / "lib" / "link").symlink_to(target)
    with pytest.raises(DeploymentError, match="lib/link is a link to a folder"):
        local_files(root, "etl.py")


def test_a_link_to_a_file_of_the_project_travels_as_that_file(tmp_path):
    make_package_in(tmp_path)
    (tmp_path / "real.sql").write_text("select 1")
    (tmp_path / "lib" / "link.sql").symlink_to("../real.sql")
    assert local_files(tmp_path, "etl.py")["lib/link.sql"] == b"select 1"


def test_a_script_that_is_a_link_out_of_the_project_is_told(tmp_path):
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "etl.py").write_text("import beside")
    (root / "etl.py").symlink_to(tmp_path / "etl.py")
    with pytest.raises(DeploymentError, match="is a link to"):
        local_files(root, "etl.py")


@pytest.mark.parametrize("name", ["pipe", "pipe.py"])
def test_what_is_no_file_is_not_read(tmp_path, name):
    make_package_in(tmp_path)
    os.mkfifo(tmp_path / "lib" / name)
    with pytest.raises(DeploymentError, match=rf"lib/{name} is neither a file nor a folder"):
        local_files(tmp_path, "etl.py")


def test_a_folder_that_cannot_be_read_is_told(tmp_path, monkeypatch):
    make_package_in(tmp_path)
    real = Path.iterdir

    def closed(self):
        if self.name == "lib":
            raise PermissionError(errno.EACCES, "Permission denied", str(self))
        return real(self)

    monkeypatch.setattr(Path, "iterdir", closed)  # root reads every folder
    with pytest.raises(DeploymentError, match=r"/lib cannot be read: Permission denied\."):
        local_files(tmp_path, "etl.py")


@pytest.mark.parametrize("code", ["from ..x import y", "from .. import x"])
def test_imports_from_above_the_project_are_none(tmp_path, code):
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "x.py").write_text("secret")
    (root / "etl.py").write_text(f"def never():\n    {code}")
    assert set(local_files(root, "etl.py")) == {"etl.py"}


def make_package_in(root):
    (root / "lib").mkdir(parents=True)
    (root / "lib" / "__init__.py").touch()
    (root / "etl.py").write_text("import lib")
