"""Draw the book's figures and plotly plots on pages without a kernel and without another host.

A figure's mime bundle (see `vec2attn.widgets.base`) becomes its still picture with its state beside it; a small host
script runs the same front end that anywidget runs in a notebook. Scripts are classic ones, so that a page opened from
disk works too: browsers refuse module files there, but not a module made from a Blob of its text.
"""

import html
import json
from typing import Any

from docutils import nodes

from vec2attn.widgets.base import MIME, front_end

PLOTLY = "application/vnd.plotly.v1+json"
# the smallest bundle that can draw all traces of a plot; the rest of plotly is 3 MB more and not used
BUNDLES = {
    "basic": {"scatter", "bar", "pie"},
    "cartesian": {"scatter", "bar", "pie", "heatmap", "contour", "histogram", "histogram2d", "box", "violin", "image"},
    "gl3d": {"scatter", "scatter3d", "surface", "mesh3d", "cone", "isosurface", "volume"},
}


def script(name: str) -> str:
    """Return the classic script that hands the module of figure `name` to the host."""
    return f"vec2attn.register({json.dumps(name)}, {json.dumps(front_end(name))});\n"


def bundle_for(types: set[str]) -> str:
    """Return the name of the smallest plotly bundle that draws these trace types."""
    for bundle, drawn in BUNDLES.items():
        if types <= drawn:
            return bundle
    raise ValueError(f"no plotly bundle of the site draws {sorted(types)}: add one to BUNDLES and package.json")


def _json_in_html(value: Any) -> str:
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


class FigureRenderer:
    """myst-nb's plug-in: turns the two mime types into HTML."""

    mime_priority_overrides = (("html", MIME, 1), ("html", PLOTLY, 2))

    @staticmethod
    def handle_mime(renderer: Any, data: Any, inline: bool) -> list[nodes.Element] | None:
        """Return the nodes for one output, or None to leave it to others."""
        if inline or data.mime_type not in (MIME, PLOTLY):
            return None
        env = renderer.renderer.sphinx_env
        if data.mime_type == MIME:
            runner, body = "figure-host.js", _figure(env, data.content)
        else:
            runner, body = "plotly-host.js", _plot(data.content)
        renderer.add_js_file(runner, f"vec2attn/{runner}", {"defer": "defer"})
        return [nodes.raw(text=body, format="html")]


def _figure(env: Any, content: dict[str, Any]) -> str:
    name = content["name"]
    # kernels give models random ids: number them by page, so that the same notebook makes the same HTML
    numbers = env.metadata[env.docname].setdefault("figures", {})
    number = numbers.setdefault(content["model"], len(numbers))
    state = _json_in_html({"model": number, "state": content["state"]})
    return (
        f'<div class="v2a-figure" data-name="{name}" data-source="figures/{name}.js">{content["still"]}'
        f'<script type="application/json">{state}</script></div>'
    )


def _plot(content: dict[str, Any]) -> str:
    layout = content.get("layout") or {}
    bundle = bundle_for({trace.get("type", "scatter") for trace in content["data"]})
    label = html.escape((layout.get("meta") or {}).get("description", "Plot"))
    spec = _json_in_html({key: content[key] for key in ("data", "layout", "frames") if content.get(key)})
    attributes = f'data-bundle="{bundle}" role="group" aria-label="{label}"'
    return (
        f'<div class="v2a-plot" {attributes} style="min-height:{layout.get("height", 400)}px">'
        f"<noscript><p>{label}. The plot itself needs JavaScript.</p></noscript>"
        f'<script type="application/json">{spec}</script></div>'
    )


def setup(app: Any) -> None:
    """Nothing to connect: myst-nb finds the renderer by its entry point."""
