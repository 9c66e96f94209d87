"""Artifacts: what they may be, where they go, and their versions."""

import logging

import pandas as pd
import pytest

from millstream import artifacts, flow, get_run_context, task
from millstream.artifacts import (
    Artifact,
    ImageArtifact,
    LinkArtifact,
    MarkdownArtifact,
    ProgressArtifact,
    TableArtifact,
    create_image_artifact,
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from millstream.client.schemas import filters
from millstream.exceptions import ObjectNotFound
from millstream.settings import temporary_settings


@pytest.fixture(params=["history", "storage"])
def place(request, home, tmp_path):
    """Both places that artifacts can go to."""
    settings = {"MILLSTREAM_STORAGE": str(tmp_path / "storage"), "MILLSTREAM_HISTORY_ENABLED": False}
    with temporary_settings(settings if request.param == "storage" else {}):
        yield request.param


@pytest.mark.parametrize(
    ("create", "kind", "data"),
    [
        (lambda key: create_markdown_artifact("# Hi", key=key), "markdown", "# Hi"),
        (
            lambda key: create_link_artifact("https://x.y/z", key=key),
            "link",
            "[https://x.y/z](https://x.y/z)",
        ),
        (lambda key: create_link_artifact("https://x.y", "there", key=key), "link", "[there](https://x.y)"),
        (lambda key: create_table_artifact([{"a": 1}], key=key), "table", [{"a": 1}]),
        (lambda key: create_table_artifact({"a": [1, 2]}, key=key), "table", {"a": [1, 2]}),
        (lambda key: create_table_artifact([[1, None]], key=key), "table", [[1, None]]),
        (lambda key: create_progress_artifact(12.5, key=key), "progress", 12.5),
        (lambda key: create_image_artifact("https://x.y/z.png", key=key), "image", "https://x.y/z.png"),
    ],
)
def test_kinds(place, create, kind, data):
    made = create("key")
    found = Artifact.get("key")
    assert (found.id, found.type, found.data, found.key) == (made, kind, data, "key")


def test_they_belong_to_their_runs(place):
    ids = {}

    @task
    def inside():
        ids["task"] = get_run_context().task_run.id
        create_markdown_artifact("task's", key="of-task", description="what it is")

    @flow
    def around():
        ids["flow"] = get_run_context().flow_run.id
        create_markdown_artifact("flow's", key="of-flow")
        inside()

    around()
    create_markdown_artifact("nobody's", key="of-nobody")
    found = {key: Artifact.get(f"of-{key}") for key in ("task", "flow", "nobody")}
    assert (found["task"].flow_run_id, found["task"].task_run_id) == (ids["flow"], ids["task"])
    assert (found["flow"].flow_run_id, found["flow"].task_run_id) == (ids["flow"], None)
    assert (found["nobody"].flow_run_id, found["nobody"].task_run_id) == (None, None)
    assert found["task"].description == "what it is"


def test_versions(place, still):
    for number in range(4):
        create_markdown_artifact(str(number), key="report")
        still.now += 1
    create_markdown_artifact("x", key="other")
    assert Artifact.get("report").data == "3"
    assert [one.data for one in Artifact.versions("report")] == ["3", "2", "1", "0"]
    assert [one.data for one in Artifact.versions("report", 2)] == ["3", "2"]
    assert Artifact.get("nothing") is None
    assert Artifact.versions("nothing") == []


def test_progress(place, still):
    made = create_progress_artifact(0, key="load", description="rows")
    still.now += 5
    assert update_progress_artifact(made, 50) == made
    still.now += 5
    update_progress_artifact(made, 100.0, description="all rows")
    (found,) = Artifact.versions("load")
    assert (found.data, found.description) == (100.0, "all rows")
    assert (found.updated - found.created).total_seconds() == 10
    alone = create_progress_artifact(1)
    update_progress_artifact(alone, 2)


def test_get_or_create(place):
    found, made = MarkdownArtifact.get_or_create("report", description="first", markdown="1")
    assert (found.data, made) == ("1", True)
    found, made = MarkdownArtifact.get_or_create("report", description="second", markdown="2")
    assert (found.data, found.description, made) == ("1", "first", False)


def test_classes(place):
    for artifact in (
        MarkdownArtifact(markdown="a", key="k"),
        LinkArtifact(link="https://x.y", key="k"),
        TableArtifact(table=[[1]], key="k"),
        ProgressArtifact(progress=1, key="k"),
        ImageArtifact(image_url="https://x.y", key="k"),
        Artifact(type="note", data={"any": "thing"}, key="k"),
    ):
        made = artifact.create()
        assert made in {one.id for one in Artifact.versions("k")}
        assert artifact.format() == artifact.data


async def test_awaited(place):
    await artifacts.acreate_markdown_artifact("a", key="markdown")
    await artifacts.acreate_link_artifact("https://x.y", key="link")
    await artifacts.acreate_table_artifact([[1]], key="table")
    await artifacts.acreate_image_artifact("https://x.y", key="image")
    made = await artifacts.acreate_progress_artifact(1, key="progress")
    await artifacts.aupdate_progress_artifact(made, 2)
    for key in ("markdown", "link", "table", "image"):
        assert (await Artifact.aget(key)).type == key
    assert (await Artifact.aget("progress")).data == 2
    assert (await MarkdownArtifact.aget_or_create("new", markdown="a"))[1]
    assert await MarkdownArtifact(markdown="a").acreate()


@pytest.mark.parametrize(
    ("create", "error", "words"),
    [
        (lambda: create_markdown_artifact("a", key="Daily Report"), ValueError, "lowercase letters"),
        (lambda: create_markdown_artifact("a", key="a/../b"), ValueError, "lowercase letters"),
        (lambda: create_markdown_artifact("a", key=""), ValueError, "lowercase letters"),
        (lambda: create_markdown_artifact("a", key="a" * 101), ValueError, "100"),
        (lambda: create_markdown_artifact("a", key=3), TypeError, "key is a text"),
        (lambda: create_markdown_artifact(3), TypeError, "markdown is a text"),
        (lambda: create_markdown_artifact("a", description=3), TypeError, "description is a text"),
        (lambda: create_link_artifact(3), TypeError, "link is a text"),
        (lambda: create_image_artifact(None), TypeError, "image_url is a text"),
        (lambda: create_table_artifact("a,b"), TypeError, "a list of rows or a dictionary of columns"),
        (lambda: create_progress_artifact(101), ValueError, "from 0 to 100"),
        (lambda: create_progress_artifact(float("nan")), ValueError, "from 0 to 100"),
        (lambda: create_progress_artifact("half"), TypeError, "number of percent"),
        (lambda: Artifact(data="a"), TypeError, "needs a type"),
    ],
)
def test_what_is_refused(home, create, error, words):
    with pytest.raises(error, match=words):
        create()
    assert not home.exists()


def test_a_data_frame_is_told_what_to_do(home):
    frame = pd.DataFrame({"n": [1, 2], "x": [0.5, float("nan")]})
    with pytest.raises(TypeError, match=r'df.to_dict\("records"\)'):
        create_table_artifact(frame)
    create_table_artifact(frame.to_dict("records"), key="frame")
    assert Artifact.get("frame").data == [{"n": 1, "x": 0.5}, {"n": 2, "x": None}]


def test_what_is_no_progress(place):
    made = create_markdown_artifact("a")
    with pytest.raises(ValueError, match="shows no progress"):
        update_progress_artifact(made, 3)
    with pytest.raises(ObjectNotFound, match="no artifact nothing"):
        update_progress_artifact("nothing", 3)


def test_nowhere_to_keep_them(home, caplog):
    with temporary_settings({"MILLSTREAM_HISTORY_ENABLED": False}), caplog.at_level(logging.WARNING):
        create_markdown_artifact("a", key="report")
        made = create_progress_artifact(0)
        update_progress_artifact(made, 50)
        assert MarkdownArtifact.get_or_create("report", markdown="a")[1]
    assert "MILLSTREAM_STORAGE" in caplog.text
    assert "The artifact report is not kept" in caplog.text
    assert len(caplog.records) == 3


def test_clients_read_those_of_the_history(client):
    @flow
    def report():
        create_markdown_artifact("a", key="daily")
        create_table_artifact([[1]], key="table")
        create_markdown_artifact("alone")

    report()

    def read(**fields):
        return sorted(
            str(one.key) for one in client.read_artifacts(artifact_filter=filters.ArtifactFilter(**fields))
        )

    assert read() == ["None", "daily", "table"]
    assert read(type={"any_": ["table"]}) == ["table"]
    assert read(key={"like_": "dai"}) == ["daily"]
    assert read(key={"exists_": False}) == ["None"]
    assert read(key={"exists_": True}) == ["daily", "table"]
    run = client.read_flow_runs()[0]
    assert len(read(flow_run_id={"any_": [run.id]})) == 3
    by_flow = filters.FlowFilter(name={"any_": ["report"]})
    by_task = filters.TaskRunFilter(name={"like_": "x"})
    assert len(client.read_artifacts(flow_filter=by_flow)) == 3
    assert client.read_artifacts(task_run_filter=by_task) == []
    client.delete_flow_run(run.id)
    assert read() == []
