"""Pictures of the dashboards: nothing of a dashboard is left out, whatever Prometheus answers."""

import math
from pathlib import Path

import pytest
from dashboard_pictures import Span, draw, draw_all, shown
from drawn import Drawn
from grafana import DASHBOARDS, panels, targets

PICTURES = Path(__file__).parents[3] / "docs/pictures"
SPAN = Span(1_700_000_000, 1_700_000_600, "a list in a test")
LABELS = {
    "__name__": "x",
    "job": "j",
    "instance": "i",
    "namespace": "team",
    "deployment": "etl",
    "state": "Failed",
    "le": "1",
}


class Answers:
    """A Prometheus with the same answer to everything."""

    def __init__(self, *values, series=1):
        self._values, self._series = values, series
        self.asked = []

    def instant(self, query, at):
        assert at == SPAN.end
        self.asked.append(query)
        return [
            (LABELS | {"le": str(n)}, [(at, self._values[-1])]) for n in range(self._series) if self._values
        ]

    def lines(self, query, start, end, step):
        self.asked.append(query)
        points = [(start + number * step, value) for number, value in enumerate(self._values)]
        return [(LABELS | {"le": str(n)}, points) for n in range(self._series) if points]


ANSWERS = {
    "numbers": Answers(1.0, 5.0, 2.5),
    "nothing": Answers(),
    "no number": Answers(math.nan, math.nan),
    "zeros": Answers(0.0, 0.0),
    "gaps": Answers(1.0, math.nan, 1.0),
    "large": Answers(3e9, 5e9),
    "many": Answers(1.0, 2.0, series=40),
}


CASES = [(uid, "numbers") for uid in DASHBOARDS] + [
    ("millstream-fleet", a) for a in ANSWERS if a != "numbers"
]


@pytest.mark.parametrize(("uid", "kind"), CASES)
def test_each_panel_is_drawn(uid, kind):
    answers = ANSWERS[kind]
    drawn = Drawn(draw(DASHBOARDS[uid], answers, SPAN))
    texts = drawn.texts()
    assert drawn.panels() == {panel["id"] for panel in panels(DASHBOARDS[uid])}
    for panel in DASHBOARDS[uid]["panels"]:
        assert panel["title"] in texts
    for panel in panels(DASHBOARDS[uid]):
        series = sum(len(answers.lines(t.query(), 0, 0, 1)) for t in targets(DASHBOARDS[uid], panel))
        assert len(drawn.lines_of(panel)) == (series if panel["type"] == "timeseries" else 0)
    assert any("not by Grafana" in text and "2023-11-14 22:13:20 to 22:23:20 UTC" in text for text in texts)
    assert "The answers are those of a list in a test." in texts


def test_queries_are_asked_for_what_is_shown():
    answers = Answers(1.0)
    draw(DASHBOARDS["millstream-deployment"], answers, SPAN, {"deployment": "etl"})
    assert len(answers.asked) == len(set(answers.asked))
    assert all('deployment=~"etl"' in query for query in answers.asked if "pod_failures" not in query)
    assert not [query for query in answers.asked if "$" in query]
    assert any("[600s]" in query for query in answers.asked), "numbers are about all that is shown"
    assert any("[10s]" in query for query in answers.asked), "lines are about their intervals"


@pytest.mark.parametrize(("value", "red"), [(0.0, False), (1.0, True)])
def test_a_number_that_is_too_high_is_red(value, red):
    (panel,) = [p for p in panels(DASHBOARDS["millstream-schedules"]) if p["title"] == "Missed"]
    drawn = Drawn(draw(DASHBOARDS["millstream-schedules"] | {"panels": [panel]}, Answers(value), SPAN))
    (style,) = drawn.colours_of(shown(value, "short"))
    assert ("#cf222e" in style) is red


@pytest.mark.parametrize("value", [0.0, 1.0, 100.0])
def test_a_number_that_is_neither_good_nor_bad_is_not_coloured_so(value):
    chosen = [p for p in panels(DASHBOARDS["millstream-fleet"]) if p["title"] == "Waiting"]
    drawn = Drawn(draw(DASHBOARDS["millstream-fleet"] | {"panels": chosen}, Answers(value), SPAN))
    (style,) = drawn.colours_of(shown(value, "short"))
    assert "#0969da" in style


@pytest.mark.parametrize(
    ("uid", "texts"),
    [
        ("millstream-fleet", {"no run has ended", "nothing waits", "No data"}),
        ("millstream-deployment", {"none is declared", "none was recorded", "nothing"}),
    ],
)
def test_a_panel_says_that_there_is_nothing(uid, texts):
    assert texts <= set(Drawn(draw(DASHBOARDS[uid], Answers(), SPAN)).texts())


def test_a_bucket_has_a_bar_of_its_own_count():
    class Buckets(Answers):
        def instant(self, query, at):
            counts = {"10.0": 5.0, "+Inf": 6.0, "2.5": 5.0, "1.0": 3.0}
            return [(LABELS | {"le": le}, [(at, count)]) for le, count in counts.items()]

    (panel,) = [p for p in panels(DASHBOARDS["millstream-deployment"]) if p["title"] == "Runs by duration"]
    drawn = Drawn(draw(DASHBOARDS["millstream-deployment"] | {"panels": [panel]}, Buckets(), SPAN))
    assert [text for text in drawn.texts() if text in {"1.0", "2.5", "10.0", "+Inf"}] == [
        "1.0",
        "2.5",
        "10.0",
        "+Inf",
    ]
    assert {"0", "1", "2", "3"} <= set(drawn.texts())
    assert not {"4", "5", "6"} & set(drawn.texts())


def test_what_has_never_been_is_said_in_words():
    texts = Drawn(draw(DASHBOARDS["millstream-fleet"], Answers(math.inf), SPAN)).texts()
    assert "never" in texts


def test_what_there_is_no_room_for_is_counted():
    texts = Drawn(draw(DASHBOARDS["millstream-fleet"], Answers(1.0, series=40), SPAN)).texts()
    assert "and 30 more" in texts, "of a table"
    assert [text for text in texts if text.startswith("and ") and text != "and 30 more"], "of a legend"


def test_the_same_answers_give_the_same_picture():
    first, second = (draw(DASHBOARDS["millstream-fleet"], Answers(1.0, 2.0), SPAN) for _ in range(2))
    assert first == second


def test_all_are_drawn_into_a_folder(tmp_path):
    paths = draw_all(Answers(1.0), tmp_path / "new", SPAN, {"millstream-deployment": {"deployment": "etl"}})
    assert {path.stem for path in paths} == DASHBOARDS.keys()
    chosen = {path.stem for path in paths if "deployment: etl" in Drawn(path.read_text()).texts()}
    assert chosen == {"millstream-deployment"}


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_the_pictures_of_the_documentation_show_the_dashboards_of_today(uid):
    svg = (PICTURES / f"{uid}.svg").read_text()
    texts = Drawn(svg).texts()
    assert Drawn(svg).panels() == {panel["id"] for panel in panels(DASHBOARDS[uid])}, (
        "hack/record_dashboards.py"
    )
    assert {panel["title"] for panel in DASHBOARDS[uid]["panels"]} <= set(texts)
    assert len(svg) < 256 * 1024


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "short", "0"),
        (12, "short", "12"),
        (0.12345, "short", "0.123"),
        (1234.5, "short", "1,234"),
        (0, "s", "0 s"),
        (0.0123, "s", "12.3 ms"),
        (-90, "s", "-1.5 min"),
        (86_400, "s", "1 d"),
        (7200, "s", "2 h"),
        (512, "bytes", "512 B"),
        (2048, "bytes", "2 KiB"),
        (0.9, "percentunit", "90 %"),
        (1.25, "reqps", "1.25"),
        (math.nan, "s", "no value"),
    ],
)
def test_figures_have_their_units(value, unit, text):
    assert shown(value, unit) == text
