"""What the ranks of the tests do, threads or processes; in a module, since processes must import it."""

import os
import queue
import time
from concurrent.futures import ThreadPoolExecutor

import torch
import torch.distributed as dist
from torch import nn

from vec2attn.parallel import ColumnParallel, Ring, TensorParallel, average_gradients, ring_attention, shard


class Threads(Ring):
    """A ring whose ranks are threads: the same algorithms, other wires."""

    def __init__(self, rank, size, mailboxes):
        super().__init__(rank, size)
        self.mailboxes = mailboxes

    def _exchange(self, outgoing, arriving):
        self.mailboxes[(self.rank + 1) % self.size].put([x.clone() for x in outgoing])

        def finish():
            for into, x in zip(arriving, self.mailboxes[self.rank].get(timeout=20), strict=True):
                into.copy_(x)

        return finish


def in_threads(size, work):
    mailboxes = [queue.Queue() for _ in range(size)]
    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(lambda rank: work(Threads(rank, size, mailboxes)), range(size)))


def who(ring, *arguments):
    return ring.rank, ring.size, os.getpid(), arguments


def spoil(ring, X):
    X.zero_()
    return X


def raise_on(ring, rank):
    if ring.rank == rank:
        raise ZeroDivisionError(f"a worker's own words, rank {rank}")
    ring.all_reduce(torch.ones(3))  # the others wait for it
    return "unreachable"


def die_on(ring, rank):
    if ring.rank == rank:
        os._exit(7)
    ring.all_reduce(torch.ones(3))


def hang_on(ring, rank):
    if ring.rank == rank:
        time.sleep(600)
    return ring.rank


def tell_and_hang(ring, path):
    """Leave our process number, then wait for ever."""
    with open(f"{path}.{ring.rank}", "w", encoding="utf-8") as file:
        file.write(str(os.getpid()))
    os.replace(f"{path}.{ring.rank}", f"{path}{ring.rank}")
    time.sleep(600)


def sums(ring, arrays):
    """Return our sums of random arrays, torch's, and the bytes of ours: counted by the ring, and on the way."""
    random = torch.Generator().manual_seed(ring.rank)
    mine = [torch.randn(*shape, generator=random, dtype=dtype) for shape, dtype in arrays]
    on_the_way, send = [], dist.batch_isend_irecv

    def spy(operations):
        on_the_way.extend(o.tensor.nbytes for o in operations if o.op is dist.isend and o.tensor.numel())
        return send(operations)

    dist.batch_isend_irecv = spy
    try:
        ours = [ring.all_reduce(X) for X in mine]
    finally:
        dist.batch_isend_irecv = send
    theirs = [X.clone() for X in mine]
    for X in theirs:
        dist.all_reduce(X)
    words = 8 * len(arrays)  # each time the ranks compare what they bring
    return ours, theirs, ring.sent, sum(on_the_way) - words


def unlike_sums(ring):
    return ring.all_reduce(torch.zeros(3 + ring.rank))


def unlike_blocks(ring):
    X = torch.zeros(4, 2 + ring.rank % 2)
    return ring_attention(X, X, X, ring)


def train(ring, layer, X, G):
    """Return output and gradients of a layer cut over the ranks, for the loss Σ Y ⊙ G."""
    X = X.clone().requires_grad_()
    part = TensorParallel(layer, ring)
    Y = part(X)
    forward = ring.sent
    (Y * G).sum().backward()
    return Y.detach(), X.grad, {name: p.grad for name, p in part.part.named_parameters()}, forward, ring.sent


def columns(ring, layer, X, G):
    X = X.clone().requires_grad_()
    Y = ColumnParallel(layer, ring)(X)
    (Y * shard(G, ring.size, -1)[ring.rank]).sum().backward()
    return Y.detach(), X.grad


def half_a_model(ring):
    """Average gradients where one parameter has none."""
    model = nn.Linear(2, 1)
    model.weight.grad = torch.zeros_like(model.weight)
    average_gradients(model.parameters(), ring)
