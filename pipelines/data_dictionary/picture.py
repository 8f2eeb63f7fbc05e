"""Draw the lineage as an SVG: layers from left to right, with lines around the tables between them.

Colours come from the style sheet of the page. A lane is the place that a longer line takes in a layer that it crosses.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple
from xml.etree import ElementTree as ET

from .tables import DocumentedTable, edges

BOX_HEIGHT, GAP, LANE = 30, 12, 10
COLUMN_GAP, MARGIN, TOP = 70, 8, 34
CHARACTER = 7.6
SWEEPS = 8


class Place(NamedTuple):
    """The position of a box or a lane."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        """The vertical middle of the box."""
        return self.y + self.height / 2


def draw(tables: list[DocumentedTable]) -> ET.Element:
    """Return the picture of all tables that have a layer; each is a link to `#name`."""
    shown = {table.name: table for table in tables if table.layer is not None}
    layers, paths = _layers(shown)
    places = _places(layers, shown)
    right = max(place.x + place.width for place in places.values()) + MARGIN
    bottom = max(place.y + place.height for place in places.values()) + MARGIN
    size = {"viewBox": f"0 0 {right:.0f} {bottom:.0f}", "width": f"{right:.0f}", "height": f"{bottom:.0f}"}
    label = "Lineage: which table is computed from which"
    svg = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "group", "aria-label": label, **size})
    for path in paths:
        line = {"class": "edge", "d": _curve([places[step] for step in path]), "fill": "none", "stroke-width": "1.3"}
        ET.SubElement(svg, "path", {**line, "data-from": path[0], "data-to": path[-1]})
    _heads(svg, layers, places)
    for name, table in shown.items():
        _box(ET.SubElement(svg, "a", {"href": f"#{name}"}), table, places[name])
    return svg


def _layers(shown: Mapping[str, DocumentedTable]) -> tuple[list[list[str]], list[list[str]]]:
    """Return names by layer, ordered so that few lines cross, and each edge as a path of names through the layers."""
    level = {name: table.layer or 0 for name, table in shown.items()}
    paths = []
    for start, end in edges(list(shown.values())):
        lanes = [f"{start}>{end}>{number}" for number in range(level[start] + 1, level[end])]
        level.update({lane: level[start] + number for number, lane in enumerate(lanes, 1)})
        paths.append([start, *lanes, end])
    layers = [[name for name in level if level[name] == number] for number in range(max(level.values()) + 1)]
    near: dict[str, list[str]] = {name: [] for name in level}
    for path in paths:
        for one, other in pairwise(path):
            near[one].append(other)
            near[other].append(one)
    for _ in range(SWEEPS):
        rank = {name: number / len(layer) for layer in layers for number, name in enumerate(layer)}
        for layer in layers:
            layer.sort(key=lambda name: _mean([rank[one] for one in near[name]] or [rank[name]]))
            rank.update({name: number / len(layer) for number, name in enumerate(layer)})
    return layers, paths


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _places(layers: list[list[str]], shown: Mapping[str, DocumentedTable]) -> dict[str, Place]:
    heights = [sum((BOX_HEIGHT if name in shown else LANE) + GAP for name in layer) - GAP for layer in layers]
    places: dict[str, Place] = {}
    x: float = MARGIN
    for layer, height in zip(layers, heights, strict=True):
        width = max([len(name) for name in layer if name in shown], default=10) * CHARACTER + 20
        y = TOP + (max(heights) - height) / 2
        for name in layer:
            tall = BOX_HEIGHT if name in shown else LANE
            places[name] = Place(x, y, width, tall)
            y += tall + GAP
        x += width + COLUMN_GAP
    return places


def _curve(places: list[Place]) -> str:
    """Return the curve from the right side of the first place through the lanes to the left side of the last one."""
    steps = [f"M{places[0].x + places[0].width:.0f} {places[0].middle:.0f}"]
    for one, other in pairwise(places):
        left, right = one.x + one.width, other.x
        half = (left + right) / 2
        steps.append(f"C{half:.0f} {one.middle:.0f} {half:.0f} {other.middle:.0f} {right:.0f} {other.middle:.0f}")
        steps.append(f"H{other.x + other.width:.0f}" if other is not places[-1] else "")
    return "".join(steps)


def _heads(svg: ET.Element, layers: list[list[str]], places: Mapping[str, Place]) -> None:
    for number, layer in enumerate(layers):
        at = {"x": f"{places[layer[0]].x:.0f}", "y": "18", "class": "head", "font-size": "12"}
        head = ET.SubElement(svg, "text", {**at, "font-family": "system-ui, sans-serif"})
        head.text = "raw" if number == 0 else f"layer {number}"


def _box(parent: ET.Element, table: DocumentedTable, place: Place) -> None:
    kind = "raw" if table.layer == 0 else "seed" if table.made_from.endswith(".csv") else "model"
    box = ET.SubElement(parent, "g", {"class": f"box {kind}", "data-table": table.name})
    ET.SubElement(box, "title").text = f"{table.name}: {table.grain}"
    shape = {"x": place.x, "y": place.y, "width": place.width, "height": place.height, "rx": 6}
    ET.SubElement(box, "rect", {name: f"{value:.0f}" for name, value in shape.items()})
    at = {"x": f"{place.x + 10:.0f}", "y": f"{place.middle + 4:.0f}", "font-size": "12.5"}
    ET.SubElement(box, "text", {**at, "font-family": "ui-monospace, Menlo, Consolas, monospace"}).text = table.name
