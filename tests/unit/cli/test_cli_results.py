"""How results are printed and saved."""

import json
from datetime import UTC, datetime

import click
import pandas as pd
import pytest

from millstream._cluster.results import StoredResult
from millstream.cli._results import print_result, save_result
from millstream.results import Entry
from millstream.serializers import PickleSerializer

TABLE = pd.DataFrame({"day": [pd.Timestamp("2026-03-01", tz="UTC")], "n": [3]})


class Thing:
    def __repr__(self):
        return "a thing"


def stored(value):
    payload = PickleSerializer("cloudpickle").dumps(value)
    return StoredResult("s3://b", Entry(payload, None, datetime(2026, 3, 1, tzinfo=UTC), "pickle"))


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        ("text", "text"),
        (None, "null"),
        (3, "3"),
        ([1, "ä"], '[\n  1,\n  "ä"\n]'),
        (Thing(), "a thing"),
        (TABLE, str(TABLE)),
    ],
)
@pytest.mark.parametrize("how", [lambda value: value, stored], ids=["of the status", "stored"])
def test_what_is_printed(capsys, how, value, printed):
    print_result(how(value), as_json=False)
    assert capsys.readouterr().out == f"{printed}\n"


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("text", "text"),
        (TABLE, [{"day": "2026-03-01T00:00:00.000Z", "n": 3}]),
        ({"day": datetime(2026, 3, 1, tzinfo=UTC)}, {"day": "2026-03-01T00:00:00Z"}),
    ],
)
def test_what_is_printed_as_json(capsys, value, read):
    print_result(stored(value), as_json=True)
    assert json.loads(capsys.readouterr().out) == read


def test_what_cannot_be_json_is_told():
    with pytest.raises(click.ClickException, match="A result of type Thing cannot be written as JSON"):
        print_result(stored(Thing()), as_json=True)


def test_bytes_are_saved_as_they_are_kept(tmp_path):
    found = StoredResult("s3://b", Entry(b"no pickle", None, datetime(2026, 3, 1, tzinfo=UTC), "pickle"))
    save_result(found, str(tmp_path / "result.pickle"))
    assert (tmp_path / "result.pickle").read_bytes() == b"no pickle"


@pytest.mark.parametrize("name", ["result", "result.json", "result.txt"])
def test_small_results_are_saved_as_json(tmp_path, name):
    save_result({"n": 1}, str(tmp_path / name))
    assert json.loads((tmp_path / name).read_text()) == {"n": 1}


def test_what_is_no_table_is_no_csv(tmp_path):
    with pytest.raises(
        click.ClickException, match="no DataFrame but of type dict: write it to a file of another"
    ):
        save_result({"n": 1}, str(tmp_path / "result.csv"))
    assert list(tmp_path.iterdir()) == []


def test_parquet_needs_a_library(tmp_path, monkeypatch):
    def missing(self):
        raise ImportError

    monkeypatch.setattr(pd.DataFrame, "to_parquet", missing)
    with pytest.raises(click.ClickException, match="install pyarrow"):
        save_result(TABLE, str(tmp_path / "result.parquet"))


def test_a_file_that_cannot_be_written(tmp_path):
    with pytest.raises(click.ClickException, match="cannot be written: No such file or directory"):
        save_result(1, str(tmp_path / "nowhere" / "result"))
