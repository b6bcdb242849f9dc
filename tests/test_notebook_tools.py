"""What notebooks show: the library's own source, and plots in the look of the book."""

import inspect
import json

import numpy as np
import plotly.graph_objects as go
import pytest

from vec2attn import softmax as softmax_module
from vec2attn.notebook import Source, show
from vec2attn.plots import COLOURS, TEMPLATE, arrows, line, picture, plot
from vec2attn.softmax import softmax, top_p
from vec2attn.widgets.softmax_bars import SoftmaxBars

# ---- show ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("thing", [softmax, top_p, line, show, Source, SoftmaxBars])
def test_show_gives_the_source_that_runs_and_where_it_stands(thing):
    first, _, text = show(thing).text.partition("\n")
    path = inspect.getsourcefile(inspect.unwrap(thing))
    assert first == f"# {'/'.join(path.replace(chr(92), '/').split('/')[-2:])}"
    assert text + "\n" == inspect.getsource(thing)


def test_show_sees_through_the_wrapper_that_checks_shapes():
    assert hasattr(softmax, "__wrapped__"), "run these tests with --jaxtyping-packages=vec2attn,beartype.beartype"
    assert show(softmax).text == show(softmax.__wrapped__).text
    assert show(softmax).text.startswith("# vec2attn/softmax.py\ndef softmax(")


def test_shown_source_can_be_run_as_it_is():
    names = dict(vars(softmax_module))
    exec(show(softmax).text, names)
    z = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(names["softmax"](z), softmax(z))
    assert names["softmax"] is not softmax


def test_a_method_is_shown_without_the_indentation_of_its_class():
    assert show(SoftmaxBars.logits).text.startswith("# widgets/softmax_bars.py\ndef logits(self)")


def test_source_is_plain_text_in_a_console_and_a_block_of_python_elsewhere():
    source = Source("def f():\n    return 1")
    assert repr(source) == "def f():\n    return 1"
    assert source._repr_markdown_() == "```python\ndef f():\n    return 1\n```"


NO_SOURCE = {"len": len, "int": int, "exp": np.exp, "dot": np.dot, "lambda": eval("lambda: 0")}


@pytest.mark.parametrize("name", NO_SOURCE)
def test_show_refuses_what_has_no_python_source(name):
    with pytest.raises(TypeError, match=f"{name}.* has no Python source"):
        show(NO_SOURCE[name])


# ---- plots -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", COLOURS)
def test_a_line_has_the_colour_of_its_role_and_names_the_role_for_the_site(role):
    trace = line([1.0, 2.0], [3.0, 4.0], "a", role)
    assert trace.line.color == trace.marker.color == COLOURS[role]
    assert trace.meta == {"role": role}
    assert (trace.name, trace.mode, trace.line.dash) == ("a", "lines", "solid")


def test_whole_numbers_make_a_line_too():
    assert list(line([1, 2, 4], range(3), "a", "in").x) == [1, 2, 4]


def test_lines_can_be_told_apart_without_colour():
    trace = line([1.0], [1.0], "a", "in", dash="dot", markers=True)
    assert (trace.mode, trace.line.dash) == ("lines+markers", "dot")


def test_every_arrow_of_a_chain_has_a_head_at_its_end_and_the_pen_is_lifted_between_chains():
    trace = arrows([[(0, 0), (2, -3), (3, -2)], [(1, 1), (3, 4)]], "a", "key", dash="dot", head=9)
    assert np.array_equal(trace.x, [0, 2, 3, np.nan, 1, 3, np.nan], equal_nan=True)
    assert np.array_equal(trace.y, [0, -3, -2, np.nan, 1, 4, np.nan], equal_nan=True)
    assert list(trace.marker.size) == [0, 9, 9, 0, 0, 9, 0]
    assert (trace.marker.symbol, trace.marker.angleref) == ("arrow", "previous")
    assert (trace.marker.color, trace.meta, trace.line.dash) == (COLOURS["key"], {"role": "key"}, "dot")


def luminance(colour):
    """Return the relative luminance of a colour such as #3D8BDB (WCAG 2.2)."""
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4) @ [
        0.2126,
        0.7152,
        0.0722,
    ]


@pytest.mark.parametrize("background", ["#FFFFFF", "#14181E"])
@pytest.mark.parametrize("role", COLOURS)
def test_colours_are_legible_on_white_and_on_near_black(role, background):
    light, dark = sorted((luminance(COLOURS[role]), luminance(background)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 3  # WCAG 2.2, 1.4.11: graphical objects


def small_plot(**settings):
    return plot(
        [line([1.0, 2.0], [3.0, 4.0], "a", "in")], x="rank", y="probability (1)", description="A line.", **settings
    )


def test_a_plot_has_the_template_of_the_book_labelled_axes_and_a_description():
    figure = small_plot()
    assert isinstance(figure, go.Figure)
    assert figure.layout.template == TEMPLATE
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("rank", "probability (1)")
    assert figure.layout.meta == {"description": "A line."}
    assert [trace.name for trace in figure.data] == ["a"]


def test_a_picture_has_equal_units_no_axes_and_each_name_once_in_its_key():
    traces = [line([0, 1], [0, 1], name, "in") for name in ("cube", "other", "cube", "other")]
    figure = picture(traces, {"one": (0.5, -1), "two": (2, 3)}, x=(-1, 3), y=(-2, 4), description="Cubes.", height=300)
    layout = figure.layout
    assert [trace.showlegend for trace in figure.data] == [True, True, False, False]
    assert (layout.xaxis.visible, layout.yaxis.visible, layout.yaxis.scaleanchor) == (False, False, "x")
    assert (layout.xaxis.range, layout.yaxis.range, layout.height) == ((-1, 3), (-2, 4), 300)
    assert [(a.text, a.x, a.y) for a in layout.annotations] == [("one", 0.5, -1), ("two", 2, 3)]
    assert layout.meta == {"description": "Cubes."}


@pytest.mark.parametrize(
    ("log", "types"),
    [("", (None, None)), ("x", ("log", None)), ("y", (None, "log")), ("xy", ("log", "log"))],
)
def test_axes_are_logarithmic_where_asked(log, types):
    figure = small_plot(log=log)
    assert (figure.layout.xaxis.type, figure.layout.yaxis.type) == types


@pytest.mark.parametrize(("lowest", "dtick"), [(0.2, None), (1e-3, 1), (1e-6, 1), (1e-16, 3)])
def test_a_long_logarithmic_axis_has_ticks_at_powers_of_ten_and_few(lowest, dtick):
    figure = plot([line([lowest, 1.0, 0.0], [1, 2, 3], "a", "in")], x="h", y="error", log="x", description="A line.")
    assert figure.layout.xaxis.dtick == dtick
    chosen = plot([line([1e-9, 1.0], [1, 2], "a", "in")], x="h", y="e", log="x", description="A.", xaxis_dtick=3)
    assert chosen.layout.xaxis.dtick == 3


def test_other_settings_reach_the_layout():
    figure = small_plot(height=200, yaxis_range=[0, 1])
    assert figure.layout.height == 200
    assert tuple(figure.layout.yaxis.range) == (0, 1)


def test_numpy_and_lists_make_the_same_plot_and_it_survives_json():
    xs, ys = [1.0, 2.0], [0.5, 0.25]
    traces = line(xs, ys, "a", "out"), line(np.array(xs), np.array(ys), "a", "out")
    lists, arrays = (plot([trace], x="x", y="y", description="A line.").to_json() for trace in traces)
    assert lists == arrays
    stored = json.loads(lists)
    assert stored["layout"]["meta"]["description"] == "A line."
    assert stored["data"][0]["meta"]["role"] == "out"


def test_the_template_is_not_changed_by_a_plot():
    before = TEMPLATE.to_plotly_json()
    small_plot(height=200, log="xy")
    assert TEMPLATE.to_plotly_json() == before
    assert small_plot().layout.xaxis.type is None
