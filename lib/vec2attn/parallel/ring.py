"""Cut a tensor, send the parts around in a circle, add them up, and count the bytes.

Every rank (a process with its device) runs the same function; it knows the others only through its `Ring`, in which
each rank sends to the next and receives from the one before.
"""

import zlib
from collections.abc import Callable, Sequence

import torch
import torch.distributed as dist
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from vec2attn.arrays import whole_number, whole_numbers


def shard(X: Shaped[Tensor, "..."], parts: int, dim: int = -2, *, striped: bool = False) -> list[Tensor]:
    """Cut an axis into equal parts: one stretch after the other, or (striped) dealt out like cards.

    Raises
    ------
    ValueError : the axis cannot be cut into so many equal parts
    """
    n = X.shape[dim]
    if n % whole_number("parts", parts) or not n:
        raise ValueError(f"axis {dim} of {tuple(X.shape)} cannot be cut into {parts} equal parts")
    if striped:
        return list(X.unflatten(dim, (n // parts, parts)).unbind(dim % X.ndim + 1))
    return list(X.chunk(parts, dim))


def join(parts: Sequence[Shaped[Tensor, "..."]], dim: int = -2, *, striped: bool = False) -> Tensor:
    """Put together what `shard` has cut."""
    if striped:
        dim %= parts[0].ndim
        return torch.stack(list(parts), dim + 1).flatten(dim, dim + 1)
    return torch.cat(list(parts), dim)


def token_positions(rank: int, n: int, size: int, *, striped: bool = False) -> Int[Tensor, " n"]:
    """Return where in the whole text the n tokens of a rank stand, as `shard` cuts it.

    Raises
    ------
    ValueError : no such rank, or no tokens
    """
    _check_rank(rank, size)
    n = whole_number("n", n)
    return torch.arange(n) * size + rank if striped else torch.arange(n) + rank * n


def all_reduce_bytes(total: int, ranks: int) -> float:
    """Return the bytes that each rank sends when `ranks` of them add up arrays of `total` bytes: 2(P − 1)/P · total."""
    total, ranks = whole_numbers(total=total, ranks=ranks)
    return 2 * (ranks - 1) / ranks * total


def ring_attention_bytes(tokens: int, width: int, ranks: int, itemsize: int = 4) -> int:
    """Return the bytes that each rank sends in `ring_attention`: (P − 1) · (tokens / P) · width · itemsize.

    Parameters
    ----------
    tokens : of the whole text
    width : numbers a token in keys and values together, 2d for keys and values of size d
    ranks : P, a divisor of the number of tokens
    itemsize : bytes a number

    Raises
    ------
    ValueError : the tokens cannot be cut into equal parts
    """
    tokens, width, ranks, itemsize = whole_numbers(tokens=tokens, width=width, ranks=ranks, itemsize=itemsize)
    if tokens % ranks:
        raise ValueError(f"{tokens} tokens cannot be cut into {ranks} equal parts")
    return (ranks - 1) * (tokens // ranks) * width * itemsize


def pipeline_bubble(stages: int, microbatches: int) -> float:
    """Return the share of time in which a stage of a pipeline has nothing to do: (P − 1)/(M + P − 1).

    Parameters
    ----------
    stages : P, groups of layers, each on its device
    microbatches : M, parts of the batch, which pass through the stages one behind the other

    Source: Huang et al. 2019, section 2.3, arXiv:1811.06965
    """
    stages, microbatches = whole_numbers(stages=stages, microbatches=microbatches)
    return (stages - 1) / (microbatches + stages - 1)


class Ring:
    """A rank's place in the circle. `sent` counts the bytes of all tensors that it has handed to the next rank.

    Parameters
    ----------
    rank : this one, 0 … size − 1
    size : P, how many there are
    device : where the tensors live that are sent
    """

    def __init__(self, rank: int, size: int, device: torch.device | str = "cpu") -> None:
        _check_rank(rank, size)
        self.rank, self.size, self.device, self.sent = rank, size, torch.device(device), 0

    def start(self, *tensors: Tensor, like: Sequence[Tensor] | None = None) -> Callable[[], tuple[Tensor, ...]]:
        """Begin to send tensors to the next rank and to receive the like from the one before.

        Returns
        -------
        arrive : a function that waits, and returns what has come; until then nothing sent may be changed
        """
        outgoing = [x.detach().contiguous() for x in tensors]
        arriving = [torch.empty(x.shape, dtype=x.dtype, device=x.device) for x in like or tensors]
        finish = self._exchange(outgoing, arriving)
        self.sent += sum(x.nbytes for x in outgoing)

        def arrive() -> tuple[Tensor, ...]:
            finish()
            return tuple(arriving)

        return arrive

    def _exchange(self, outgoing: list[Tensor], arriving: list[Tensor]) -> Callable[[], None]:
        after, before = (self.rank + 1) % self.size, (self.rank - 1) % self.size
        operations = [dist.P2POp(dist.isend, x, after, tag=i) for i, x in enumerate(outgoing) if x.numel()]
        operations += [dist.P2POp(dist.irecv, x, before, tag=i) for i, x in enumerate(arriving) if x.numel()]
        works = dist.batch_isend_irecv(operations) if operations else []

        def finish() -> None:
            for work in works:
                work.wait()
            outgoing.clear()  # kept alive until now

        return finish

    def agree(self, words: str) -> None:
        """Make sure that the rank before brings the same; these 8 bytes are not counted.

        Raises
        ------
        ValueError : it does not
        """
        if self.size > 1:
            mine = torch.tensor([zlib.crc32(words.encode())], device=self.device)
            theirs = torch.empty_like(mine)
            self._exchange([mine], [theirs])()
            if int(mine) != int(theirs):
                raise ValueError(f"all ranks must bring the same; rank {self.rank} has {words}, the one before it not")

    def all_reduce(self, X: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        r"""Return the sum of all ranks' X, the same bits on every rank.

        X is cut into P pieces. In P − 1 steps each piece collects its sum, in P − 1
        more the sums go to everyone. A rank sends one piece a step, in all
        $2\frac{P - 1}{P}$ times the size of X.

        Raises
        ------
        ValueError : the ranks' shapes or types differ

        Source: Patarasuk & Yuan 2009, doi:10.1016/j.jpdc.2008.09.002
        """
        self.agree(f"{tuple(X.shape)} of {X.dtype} to add")
        P, rank = self.size, self.rank
        pieces = list(X.detach().flatten().tensor_split(P))
        for step in range(2 * (P - 1)):
            i = (rank - step) % P
            (piece,) = self.start(pieces[i], like=[pieces[i - 1]])()
            pieces[i - 1] = pieces[i - 1] + piece if step < P - 1 else piece
        return torch.cat(pieces).reshape(X.shape)


def _check_rank(rank: int, size: int) -> None:
    if not 0 <= rank < size:
        raise ValueError(f"a ring of {size} has ranks 0 … {size - 1}; got {rank}")
