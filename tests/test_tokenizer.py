"""Tokenizers: the ids of the peers on every text, nothing lost on the way back; training by counting, as defined."""

from collections import Counter
from itertools import pairwise

import pytest
import regex
import tiktoken
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from vec2attn.datasets import fetch
from vec2attn.tokenizer import GPT2_PATTERN, gpt2_tokenizer, train_bpe, wordpiece

TEXTS = [
    "The quick brown fox doesn't jump over 12,345 lazy dogs.",
    "",
    " ",
    "\n\n  indented\tcode:\n    x += 1  # ½ ≈ 0.5\n",
    "Grüße, naïve café — 東京は晴れ 🙂👍🏽 e\u0301 \u200b zero-width",
    "it's we'll I'D they've <|endoftext|> after",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" * 5,
    "\x00\x7f\ufffd",
]


@pytest.fixture(scope="module")
def gpt2():
    return gpt2_tokenizer()


@pytest.fixture(scope="module")
def tiktokens(gpt2):
    """OpenAI's own implementation, with the same vocabulary."""
    ranks = {gpt2.token(i): i for i in range(50_256)}
    return tiktoken.Encoding(
        "gpt2", pat_str=GPT2_PATTERN, mergeable_ranks=ranks, special_tokens={"<|endoftext|>": 50_256}
    )


@pytest.mark.parametrize("text", TEXTS)
def test_gpt2_tokens_are_tiktokens(gpt2, tiktokens, text):
    assert gpt2.encode(text) == tiktokens.encode(text, disallowed_special=())
    assert gpt2.encode(text, allow_special=True) == tiktokens.encode(text, allowed_special="all")
    assert gpt2.decode(gpt2.encode(text)) == text


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=40))
def test_gpt2_tokens_are_tiktokens_for_any_text_and_come_back_as_the_text(gpt2, tiktokens, text):
    ids = gpt2.encode(text)
    assert ids == tiktokens.encode(text, disallowed_special=())
    assert gpt2.decode(ids) == text


def test_gpt2_has_50_257_tokens_and_464_is_the(gpt2):
    assert len(gpt2) == 50_257
    assert gpt2.encode("The") == [464]
    assert gpt2.token(50_256) == b"<|endoftext|>"
    assert gpt2.encode("<|endoftext|>", allow_special=True) == [50_256]
    assert len(gpt2.encode("<|endoftext|>")) > 1


def test_half_a_character_is_shown_as_such(gpt2):
    assert "\N{REPLACEMENT CHARACTER}" in gpt2.decode(gpt2.encode("🙂")[:1])


def trained_by_counting(text, size):
    """Train as the definition says: count all pairs anew before every merge."""
    words = [tuple(bytes([byte]) for byte in piece.encode()) for piece in regex.findall(GPT2_PATTERN, text)]
    merges = []
    while len(merges) < size - 256:
        counts = Counter(pair for word in words for pair in pairwise(word))
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append(best)
        after = []
        for word in words:
            parts, i = [], 0
            while i < len(word):
                joined = word[i : i + 2] == best
                parts.append(word[i] + word[i + 1] if joined else word[i])
                i += 1 + joined
            after.append(tuple(parts))
        words = after
    return merges


TRAINING = "the cat sat on the mat, the cats sat on mats; a rat ate the mat. aaaa aaa aaaaa über überall " * 3


def test_training_merges_the_pairs_that_counting_anew_would_merge():
    assert train_bpe(TRAINING, 288).merges == trained_by_counting(TRAINING, 288)


@settings(max_examples=25, deadline=None)
@given(st.text("ab c", min_size=40, max_size=80), st.integers(257, 262))
def test_training_equals_counting_on_texts_full_of_ties_and_repeats(text, size):
    try:
        expected = trained_by_counting(text, size)
    except ValueError:  # not so many pairs
        with pytest.raises(ValueError, match="tokens only"):
            train_bpe(text, size)
    else:
        assert train_bpe(text, size).merges == expected


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=30))
def test_a_trained_tokenizer_gives_every_text_back(text):
    assert TRAINED.decode(TRAINED.encode(text)) == text


TRAINED = train_bpe(TRAINING, 285)


def test_a_trained_tokenizer_needs_fewer_tokens_than_bytes_for_its_own_text():
    ids = TRAINED.encode(TRAINING)
    assert len(ids) < 0.6 * len(TRAINING.encode())
    assert max(ids) == 284


@pytest.fixture(scope="module")
def bert():
    path = fetch("minilm")["vocab.txt"]
    return wordpiece(path), tokenizers.BertWordPieceTokenizer(str(path), lowercase=True)


@pytest.mark.parametrize("text", [*TEXTS, "Unaffable!!! $5 + x^2 = ~y `z`", "x" * 101, "東京 kyōto", "İstanbul ﬁne Ⅻ"])
def test_word_pieces_are_those_of_tokenizers(bert, text):
    ours, peer = bert
    assert ours.encode(text) == peer.encode(text).ids


# the peer's tables of characters are older than Python's: letters and signs that both have known for long
LONG_KNOWN = st.characters(max_codepoint=0x052F, exclude_categories=["Cn"]) | st.characters(
    min_codepoint=0x4E00, max_codepoint=0x9FA5
)


@settings(max_examples=150, deadline=None)
@given(st.text(LONG_KNOWN | st.sampled_from("–—‘’“”…‰€™→∑あアー한🙂\u200b\u0301\u2028"), max_size=25))
def test_word_pieces_are_those_of_tokenizers_for_any_text(bert, text):
    ours, peer = bert
    assert ours.encode(text) == peer.encode(text).ids
