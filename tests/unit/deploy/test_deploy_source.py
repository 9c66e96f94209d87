"""The ConfigMap with a flow's files."""

import base64

import pytest

from millstream._deploy.source import mounted, source_map
from millstream.exceptions import DeploymentError


def test_files_beside_each_other_need_no_list():
    files = {"etl.py": b"import x", "x.py": b""}
    source = source_map("etl", files)
    assert source["data"] == {"etl.py": "import x", "x.py": ""}
    assert mounted(source, files) == {"configMap": source["metadata"]["name"]}


def test_paths_become_keys_that_differ():
    files = {"a/b.py": b"1", "a_b.py": b"2", "ä b": b"3"}
    source = source_map("etl", files)
    paths = {item["path"]: item["key"] for item in mounted(source, files)["items"]}
    assert set(paths) == set(files)
    assert paths["a_b.py"] == "a_b.py"
    assert {path: source["data"][key].encode() for path, key in paths.items()} == files


def test_what_is_no_text_is_kept_as_it_is():
    source = source_map("etl", {"x.bin": b"\xff\x00"})
    assert base64.b64decode(source["binaryData"]["x.bin"]) == b"\xff\x00"
    assert "data" not in source


def test_the_name_says_the_content():
    def name(**files):
        return source_map("etl", files)["metadata"]["name"]

    assert name(a=b"1", b=b"2") == name(b=b"2", a=b"1")
    assert len({name(a=b"1"), name(a=b"2"), name(b=b"1"), name(a=b"1", b=b""), name(a=b"1\x00b")}) == 5
    assert len(source_map("x" * 52, {"a": b""})["metadata"]["name"]) <= 253


def test_what_is_too_large_is_told_with_the_largest():
    files = {f"{number}.csv": b"x" * number * 100_000 for number in range(1, 8)}
    with pytest.raises(DeploymentError) as error:
        source_map("etl", files)
    lines = str(error.value).splitlines()
    assert "2,800,000 bytes, and a ConfigMap takes 1,048,576" in lines[0]
    assert "--build" in lines[0]
    assert [line.split()[-1] for line in lines[1:]] == ["7.csv", "6.csv", "5.csv", "4.csv", "3.csv"]


def test_too_many_files():
    with pytest.raises(DeploymentError, match="513 files"):
        source_map("etl", {str(number): b"" for number in range(513)})
