"""Tables for people, documents for programs."""

import os
import subprocess
import sys

import click
import pytest
from pseudo_terminal import read_to_end
from still_world import still

from millstream.cli import _output
from millstream.cli._output import Column, View, aligned, fitting, show, show_table, watch_table

__all__ = ["still"]

VIEW = View(
    columns=(
        Column("name", lambda item: item[0]),
        Column("state", lambda item: item[1], is_state=True),
        Column("message", lambda item: "two\nlines", is_wide=True),
    ),
    name=lambda item: f"thing/{item[0]}",
    document=lambda item: {"name": item[0], "state": item[1]},
)
ITEMS = [("Ada", "Completed"), ("[b]Ülo", "Failed")]
PROGRAM = """
from millstream.cli._output import Column, View, show
view = View((Column("name", str), Column("state", lambda item: "Failed", is_state=True)), str, dict)
show(["[b]x"], view, None)
"""
EVIL = """
import click
from millstream._cluster.log_positions import LogLine
from millstream._cluster.run_logs import LogNote
from millstream.cli._errors import reporting
from millstream.cli._log_lines import print_said
from millstream.cli._output import Column, show_document, show_fields, show_table
from millstream.exceptions import ClusterError
evil = "\\x1b[2Jevil %s\\x1b]0;title\\x07\\x9b2J"
print_said(LogLine(evil % "line"))
print_said(LogNote(evil % "note"))
show_table([Column("message", str)], [evil % "table"])
show_fields([("Message", evil % "field")])
show_document([evil % "json"], "json")
with click.Context(click.Command("x")):
    try:
        with reporting():
            raise ClusterError(evil % "error")
    except click.ClickException as error:
        error.show()
"""


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (None, "NAME     STATE\nAda      Completed\n[b]Ülo   Failed\n"),
        (
            "wide",
            "NAME     STATE       MESSAGE\nAda      Completed   two lines\n[b]Ülo   Failed      two lines\n",
        ),
        ("name", "thing/Ada\nthing/[b]Ülo\n"),
        ("yaml", "- name: Ada\n  state: Completed\n- name: '[b]Ülo'\n  state: Failed\n"),
    ],
)
def test_formats(output, text, capsys):
    show(ITEMS, VIEW, output)
    assert capsys.readouterr().out == text


@pytest.mark.parametrize(("output", "text"), [(None, ""), ("json", "[]\n"), ("yaml", "[]\n"), ("name", "")])
def test_nothing(output, text, capsys):
    show([], VIEW, output, nothing="None.")
    assert capsys.readouterr() == (text, "None.\n" if output is None else "")


def test_columns():
    assert aligned([["a", "b", "c"], ["long", "", "d"]]) == ["a      b   c", "long       d"]
    assert aligned([]) == []


def on_terminal(program, environment, *streams):
    """What a terminal gets to see of a program's streams; the others go nowhere."""
    given = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    master, slave = os.openpty()
    to = {name: slave if name in streams else subprocess.DEVNULL for name in ("stdout", "stderr")}
    with subprocess.Popen(
        [sys.executable, "-c", program], env=given | {"TERM": "xterm"} | environment, **to
    ) as process:
        os.close(slave)
        seen = read_to_end(master)
        process.wait(timeout=60)
    os.close(master)
    return seen


@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}])
@pytest.mark.parametrize("streams", [("stdout",), ("stderr",), ("stdout", "stderr")])
def test_nothing_of_others_steers_a_terminal(environment, streams):
    seen = on_terminal(EVIL, environment, *streams)
    for place in ("line", "table", "field", "json") if "stdout" in streams else ():
        assert f"evil {place}".encode() in seen
    for place in ("note", "error") if "stderr" in streams else ():
        assert f"evil {place}".encode() in seen
    assert not any(sequence in seen for sequence in (b"\x1b[2J", b"\x1b]0", b"\x07", "\x9b".encode()))


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_are_for_terminals(environment, coloured):
    seen = on_terminal(PROGRAM, environment, "stdout")
    assert (b"\x1b[31mFailed\x1b[0m" in seen) is coloured
    assert b"[b]x" in seen


NAME = Column("name", str)
OTHER = Column("other", str)
KEPT = Column("kept", str, is_kept=True)
PROSE = Column("prose", str, is_prose=True)


@pytest.mark.parametrize(
    ("columns", "widths", "room", "fitted"),
    [
        ([NAME, OTHER], [30, 40], 80, {0: 30, 1: 40}),
        ([NAME, OTHER], [30, 60], 80, {0: 30, 1: 47}),
        ([NAME, OTHER, OTHER], [30, 40, 30], 80, {0: 30, 1: 22, 2: 22}),
        ([NAME, OTHER, OTHER], [60, 40, 5], 80, {0: 60, 1: 17}),
        ([NAME, OTHER, KEPT], [30, 40, 30], 80, {0: 30, 1: 14, 2: 30}),
        ([NAME, OTHER, KEPT], [40, 40, 30], 80, {0: 40, 2: 30}),
        ([NAME, PROSE], [30, 400], 80, {0: 30, 1: 47}),
        ([NAME, PROSE], [70, 400], 80, {0: 70, 1: 24}),
        ([NAME, KEPT], [70, 40], 80, {0: 70, 1: 40}),
    ],
)
def test_what_a_terminal_has_room_for(columns, widths, room, fitted):
    assert fitting(columns, widths, room) == fitted


def test_a_narrow_terminal_breaks_no_names(monkeypatch, capsys):
    monkeypatch.setattr(_output, "is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    long = "a-name-of-thirty-characters-00"
    columns = [
        Column("name", str),
        Column("reason", lambda _: "x" * 80),
        Column("message", lambda _: "so it is " * 9, is_prose=True),
    ]
    show_table(columns, [long])
    first, second, *more = capsys.readouterr().out.splitlines()
    assert first.split() == ["NAME", "MESSAGE"]
    assert second.split()[0] == long
    assert len(more) > 1
    assert max(map(len, (first, second, *more))) <= 60


def test_a_wide_table_is_as_wide_as_it_is(monkeypatch, capsys):
    monkeypatch.setattr(_output, "is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "20")
    show_table([Column("name", str), Column("image", lambda _: "i" * 50, is_wide=True)], ["etl"])
    assert "i" * 50 in capsys.readouterr().out


def test_a_watched_table_is_read_anew(still, monkeypatch, capsys):
    monkeypatch.setattr(_output, "is_terminal", lambda: True)
    states = iter(["Running", "Completed"])

    def interrupt():
        if len(still.slept) == 2:
            raise KeyboardInterrupt

    still.while_asleep = interrupt
    with pytest.raises(KeyboardInterrupt):
        watch_table(VIEW.columns, lambda: [("Ada", next(states))], seconds=3)
    assert still.slept == [3, 3]
    assert "Completed" in capsys.readouterr().out


def test_a_table_is_not_watched_in_a_pipe():
    with pytest.raises(click.UsageError, match="on a terminal only"):
        watch_table(VIEW.columns, list, seconds=1)
