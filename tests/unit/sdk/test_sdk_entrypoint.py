import json
import sys
import textwrap

import pytest

from millstream import Flow
from millstream.entrypoint import load_flow
from millstream.exceptions import EntrypointError


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A working directory to write modules into; what was imported from it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)

    def write(**files):
        for name, text in files.items():
            path = tmp_path / (name.replace("__", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        return tmp_path

    yield write
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


FLOW = """
from millstream import flow, task
@flow
def etl(): return __name__
@flow
def other(): pass
@task
def step(): pass
def plain(): pass
number = 3
"""


class TestLoads:
    @pytest.mark.parametrize(
        "entrypoint", ["flows/etl_file.py:etl", "./flows/etl_file.py:etl", "flows.etl_file:etl"]
    )
    def test_files_and_modules(self, project, entrypoint):
        project(flows__etl_file=FLOW)
        loaded = load_flow(entrypoint)
        assert isinstance(loaded, Flow)
        assert loaded().endswith("etl_file")

    def test_an_absolute_path(self, project):
        folder = project(flows__etl_abs=FLOW)
        assert load_flow(f"{folder}/flows/etl_abs.py:etl").name == "etl"

    def test_a_mounted_config_map(self, project, monkeypatch):
        """Its files are links into a folder with a time in its name, which nobody would know again."""
        folder = project(
            in_2026_11__etl_linked="import etl_link_helper\nfrom millstream import flow\netl = flow(lambda: __file__)",
            in_2026_11__etl_link_helper="",
        )
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        for name in ("etl_linked.py", "etl_link_helper.py"):
            (folder / name).symlink_to(next(folder.rglob(name)))
        assert load_flow("etl_linked.py:etl")() == str(folder / "etl_linked.py")
        assert load_flow("./etl_linked.py:etl") is load_flow("etl_linked.py:etl")
        assert sys.modules["etl_link_helper"].__file__ == str(folder / "etl_link_helper.py")

    def test_a_link_has_its_local_modules_beside_the_file_it_names(self, project):
        folder = project(
            real__etl_real="import etl_real_helper\nfrom millstream import flow\netl = flow(lambda: 5)",
            real__etl_real_helper="",
        )
        (folder / "etl_link.py").symlink_to(folder / "real" / "etl_real.py")
        assert load_flow("etl_link.py:etl")() == 5

    def test_local_modules_import(self, project):
        project(
            flows__etl_local="from etl_helper import value\nfrom millstream import flow\netl = flow(lambda: value)",
            flows__etl_helper="value = 5",
        )
        assert load_flow("flows/etl_local.py:etl")() == 5

    def test_twice_is_the_same(self, project):
        project(etl_twice=FLOW)
        assert load_flow("etl_twice.py:etl") is load_flow("etl_twice.py:etl")
        assert load_flow("etl_twice:etl") is load_flow("etl_twice.py:etl")

    def test_a_file_named_like_a_module_in_use(self, project):
        project(json=FLOW)
        assert load_flow("json.py:etl").name == "etl"
        assert json.loads("1") == 1

    def test_code_that_looks_for_its_own_module(self, project):
        project(
            etl_dataclass="""
            from __future__ import annotations
            import dataclasses
            from millstream import flow
            @dataclasses.dataclass
            class Row:
                x: int
            @flow
            def etl(row: Row): return row.x
            """,
        )
        assert load_flow("etl_dataclass.py:etl")({"x": "1"}) == 1


class TestErrors:
    @pytest.mark.parametrize(
        ("entrypoint", "message"),
        [
            ("etl", "'etl' is no entrypoint: it takes"),
            (":etl", "':etl' is no entrypoint"),
            ("etl.py:", "'etl.py:' is no entrypoint"),
            ("gone.py:etl", r"The file 'gone.py' does not exist \(looked in /"),
            ("folder.py:etl", r"The file 'folder.py' is a folder"),
            ("no.such.module:etl", r"There is no module 'no' \(looked in /.*A file is named with its ending"),
            ("etl_here:gone", "'etl_here' has no 'gone'. Flows in it: etl, other.$"),
            ("etl_here.py:step", "'step' in 'etl_here.py' is a Task, not a flow. Is @flow missing on it"),
            ("etl_here.py:plain", "is a function, not a flow. Is @flow missing on it"),
            ("etl_here.py:number", "is a int, not a flow. Flows in it: etl, other.$"),
            ("empty.py:etl", "'empty.py' has no 'etl'. There is no flow in it."),
            ("broken.py:etl", r"'broken.py' has a syntax error: .*\(broken.py, line 3\)"),
            ("needs.py:etl", "could not be imported: ModuleNotFoundError: No module named 'pandaz' at line 2 of .*needs.py: import pandaz"),
            ("needs:etl", "could not be imported: ModuleNotFoundError: No module named 'pandaz' at line 2 of .*needs.py: import pandaz"),
            ("ported.py:etl", "No module named 'prefect' at line 1 of .*Write `from millstream import` in the place of"),
            ("raises.py:etl", "'raises.py' could not be imported: ZeroDivisionError: .* at line 4 of .*deeper.py"),
            ("exits.py:etl", "'exits.py' could not be imported: SystemExit: 3 at line 2"),
        ],
    )  # fmt: skip
    def test_say_what_is_wrong(self, project, entrypoint, message):
        folder = project(
            etl_here=FLOW,
            empty="",
            broken="\n\nx = (",
            needs="\nimport pandaz",
            ported="from prefect import flow",
            raises="\nimport deeper",
            deeper="\n\n\n1 / 0",
            exits="import sys\nsys.exit(3)",
        )
        (folder / "folder.py").mkdir()
        with pytest.raises(EntrypointError, match=message):
            load_flow(entrypoint)
        assert "broken" not in sys.modules
        assert "exits" not in sys.modules

    def test_interrupts_pass(self, project):
        project(interrupted="raise KeyboardInterrupt")
        with pytest.raises(KeyboardInterrupt):
            load_flow("interrupted.py:etl")
