"""The outcome as a picture: bars side by side, on a sheet with a colour of its own, so that it looks the same on light and on dark pages.

The only module that needs matplotlib (the extra `bench`), and imports it when a picture is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fcgipm.bench.figures import Round, Rounds, client_limits, factors, medians
from fcgipm.bench.report import MIB, number, times
from fcgipm.bench.ways import CGI, DIRECT, FASTCGI, LABELS, NGINX, Way

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PAPER, INK, SOFT, LINE = "#fbf9f4", "#1d2326", "#5a6468", "#ddd6c7"
COLOURS = {(CGI, False): "#b4480f", (FASTCGI, False): "#2b8073", (FASTCGI, True): "#0b5c50"}
KINDS = (".svg", ".png")
SIZE = (11.0, 6.4)
"""Inches."""
DPI = 150
SLIVER = 0.003
"""Of the longest bar: shorter would not be seen."""


class Panel(NamedTuple):
    """One figure of all ways."""

    title: str
    value: Callable[[Round], float]
    unit: str
    hint: str


PANELS = (
    Panel("Requests a second", lambda one: one.rate, "", "longer is better"),
    Panel("Wait of a request, median", lambda one: one.p50_ms, " ms", "shorter is better"),
    Panel("CPU a request", lambda one: one.cpu_ms, " ms", "shorter is better"),
    Panel("Memory of all processes (PSS)", lambda one: one.memory / MIB, " MiB", "shorter is better"),
)


def available() -> bool:
    """Whether matplotlib is there."""
    try:
        return find_spec("matplotlib") is not None
    except ValueError:  # it is, and is none: somebody keeps it from being imported
        return False


def files(wanted: Path) -> list[Path]:
    """Where pictures go: the file that is named, or one of each kind when its kind is not. Raises ValueError for another kind."""
    if wanted.suffix and wanted.suffix not in KINDS:
        raise ValueError(f"a picture is {' or '.join(KINDS)}, not {wanted.suffix}")
    return [wanted] if wanted.suffix else [wanted.with_name(wanted.name + kind) for kind in KINDS]


def draw(paths: Sequence[Path], rounds: Rounds, application: str, caption: str) -> None:
    """Write the picture to each of the files; their suffixes say how. Nothing is shown, so no display is needed."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # Letters as outlines: every browser shows the same. A fixed salt and no date: the same figures make the same file.
    with matplotlib.rc_context({"font.family": "sans-serif", "svg.fonttype": "path", "svg.hashsalt": "fcgipm", "text.color": INK}):
        figure = Figure(figsize=SIZE, facecolor=PAPER)
        FigureCanvasAgg(figure)
        head = headline(rounds, application)
        figure.text(0.03, 0.955, head, fontsize=17 * min(1.0, 72 / len(head)), fontweight="bold", va="top", parse_math=False)
        figure.text(0.03, 0.035, caption, fontsize=8.5, color=SOFT, va="bottom", parse_math=False)
        _legend(figure.text)
        grid = figure.subplots(2, 2, gridspec_kw={"left": 0.115, "right": 0.965, "top": 0.775, "bottom": 0.12, "wspace": 0.34, "hspace": 0.42})
        for axes, panel in zip(grid.flat, PANELS, strict=True):
            _panel(axes, panel, rounds)
        for path in paths:
            figure.savefig(path, dpi=DPI, facecolor=PAPER, metadata={"Date": None} if path.suffix == ".svg" else None)


def headline(rounds: Rounds, application: str) -> str:
    """The picture in a sentence."""
    most = max(factors(rounds), key=lambda one: one.door == NGINX)
    where = " through nginx" if most.door == NGINX else ""
    return f"{application}{where}: as FastCGI {times(most.rate)[1:]} times the requests of CGI"


def _legend(text: Callable[..., object]) -> None:
    """Names in the colours of their bars."""
    at = 0.03
    for kind, label in LABELS.items():
        text(at, 0.868, "■", fontsize=13, color=COLOURS[kind], va="center")
        text(at + 0.02, 0.868, label, fontsize=10.5, va="center")
        at += 0.038 + 0.0088 * len(label)


def _panel(axes: Axes, panel: Panel, rounds: Rounds) -> None:
    values = {way: panel.value(medians(several)) for way, several in rounds.items()}
    most = max(values.values()) or 1.0
    doors = [door for door in (NGINX, DIRECT) if any(way.door == door for way in rounds)]
    heights = {way: _height(way, doors) for way in rounds}
    for way, value in values.items():
        axes.barh(heights[way], max(value, SLIVER * most), height=0.8, color=COLOURS[way.interface, way.kept], linewidth=0)
        bound = "≥ " if panel is PANELS[0] and client_limits(rounds[way]) else ""
        inside = value > 0.75 * most
        axes.text(
            value + (-1 if inside else 1) * most * 0.012, heights[way], f"{bound}{number(value)}{panel.unit}",
            ha="right" if inside else "left", va="center", fontsize=9.5, color="white" if inside else INK,
        )  # fmt: skip
    axes.set_title(panel.title, loc="left", fontsize=11.5, fontweight="bold", color=INK)
    axes.set_title(panel.hint, loc="right", fontsize=8.5, color=SOFT)
    axes.set_xlim(0, most * 1.02)
    axes.set_facecolor(PAPER)
    axes.set_xticks([])
    axes.set_yticks([doors.index(door) * 3.7 + 1 for door in doors], ["through\nnginx" if door == NGINX else "directly" for door in doors])
    axes.tick_params(length=0, labelsize=9.5, labelcolor=SOFT)
    axes.invert_yaxis()
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.spines["left"].set_color(LINE)


def _height(way: Way, doors: list[str]) -> float:
    """Where its bar lies: three beside each other for a door, then a gap."""
    return doors.index(way.door) * 3.7 + list(LABELS).index((way.interface, way.kept))
