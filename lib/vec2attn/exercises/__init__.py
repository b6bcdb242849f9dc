"""Checking a reader's answer: yes, or what kind of mistake it looks like; never an exception, never the solution.

Every exercise has a key such as "1.3/2" (the second of notebook 1.3) and computes the right answer when asked, with the
library. Known mistakes are computed too, by making them; an answer that agrees with one of these is told which.
"""

import copy
import html
import importlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# notebook -> module of this package with its EXERCISES
MODULES = {
    "1.1": "vectors",
    "1.2": "embedding_space",
    "1.3": "vocabulary_space",
    "2.1": "linear_maps",
    "2.2": "layers",
    "2.3": "matmul_cost",
    "3.1": "eigenvectors",
    "3.2": "pca_pagerank",
    "3.3": "curvature",
    "4.1": "decomposition",
    "4.2": "truncation",
    "4.3": "low_rank",
    "5.1": "einsum",
    "5.2": "decompositions",
    "5.3": "derivatives",
    "6.1": "reverse_mode",
    "6.2": "training",
    "6.3": "beyond_gradient",
    "7.1": "soft_lookup",
    "7.2": "heads_and_blocks",
    "7.3": "real_weights",
    "7.4": "gpt",
    "7.5": "fast_attention",
    "7.6": "beyond_one_device",
}


# factors that have a usual reason
FACTORS = {
    math.log(2): "ln 2: nats where bits were asked",
    1 / math.log(2): "1/ln 2: bits where nats were asked",
    100: "percent where a share was asked",
    0.01: "a share where percent were asked",
}


@dataclass(frozen=True)
class Exercise:
    """One exercise: `right` is the value asked for, or (with `inputs`) a function that the reader is to write.

    `right` and the mistakes are called to get the value, or on each of the inputs.
    """

    right: Callable[..., Any]
    mistakes: dict[str, Callable[..., Any]] = field(default_factory=dict)
    inputs: Callable[[], Sequence[tuple[Any, ...]]] | None = None
    tolerance: float = 1e-6
    praise: str = ""


class Verdict:
    """What `check` says; true if the answer is right."""

    def __init__(self, kind: str, words: str) -> None:
        self.kind, self.words = kind, words

    def __bool__(self) -> bool:
        """Say whether the answer is right."""
        return self.kind == "right"

    def __repr__(self) -> str:
        """Return the verdict in one line."""
        return {"right": "✓ ", "wrong": "✗ ", "open": "… "}[self.kind] + self.words

    def _repr_html_(self) -> str:
        return f'<p class="verdict verdict-{self.kind}">{html.escape(repr(self))}</p>'


def check(key: str, answer: Any) -> Verdict:
    """Compare an answer, a value or a function, with the right one.

    Raises
    ------
    ValueError : there is no such exercise (the only error: whatever the answer is, there is a verdict)
    """
    exercise = find(key)
    if _is_open(answer):
        return Verdict("open", f"Exercise {key} is not answered yet: replace the … and run the cell again.")
    if exercise.inputs is None:
        if callable(answer):
            return Verdict("wrong", "A value is asked for here, and this is a function: call it.")
        return _judge(exercise, [()], [answer])
    if not callable(answer):
        return Verdict("wrong", f"A function is asked for here; this is {_brief(answer)}. Pass its name without ( ).")
    inputs, answers = exercise.inputs(), []
    for arguments in inputs:
        try:
            with np.errstate(all="ignore"):
                result = answer(*copy.deepcopy(arguments))
        except Exception as error:
            hint = " Was keepdims=True forgotten?" if "broadcast" in str(error) else ""
            words = f"For {_call(arguments)} your function stopped: {type(error).__name__}: {error}.{hint}"
            return Verdict("wrong", words)
        answers.append(result.copy() if isinstance(result, np.ndarray) else result)  # it may be filled again
    silent = [arguments for arguments, result in zip(inputs, answers, strict=True) if _is_open(result)]
    if len(silent) == len(inputs):
        return Verdict("open", f"Exercise {key} is not answered yet: your function returns nothing so far.")
    if silent:
        return Verdict("wrong", f"For {_call(silent[0])} your function returns nothing: does every branch return?")
    return _judge(exercise, inputs, answers)


def find(key: str) -> Exercise:
    """Return the exercise with this key."""
    module = MODULES.get(str(key).partition("/")[0])
    known = importlib.import_module(f"{__name__}.{module}").EXERCISES if module else {}
    if not isinstance(key, str) or key not in known:
        near = ", ".join(known) or f"notebooks {', '.join(MODULES)}"
        raise ValueError(f"there is no exercise {key!r}; there are: {near}")
    return known[key]


def _judge(exercise: Exercise, inputs: Sequence[tuple[Any, ...]], answers: Sequence[Any]) -> Verdict:
    right = [_array(exercise.right(*arguments)) for arguments in inputs]
    given = []
    for arguments, wanted, answer in zip(inputs, right, answers, strict=True):
        at = f" for {_call(arguments)}" if arguments else ""
        try:
            got = _array(answer)
        except Exception:  # whatever it is, it is no array of numbers
            return Verdict("wrong", f"Numbers are asked for; got {_brief(answer)}{at}.")
        given.append(got)
        if got.shape != wanted.shape:
            turned = " It looks transposed." if got.ndim > 1 and got.T.shape == wanted.shape else ""
            return Verdict("wrong", f"Wrong shape{at}: {wanted.shape} is asked for, got {got.shape}.{turned}")
    with np.errstate(all="ignore"):
        if _agree(given, right, exercise.tolerance):
            return Verdict("right", f"Right. {exercise.praise}".rstrip())
        for words, mistake in exercise.mistakes.items():
            made = [_array(mistake(*copy.deepcopy(arguments))) for arguments in inputs]
            if _agree(given, made, exercise.tolerance):
                return Verdict("wrong", f"Not yet. This looks like: {words}.")
        pairs = zip(inputs, given, right, strict=True)
        arguments, got, wanted = next(p for p in pairs if not _close(p[1], p[2], exercise.tolerance))
        at = f" for {_call(arguments)}" if arguments else ""
        return Verdict("wrong", f"Not yet. {_difference(got, wanted, exercise.tolerance, at)}")


def _difference(got: np.ndarray, wanted: np.ndarray, tolerance: float, at: str) -> str:
    """Say how the first wrong answer differs; never a single number's own value, nor a factor that leads to it."""
    if not np.isfinite(got).all() and np.isfinite(wanted).all():
        return f"There is a NaN or an infinity{at}: did something overflow?"
    if _close(got, -wanted, tolerance):
        return f"The sign is the other way round{at}."
    if not at and np.allclose(got, wanted, rtol=0.02, atol=0):
        return "Close, but not to the digits asked for: give at least four."
    for factor, meaning in FACTORS.items():
        if _close(got, factor * wanted, tolerance):
            return f"Off by a factor of {factor:.6g} ({meaning}){at}."
    if wanted.size > 1 and wanted.any():
        factor = (got.ravel() @ wanted.ravel()) / (wanted.ravel() @ wanted.ravel())
        if np.isfinite(factor) and abs(factor) > tolerance and _close(got, factor * wanted, tolerance):
            return f"Off by a factor of {factor:.6g}{at}."
    return f"The numbers differ{at}; you have {_brief(got)}."


def _agree(first: Sequence[np.ndarray], second: Sequence[np.ndarray], tolerance: float) -> bool:
    return all(_close(a, b, tolerance) for a, b in zip(first, second, strict=True))


def _close(a: Any, b: Any, tolerance: float) -> bool:
    return np.shape(a) == np.shape(b) and bool(np.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True))


def _is_open(answer: Any) -> bool:
    return answer is None or answer is ...


def _array(value: Any) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{array.dtype} values are no real numbers")
    return array.astype(float)


def _brief(value: Any) -> str:
    try:
        text = np.array2string(value, precision=4, threshold=8) if isinstance(value, np.ndarray) else repr(value)
    except Exception:
        text = f"something of type {type(value).__name__}"
    text = " ".join(text.split())
    return text if len(text) <= 80 else f"{text[:77]}…"


def _call(arguments: tuple[Any, ...]) -> str:
    return f"the input {', '.join(_brief(argument) for argument in arguments)}"
