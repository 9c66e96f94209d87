"""The graph of a flow: what it calls, and what goes from where to where."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Node(NamedTuple):
    """A call of a task or a subflow.

    Attributes:
        name: Its name and how many calls of it there were before, as runs are called.
        kind: What is called: "task" or "flow".
        mapped: Whether it stands for all the runs of a `map`.
    """

    name: str
    kind: str
    mapped: bool = False

    @property
    def label(self) -> str:
        """What people see."""
        extra = [word for word, holds in (("flow", self.kind == "flow"), ("mapped", self.mapped)) if holds]
        return f"{self.name} ({', '.join(extra)})" if extra else self.name


class Edge(NamedTuple):
    """What makes one call wait for another.

    Attributes:
        source: The name of the node that comes first.
        target: The name of the one that waits.
        kind: Whether it waits for data, or because of `wait_for`.
    """

    source: str
    target: str
    kind: Literal["data", "wait_for"]


class Graph(NamedTuple):
    """What a flow calls. Printed it is a text; notebooks show a picture if Graphviz is installed.

    Attributes:
        name: The name of the flow.
        nodes: The calls, in their order.
        edges: What goes from one to another.
    """

    name: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    @property
    def mermaid(self) -> str:
        """The graph in the language of Mermaid, which GitHub and others show as a picture."""
        ids = self._ids()
        lines = ["flowchart TD"]
        for node in self.nodes:
            text = node.label.replace("#", "#35;").replace('"', "#quot;")
            lines.append(
                f'    {ids[node.name]}[["{text}"]]'
                if node.kind == "flow"
                else f'    {ids[node.name]}["{text}"]'
            )
        for edge in self.edges:
            arrow = "-->" if edge.kind == "data" else "-.->"
            lines.append(f"    {ids[edge.source]} {arrow} {ids[edge.target]}")
        return "\n".join(lines)

    @property
    def dot(self) -> str:
        """The graph in the language of Graphviz."""
        ids = self._ids()
        lines = [f"digraph {_quoted(self.name)} {{", "    node [shape=box]"]
        for node in self.nodes:
            style = ", peripheries=2" if node.kind == "flow" else ""
            lines.append(f"    {ids[node.name]} [label={_quoted(node.label)}{style}]")
        for edge in self.edges:
            style = "" if edge.kind == "data" else " [style=dashed]"
            lines.append(f"    {ids[edge.source]} -> {ids[edge.target]}{style}")
        return "\n".join([*lines, "}"])

    def _ids(self) -> dict[str, str]:
        return {node.name: f"n{number}" for number, node in enumerate(self.nodes)}

    def _repr_svg_(self) -> str | None:
        """The picture for notebooks; None without Graphviz's program `dot`, and they show the text."""
        import shutil  # noqa: PLC0415 - in notebooks only
        import subprocess  # noqa: PLC0415

        program = shutil.which("dot")
        if program is None:
            return None
        done = subprocess.run([program, "-Tsvg"], input=self.dot, capture_output=True, text=True, check=True)  # noqa: S603 - the input is ours
        return done.stdout

    def __str__(self) -> str:
        lines = [self.name]
        for node in self.nodes:
            branch = "└──" if node is self.nodes[-1] else "├──"
            data = [edge.source for edge in self.edges if edge.target == node.name and edge.kind == "data"]
            others = [
                edge.source for edge in self.edges if edge.target == node.name and edge.kind == "wait_for"
            ]
            origin = f" ← {', '.join(data)}" if data else ""
            after = f" after {', '.join(others)}" if others else ""
            lines.append(f"{branch} {node.label}{origin}{after}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
