"""Training: windows, losses and baselines by hand, the schedule, clipping and AdamW as torch's, a text learnt."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from vec2attn.train import (
    Bigram,
    adamw,
    bits_per_character,
    clip_gradients,
    held_out_loss,
    learning_rate,
    mixed_precision,
    next_token_loss,
    train,
    windows,
)
from vec2attn.transformer import GPT, GPTConfig

TEXT = torch.arange(40).repeat(5) % 7


@pytest.fixture
def gpt():
    torch.manual_seed(0)
    return GPT(GPTConfig(vocabulary=11, length=12, d=16, heads=2, layers=1))


# ---- Windows ---------------------------------------------------------------------------------------------------------


def test_targets_are_the_same_text_one_token_later(rng):
    text = torch.arange(100, 150)
    x, y = windows(text, 6, 40, rng)
    assert x.shape == y.shape == (40, 6)
    assert torch.equal(y, x + 1)
    assert torch.equal(x, x[:, :1] + torch.arange(6))


def test_windows_begin_everywhere_and_the_last_token_is_a_target(rng):
    x, y = windows(torch.arange(9), 5, 400, rng)
    assert set(x[:, 0].tolist()) == {0, 1, 2, 3}
    assert int(y.max()) == 8


def test_windows_follow_their_generator():
    first, second = (windows(TEXT, 8, 3, np.random.default_rng(5))[0] for _ in range(2))
    assert torch.equal(first, second)


# ---- Losses ----------------------------------------------------------------------------------------------------------


def test_the_loss_is_the_mean_surprise():
    p = torch.tensor([[[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]])
    loss = next_token_loss(p.log() + 7, torch.tensor([[1, 2]]))
    assert float(loss) == pytest.approx(-(math.log(0.25) + math.log(0.8)) / 2, rel=1e-6)


def test_equal_logits_cost_the_logarithm_of_the_vocabulary():
    assert float(next_token_loss(torch.zeros(2, 3, 50), torch.ones(2, 3, dtype=int))) == pytest.approx(math.log(50))


def test_the_loss_is_computed_in_float32_whatever_the_logits_are():
    z = torch.randn(3, 40)
    loss = next_token_loss(z.bfloat16(), torch.tensor([1, 0, 39]))
    assert loss.dtype == torch.float32
    assert float(loss) == float(next_token_loss(z.bfloat16().float(), torch.tensor([1, 0, 39])))


def test_a_new_gpt_starts_near_the_logarithm_of_the_vocabulary(gpt):
    ids = torch.randint(11, (200,))
    assert held_out_loss(gpt, ids, length=12) == pytest.approx(math.log(11), abs=0.1)


@pytest.mark.parametrize("n", [2, 12, 13, 14, 24, 25, 59])
@pytest.mark.parametrize("batch", [1, 3])
def test_held_out_loss_predicts_each_token_but_the_first_once(gpt, n, batch):
    ids = torch.randint(11, (n,))
    surprises = []
    for start in range(0, n - 1, 12):
        read = ids[None, start : min(start + 12, n - 1)]
        said = ids[start + 1 : start + 1 + read.shape[1]]
        log_p = gpt(read)[0].detach().log_softmax(-1)
        surprises += [-float(log_p[i, t]) for i, t in enumerate(said)]
    assert len(surprises) == n - 1
    assert held_out_loss(gpt, ids, length=12, batch=batch) == pytest.approx(np.mean(surprises), rel=1e-5)


def test_held_out_loss_switches_dropout_off_and_leaves_the_model_as_it_was():
    model = GPT(GPTConfig(vocabulary=11, length=12, d=16, heads=2, layers=1, dropout=0.5))
    for training in (True, False):
        model.train(training)
        losses = {held_out_loss(model, TEXT, length=12) for _ in range(2)}
        assert len(losses) == 1
        assert model.training == training
    assert all(p.grad is None for p in model.parameters())


# ---- Floors ----------------------------------------------------------------------------------------------------------


def test_bigram_by_hand():
    # 0 1 0 1 1: pairs 01 twice, 10 once, 11 once; unigram (2+1)/(5+3), (3+1)/8, 1/8
    model = Bigram(np.array([0, 1, 0, 1, 1]), 3, k=2)
    np.testing.assert_allclose(model.unigram, [3 / 8, 4 / 8, 1 / 8])
    np.testing.assert_allclose(model.p[0], [(2 * 3 / 8) / 4, (2 + 2 * 4 / 8) / 4, (2 / 8) / 4])
    np.testing.assert_allclose(model.p[1], [(1 + 2 * 3 / 8) / 4, (1 + 1) / 4, (2 / 8) / 4])
    np.testing.assert_allclose(model.p[2], model.unigram)  # never seen: nothing but the unigram
    assert model.loss(np.array([0, 1, 2])) == pytest.approx(-np.log([3 / 4, 1 / 16]).mean())
    assert model.unigram_loss(np.array([0, 1, 2])) == pytest.approx(-np.log([4 / 8, 1 / 8]).mean())


@given(seed=st.integers(0, 2**32 - 1), V=st.integers(1, 9), k=st.floats(0.01, 1e4))
def test_rows_of_a_bigram_are_distributions_without_zeros(seed, V, k):
    model = Bigram(np.random.default_rng(seed).integers(V, size=30), V, k)
    np.testing.assert_allclose(model.p.sum(axis=1), 1, rtol=1e-12)
    assert model.p.min() > 0
    assert model.unigram.sum() == pytest.approx(1)


def test_with_little_smoothing_a_bigram_knows_a_text_of_pairs_by_heart():
    ids = np.tile([3, 0, 2, 1], 50)
    assert Bigram(ids, 4, k=1e-6).loss(ids) < 1e-5
    assert Bigram(ids, 4, k=1e-6).unigram_loss(ids) == pytest.approx(math.log(4), rel=1e-3)


def test_bits_per_character():
    assert bits_per_character(math.log(2), 10, 40) == pytest.approx(0.25)
    assert bits_per_character(3 * math.log(2), 7, 7) == pytest.approx(3)
    assert bits_per_character(0, 7, 7) == 0


# ---- Rate, decay, clipping -------------------------------------------------------------------------------------------


def test_the_rate_rises_in_a_line_and_falls_along_a_cosine():
    rates = [learning_rate(u, 2.0, warmup=0.2, floor=0.1) for u in (0, 0.1, 0.2, 0.6, 1)]
    np.testing.assert_allclose(rates, [0, 1, 2, 2 * (0.1 + 0.9 / 2), 0.2], atol=1e-12)


@given(st.floats(0, 1), st.floats(0, 0.9), st.floats(0, 1))
def test_the_rate_stays_between_zero_and_its_peak(used, warmup, floor):
    rate = learning_rate(used, 3, warmup=warmup, floor=floor)
    assert 0 <= rate <= 3 * (1 + 1e-12)
    if used > warmup:
        assert rate >= 3 * floor * (1 - 1e-12)


def test_the_falling_part_is_torchs_cosine():
    weight = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=0.5)
    peer = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20, eta_min=0.05)
    for step in range(21):
        assert learning_rate(step / 20, 0.5, warmup=0, floor=0.1) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        peer.step()


def test_only_matrices_decay(gpt):
    optimizer = adamw(gpt, weight_decay=0.3)
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert len(decay) == len(list(gpt.parameters()))
    for name, p in gpt.named_parameters():
        assert decay[id(p)] == (0.3 if p.ndim == 2 else 0), name


def test_adamw_moves_as_the_books_own():
    from vec2attn.autograd import Tensor
    from vec2attn.optim import AdamW

    start, grad = np.array([[1.0, -2.0], [0.5, 3.0]]), np.array([[0.3, -0.1], [0.0, 2.0]])
    layer = nn.Linear(2, 2, bias=False).double()
    mine = Tensor(start.copy(), requires_grad=True)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(start))
    theirs, ours = adamw(layer, weight_decay=0.1), AdamW([mine], lr=0.01, betas=(0.9, 0.95), weight_decay=0.1)
    for factor in (1, -3, 0.2):  # a gradient that stays the same would hide the running means
        layer.weight.grad, mine.grad = torch.tensor(factor * grad), factor * grad
        theirs.param_groups[0]["lr"] = 0.01
        theirs.step()
        ours.step()
    np.testing.assert_allclose(layer.weight.detach().numpy(), mine.data, rtol=1e-12)


@pytest.mark.parametrize("largest", [0.01, 1, 1e6])
def test_clipping_equals_torchs(gpt, largest):
    next_token_loss(50 * gpt(TEXT[:36].view(3, 12)), TEXT[1:37].view(3, 12)).backward()
    before = [p.grad.clone() for p in gpt.parameters()]
    norm = clip_gradients(gpt, largest)
    mine = [p.grad.clone() for p in gpt.parameters()]
    for p, g in zip(gpt.parameters(), before, strict=True):
        p.grad.copy_(g)
    assert norm == pytest.approx(float(nn.utils.clip_grad_norm_(gpt.parameters(), largest)), rel=1e-5)
    for p, g in zip(gpt.parameters(), mine, strict=True):
        torch.testing.assert_close(g, p.grad, rtol=1e-4, atol=1e-9)
    after = math.sqrt(sum(float(g.square().sum()) for g in mine))
    assert after == pytest.approx(min(norm, largest), rel=1e-5)


def test_the_cpu_computes_in_full_precision():
    with mixed_precision("cpu"):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


# ---- The loop --------------------------------------------------------------------------------------------------------


def test_a_tiny_text_is_learnt_by_heart(gpt, rng):
    reports = list(train(gpt, TEXT, TEXT, rng=rng, steps=120, length=12, batch=8, peak=1e-2, every=50))
    assert [r.step for r in reports] == [0, 50, 100, 120]
    assert [r.tokens for r in reports] == [8 * 12 * r.step for r in reports]
    assert math.isnan(reports[0].train_loss)
    assert reports[0].held_out_loss == pytest.approx(math.log(11), abs=0.1)
    # seven tokens in a row, but for one break in forty
    assert reports[-1].held_out_loss < 0.3 > reports[-1].train_loss
    assert reports[-1].rate == pytest.approx(1e-3)
    assert reports[-1].held_out_loss == held_out_loss(gpt, TEXT, length=12)
    assert not gpt.training


def test_two_runs_give_the_same_numbers():
    ends = []
    for _ in range(2):
        torch.manual_seed(3)
        model = GPT(GPTConfig(vocabulary=7, length=8, d=8, heads=1, layers=1, dropout=0.1))
        ends.append(list(train(model, TEXT, TEXT, rng=np.random.default_rng(2), steps=7, length=8, every=4))[-1])
    assert ends[0] == ends[1]


def test_steps_are_adamw_on_clipped_gradients_at_the_rates_of_the_schedule(gpt):
    twin = GPT(gpt.config)
    twin.load_state_dict(gpt.state_dict())
    settings = {"steps": 3, "length": 12, "batch": 4, "clip": 0.1, "weight_decay": 0.5, "peak": 1e-2}
    end = list(train(gpt, TEXT, TEXT, rng=np.random.default_rng(1), **settings))[-1]
    optimizer, rng, losses, norms = adamw(twin, weight_decay=0.5), np.random.default_rng(1), [], []
    for step in (1, 2, 3):
        x, y = windows(TEXT, 12, 4, rng)
        loss = next_token_loss(twin(x), y)
        twin.zero_grad()
        loss.backward()
        norms.append(clip_gradients(twin, 0.1))
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step / 3, 1e-2)
        optimizer.step()
        losses.append(loss.item())
    for mine, theirs in zip(gpt.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)
    assert (end.train_loss, end.gradient) == pytest.approx((np.mean(losses), np.mean(norms)))


def test_train_loss_is_a_mean_over_the_steps_since_the_last_report(gpt):
    twin = GPT(gpt.config)
    twin.load_state_dict(gpt.state_dict())
    few = list(train(gpt, TEXT, TEXT, rng=np.random.default_rng(1), steps=6, length=12, every=3))
    many = list(train(twin, TEXT, TEXT, rng=np.random.default_rng(1), steps=6, length=12, every=1))
    assert few[2].train_loss == pytest.approx(np.mean([r.train_loss for r in many[4:]]), rel=1e-5)


def test_a_budget_of_time_ends_the_training_with_a_cool_rate(gpt, rng, monkeypatch):
    seconds = itertools.count()  # a clock that goes one second a step
    monkeypatch.setattr("vec2attn.train.time.monotonic", lambda: next(seconds))
    reports = list(train(gpt, TEXT, TEXT, rng=rng, steps=10**7, length=12, peak=1e-2, every=1, seconds=20))
    assert [r.step for r in reports] == list(range(21))
    rates = [r.rate for r in reports[1:]]
    np.testing.assert_allclose(rates, [learning_rate(step / 20, 1e-2) for step in range(1, 21)])
    assert rates[-1] == pytest.approx(1e-3)
