"""The book's plots: plotly with one template, and one colour for one role.

A trace names its role (`meta.role`); the site paints it anew when the reader changes between light and dark. Elsewhere
the colours below stay, chosen to be legible on white and on near-black.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go

Role = Literal["in", "key", "out", "map", "error", "muted"]
Pair = tuple[float | int, float | int]
COLOURS: dict[Role, str] = {
    "in": "#3D8BDB",
    "key": "#C9751F",
    "out": "#2A9D7C",
    "map": "#9270DB",
    "error": "#E0555B",
    "muted": "#7D8590",
}

_AXIS = {
    "showline": True,
    "ticks": "outside",
    "ticklen": 4,
    "zeroline": False,
    "automargin": True,
    "exponentformat": "power",
}
TEMPLATE = go.layout.Template(
    layout={
        "font": {"family": "system-ui, -apple-system, Segoe UI, Roboto, sans-serif", "size": 14},
        "margin": {"l": 64, "r": 16, "t": 16, "b": 56},
        "height": 380,
        "hovermode": "closest",
        "xaxis": _AXIS,
        "yaxis": _AXIS,
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0},
        "dragmode": False,
    }
)


def line(
    x: Sequence[float | int] | np.ndarray,
    y: Sequence[float | int] | np.ndarray,
    name: str,
    role: Role,
    dash: Literal["solid", "dash", "dot", "dashdot"] = "solid",
    markers: bool = False,
) -> go.Scatter:
    """Return a line in the colour of its role; give lines of one plot different dashes, for eyes that see no colour.

    Raises
    ------
    ValueError : no such role, or x and y of different lengths
    """
    if role not in COLOURS:
        raise ValueError(f"there is no role {role!r}; there are: {', '.join(COLOURS)}")
    if len(x) != len(y):
        raise ValueError(f"a line needs as many y as x; got {len(x)} x and {len(y)} y")
    colour = COLOURS[role]
    return go.Scatter(
        x=np.asarray(x),
        y=np.asarray(y),
        name=name,
        mode="lines+markers" if markers else "lines",
        line={"color": colour, "dash": dash, "width": 2.5},
        marker={"color": colour},
        meta={"role": role},
    )


def arrows(
    chains: Sequence[Any],
    name: str,
    role: Role,
    dash: Literal["solid", "dash", "dot", "dashdot"] = "solid",
    head: int = 16,
) -> go.Scatter:
    """Return arrows in the plane: each chain is a list of points, with an arrow from every point to the next.

    Parameters
    ----------
    chains : lists of points (x, y), at least two points each
    head : size of an arrow's head, in pixels

    Raises
    ------
    ValueError : no such role, or a chain that is not made of two points or more in the plane
    """
    lifted = np.full((1, 2), np.nan)  # between two chains the pen is lifted
    parts, heads = [], []
    for chain in chains:
        points = np.asarray(chain, float)
        if points.ndim != 2 or points.shape[1] != 2 or len(points) < 2:
            raise ValueError(f"a chain of arrows needs two points (x, y) or more; got {chain}")
        parts += [points, lifted]
        heads += [0, *[head] * (len(points) - 1), 0]
    x, y = np.concatenate(parts or [lifted]).T
    trace = line(x, y, name, role, dash, markers=True)
    # sizes in a list make plotly think of bubbles, pale and with a rim
    return trace.update(
        marker={"symbol": "arrow", "angleref": "previous", "size": heads or [0], "opacity": 1, "line": {"width": 0}}
    )


def plot(traces: Sequence[Any], *, x: str, y: str, description: str, log: str = "", **layout: Any) -> go.Figure:
    """Return a plot with labelled axes.

    Parameters
    ----------
    traces : as `line` makes them
    x, y : what the axes show, with units
    description : one sentence for readers who cannot see the plot
    log : "x", "y" or "xy" for logarithmic axes
    layout : anything else that plotly's layout knows

    Raises
    ------
    ValueError : `log` names no axis
    """
    if log not in ("", "x", "y", "xy"):
        raise ValueError(f'log must be "x", "y", "xy" or ""; got {log!r}')
    figure = go.Figure(list(traces))
    figure.update_layout(template=TEMPLATE, xaxis_title=x, yaxis_title=y, meta={"description": description}, **layout)
    for letter in log:
        axis = figure.layout[f"{letter}axis"]
        chosen = axis.dtick is not None or axis.tickvals is not None
        axis.update(type="log", **({} if chosen else _powers([trace[letter] for trace in figure.data])))
    return figure


def picture(
    traces: Sequence[Any],
    labels: Mapping[str, Pair],
    *,
    x: Pair,
    y: Pair,
    description: str,
    height: int = 420,
) -> go.Figure:
    """Return a drawing without axes, in equal units; of traces with one name the key has only the first.

    Parameters
    ----------
    traces : as `line` makes them
    labels : small texts, each with the point (x, y) of its middle
    x, y : from where to where the drawing reaches
    description : one sentence for readers who cannot see it
    height : in pixels
    """
    named = {trace.name: trace for trace in reversed(traces)}
    for trace in traces:
        trace.showlegend = trace is named[trace.name]
    return plot(
        traces,
        x="",
        y="",
        description=description,
        height=height,
        margin={"l": 8, "r": 8, "b": 8},
        annotations=[
            {"x": left, "y": up, "text": text, "showarrow": False, "font": {"size": 12}}
            for text, (left, up) in labels.items()
        ],
        xaxis={"visible": False, "range": x},
        yaxis={"visible": False, "range": y, "scaleanchor": "x"},
    )


def _powers(values: Sequence[Any]) -> dict[str, Any]:
    """Return where a logarithmic axis has its ticks: at powers of ten, and not at all of them if there are many."""
    numbers = np.concatenate([np.ravel(np.asarray(v, float)) for v in values if v is not None] or [np.empty(0)])
    numbers = numbers[np.isfinite(numbers) & (numbers > 0)]
    decades = np.log10(numbers.max() / numbers.min()) if numbers.size else 0.0
    return {"dtick": int(np.ceil(decades / 6)), "tickangle": 0} if decades > 1.5 else {}
