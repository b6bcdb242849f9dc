"""Several devices give what one gives: identities with threads as ranks, then real processes; bytes by formula."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from copy import deepcopy
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import parallel_workers as workers
from parallel_workers import in_threads
from vec2attn.attention import MultiHeadAttention, causal_mask, scaled_dot_product_attention
from vec2attn.parallel import (
    RingDrawing,
    RowParallel,
    Team,
    TensorParallel,
    all_reduce_bytes,
    attention_worker,
    gradient_worker,
    join,
    layer_worker,
    pipeline_bubble,
    ring_attention,
    ring_attention_bytes,
    shard,
    token_positions,
)
from vec2attn.transformer import FeedForward, SwiGLU


def random(seed, *shape, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


# ---- Cutting ---------------------------------------------------------------------------------------------------------


def test_stretches_and_stripes_worked_by_hand():
    X = torch.arange(6)[:, None]
    assert [part.flatten().tolist() for part in shard(X, 3)] == [[0, 1], [2, 3], [4, 5]]
    assert [part.flatten().tolist() for part in shard(X, 3, striped=True)] == [[0, 3], [1, 4], [2, 5]]
    assert token_positions(1, 2, 3).tolist() == [2, 3]
    assert token_positions(1, 2, 3, striped=True).tolist() == [1, 4]


@given(st.integers(1, 4), st.integers(1, 3), st.sampled_from([0, 1, 2, -1, -2, -3]), st.booleans())
def test_join_undoes_shard_on_any_axis_and_positions_say_where_the_rows_were(parts, rows, dim, striped):
    shape = [2, 3, 5]
    shape[dim] = parts * rows
    X = random(1, *shape)
    pieces = shard(X, parts, dim, striped=striped)
    assert len(pieces) == parts
    assert torch.equal(join(pieces, dim, striped=striped), X)
    for rank, piece in enumerate(pieces):
        assert torch.equal(piece, X.index_select(dim, token_positions(rank, rows, parts, striped=striped)))


# ---- The ring, with threads ------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.integers(1, 6), st.integers(0, 13), st.integers(0, 9))
def test_all_reduce_adds_up_and_all_ranks_get_the_same_bits(size, n, seed):
    X = random(seed, size, n)
    before = X.clone()
    results = in_threads(size, lambda ring: (ring.all_reduce(X[ring.rank]), ring.sent))
    for Y, _ in results:
        assert torch.allclose(Y, X.sum(dim=0), rtol=1e-12, atol=1e-12)
        assert torch.equal(Y, results[0][0])
    assert torch.equal(X, before)
    assert sum(sent for _, sent in results) == 2 * (size - 1) * n * 8
    if n and n % size == 0:
        assert {sent for _, sent in results} == {all_reduce_bytes(8 * n, size)}


@settings(max_examples=60)
@given(
    st.integers(1, 5),
    st.tuples(*[st.integers(1, 4)] * 4),
    st.booleans(),
    st.booleans(),
    st.integers(0, 10**6),
)
def test_ring_attention_is_attention_for_any_cut(size, shape, causal, striped, seed):
    batch, n, d, e = shape
    Q, K, V = (random(seed + i, batch, size * n, m) * 3 for i, m in enumerate((d, d, e)))
    alone = scaled_dot_product_attention(Q, K, V, causal_mask(size * n) if causal else None)[0]
    results = in_threads(size, lambda ring: attention_worker(ring, Q, K, V, causal, striped))
    assert torch.allclose(join([Y for Y, _ in results], striped=striped), alone, rtol=1e-10, atol=1e-12)
    assert {sent for _, sent in results} == {batch * ring_attention_bytes(size * n, d + e, size, 8)}


def test_queries_may_be_fewer_than_keys_and_of_another_number_on_each_rank():
    K, V = random(1, 6, 4), random(2, 6, 5)
    Q = [random(3 + rank, 1 + rank, 4) for rank in range(3)]

    def work(ring):
        return ring_attention(Q[ring.rank], shard(K, 3)[ring.rank], shard(V, 3)[ring.rank], ring)

    for Y, q in zip(in_threads(3, work), Q, strict=True):
        assert torch.allclose(Y, scaled_dot_product_attention(q, K, V)[0], rtol=1e-10)


def test_half_precision_travels_as_it_is_and_is_summed_in_single():
    Q, K, V = (random(i, 12, 8, dtype=torch.bfloat16) for i in range(3))
    results = in_threads(4, lambda ring: attention_worker(ring, Q, K, V))
    exact = scaled_dot_product_attention(Q.double(), K.double(), V.double())[0]
    Y = join([Y for Y, _ in results])
    assert Y.dtype == torch.bfloat16
    assert (Y - exact).abs().max() <= exact.abs().max() * 2**-8  # one rounding, at the end
    assert results[0][1] == ring_attention_bytes(12, 16, 4, 2)


def test_blocks_wholly_in_the_future_are_not_computed(monkeypatch):
    from vec2attn.parallel import sequence

    met = []
    add = sequence.OnlineSoftmax.add
    monkeypatch.setattr(sequence.OnlineSoftmax, "add", lambda *a: (met.append(threading.get_ident()), add(*a))[1])
    Q = random(1, 8, 2)
    in_threads(4, lambda ring: attention_worker(ring, Q, Q, Q, True))
    assert len(met) == 1 + 2 + 3 + 4


# ---- Layers, with threads --------------------------------------------------------------------------------------------

LAYERS = {
    "feed forward": lambda: FeedForward(6, 12),
    "feed forward without bias": lambda: FeedForward(6, 12, bias=False),
    "SwiGLU": lambda: SwiGLU(6, 12),
    "attention": lambda: MultiHeadAttention(6, 12, head_size=2),
    "grouped attention": lambda: MultiHeadAttention(6, 12, kv_heads=6, head_size=4, bias=False),
}


def whole(kind, dtype=torch.float64):
    torch.manual_seed(5)
    return LAYERS[kind]().to(dtype)


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("kind", LAYERS)
def test_a_layer_cut_in_shares_gives_the_whole_layers_outputs_and_gradients_with_one_sum_each_way(kind, size):
    layer, X, G = whole(kind), random(1, 2, 5, 6), random(2, 2, 5, 6)
    alone = X.clone().requires_grad_()
    Y = layer(alone)
    (Y * G).sum().backward()
    results = in_threads(size, lambda ring: workers.train(ring, layer, X, G))
    for part, dX, gradients, forward, both in results:
        assert torch.allclose(part, Y, rtol=1e-10, atol=1e-12)
        assert torch.allclose(dX, alone.grad, rtol=1e-10, atol=1e-12)
        assert forward == all_reduce_bytes(X.nbytes, size)
        assert both == 2 * forward
        assert gradients.keys() == dict(layer.named_parameters()).keys()
    for name, parameter in layer.named_parameters():
        parts = [gradients[name] for _, _, gradients, _, _ in results]
        cut = [dim for dim in range(parameter.ndim) if parts[0].shape[dim] != parameter.shape[dim]]
        together = torch.cat(parts, cut[0]) if cut else parts[0]  # a bias after the sum is on every rank
        assert torch.allclose(together, parameter.grad, rtol=1e-10, atol=1e-12), name
        assert cut or size == 1 or name in ("down.bias", "output.bias")


def test_options_reach_the_layer():
    layer, X = whole("attention"), random(1, 2, 5, 6)
    for Y in in_threads(2, lambda ring: TensorParallel(layer, ring)(X, causal=True)):
        assert torch.allclose(Y, layer(X, causal=True), rtol=1e-10)


def test_columns_and_rows_alone():
    torch.manual_seed(3)
    layer, X, G = nn.Linear(4, 6).double(), random(1, 5, 4), random(2, 5, 6)
    alone = X.clone().requires_grad_()
    (layer(alone) * G).sum().backward()
    results = in_threads(2, lambda ring: workers.columns(ring, layer, X, G))
    assert torch.allclose(torch.cat([Y for Y, _ in results], -1), layer(X), rtol=1e-12)
    for _, dX in results:
        assert torch.allclose(dX, alone.grad, rtol=1e-10)

    def rows(ring):
        return RowParallel(layer, ring)(shard(X, 2, -1)[ring.rank])

    for Y in in_threads(2, rows):
        assert torch.allclose(Y, layer(X), rtol=1e-12)


def test_shares_are_copies():
    layer = whole("feed forward")
    before = layer.up.weight.clone()

    def spoil(ring):
        with torch.no_grad():
            for parameter in TensorParallel(layer, ring).parameters():
                parameter.zero_()

    in_threads(2, spoil)
    assert torch.equal(layer.up.weight, before)


@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 99))
@settings(max_examples=20)
def test_the_mean_of_the_gradients_is_the_gradient_of_the_mean(size, rows, seed):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    X, targets = random(seed, size * rows, 3), random(seed + 1, size * rows, 2)
    copies = [deepcopy(model) for _ in range(size)]
    nn.functional.mse_loss(model(X), targets).backward()
    n = sum(p.numel() for p in model.parameters())
    results = in_threads(size, lambda ring: gradient_worker(ring, copies[ring.rank], X, targets))
    for gradients, _ in results:
        for ours, parameter in zip(gradients, model.parameters(), strict=True):
            assert torch.allclose(ours, parameter.grad, rtol=1e-10, atol=1e-13)
    assert sum(sent for _, sent in results) == 2 * (size - 1) * n * 8


# ---- Formulas --------------------------------------------------------------------------------------------------------


def test_bytes_worked_by_hand():
    assert all_reduce_bytes(1200, 1) == 0
    assert all_reduce_bytes(1200, 4) == 1800
    assert ring_attention_bytes(12, 10, 4) == 3 * 3 * 10 * 4


@pytest.mark.parametrize(("stages", "microbatches"), [(1, 3), (4, 1), (4, 8), (3, 5)])
def test_the_bubble_is_the_share_of_empty_places_in_the_timetable(stages, microbatches):
    ticks = range(microbatches + stages - 1)
    empty = sum(not 0 <= tick - stage < microbatches for stage in range(stages) for tick in ticks)
    assert pipeline_bubble(stages, microbatches) == pytest.approx(empty / (stages * len(ticks)))


# ---- The picture -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [2, 3, 6])
def test_the_timetable_is_what_ring_attention_does(size, monkeypatch):
    """Each block of keys carries its number as a value; the order in which a rank meets them is noted."""
    from vec2attn.parallel import sequence

    met = {}
    add = sequence.OnlineSoftmax.add

    def note(state, S, V):
        met.setdefault(threading.get_ident(), []).append(int(V[0, 0]))
        return add(state, S, V)

    monkeypatch.setattr(sequence.OnlineSoftmax, "add", note)
    V = torch.arange(float(size))[:, None]
    in_threads(size, lambda ring: attention_worker(ring, V, V, V))
    drawing = RingDrawing(size)
    timetable = [[drawing.block(rank, step) for step in range(size)] for rank in range(size)]
    assert sorted(met.values()) == timetable
    assert all(sorted(column) == list(range(size)) for column in zip(*timetable, strict=True))


def test_the_picture_in_words_and_as_svg():
    drawing = RingDrawing(3)
    assert repr(drawing).splitlines() == [
        "step       0   1   2",
        "Q0 meets K0  K2  K1",
        "Q1 meets K1  K0  K2",
        "Q2 meets K2  K1  K0",
    ]
    svgs = re.findall(r"<svg.*?</svg>", drawing._repr_html_(), flags=re.S)
    circle, table = (ElementTree.fromstring(svg) for svg in svgs)
    words = [text.text for text in circle.iter("text")]
    assert words == ["K and V", "move on", "rank 0", "Q0 stays", "rank 1", "Q1 stays", "rank 2", "Q2 stays"]
    assert [text.text for text in table.iter("text")] == [
        *("Q0", "K0", "0", "2", "1"),
        *("Q1", "K1", "1", "0", "2"),
        *("Q2", "K2", "2", "1", "0"),
    ]
    assert repr(drawing) in drawing._repr_html_()


# ---- Real processes --------------------------------------------------------------------------------------------------


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def gone(pids):
    for _ in range(100):
        if not any(map(alive, pids)):
            return True
        time.sleep(0.1)
    return False


@pytest.fixture(scope="module")
def team():
    with Team(3) as team:
        yield team
    assert gone([member.pid for member in team.members])


def test_each_rank_is_a_process_of_its_own_and_gets_a_copy(team):
    told = team.run(workers.who, "a", 2)
    assert [(rank, size, arguments) for rank, size, _, arguments in told] == [(i, 3, ("a", 2)) for i in range(3)]
    pids = {pid for _, _, pid, _ in told}
    assert len(pids | {os.getpid()}) == 4
    X = torch.ones(4)
    assert all(not Y.any() for Y in team.run(workers.spoil, X))
    assert X.all()


def test_a_worker_that_cannot_be_imported_is_refused_and_the_team_lives_on(team):
    with pytest.raises(ValueError, match=r"must be able to import the worker: put .*<lambda>"):
        team.run(lambda ring: 1)
    assert [rank for rank, *_ in team.run(workers.who)] == [0, 1, 2]


def test_our_all_reduce_is_torchs_and_the_bytes_on_the_way_are_those_counted(team):
    arrays = [((6, 4), torch.float32), ((5,), torch.float64), ((2,), torch.float32)]
    for ours, theirs, counted, on_the_way in team.run(workers.sums, arrays):
        for mine, others in zip(ours, theirs, strict=True):
            assert torch.allclose(mine, others, rtol=1e-6)
        assert counted == on_the_way
    ((_, _, counted, _), *_) = team.run(workers.sums, arrays[:1])
    assert counted == all_reduce_bytes(6 * 4 * 4, 3)  # the count begins anew with each piece of work


@pytest.mark.parametrize("striped", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_ring_attention_on_processes_is_attention_on_one(team, causal, striped):
    Q, K, V = (random(i, 2, 12, 4, dtype=torch.float32) for i in range(3))
    results = team.run(attention_worker, Q, K, V, causal, striped)
    alone = scaled_dot_product_attention(Q, K, V, causal_mask(12) if causal else None)[0]
    assert (join([Y for Y, _ in results], striped=striped) - alone).abs().max() < 1e-6
    assert {sent for _, sent in results} == {2 * ring_attention_bytes(12, 8, 3)}


def test_transposed_blocks_arrive_in_order(team):
    Q, K, V = (random(i, 4, 12, dtype=torch.float32).mT for i in range(3))
    results = team.run(attention_worker, Q, K, V)
    assert (join([Y for Y, _ in results]) - scaled_dot_product_attention(Q, K, V)[0]).abs().max() < 1e-6


@pytest.mark.parametrize("kind", ["feed forward", "grouped attention"])
def test_layers_on_processes_give_outputs_and_gradients_of_one(team, kind):
    layer, X, G = whole(kind, torch.float32), random(1, 2, 6, 6, dtype=torch.float32), random(2, 2, 6, 6).float()
    alone = X.clone().requires_grad_()
    (layer(alone) * G).sum().backward()
    for Y, dX, _, forward, both in team.run(workers.train, layer, X, G):
        assert (Y - layer(X)).abs().max() < 1e-5
        assert (dX - alone.grad).abs().max() < 1e-4
        assert both == 2 * forward == 2 * all_reduce_bytes(X.nbytes, 3)
    for Y, sent in team.run(layer_worker, layer, X):
        assert (Y - layer(X)).abs().max() < 1e-5
        assert sent == all_reduce_bytes(X.nbytes, 3)


def test_gradients_on_processes_are_those_of_the_whole_batch(team):
    torch.manual_seed(2)
    model, X, targets = nn.Linear(5, 3), random(1, 6, 5).float(), random(2, 6, 3).float()
    results = team.run(gradient_worker, model, X, targets)
    nn.functional.mse_loss(model(X), targets).backward()
    for gradients, sent in results:
        assert all(torch.allclose(a, b.grad, atol=1e-6) for a, b in zip(gradients, model.parameters(), strict=True))
        assert sent == all_reduce_bytes(4 * 18, 3)


def test_an_error_in_a_worker_is_raised_here_with_its_traceback_and_ends_all():
    with Team(2) as team:
        with pytest.raises(RuntimeError) as caught:
            team.run(workers.raise_on, 1)
        pids = [member.pid for member in team.members]
        words = str(caught.value)
        assert words.startswith("rank 1 of 2 stopped:\nTraceback")
        assert 'raise ZeroDivisionError(f"a worker' in words
        assert words.rstrip().endswith("ZeroDivisionError: a worker's own words, rank 1")
        assert gone(pids)
        with pytest.raises(ValueError, match="this team has ended"):
            team.run(workers.who)
        assert not team.folder.exists()


def test_a_process_that_dies_is_told_with_its_exit_code_and_one_that_hangs_with_its_rank():
    with Team(2) as team:
        with pytest.raises(RuntimeError, match=r"^rank 0 of 2 ended without a word, exit code 7$"):
            team.run(workers.die_on, 0)
        assert gone([member.pid for member in team.members])
    with Team(2) as team:
        team.run(workers.who)  # the start may take its time, the work may not
        team.timeout = 0.5
        start = time.monotonic()
        with pytest.raises(TimeoutError, match=r"after 0.5 s rank 1 of 2 had not finished"):
            team.run(workers.hang_on, 1)
        assert time.monotonic() - start < 20
        assert gone([member.pid for member in team.members])


def test_processes_end_with_a_parent_that_is_killed_and_leave_no_files(tmp_path):
    code = (
        "import parallel_workers as w, sys; from vec2attn.parallel import launch\n"
        "if __name__ == '__main__': launch(w.tell_and_hang, 2, sys.argv[1])"
    )
    script = tmp_path / "script.py"
    script.write_text(code, encoding="utf-8")
    places = tmp_path / "places"
    places.mkdir()
    environment = {**os.environ, "TMPDIR": str(places), "PYTHONPATH": str(Path(__file__).parent)}  # for its workers
    parent = subprocess.Popen([sys.executable, str(script), str(tmp_path / "pid")], env=environment)
    try:
        paths = [tmp_path / f"pid{rank}" for rank in range(2)]
        for _ in range(600):
            if all(path.exists() for path in paths):
                break
            time.sleep(0.1)
        pids = [int(path.read_text(encoding="utf-8")) for path in paths]
        assert list(places.glob("vec2attn-*"))
        assert all(map(alive, pids))
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert gone(pids)
    assert not list(places.glob("vec2attn-*"))


@pytest.mark.parametrize(
    "command",
    [["-m", "vec2attn.parallel"], ["-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "vec2attn.parallel"]],
    ids=["alone", "torchrun"],
)
def test_the_check_runs_from_the_command_line(command):
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    lines = sorted(line for line in done.stdout.splitlines() if line)
    assert [line[:13] for line in lines] == ["rank 0 of 2 (", "rank 1 of 2 ("]
    assert all("bytes sent 122,880, by formula 122,880" in line for line in lines)
