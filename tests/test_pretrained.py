"""Real weights in our own layers give what the peers give with them."""

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

from vec2attn.datasets import fetch, human_rights, human_rights_vectors
from vec2attn.pretrained import MiniLM

SENTENCES = [
    "The cat sits on the mat.",
    "A dog runs in the park!",
    "Naïve café — 東京 costs $5? (yes/no)",
    "x",
    "Attention is a soft look-up. " * 60,  # longer than the model reads
    "The bank raised its interest rate by 0.25 %.",
]


@pytest.fixture(scope="module")
def model():
    return MiniLM.load()


@pytest.fixture(scope="module")
def peer():
    folder = fetch("minilm")["config.json"].parent
    transformer = Transformer(str(folder), max_seq_length=256)
    return SentenceTransformer(modules=[transformer, Pooling(384, "mean"), Normalize()], device="cpu")


def test_sentence_vectors_are_those_of_sentence_transformers(model, peer):
    ours, theirs = model.encode(SENTENCES), peer.encode(SENTENCES)
    assert np.abs(ours - theirs).max() < 1e-5
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-6)


def test_the_vectors_stored_for_7_3_come_out_of_both_again(model, peer):
    _, sentences = human_rights()
    stored = human_rights_vectors()
    assert np.abs(peer.encode(sentences[::5]) - stored[::5]).max() < 1e-5
    assert np.abs(model.encode(sentences) - stored).max() < 1e-5


def test_neither_batches_nor_neighbours_change_a_vector(model):
    alone = np.vstack([model.encode([sentence]) for sentence in SENTENCES])
    for batch in (2, 5):
        np.testing.assert_allclose(model.encode(SENTENCES, batch=batch), alone, atol=2e-6)
    np.testing.assert_allclose(model.encode(SENTENCES[::-1])[::-1], alone, atol=2e-6)


def test_like_meanings_are_near(model):
    cat, dog, sat = model.encode(["A cat lies on a rug.", "The stock market fell.", "A kitten rests on the carpet."])
    assert cat @ sat > 0.4 > 0.2 > cat @ dog


def test_the_linear_layers_can_be_changed_in_place(model):
    linears = model.linears()
    assert len(linears) == 36
    before = model.encode(SENTENCES[:1])
    layer = linears["blocks.3.feed_forward.up"]
    assert layer.weight.shape == (1536, 384)
    weight = layer.weight.detach().clone()
    with torch.no_grad():
        layer.weight.mul_(0.5)
    assert np.abs(model.encode(SENTENCES[:1]) - before).max() > 1e-3
    with torch.no_grad():
        layer.weight.copy_(weight)
    np.testing.assert_array_equal(model.encode(SENTENCES[:1]), before)


def test_heads_are_those_that_lead_to_the_sentence_vector(model):
    tokens, Q, K, V = model.heads(SENTENCES[1])
    assert tokens == ["[CLS]", "a", "dog", "runs", "in", "the", "park", "!", "[SEP]"]
    assert Q.shape == K.shape == V.shape == (6, 12, 9, 32)
    last = model.encoder.blocks[-1]
    ids = torch.tensor([model.tokenizer.encode(SENTENCES[1])])
    with torch.no_grad():
        X = model.encoder.embed(ids)
        torch.testing.assert_close(Q[0], model.encoder.blocks[0].attention.project(X)[0][0])
        for block in model.encoder.blocks[:-1]:
            X = block(X)
        torch.testing.assert_close(V[-1], last.attention.project(X)[2][0])
        torch.testing.assert_close(last(X), model.encoder(ids))


def test_one_text_instead_of_a_list_and_no_text_are_refused(model):
    with pytest.raises(TypeError, match="list of sentences"):
        model.encode("a text")
    with pytest.raises(ValueError, match="no sentence"):
        model.encode([])
