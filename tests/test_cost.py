"""cost.py: counts by hand and by torch's own counter, the blocked product against numpy, measurements within bounds."""

import itertools
import time

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from vec2attn.attention import MultiHeadAttention
from vec2attn.cost import (
    Roofline,
    Step,
    arithmetic_intensity,
    block_ledger,
    blocked_loads,
    blocked_matmul,
    count_products,
    decoder_ledger,
    fastest_seconds,
    layer_flops,
    longest_chain,
    matmul_bytes,
    matmul_flops,
    measure_roofline,
    median_seconds,
    peak_bytes,
    total,
)
from vec2attn.transformer import (
    GPT,
    Block,
    FeedForward,
    GPTConfig,
    Llama,
    LlamaConfig,
    RMSNorm,
    SwiGLU,
    empty_caches,
)

SIZE = st.integers(1, 23)


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # with several, another program on one core delays them all
    yield
    torch.set_num_threads(before)


# ---- Counts ----------------------------------------------------------------------------------------------------------


def test_counts_of_a_2_by_3_times_3_by_4_product_by_hand():
    assert matmul_flops(2, 3, 4) == 8 * (3 + 3)  # eight entries, each of three multiplications and three additions
    assert matmul_bytes(2, 3, 4) == 4 * (6 + 12 + 8)
    assert matmul_bytes(2, 3, 4, itemsize=2) == 2 * (6 + 12 + 8)
    assert arithmetic_intensity(2, 3, 4) == 48 / 104


@given(SIZE, SIZE, SIZE)
def test_flops_are_those_of_the_triple_loop(m, k, n):
    operations = sum(2 for _ in itertools.product(range(m), range(k), range(n)))
    assert matmul_flops(m, k, n) == operations


@given(SIZE, SIZE, SIZE)
def test_flops_and_bytes_agree_with_torch(m, k, n):
    A, B = torch.ones(m, k, dtype=torch.float64), torch.ones(k, n, dtype=torch.float64)
    with FlopCounterMode(display=False) as counter:
        C = A @ B
    assert matmul_flops(m, k, n) == counter.get_total_flops()
    assert matmul_bytes(m, k, n, itemsize=8) == A.nbytes + B.nbytes + C.nbytes


def test_intensity_of_square_matrices_is_n_over_6_and_of_matrix_times_vector_near_a_half():
    assert arithmetic_intensity(60, 60, 60) == pytest.approx(10, rel=1e-15)
    assert arithmetic_intensity(4096, 4096, 1) == pytest.approx(0.5, rel=1e-3)
    assert arithmetic_intensity(60, 60, 60, itemsize=2) == 2 * arithmetic_intensity(60, 60, 60)


@pytest.mark.parametrize("training", [False, True])
def test_layer_flops_agree_with_torch_forward_and_backward(training):
    tokens, inputs, outputs = 5, 7, 11
    X = torch.ones(tokens, inputs, requires_grad=True)
    W = torch.ones(outputs, inputs, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        Y = X @ W.T
        if training:
            Y.sum().backward()
    assert tokens * layer_flops(inputs, outputs, training=training) == counter.get_total_flops()


# ---- The roofline ----------------------------------------------------------------------------------------------------

POSITIVE = st.floats(1e-3, 1e15)


def test_the_ceilings_by_hand():
    roof = Roofline(peak=100.0, bandwidth=20.0)
    assert roof.ridge == 5
    np.testing.assert_array_equal(roof.ceiling([0, 1, 5, 50]), [0, 20, 100, 100])


@given(POSITIVE, POSITIVE, st.lists(st.floats(0, 1e15), min_size=2, max_size=6))
def test_the_ceiling_rises_to_the_ridge_and_is_flat_from_there(peak, bandwidth, intensities):
    roof, x = Roofline(peak, bandwidth), np.sort(intensities)
    y = roof.ceiling(x)
    assert (np.diff(y) >= 0).all()
    assert (y <= peak).all()
    assert (y <= bandwidth * x).all()
    np.testing.assert_array_equal(y[x >= roof.ridge * (1 + 1e-12)], peak)
    np.testing.assert_array_equal(y[x <= roof.ridge * (1 - 1e-12)], bandwidth * x[x <= roof.ridge * (1 - 1e-12)])
    assert roof.ceiling(roof.ridge) == pytest.approx(peak, rel=1e-12)


def test_a_roofline_cannot_be_changed_afterwards():
    with pytest.raises(AttributeError):
        Roofline(1.0, 1.0).peak = 2.0


# ---- Measurements ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("one_thread")
def test_the_measured_roofline_is_that_of_a_computer_and_comes_again():
    first, second = (measure_roofline(sizes=(128, 256), min_run_time=0.05) for _ in range(2))
    for roof in (first, second):
        assert 1e7 < roof.peak < 1e15  # a microcontroller; a room full of GPUs
        assert 1e7 < roof.bandwidth < 1e14
        assert roof.ridge > 0.01
    assert 1 / 30 < first.peak / second.peak < 30
    assert 1 / 30 < first.bandwidth / second.bandwidth < 30


@pytest.mark.usefixtures("one_thread")
def test_the_peak_is_the_best_of_the_sizes():
    # a 1 × 1 product is all overhead: far below any machine's peak
    alone, with_larger = (measure_roofline(sizes=s, min_run_time=0.02).peak for s in ((1,), (1, 256)))
    assert with_larger > 10 * alone


def test_the_median_is_the_time_of_one_step_and_does_not_mind_a_slow_one():
    clock = []

    def step():
        clock.append(0)
        sum(range(20_000))

    median, spread = median_seconds(step, min_run_time=0.05)
    assert len(clock) > 20
    assert 1e-6 < median < 0.05
    assert spread >= 0
    longer, _ = median_seconds(lambda: [step() for _ in range(20)], min_run_time=0.1)
    assert 2 < longer / median < 200


def test_the_fastest_time_does_not_see_the_slow_samples_that_the_median_sees():
    durations = itertools.cycle([0.05, 0.05, 0.001])  # two of three samples are disturbed

    def step():
        time.sleep(next(durations))

    assert 0.001 <= fastest_seconds(step, min_run_time=0.5) < 0.04
    assert median_seconds(step, min_run_time=0.5)[0] > 0.02


def test_the_peak_counts_what_exists_at_the_same_time_and_the_result():
    a, one = torch.ones(30_000), 4 * 30_000
    assert peak_bytes(lambda: a + a) == one
    assert peak_bytes(lambda: (a.sin(), a.cos())) == 2 * one
    assert peak_bytes(lambda: a.sin().cos().exp()) == 2 * one, "what is not needed any more is given back"
    assert peak_bytes(lambda: a.sin().cos_().exp_()) == one, "in place takes nothing"
    assert peak_bytes(lambda: a[5:].view(-1, 5)) == 0, "a view takes nothing"
    assert peak_bytes(lambda: None) == 0


def test_the_peak_sees_what_is_taken_inside_one_operation():
    a = torch.ones(200, 30_000).T  # not in order in memory: its softmax needs a copy in order first
    assert peak_bytes(lambda: a.softmax(-1)) >= 2 * 4 * a.numel()


def test_products_of_two_layers_forward_and_backward_by_hand():
    X, W, bias = torch.ones(2, 3), torch.ones(4, 3, requires_grad=True), torch.ones(4)
    seen = count_products(lambda: X @ W.T)
    assert (seen.calls, seen.flops, seen.bytes) == (1, 2 * 2 * 3 * 4, 4 * (6 + 12 + 8))
    seen = count_products(lambda: torch.addmm(bias, X, W.T))
    assert (seen.calls, seen.flops, seen.bytes) == (1, 2 * 2 * 3 * 4, 4 * (4 + 6 + 12 + 8))
    assert count_products(lambda: (X @ W.T).sum().backward()).calls == 2, "X asks for no gradient"
    assert count_products(lambda: X + X).flops == 0


def test_products_have_the_flops_of_torchs_own_counter():
    layer, X = MultiHeadAttention(24, 4), torch.randn(3, 5, 24)
    with FlopCounterMode(display=False) as counter:
        layer(X).sum().backward()
    assert count_products(lambda: layer(X).sum().backward()).flops == counter.get_total_flops()


def test_a_chain_is_as_long_as_the_operations_that_wait_for_each_other():
    x = torch.ones(3, requires_grad=True)
    assert longest_chain(x.exp()) == 1
    assert longest_chain(x.exp().sin() + x) == 3
    for _ in range(2000):  # longer than Python's stack
        x = x.sin()
    assert longest_chain(x) == 2000
    assert longest_chain(x + x.cos().detach()) == 2001


# ---- The blocked product ---------------------------------------------------------------------------------------------


def by_hand(A, B):
    C = np.zeros((len(A), len(B[0])))
    for i, j, k in itertools.product(range(len(A)), range(len(B[0])), range(len(B))):
        C[i, j] += A[i][k] * B[k][j]
    return C


@given(SIZE, SIZE, SIZE, st.integers(1, 30), st.integers(0, 99))
def test_blocked_product_equals_numpy_for_sizes_that_are_no_multiples_of_the_block(m, k, n, block, seed):
    rng = np.random.default_rng(seed)
    A, B = rng.normal(size=(m, k)), rng.normal(size=(k, n))
    np.testing.assert_allclose(blocked_matmul(A, B, block), A @ B, rtol=1e-12, atol=1e-12)


def test_blocked_product_equals_the_triple_loop_from_the_text_exactly_on_whole_numbers(rng):
    A, B = rng.integers(-9, 10, (5, 7)), rng.integers(-9, 10, (7, 3))
    for block in (1, 2, 3, 64):
        np.testing.assert_array_equal(blocked_matmul(A.tolist(), B.tolist(), block), by_hand(A, B))


def test_blocked_product_keeps_float32_and_leaves_its_operands_alone(rng):
    A, B = rng.normal(size=(5, 7)).astype(np.float32), rng.normal(size=(7, 3)).astype(np.float32)
    kept = A.copy(), B.copy()
    assert blocked_matmul(A, B, 2).dtype == np.float32
    np.testing.assert_array_equal(A, kept[0])
    np.testing.assert_array_equal(B, kept[1])


@given(SIZE, SIZE, SIZE, st.integers(1, 30))
def test_blocked_loads_are_the_sizes_of_all_tiles_that_the_loop_takes(m, k, n, block):
    A, B, loaded = np.empty((m, k)), np.empty((k, n)), 0
    for i, j, l in itertools.product(range(0, m, block), range(0, n, block), range(0, k, block)):
        loaded += A[i : i + block, l : l + block].size + B[l : l + block, j : j + block].size
    assert blocked_loads(m, k, n, block) == loaded


@given(SIZE, SIZE, SIZE, st.integers(1, 30))
def test_blocked_loads_lie_between_each_number_once_and_every_entry_alone(m, k, n, block):
    assert blocked_loads(m, k, n, 1) == matmul_flops(m, k, n)
    assert blocked_loads(m, k, n, max(m, k, n)) == m * k + k * n
    assert m * k + k * n <= blocked_loads(m, k, n, block) <= 2 * m * k * n


def test_a_block_that_fits_uses_every_loaded_number_block_times():
    for block in (1, 2, 4, 8):
        assert 2 * 8**3 / blocked_loads(8, 8, 8, block) == block


# ---- Ledgers of a transformer ----------------------------------------------------------------------------------------


def counted(step):
    """Count the FLOPs of matrix products by torch; its counter sees into attention only where that is not fused."""
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops()


def parameters(module):
    return sum(p.numel() for p in module.parameters())


def test_a_ledger_worked_by_hand():
    ledger = block_ledger(2, 3, 8, 2, head_size=5, hidden=7)
    assert ledger["query"] == Step((2, 3, 10), 8 * 10 + 10, 2 * 6 * 8 * 10, 60)
    assert ledger["scores"] == Step((2, 2, 3, 3), 0, 36 * (5 + 5), 36)
    assert ledger["mix"] == Step((2, 2, 3, 5), 0, 60 * (3 + 3), 0)
    assert ledger["output"] == Step((2, 3, 8), 10 * 8 + 8, 2 * 6 * 10 * 8, 48)
    assert ledger["norm 1"] == Step((2, 3, 8), 16, 0, 7 * 48)
    assert ledger["activation"].others == 5 * 2 * 3 * 7
    attention = 3 * 90 + 88
    assert total(ledger).parameters == attention + 2 * 16 + (8 * 7 + 7) + (7 * 8 + 8)
    assert total({"a": Step((2,), 1, 2, 3), "b": Step((5,), 10, 20, 30)}) == Step((5,), 11, 22, 33)


SHAPES = [
    {"batch": 2, "tokens": 5, "d": 12, "heads": 3},
    {"batch": 1, "tokens": 7, "d": 12, "heads": 2, "head_size": 5, "hidden": 17},
    {"batch": 3, "tokens": 4, "d": 8, "heads": 4, "kv_heads": 2},
    {"batch": 2, "tokens": 5, "d": 12, "heads": 3, "memory": 9},
]


@pytest.mark.parametrize("sizes", SHAPES)
@pytest.mark.parametrize("layout", ["gpt", "llama"])
def test_ledger_of_a_block_is_that_of_the_built_one(sizes, layout):
    B, T, d, heads = (sizes[name] for name in ("batch", "tokens", "d", "heads"))
    given = {name: sizes[name] for name in ("kv_heads", "head_size") if name in sizes}
    attention = MultiHeadAttention(d, heads, **given, bias=layout == "gpt")
    hidden = sizes.get("hidden", 4 * d)
    feed_forward = FeedForward(d, hidden) if layout == "gpt" else SwiGLU(d, hidden)
    norms = {} if layout == "gpt" else {"norm": RMSNorm}
    block = Block(d, attention, feed_forward, **norms)
    ledger = block_ledger(**sizes, layout=layout)
    assert total(ledger).parameters == parameters(block)
    named = {"query": "query", "key": "key", "value": "value", "output": "output"}
    assert {step: ledger[step].parameters for step in named} == {
        step: parameters(getattr(attention, name)) for step, name in named.items()
    }
    X = torch.randn(B, T, d)
    if "memory" in sizes:  # the block's own attention reads X only: the layers one by one
        memory = torch.randn(B, sizes["memory"], d)
        assert total(ledger).flops == counted(lambda: (attention(X, memory), feed_forward(X)))
        assert ledger["weights"].shape == attention.weights(X, memory).shape
    else:
        assert total(ledger).flops == counted(lambda: block(X, causal=True))
        assert ledger["weights"].shape == attention.weights(X).shape
    Q, K, V = attention.project(X, memory if "memory" in sizes else None)
    assert ledger["mix"].shape == Q.shape
    assert (*ledger["key"].shape[:2], K.shape[-3] * K.shape[-1]) == ledger["key"].shape
    assert ledger["value"].shape[1] == V.shape[-2]
    assert total(ledger).shape == block(X).shape


def test_ledger_of_gpt2_small_by_formula_and_by_its_configuration():
    c = GPTConfig()
    sizes = {"vocabulary": c.vocabulary, "length": c.length, "layers": c.layers}
    ledger = decoder_ledger(1, 1024, c.d, c.heads, **sizes)
    assert total(ledger).parameters == 124_439_808
    d, T = 768, 1024
    assert total(ledger).flops == 12 * (24 * T * d * d + 4 * T * T * d) + 2 * T * d * 50_257


@pytest.mark.parametrize("layout", ["gpt", "llama"])
def test_ledger_of_a_model_is_that_of_the_built_one_with_and_without_a_cache(layout):
    sizes = {"vocabulary": 31, "length": 12, "layers": 3}
    if layout == "gpt":
        model = GPT(GPTConfig(**sizes, d=16, heads=4))
        more = {}
    else:
        model = Llama(LlamaConfig(**sizes, d=16, heads=4, kv_heads=2, hidden=24))
        more = {"kv_heads": 2, "hidden": 24}
    ids = torch.randint(31, (2, 9))
    whole = decoder_ledger(2, 9, 16, 4, **sizes, **more, layout=layout)
    assert total(whole).parameters == parameters(model)
    assert total(whole).flops == counted(lambda: model(ids))
    assert total(whole).shape == model(ids).shape
    caches = empty_caches(model, 2, 12)
    model(ids[:, :8], caches)
    step = decoder_ledger(2, 1, 16, 4, **sizes, **more, layout=layout, cached=8)
    assert total(step).flops == counted(lambda: model(ids[:, 8:], caches))
    assert total(step).parameters == total(whole).parameters


def test_other_operations_of_the_two_layouts_by_hand():
    gpt, llama = (block_ledger(2, 3, 8, 2, kv_heads=1, hidden=7, layout=name) for name in ("gpt", "llama"))
    biases = 2 * 3 * (8 + 4 + 4 + 8 + 7 + 8)
    shared = 2 * 2 * 3 * 3 * (1 + 5) + 2 * 48 + 5 * 42  # scale and softmax, residuals, activation
    assert total(gpt).others == shared + 2 * 7 * 48 + biases
    assert total(llama).others == shared + 2 * 4 * 48 + 3 * 6 * (8 + 4)  # six operations a pair of features
