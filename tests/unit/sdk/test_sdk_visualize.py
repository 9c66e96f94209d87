"""`flow.visualize()`: what is recorded, and what it looks like."""

import asyncio
import shutil
from dataclasses import dataclass

import pytest

from millstream import flow, get_run_logger, task
from millstream.annotations import allow_failure, unmapped
from millstream.exceptions import (
    FlowVisualizationError,
    MappingLengthMismatch,
    MappingMissingIterable,
    ParameterBindError,
    ParameterTypeError,
)
from millstream.futures import as_completed, wait


def never(*_, **__):
    raise AssertionError("This must not run.")


def a_task(name, **options):
    return task(name=name, **options)(never)


extract, transform, load = a_task("extract"), a_task("transform"), a_task("load")


@task
async def fetch(*_):
    never()


@flow
def report(*_):
    never()


@flow
async def report_async(*_):
    never()


def graph_of(fn, *args, **kwargs):
    return flow(fn).visualize(*args, **kwargs)


def edges_of(fn, *args, **kwargs):
    return [(edge.source, edge.target) for edge in graph_of(fn, *args, **kwargs).edges]


class TestWhatIsRecorded:
    def test_calls_and_data(self):
        def etl(n):
            rows = [extract(day) for day in range(n)]
            load(transform(rows), to="x")

        graph = graph_of(etl, 2)
        assert [node.name for node in graph.nodes] == ["extract-0", "extract-1", "transform-0", "load-0"]
        assert [(edge.source, edge.target) for edge in graph.edges] == [
            ("extract-0", "transform-0"),
            ("extract-1", "transform-0"),
            ("transform-0", "load-0"),
        ]

    @pytest.mark.parametrize(
        "pass_on",
        [
            load,
            lambda future: load(future.result()),
            lambda future: load(future.state),
            lambda future: load(future.state.result()),
            lambda future: load(x={"a": [(1, future)]}),
            lambda future: load(allow_failure(future)),
            lambda future: load.submit(unmapped(future)),
            lambda future: load.map([future]),
            load.map,
            lambda future: load.map(allow_failure(future)),
            lambda future: load.map(future.result(), [1, 2]),
            lambda future: load(next(as_completed([future]))),
            lambda future: load(wait([future]).done),
            report,
            lambda future: asyncio.iscoroutine(coroutine := report_async(future)) and coroutine.close(),
        ],
    )
    def test_futures(self, pass_on):
        [(source, target)] = edges_of(lambda: pass_on(extract.submit()))
        assert source == "extract-0"
        assert target.partition("-")[0] in {"load", "report", "report_async"}

    def test_data_classes(self):
        @dataclass
        class Rows:
            rows: object

        assert edges_of(lambda: load(Rows(extract()))) == [("extract-0", "load-0")]

    def test_what_contains_itself(self):
        def etl():
            rows = [extract()]
            rows.append(rows)
            load(rows)

        assert edges_of(etl) == [("extract-0", "load-0")]

    def test_states(self):
        def etl():
            state = extract(return_state=True)
            assert state.is_completed()
            load(state)
            load(state.result())
            load(extract.submit(return_state=True))
            load(extract.map([1, 2], return_state=True))

        sources = [source for source, _ in edges_of(etl)]
        assert sources == ["extract-0", "extract-0", "extract-1", "extract-2"]

    def test_wait_for(self):
        def etl():
            rows = extract.submit()
            checked = transform.submit()
            load(rows, wait_for=[rows, checked])
            report(wait_for=[checked])

        assert [tuple(edge) for edge in graph_of(etl).edges] == [
            ("extract-0", "load-0", "data"),
            ("transform-0", "load-0", "wait_for"),
            ("transform-0", "report-0", "wait_for"),
        ]

    def test_map(self):
        def etl():
            futures = extract.map([1, 2, 3], unmapped(4))
            assert len(futures) == len(futures.result()) == 3
            load([future.result() for future in futures])
            transform.map(futures)

        graph = graph_of(etl)
        assert [(node.name, node.mapped) for node in graph.nodes] == [
            ("extract-0", True),
            ("load-0", False),
            ("transform-0", True),
        ]
        assert [edge.target for edge in graph.edges] == ["load-0", "transform-0"]

    def test_map_over_what_cannot_be(self):
        for error, args in [(MappingMissingIterable, (1,)), (MappingLengthMismatch, ([1], [1, 2]))]:
            with pytest.raises(FlowVisualizationError) as raised:
                graph_of(lambda args=args: extract.map(*args))
            assert isinstance(raised.value.__cause__, error)

    def test_subflows(self):
        def etl():
            load(report(extract()))

        graph = graph_of(etl)
        assert [node.kind for node in graph.nodes] == ["task", "flow", "task"]
        assert edges_of(etl) == [("extract-0", "report-0"), ("report-0", "load-0")]

    def test_async(self):
        async def etl():
            rows = await asyncio.gather(fetch(1), fetch(2))
            done = await report_async(rows)
            state = await fetch(done, return_state=True)
            load(await fetch.submit(state).result_async())

        assert edges_of(etl) == [
            ("fetch-0", "report-async-0"),
            ("fetch-1", "report-async-0"),
            ("report-async-0", "fetch-2"),
            ("fetch-2", "fetch-3"),
            ("fetch-3", "load-0"),
        ]

    async def test_in_an_event_loop(self):
        async def etl():
            load(await fetch())

        assert edges_of(etl) == [("fetch-0", "load-0")]

    def test_generators(self):
        @task(viz_return_value=[1, 2])
        async def pages():
            never()
            yield

        @task(viz_return_value=["a"])
        def names():
            never()
            yield

        def etl():
            for name in names():
                yield load(name)

        async def etl_async():
            async for page in pages():
                yield load(page)

        assert edges_of(etl) == [("names-0", "load-0")]
        assert edges_of(etl_async) == [("pages-0", "load-0"), ("pages-0", "load-1")]

    def test_methods(self):
        class Job:
            @task
            def step(self, *_):
                never()

            @flow
            def run(self, times):
                value = None
                for _ in range(times):
                    value = self.step(value)

        graph = Job().run.visualize(2)
        assert [(edge.source, edge.target) for edge in graph.edges] == [("step-0", "step-1")]

    def test_nothing_runs_nor_logs(self, logs):
        def etl():
            get_run_logger().info("not to be seen")
            extract()

        assert len(graph_of(etl).nodes) == 1
        assert not logs.records

    def test_afterwards_everything_runs_again(self):
        @task
        def one():
            return 1

        @flow
        def etl():
            return one()

        assert etl.visualize().nodes
        with pytest.raises(FlowVisualizationError):
            graph_of(lambda: 1 / 0)
        assert etl() == 1
        assert one() == 1


class TestRealValues:
    def test_viz_return_value(self):
        files = a_task("files", viz_return_value=["a.csv", "b.csv"])
        count = a_task("count", viz_return_value=3)
        table = a_task("table", viz_return_value={"rows": [1.5, b"x"], "none": None})

        def etl():
            for file in files():
                extract(file)
            if count() > 2:
                load(count.submit().result())
            load(table()["rows"][0], table.submit().result()["rows"])
            load(table()["none"], True, 3, "a.csv")  # noqa: FBT003

        assert edges_of(etl) == [
            ("files-0", "extract-0"),
            ("files-0", "extract-1"),
            ("count-1", "load-0"),
            ("table-0", "load-1"),
            ("table-1", "load-1"),
        ]

    def test_the_value_is_as_given(self):
        class Uncopied:
            def __copy__(self):
                raise TypeError

        for value in ("x", 5, 0.5, b"y", [1], (2,), (), {"z": 1}, {1}, True, len, Uncopied()):
            given = a_task("given", viz_return_value=value)

            def etl(given=given, value=value):
                assert given() == value
                assert isinstance(given.submit().result(), type(value))

            graph_of(etl)

    def test_mapped(self):
        count = a_task("count", viz_return_value=3)
        assert edges_of(lambda: load(sum(count.map([1, 2]).result()))) == []
        assert edges_of(lambda: load.map(a_task("ids", viz_return_value=[1, 2]).submit())) == [
            ("ids-0", "load-0")
        ]

    def test_with_options(self):
        count = a_task("count").with_options(viz_return_value=3)
        assert len(graph_of(lambda: [extract() for _ in range(count())]).nodes) == 4

    @pytest.mark.parametrize(
        "use",
        [
            lambda value: [item for item in value],  # noqa: C416
            lambda value: value[0],
            lambda value: 1 if value else 2,
            lambda value: value == 1,
            lambda value: value > 1,
            lambda value: value + 1,
            lambda value: 1 - value,
            len,
            int,
            lambda value: value.attribute,
            lambda value: value(),
            lambda value: 1 in value,
            open,
            lambda value: -value,
        ],
    )
    def test_a_placeholder_is_no_real_value(self, use):
        with pytest.raises(FlowVisualizationError, match=r"task 'extract'.*viz_return_value"):
            graph_of(lambda: use(extract()))

    def test_of_a_subflow(self):
        with pytest.raises(FlowVisualizationError, match=r"flow 'report'.*a task with a viz_return_value"):
            graph_of(lambda: report()[0])

    async def test_in_async_code(self):
        async def etl():
            async for _ in await fetch():
                pass

        with pytest.raises(FlowVisualizationError, match="task 'fetch'"):
            graph_of(etl)

    def test_a_placeholder_can_be_shown_and_kept(self):
        def etl():
            value = extract()
            assert f"{value}" == repr(value) == "<the result of task 'extract'>"
            assert value in {value: 1}
            assert value == value  # noqa: PLR0124
            assert value is not None
            assert not hasattr(value, "__array__")

        graph_of(etl)

    def test_other_errors(self):
        with pytest.raises(
            FlowVisualizationError, match=r"'lambda'.*ZeroDivisionError.*viz_return_value"
        ) as raised:
            graph_of(lambda: 1 / 0)
        assert isinstance(raised.value.__cause__, ZeroDivisionError)

    def test_parameters(self):
        def etl(n: int):
            assert n == 3

        graph_of(etl, "3")
        with pytest.raises(ParameterTypeError):
            graph_of(etl, "x")
        with pytest.raises(ParameterBindError):
            graph_of(etl)
        flow(validate_parameters=False)(etl).visualize(3)


@flow(name='all "sorts"')
def all_sorts():
    rows = extract.map([1, 2])
    checked = a_task('check "#1"').submit()
    load(report(rows), wait_for=[checked])


class TestLooks:
    def test_text(self):
        assert str(all_sorts.visualize()).splitlines() == [
            'all "sorts"',
            "├── extract-0 (mapped)",
            '├── check "#1"-0',
            "├── report-0 (flow) ← extract-0",
            '└── load-0 ← report-0 after check "#1"-0',
        ]
        assert repr(all_sorts.visualize()) == str(all_sorts.visualize())

    def test_text_of_nothing(self):
        assert str(graph_of(lambda: None)) == "lambda"

    def test_mermaid(self):
        assert all_sorts.visualize().mermaid.splitlines() == [
            "flowchart TD",
            '    n0["extract-0 (mapped)"]',
            '    n1["check #quot;#35;1#quot;-0"]',
            '    n2[["report-0 (flow)"]]',
            '    n3["load-0"]',
            "    n0 --> n2",
            "    n2 --> n3",
            "    n1 -.-> n3",
        ]

    def test_dot(self):
        assert all_sorts.visualize().dot.splitlines() == [
            r'digraph "all \"sorts\"" {',
            "    node [shape=box]",
            '    n0 [label="extract-0 (mapped)"]',
            r'    n1 [label="check \"#1\"-0"]',
            '    n2 [label="report-0 (flow)", peripheries=2]',
            '    n3 [label="load-0"]',
            "    n0 -> n2",
            "    n2 -> n3",
            "    n1 -> n3 [style=dashed]",
            "}",
        ]

    def test_picture_without_graphviz(self, monkeypatch, tmp_path):
        monkeypatch.setenv("PATH", str(tmp_path))
        assert all_sorts.visualize()._repr_svg_() is None

    def test_picture(self, monkeypatch, tmp_path):
        dot = tmp_path / "dot"
        dot.write_text(f'#!{shutil.which("sh")}\necho "<svg>$1"\ncat\n')
        dot.chmod(0o700)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        graph = all_sorts.visualize()
        assert graph._repr_svg_() == f"<svg>-Tsvg\n{graph.dot}"
