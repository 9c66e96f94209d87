"""What a run requires: what is there already, what installers say, and where packages are found."""

import os
import re
import sys
from importlib.metadata import version

import pytest
from packaging.requirements import Requirement

from millstream import _stopping
from millstream.exceptions import RequirementsError
from millstream.runner import _installation, _requirements
from millstream.runner._requirements import is_there, provide


@pytest.fixture
def image(tmp_path, monkeypatch):
    """A folder of packages that can be imported."""
    folder = tmp_path / "image"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))

    def add(name, version, *requires):
        information = folder / f"{name}-{version}.dist-info"
        information.mkdir()
        lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {one}" for one in requires)]
        (information / "METADATA").write_text("\n".join(["Metadata-Version: 2.1", *lines, "", ""]))

    add("tiny_sums", "1.5", "absent_too; extra == 'more'", "tiny_base>=2; extra == 'based'")
    add("tiny_base", "2.0")
    add("tiny_early", "3.0rc1")
    add("tiny_legacy", "1.0", "other (>=1.0.*); extra == 'more'")
    add("tiny_custom", "2004d-custom build")
    add("tiny_ring", "1.0", "tiny_ring[b]; extra == 'a'", "tiny_ring[a]; extra == 'b'")
    return folder


@pytest.mark.parametrize(
    ("requirement", "there"),
    [
        ("tiny_sums", True),
        ("Tiny-Sums", True),
        ("tiny_sums>=1,<2", True),
        ("tiny_sums>=2", False),
        ("tiny_sums[based]", True),
        ("tiny_sums[more]", False),
        ("tiny_sums[based,more]", False),
        ("tiny_early", True),
        ("tiny_early<4", True),
        ("tiny_ring[a]", True),
        ("tiny_legacy", True),
        ("tiny_legacy[more]", False),
        ("tiny_custom", True),
        ("tiny_custom>=1", False),
        ("absent", False),
        ("absent; sys_platform == 'win32'", True),
        ("absent; sys_platform != 'win32'", False),
        ("tiny_sums @ https://host/tiny_sums-1.5.whl", False),
    ],
)
def test_what_is_there(image, requirement, there):
    assert is_there(Requirement(requirement)) == there


@pytest.mark.parametrize("content", ["Metadata-Version: 2.1\nName: tiny_blank\n\n", "", None])
@pytest.mark.parametrize("requirement", ["tiny_blank>=1", "tiny_blank[more]>=1"])
def test_what_says_no_version_is_not_there(image, requirement, content):
    (image / "tiny_blank-1.0.dist-info").mkdir()
    if content is not None:
        (image / "tiny_blank-1.0.dist-info" / "METADATA").write_text(content)
    assert not is_there(Requirement(requirement))


@pytest.fixture
def wanted(monkeypatch):
    """What is asked of the installer, which installs nothing."""
    asked = {}

    def install(requirements, *, what):
        asked.update(requirements=requirements, what=what)
        raise RequirementsError(what)

    monkeypatch.setattr(_installation, "install", install)
    return asked


def test_all_are_installed_together_and_with_the_sdk(image, wanted):
    with pytest.raises(RequirementsError, match=r"^absent>=1$"):
        provide(["tiny_sums", "absent>=1"])
    assert wanted["requirements"] == [f"millstream=={version('millstream')}", "tiny_sums", "absent>=1"]


def test_extras_of_the_sdk_are_installed_beside_it(wanted, monkeypatch):
    monkeypatch.setattr(_requirements, "is_there", lambda requirement: not requirement.extras)
    with pytest.raises(RequirementsError, match=r"^millstream\[later\]$"):
        provide(["millstream", "millstream[later]"])


@pytest.mark.parametrize(
    "requirement", ["millstream>=99", "Millstream[later]<0", "millstream @ file:///x.whl"]
)
def test_another_sdk_is_refused(wanted, requirement):
    with pytest.raises(RequirementsError, match=re.escape(f"{requirement} cannot be had: millstream ")):
        provide(["absent", requirement])
    assert not wanted


def test_of_many_that_are_missing_some_are_named(wanted):
    with pytest.raises(RequirementsError, match=r"^absent0, absent1, absent2, absent3, absent4 and 2 more$"):
        provide([f"absent{n}" for n in range(7)])


@pytest.fixture
def unmoved(monkeypatch):
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.delenv("PYTHONPATH", raising=False)
    loaded = sys.modules.copy()
    yield
    sys.modules.update(loaded)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A folder into which version 2 of a package has been installed."""
    folder = tmp_path / "installed"
    describe(folder, "tiny_sums", "2.0")
    monkeypatch.setattr(_installation, "install", lambda wanted, what: str(folder))
    return folder


def describe(folder, name, version):
    information = folder / f"{name}-{version}.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\n")


@pytest.mark.parametrize("inherited", [None, "/own:/other"])
def test_packages_are_found_before_the_images(image, unmoved, monkeypatch, installed, inherited):
    if inherited:
        monkeypatch.setenv("PYTHONPATH", inherited)
    plain = image.parent / "plain"
    plain.mkdir()
    monkeypatch.syspath_prepend(str(plain))  # as the folder of a flow
    before = sys.path[:]
    provide(["tiny_sums>=2"])
    at = sys.path.index(str(installed))
    assert before == sys.path[:at] + sys.path[at + 1 :]
    assert sys.path[at - 1 : at + 2] == [str(plain), str(installed), str(image)]
    assert version("tiny_sums") == "2.0"
    assert os.environ["PYTHONPATH"] == (f"{installed}:{inherited}" if inherited else str(installed))


def test_another_version_that_is_found_first_is_told(image, unmoved, monkeypatch, installed):
    (installed / "tiny_sums-2.0.dist-info" / "METADATA").unlink()
    (installed / "tiny_sums-2.0.dist-info").rmdir()
    with pytest.raises(RequirementsError, match=r"^tiny_sums>=2 is installed, and another version is found"):
        provide(["tiny_sums>=2", "absent; sys_platform == 'win32'"])


def test_what_was_not_installed_as_the_process_is_to_stop_is_not_told(image, unmoved, monkeypatch, installed):
    monkeypatch.setattr(_stopping, "stopped", True)
    provide(["absent"])


@pytest.mark.parametrize(
    "requirement", ["x @ https://host/x.whl\u2028--pre", "x; python_version > '3\x85--pre'"]
)
def test_what_is_no_line_is_refused(wanted, requirement):
    with pytest.raises(RequirementsError, match="is no requirement as PEP 508 says: it takes one line"):
        provide([requirement])
    assert not wanted


def test_without_an_installer(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(_installation.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        RequirementsError, match=r"^absent cannot be installed: the image has neither uv nor pip\.$"
    ):
        provide(["absent"])


def test_without_a_folder_to_install_into(monkeypatch, tmp_path):
    monkeypatch.setattr(_installation.tempfile, "tempdir", str(tmp_path / "absent"))
    with pytest.raises(
        RequirementsError, match=r"^absent could not be installed: .*No such file or directory"
    ):
        provide(["absent"])


SAID = [
    (["Collecting x", "ERROR: No matching distribution found for x"], ["No matching distribution found for x"]),
    (
        ["WARNING: Retrying (1)", "WARNING: Retrying (0)", "ERROR: None found", "[notice] A new pip"],
        ["None found", "Retrying (0)"],
    ),
    (["error: Request failed", "  cause: Failed to fetch: http://x", "hint: go on"], ["Request failed", "Failed to fetch: http://x"]),
    (["  \u00d7 git clone did not run", "  error: exit 128"], ["git clone did not run", "exit 128"]),
    ([f"ERROR: {n}" for n in range(9)], ["0", "1", "2", "3", "4", "5"]),
    (["all is well, error: none"], ["the installer does not say why"]),
    (["nothing of use"], ["the installer does not say why"]),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "problems"), SAID)
def test_what_an_installer_says_of_its_failure(capfd, lines, problems):
    printing = [sys.executable, "-c", f"print({chr(10).join(lines)!r}); raise SystemExit(1)"]
    assert _installation._run(printing) == problems
    assert capfd.readouterr().err.splitlines() == lines


@pytest.mark.parametrize("line", ["' ' * 10**6", "'error:' + ' ' * 10**6", "'warning:' + ' ' * 10**6 + 'x'"])
def test_long_lines_are_read_at_once(capfd, line):  # else this takes longer than any test may
    said = _installation._run([sys.executable, "-c", f"print({line}); raise SystemExit(1)"])
    assert said == ["x" if "x" in line else "the installer does not say why"]


def test_what_needs_no_installation_is_not_told(capfd):
    lines = "Requirement already satisfied: x\nSuccessfully installed y"
    assert _installation._run([sys.executable, "-c", f"print({lines!r})"]) == []
    assert capfd.readouterr().err == "Successfully installed y\n"


KILLED = ["SIGKILL ended the installer; perhaps the container has too little memory"]


def test_nothing_goes_on_when_the_process_is_to_stop(monkeypatch):
    monkeypatch.setattr(_stopping, "stopped", True)
    assert _installation._run([sys.executable, "-c", "import signal; signal.pause()"]) == KILLED


def test_an_installer_is_ended_when_the_process_is_to_stop(monkeypatch, capfd):
    monkeypatch.setattr(_stopping, "stopped", False)
    monkeypatch.setattr(
        _installation.sys, "stderr", type("Stop", (), {"write": lambda self, line: _stopping.stop()})()
    )
    assert (
        _installation._run([sys.executable, "-uc", "import signal; print('now'); signal.pause()"]) == KILLED
    )
