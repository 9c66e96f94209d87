"""The pictures of the dashboards, as tests read them."""

import re
from xml.etree import ElementTree as ET

_SVG = "{http://www.w3.org/2000/svg}"


class Drawn:
    """A picture; an ET.ParseError if it is no XML."""

    def __init__(self, svg):
        self._root = ET.fromstring(svg)  # noqa: S314 - we have drawn it
        assert self._root.tag == f"{_SVG}svg"
        self._ids = [element.get("id", "") for element in self._root.iter()]

    def texts(self):
        return ["".join(element.itertext()).strip() for element in self._root.iter(f"{_SVG}text")]

    def panels(self):
        return {int(found[1]) for name in self._ids if (found := re.fullmatch(r"panel-(\d+)", name))}

    def lines_of(self, panel):
        return [name for name in self._ids if name.startswith(f"panel-{panel['id']}-line-")]

    def colours_of(self, text):
        return [
            element.get("style", "")
            for element in self._root.iter(f"{_SVG}text")
            if text in element.itertext()
        ]
