"""cost.py: counts by hand and by torch's own counter, the blocked product against numpy, measurements within bounds."""

import itertools
import time

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from vec2attn.cost import (
    Roofline,
    arithmetic_intensity,
    blocked_loads,
    blocked_matmul,
    fastest_seconds,
    layer_flops,
    matmul_bytes,
    matmul_flops,
    measure_roofline,
    median_seconds,
    peak_bytes,
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
