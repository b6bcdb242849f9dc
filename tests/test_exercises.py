"""Exercises: stubs, solutions and known mistakes of every notebook, and what `check` makes of any answer."""

import ast
import dis
import importlib
import json
import math
import re
import sys
import types
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from vec2attn import exercises
from vec2attn.exercises import MODULES, Exercise, Verdict, check, find

CHAPTERS = Path(__file__).parents[1] / "chapters"
NOTEBOOKS = sorted(path for path in CHAPTERS.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
SOLUTION = r"<summary>Solution</summary>(?:(?!</details>).)*?```python\n(.*?)```"


@dataclass(frozen=True)
class Stub:
    """An exercise in a notebook: what the reader is given, the call of `check`, and the solution below it."""

    notebook: Path
    key: str
    given: str
    call: str
    solution: str


@cache
def cells(notebook):
    return json.loads(notebook.read_text(encoding="utf-8"))["cells"]


def tags(cell):
    return cell["metadata"].get("tags", [])


def source(cell):
    return "".join(cell["source"])


def number(notebook):
    return json.loads(notebook.read_text(encoding="utf-8"))["metadata"]["vec2attn"]["number"]


def read(notebook, index):
    """Read the exercise in a cell of a notebook; whatever is not as it should be fails with the place."""
    cell, where = cells(notebook)[index], f"{notebook.name}, cell {cells(notebook)[index]['id']}"
    text = source(cell)
    last = ast.parse(text).body[-1]
    call = ast.get_source_segment(text, last)
    key = re.fullmatch(r'check\("([^"]+)", \w+\)', call)
    assert key, f"{where}: the last line must be check(key, name); it is {call}"
    after = cells(notebook)[index + 1 : index + 2]
    assert [(c["cell_type"], "solution" in tags(c)) for c in after] == [("markdown", True)], f"{where}: no solution"
    blocks = re.findall(SOLUTION, source(after[0]), re.DOTALL)
    assert len(blocks) == 1, f"{where}: the solution needs one block of Python, it has {len(blocks)}"
    return Stub(notebook, key[1], "\n".join(text.splitlines()[: last.lineno - 1]), call, blocks[0])


def places(notebook):
    return [(notebook, i) for i, cell in enumerate(cells(notebook)) if "exercise" in tags(cell)]


def used_and_made(text):
    """Return the names that a cell needs from cells before it, the names it makes, and those it changes a part of."""
    top = compile(text, "a cell", "exec")
    used, made, inner = set(), set(), [top]
    for step in dis.get_instructions(top):
        if step.opname == "STORE_NAME":
            made.add(step.argval)
        elif step.opname == "LOAD_NAME" and step.argval not in made:
            used.add(step.argval)
    for code in inner:  # grows: functions inside functions
        inner += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
        if code is not top:
            steps = dis.get_instructions(code)
            used |= {s.argval for s in steps if s.opname.startswith("LOAD") and "GLOBAL" in s.opname} - made
    parts = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Subscript | ast.Attribute)]
    stored = [part.value for part in parts if not isinstance(part.ctx, ast.Load)]
    return used, made, {name.id for value in stored for name in ast.walk(value) if isinstance(name, ast.Name)}


@cache
def namespace(notebook):
    """Run the cells of the notebook that its exercises need, and return the names they leave.

    All other cells, such as those that measure times for half a minute, are left to nbval, which runs every cell.
    """
    exercises = [read(*place) for place in places(notebook)]
    texts = [text for stub in exercises for text in (stub.call, stub.given, stub.solution)]
    needed = set().union(*(used_and_made(text)[0] for text in texts))
    chosen = []
    for cell in reversed(cells(notebook)[: places(notebook)[-1][1]]):
        if cell["cell_type"] == "code" and "exercise" not in tags(cell):
            used, made, changed = used_and_made(source(cell))
            if (made | changed) & needed:
                chosen.insert(0, cell)
                needed = needed - made | used
    names = {"__name__": "__main__"}
    for cell in chosen:
        exec(compile(source(cell), f"{notebook.name}, cell {cell['id']}", "exec"), names)
    return names


def verdict(stub, text):
    names = dict(namespace(stub.notebook))
    exec(compile(text, f"exercise {stub.key}", "exec"), names)
    return eval(stub.call, names)


# ---- The notebooks ---------------------------------------------------------------------------------------------------

every_notebook = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
every_stub = pytest.mark.parametrize(
    "stub",
    [pytest.param(place, id=f"{path.stem}-{i + 1}") for path in NOTEBOOKS for i, place in enumerate(places(path))],
    indirect=True,
)


@pytest.fixture
def stub(request):
    return read(*request.param)


@every_notebook
def test_a_notebook_has_at_least_three_exercises_numbered_in_order(notebook):
    keys = [read(*place).key for place in places(notebook)]
    assert len(keys) >= 3
    assert keys == [f"{number(notebook)}/{i + 1}" for i in range(len(keys))]
    assert list(registered(MODULES[number(notebook)])) == keys


def registered(module):
    return importlib.import_module(f"vec2attn.exercises.{module}").EXERCISES


FILES = sorted({path.stem for path in Path(exercises.__file__).parent.glob("*.py")} - {"__init__"})


def test_notebooks_and_modules_of_exercises_belong_to_each_other():
    assert {number(path) for path in NOTEBOOKS} == set(MODULES)
    assert set(FILES) == set(MODULES.values())


@every_stub
def test_a_stub_as_it_is_given_is_not_answered_yet(stub):
    found = verdict(stub, stub.given)
    assert (found.kind, bool(found)) == ("open", False)
    assert stub.key in found.words


@every_stub
def test_the_solution_in_the_notebook_is_right(stub):
    found = verdict(stub, stub.solution)
    assert (found.kind, bool(found)) == ("right", True), found
    assert found.words.startswith("Right. ")


@every_stub
def test_the_solution_answers_under_the_names_of_the_stub(stub):
    def outline(text):
        """Return each function with its parameters, and the names of each assignment."""
        return [
            f"def {node.name}({ast.unparse(node.args)})"
            if isinstance(node, ast.FunctionDef)
            else [ast.unparse(target) for target in node.targets]
            for node in ast.parse(text).body
            if isinstance(node, ast.FunctionDef | ast.Assign)
        ]

    asked, answered = outline(stub.given), outline(stub.solution)
    assert asked
    assert [name for name in asked if name not in answered] == []


# ---- The known mistakes ----------------------------------------------------------------------------------------------

MISTAKES = [(key, words) for file in FILES for key, known in registered(file).items() for words in known.mistakes]


@pytest.mark.parametrize(("key", "words"), MISTAKES, ids=[f"{key}: {words[:40]}" for key, words in MISTAKES])
def test_a_known_mistake_is_told_by_its_own_words(key, words):
    exercise = find(key)
    mistake = exercise.mistakes[words]
    found = check(key, mistake if exercise.inputs else mistake())
    assert (found.kind, found.words) == ("wrong", f"Not yet. This looks like: {words}.")


@pytest.mark.parametrize("key", sorted({key for key, _ in MISTAKES}))
def test_an_exercise_knows_mistakes_and_its_inputs_are_the_same_at_every_call(key):
    exercise = find(key)
    assert exercise.mistakes
    if exercise.inputs:
        first, second = exercise.inputs(), exercise.inputs()
        assert repr(first) == repr(second)
        assert len(first) >= 3


# ---- Any answer ------------------------------------------------------------------------------------------------------

MATRIX = np.array([[1.0, -2.0, 0.0], [4.0, 0.5, 8.0]])
VALUES = {
    "test/number": Exercise(right=lambda: math.log(5), tolerance=1e-3),
    "test/vector": Exercise(right=lambda: np.array([0.125, 0.25, 0.625])),
    "test/matrix": Exercise(right=lambda: MATRIX, praise="A praise."),
    "test/zeros": Exercise(right=lambda: np.array([0.0, 2.0])),
    "test/minus infinity": Exercise(right=lambda: np.array([-math.inf, 0.0, 1.0])),
    "test/function": Exercise(
        right=lambda x, k: k * x,
        inputs=lambda: [(np.arange(3.0), 2), (np.array([5.0, 7.0]), -1), (np.ones((2, 3)), 3)],
        mistakes={"the factor is missing": lambda x, k: x},
    ),
    "test/count": Exercise(right=lambda n: n + 1, inputs=lambda: [(2,), (5,)]),
}


@pytest.fixture
def more_exercises(monkeypatch):
    """Register a notebook "test" for the time of one test."""
    module = types.ModuleType("vec2attn.exercises.of_the_tests")
    module.EXERCISES = VALUES
    monkeypatch.setitem(MODULES, "test", "of_the_tests")
    monkeypatch.setitem(sys.modules, module.__name__, module)


with_more_exercises = pytest.mark.usefixtures("more_exercises")


def said(key, answer):
    found = check(key, answer)
    assert isinstance(found, Verdict)
    assert bool(found) == (found.kind == "right")
    return f"{found.kind}: {found.words}"


@with_more_exercises
@pytest.mark.parametrize(
    ("key", "answer"),
    [
        ("test/number", 1.609),  # to three digits, as the tolerance allows
        ("test/vector", (1 / 8, 2 / 8, 5 / 8)),
        ("test/vector", [1 / 8, 2 / 8, 5 / 8]),
        ("test/vector", np.array([1, 2, 5], dtype=np.float32) / 8),
        ("test/vector", torch.tensor([0.125, 0.25, 0.625])),
        ("test/matrix", MATRIX.tolist()),
        ("test/minus infinity", [-math.inf, 0, 1]),
        ("test/function", lambda x, k: [k * v for v in x] if x.ndim == 1 else k * x),
        ("test/count", lambda n: np.int64(n + 1)),
    ],
)
def test_a_right_answer_may_come_in_any_form(key, answer):
    assert check(key, answer)


@with_more_exercises
def test_praise_is_given_for_a_right_answer():
    assert said("test/matrix", MATRIX) == "right: Right. A praise."
    assert said("test/vector", [0.125, 0.25, 0.625]) == "right: Right."


ANSWERS = {
    "none": ("test/number", None, "^open: .*not answered yet: replace the …"),
    "an ellipsis": ("test/number", ..., "^open: .*not answered yet"),
    "a part is open": ("test/vector", (0.125, ..., 0.625), "Numbers are asked for; got .0.125, Ellipsis"),
    "a string": ("test/number", "ln 5", "Numbers are asked for; got 'ln 5'"),
    "numbers as strings": ("test/vector", ["1", "2", "5"], "Numbers are asked for"),
    "a dictionary": ("test/vector", {"a": 1}, "Numbers are asked for; got {'a': 1}"),
    "complex": ("test/number", 1.6 + 0j, "Numbers are asked for"),
    "ragged": ("test/matrix", [[1, 2], [3]], "Numbers are asked for"),
    "huge integers": ("test/vector", [10**30] * 3, "Numbers are asked for|numbers differ"),
    "a very long text": ("test/number", "x" * 1000, r"got 'xxx.{50,90}…"),
    "a function for a value": ("test/number", math.log, "A value is asked for here, and this is a function: call it"),
    "a value for a function": ("test/function", MATRIX, r"A function is asked for here; this is .*without \( \)"),
    "a scalar for a vector": ("test/vector", 0.125, r"Wrong shape: \(3,\) is asked for, got \(\)"),
    "too many axes": ("test/vector", [[0.125, 0.25, 0.625]], r"Wrong shape: \(3,\) is asked for, got \(1, 3\)"),
    "transposed": ("test/matrix", MATRIX.T, r"\(2, 3\) is asked for, got \(3, 2\)\. It looks transposed"),
    "empty": ("test/vector", [], r"got \(0,\)"),
    "NaN": ("test/vector", [0.125, math.nan, 0.625], "There is a NaN or an infinity: did something overflow"),
    "infinity": ("test/matrix", np.full((2, 3), np.inf), "NaN or an infinity"),
    "nearly the largest float": ("test/vector", [1e308] * 3, "The numbers differ"),
    "the sign": ("test/matrix", -MATRIX, "The sign is the other way round"),
    "percent": ("test/vector", [12.5, 25, 62.5], r"Off by a factor of 100 \(percent where a share was asked\)"),
    "a share": ("test/matrix", MATRIX / 100, r"factor of 0.01 \(a share where percent were asked\)"),
    "bits": ("test/number", math.log2(5), r"factor of 1.4427 \(1/ln 2: bits where nats were asked\)"),
    "nats": ("test/matrix", MATRIX * math.log(2), r"factor of 0.693147 \(ln 2: nats where bits were asked\)"),
    "bits, to three digits": ("test/number", 2.322, "bits where nats were asked"),
    "another factor": ("test/matrix", 3 * MATRIX, r"Off by a factor of 3\."),
    "no factor": ("test/zeros", [5.0, 4.0], "The numbers differ; you have "),  # 4 is twice 2, but 5 is not twice 0
    "infinity where one is right": ("test/minus infinity", [-math.inf, 0.0, 2.0], "Not yet"),
    "no infinity where one is right": ("test/minus infinity", [-9.0, 0.0, 1.0], "The numbers differ"),
    "one entry": ("test/vector", [0.125, 0.25, 0.7], r"The numbers differ; you have .0.125 +0.25 +0.7"),
    "rounded to three digits": ("test/vector", [0.125, 0.25, 0.626], "Close, but not to the digits asked for"),
    "a function that comes close": ("test/count", lambda n: 1.01 * (n + 1), "The numbers differ for the input 2"),
    "a known mistake": ("test/function", lambda x, k: x, "This looks like: the factor is missing"),
    "no argument": ("test/function", lambda: 1, "your function stopped: TypeError: .*takes 0 positional"),
    "an exception": ("test/function", lambda x, k: x / None, r"For the input \[0\. 1\. 2\.\], 2 your function stopped"),
    "a division by zero": ("test/count", lambda n: 1 / 0, "For the input 2 your function stopped: ZeroDivisionError"),
    "nothing": ("test/function", lambda x, k: None, "^open: .*your function returns nothing so far"),
    "returns a string": ("test/count", lambda n: "three", "Numbers are asked for; got 'three' for the input 2"),
    "returns a generator": ("test/count", lambda n: (n for _ in [1]), "Numbers are asked for; got <generator"),
    "returns a function": ("test/count", lambda n: abs, "Numbers are asked for; got <built-in function abs>"),
    "wrong for one input": ("test/count", lambda n: n + 1 if n < 4 else 9, "The numbers differ for the input 5"),
    "wrong shape for one input": (
        "test/function",
        lambda x, k: (k * x).ravel(),
        r"Wrong shape for the input .*\(2, 3\)",
    ),
    "sign for one input": ("test/function", lambda x, k: abs(k) * x, r"sign is the other way round for the input \[5"),
    "nothing from the last branch": ("test/count", lambda n: n + 1 if n < 4 else None, "5 .*does every branch return"),
    "nothing from the first branch": ("test/count", lambda n: n + 1 if n > 4 else None, "2 .*does every branch return"),
    "a tensor with a gradient": ("test/number", torch.tensor(1.0, requires_grad=True), "^wrong"),
    "a class": ("test/count", dict, "your function stopped: TypeError"),
}


@with_more_exercises
@pytest.mark.parametrize("case", ANSWERS)
def test_any_answer_gets_a_verdict_and_a_hint(case):
    key, answer, words = ANSWERS[case]
    found = said(key, answer)
    assert re.search(words, found), found
    assert found.startswith(("wrong: ", "open: "))


class Stubborn:
    """Neither an array nor printable."""

    def __array__(self, *arguments, **named):
        raise RuntimeError("no array")

    def __repr__(self):
        raise RuntimeError("no text")


@with_more_exercises
def test_even_an_answer_that_cannot_be_printed_gets_a_verdict():
    assert said("test/number", Stubborn()).startswith("wrong: Numbers are asked for; got ")
    assert said("test/function", Stubborn()).startswith("wrong: A function is asked for here; this is ")


@with_more_exercises
@pytest.mark.parametrize("key", ["test/number", "test/count", "1.3/3"])
def test_a_hint_never_gives_a_single_number_away(key):
    # "off by a factor of 0.8" is the solution, when the answer is one number
    answer = 1.7 if find(key).inputs is None else lambda n: n + 2
    assert re.match("wrong: Not yet. The numbers differ", said(key, answer))


@with_more_exercises
def test_the_readers_function_cannot_change_what_it_is_checked_with():
    def in_place(x, k):
        right = k * x
        x *= 0
        return right

    def spoiled(x, k):
        x *= 0
        return k * x

    assert check("test/function", in_place)
    assert said("test/function", spoiled).startswith("wrong")
    assert check("test/function", in_place)


@with_more_exercises
def test_a_function_may_fill_one_array_again_and_again():
    out = np.empty(1)

    def reuse(n):
        out[0] = n + 1
        return out[0:1].reshape(())

    assert check("test/count", reuse)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("1.3/99", r"no exercise '1.3/99'; there are: 1.3/1, 1.3/2, 1.3/3, 1.3/4\b"),
        ("1.3", "no exercise '1.3'; there are: 1.3/1, "),
        ("9.9/1", r"no exercise '9.9/1'; there are: notebooks .*1\.3"),
        ("", "there are: notebooks"),
    ],
)
def test_an_unknown_key_is_an_error_that_names_the_near_ones(key, words):
    with pytest.raises(ValueError, match=words):
        check(key, 1)


# ---- Verdicts --------------------------------------------------------------------------------------------------------


def test_only_a_right_verdict_is_true():
    assert [bool(Verdict(kind, "")) for kind in ("right", "wrong", "open")] == [True, False, False]


def test_a_verdict_is_a_line_of_text_with_a_sign_that_needs_no_colour():
    assert [repr(Verdict(kind, "Words.")) for kind in ("right", "wrong", "open")] == [
        "✓ Words.",
        "✗ Words.",
        "… Words.",
    ]


@with_more_exercises
def test_a_verdict_in_html_is_escaped_and_carries_its_kind():
    found = check("test/number", '<script>alert("1 & 2")</script>')._repr_html_()
    assert found.startswith('<p class="verdict verdict-wrong">✗ Numbers are asked for')
    assert "&lt;script&gt;alert(&quot;1 &amp; 2&quot;)" in found
    assert "<script>" not in found
