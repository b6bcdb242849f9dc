"""Vectors (chapter 1): a list of numbers with a length, and a product that compares two of them.

A vector lies on the last axis; axes before it count vectors (rows are samples everywhere in this book).
"""

import operator

import numpy as np
from jaxtyping import Float, Real

from vec2attn.arrays import as_reals, check_same_shape


def dot(
    u: Real[np.ndarray, "*batch n"] | list, v: Real[np.ndarray, "*batch n"] | list
) -> Float[np.ndarray, "*batch"] | np.floating:
    r"""Multiply entry by entry and add up.

    $u \cdot v = \sum_i u_i v_i$. Cost: $2n$ FLOPs a pair.

    Parameters
    ----------
    u, v : vectors of the same shape; nothing is broadcast

    Raises
    ------
    ValueError : the shapes differ, or there is a NaN
    """
    U, V = as_reals("u", u), as_reals("v", v)
    check_same_shape(u=U, v=V)
    return np.vecdot(U, V)


def norm(v: Real[np.ndarray, "*batch n"] | list) -> Float[np.ndarray, "*batch"] | np.floating:
    r"""Return the Euclidean length of a vector.

    $\lVert v \rVert = \sqrt{v \cdot v}$, computed after division by the largest entry, so that neither
    $10^{200}$ nor $10^{-200}$ is lost when it is squared. Cost: $3n$ FLOPs.

    Raises
    ------
    ValueError : an entry is NaN or infinite
    """
    V = as_reals("v", v)
    largest = np.abs(V).max(axis=-1)
    scale = np.where(largest > 0, largest, 1).astype(V.dtype)
    scaled = V / scale[..., None]
    return scale[()] * np.sqrt(np.vecdot(scaled, scaled))


def one_hot(index: int, size: int) -> Float[np.ndarray, " size"]:
    r"""Return the basis vector $e_\text{index}$ of $\mathbb{R}^\text{size}$: one 1, zeros elsewhere.

    Parameters
    ----------
    index : which entry is 1, counted from 0
    size : number of entries

    Raises
    ------
    ValueError : no entry has that index
    """
    index, size = operator.index(index), operator.index(size)
    if not 0 <= index < size:
        raise ValueError(f"a vector of {size} entries has the indices 0 … {size - 1}; got {index}")
    e = np.zeros(size)
    e[index] = 1.0
    return e
