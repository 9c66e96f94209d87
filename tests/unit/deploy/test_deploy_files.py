"""Which files a flow takes along."""

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
