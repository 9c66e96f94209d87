"""Tables for people, documents for programs."""

import os
import subprocess
import sys

import click
import pytest
from still_world import still

from millstream.cli import _output
from millstream.cli._output import Column, View, aligned, show, watch_table

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


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_are_for_terminals(environment, coloured):
    given = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    master, slave = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=slave, env=given | {"TERM": "xterm"} | environment
    ) as process:
        os.close(slave)
        seen = b""
        while True:
            try:
                seen += os.read(master, 4096)
            except OSError:  # the other end is closed
                break
        assert process.wait(timeout=60) == 0
    os.close(master)
    assert (b"\x1b[31mFailed\x1b[0m" in seen) is coloured
    assert b"[b]x" in seen


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
