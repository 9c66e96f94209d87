"""docs/prefect.md says of each of Prefect's names what there is."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ROWS = [
    (name, said)
    for rows in tomllib.loads((ROOT / "docs/prefect.toml").read_text()).values()
    for name, said in rows.items()
]


def test_it_is_no_short_list():
    assert len(ROWS) > 50


@pytest.mark.parametrize(("name", "said"), ROWS)
def test_what_works_has_a_test_and_what_does_not_has_something_else_to_use(name, said):
    kind, _, words = said.partition(": ")
    if kind == "no":
        assert words.startswith(("use ", "leave it out", "a later release "))
    else:
        folders = ("unit/sdk", "processes", "property", "control_plane/client")
        assert any((ROOT / "tests" / folder / f"{kind}.py").exists() for folder in folders), name
