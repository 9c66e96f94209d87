"""The packages that a flow declares."""

import pytest
from packaging.requirements import InvalidRequirement

from millstream._deploy.requirements import declared_in, listed_in
from millstream._requirement import parsed
from millstream.exceptions import DeploymentError

BLOCK = """#!/usr/bin/env python
# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "pandas>=2.3",
#
#   "requests[socks] ; python_version < '4'",
# ]
# ///
x = 1
"""


@pytest.fixture
def file(tmp_path):
    return tmp_path / "etl.py"


def test_the_block_of_a_file(file):
    file.write_text(BLOCK)
    assert declared_in(file) == ["pandas>=2.3", "requests[socks] ; python_version < '4'"]


def test_a_block_after_a_mark_of_utf8(file):
    file.write_bytes(b"\xef\xbb\xbf# /// script\n# dependencies = ['pandas']\n# ///\n")
    assert declared_in(file) == ["pandas"]


def test_a_file_says_its_encoding(file):
    file.write_bytes(
        b"# -*- coding: latin-1 -*-\n# caf\xe9\n# /// script\n# dependencies = ['pandas']\n# ///\n"
    )
    assert declared_in(file) == ["pandas"]


def test_a_file_of_requirements_after_a_mark_of_utf8(file):
    file.write_bytes(b"\xef\xbb\xbfpandas\r\npolars\r\n")
    assert listed_in(file) == ["pandas", "polars"]


@pytest.mark.parametrize("text", ["", "x = 1", "# /// script\n# ///", "# /// other\n# a = 1\n# ///"])
def test_files_that_declare_nothing(file, text):
    file.write_text(text)
    assert declared_in(file) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("# /// script\n# dependencies = [\n# ///", "is no TOML"),
        ("# /// script\n# dependencies = []\nx = 1", "has no end"),
        ("# /// script\n# dependencies = 'a'\n# ///", "is a list of texts"),
        ("# /// script\n# ///\n# /// script\n# ///", "has 2 blocks"),
        (
            "# /// script\n# dependencies = ['a b', '-e .']\n# ///",
            "(?s)'a b' is no requirement.*'-e .' is an option",
        ),
    ],
)
def test_blocks_that_cannot_be(file, text, why):
    file.write_text(text)
    with pytest.raises(DeploymentError, match=why):
        declared_in(file)


def test_a_file_of_requirements(file):
    file.write_text("# all\npandas>=2.3  # tables\n\nrequests\npandas>=2.3\n")
    assert listed_in(file) == ["pandas>=2.3", "requests"]


def test_options_do_not_travel_and_all_that_is_wrong_is_told(file):
    file.write_text("--index-url https://x\nok\n???\n")
    with pytest.raises(DeploymentError) as error:
        listed_in(file)
    assert "line 1 of" in str(error.value)
    assert "PIP_INDEX_URL" in str(error.value)
    assert "line 3 of" in str(error.value)


def test_a_file_that_is_not_there(file):
    with pytest.raises(DeploymentError, match="cannot be read"):
        listed_in(file)


@pytest.mark.parametrize("end", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
@pytest.mark.parametrize("text", ["x @ https://host/x.whl{}--pre", "x; python_version > '3{}--pre'"])
def test_what_ends_a_line_for_pip_is_no_requirement(file, text, end):
    file.write_text(f"{text.format(end)}\n")
    with pytest.raises(DeploymentError, match="is no requirement"):
        listed_in(file)


@pytest.mark.parametrize("text", ["x; python_version > '3 --pre'", "x @ https://host/x\\", "x; a == '3 #'"])
def test_what_pip_would_take_for_something_else_is_no_requirement(text):
    with pytest.raises(InvalidRequirement, match="takes one line, without options, comments and backslashes"):
        parsed(text)
