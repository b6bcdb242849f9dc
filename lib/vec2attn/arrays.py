"""What every module does with its input: turn it into an array of reals, or say clearly why that cannot be.

The book's functions take numpy arrays and plain lists alike. Whole numbers become float64; float32 stays float32.
"""

import operator
from typing import Any

import numpy as np
from jaxtyping import Float, Real

REAL_LIKE = "an array or a list of real numbers"


def as_reals(
    name: str, values: Real[np.ndarray, "..."] | list, *, minus_infinity: bool = False
) -> Float[np.ndarray, "..."]:
    """Return `values` as a floating-point array with at least one axis; the error names the argument.

    Parameters
    ----------
    name : how the caller calls the argument, for the message
    values : any shape but 0-d
    minus_infinity : whether −∞ is allowed (a logit of −∞ is a choice that is forbidden)

    Raises
    ------
    TypeError : not numbers, complex numbers, or rows of different length
    ValueError : no entries, a NaN, an infinity that is not allowed, or a single number
    """
    try:
        array = np.asarray(values)
    except ValueError:
        raise TypeError(f"{name} must be {REAL_LIKE}; its rows have different lengths") from None
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be {REAL_LIKE}; got {array.dtype} values")
    if array.dtype.kind != "f":
        array = array.astype(np.float64)
    if array.ndim == 0:
        raise ValueError(f"{name} must be {REAL_LIKE}; got the single number {array}")
    if array.size == 0:
        raise ValueError(f"{name} is empty (shape {array.shape}): there is nothing to compute with")
    # one quick pass each: a NaN wins every maximum and minimum
    if not np.isfinite(array.max()) or not (minus_infinity or np.isfinite(array.min())):
        _refuse(name, array, minus_infinity)
    return array


def _refuse(name: str, array: Float[np.ndarray, "..."], minus_infinity: bool) -> None:
    """Say which entry is not finite, unless every maximum is an allowed −∞."""
    for bad, words in (
        (np.isnan(array), "a NaN"),
        (np.isposinf(array) if minus_infinity else np.isinf(array), "an infinity"),
    ):
        if bad.any():
            where = tuple(int(i) for i in np.argwhere(bad)[0])
            finite = "finite or −inf" if minus_infinity else "finite"
            raise ValueError(f"{name} holds {words} (first at index {where}); every entry must be {finite}")


def check_axis(name: str, array: np.ndarray, axis: int) -> None:
    """Refuse an axis that `array` does not have."""
    if not -array.ndim <= axis < array.ndim:
        raise ValueError(
            f"{name} has shape {array.shape}, so axis must lie in {-array.ndim} … {array.ndim - 1}; got {axis}"
        )


def check_same_shape(**arrays: np.ndarray) -> None:
    """Refuse arrays whose shapes differ: numpy would broadcast some of them and answer another question."""
    if len({array.shape for array in arrays.values()}) > 1:
        met = " but ".join(f"{name} has shape {array.shape}" for name, array in arrays.items())
        raise ValueError(f"{' and '.join(arrays)} must have the same shape; {met}")


def whole_number(name: str, value: Any) -> int:
    """Return a number of things as an int; refuses what is not whole, and less than one."""
    try:
        whole = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number; got {value!r}") from None
    if whole < 1:
        raise ValueError(f"{name} must be a whole number from 1 on; got {value}")
    return whole


def whole_numbers(**values: Any) -> tuple[int, ...]:
    """Return several numbers of things, each as `whole_number` does."""
    return tuple(whole_number(name, value) for name, value in values.items())


def as_matrix(name: str, values: Real[np.ndarray, "..."] | list) -> Float[np.ndarray, "m n"]:
    """Return `values` as a floating-point matrix; refuses what `as_reals` refuses, and any other number of axes."""
    array = as_reals(name, values)
    if array.ndim != 2:
        raise ValueError(f"{name} must be a matrix, with rows and columns; got shape {array.shape}")
    return array
