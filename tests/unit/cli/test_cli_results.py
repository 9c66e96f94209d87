"""How results are printed and saved."""

import json
import os
import threading
from datetime import UTC, datetime

import click
import pandas as pd
import pytest

from millstream._cluster.results import StoredResult
from millstream.cli._results import check_output, print_result, save_result
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


TOTALS = pd.DataFrame({"total": [3, 4]}, index=pd.Index(["Bonn", "Ulm"], name="city"))


@pytest.mark.parametrize(
    ("table", "csv", "document"),
    [
        (TOTALS.reset_index(), "city,total\nBonn,3\nUlm,4\n", None),
        (TOTALS, "city,total\nBonn,3\nUlm,4\n", [{"city": "Bonn", "total": 3}, {"city": "Ulm", "total": 4}]),
        (TOTALS.rename_axis(None), "index,total\nBonn,3\nUlm,4\n", None),
        (TOTALS.reset_index()[1:], "index,city,total\n1,Ulm,4\n", [{"index": 1, "city": "Ulm", "total": 4}]),
        (TOTALS.set_index("total", append=True).assign(n=1), "city,total,n\nBonn,3,1\nUlm,4,1\n", None),
        (TOTALS.assign(city="x"), "city,total,city\nBonn,3,x\nUlm,4,x\n", None),
    ],
)
def test_the_index_of_a_table_is_saved_unless_it_only_counts(tmp_path, table, csv, document):
    save_result(table, str(tmp_path / "t.csv"))
    assert (tmp_path / "t.csv").read_text() == csv
    if document is not None:
        save_result(table, str(tmp_path / "t.json"))
        assert json.loads((tmp_path / "t.json").read_text()) == document


def test_a_table_that_cannot_be_json_is_told():
    with pytest.raises(click.ClickException, match="A result of type DataFrame cannot be written as JSON"):
        print_result(TOTALS.assign(city="x"), as_json=True)


@pytest.mark.parametrize(("name", "meant"), [("yaml", "result.json"), ("csv", r"result\.csv")])
def test_the_name_of_a_format_is_no_file(name, meant):
    with pytest.raises(click.BadParameter, match=rf"give json, or a file, as {meant}; \./{name} for one"):
        check_output(name)


@pytest.mark.parametrize("output", [None, "json", "./yaml", "result", "sales.csv"])
def test_what_can_be_asked_for(output):
    check_output(output)


def test_a_file_that_is_there_is_replaced_at_once(tmp_path, monkeypatch):
    kept = tmp_path / "kept.json"
    kept.write_text("before")
    kept.chmod(0o640)
    link = tmp_path / "link.json"
    link.symlink_to(kept)
    save_result(1, str(link))
    assert (kept.read_text(), kept.stat().st_mode & 0o777, link.is_symlink()) == ("1\n", 0o640, True)

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(click.ClickException, match="No space left on device"):
        save_result(2, str(link))
    assert kept.read_text() == "1\n"
    assert {path.name for path in tmp_path.iterdir()} == {"kept.json", "link.json"}


def test_a_pipe_stays_one(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    save_result(1, str(pipe))
    reader.join()
    assert (read, pipe.is_fifo()) == ([b"1\n"], True)


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


def test_the_name_of_a_format_is_refused_before_anything_is_read(call, home, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(home / "nowhere"))
    done = call("result", "etl-1", "-o", "yaml")
    assert (done.exit_code, "yaml is no form to print" in done.stderr) == (2, True)
