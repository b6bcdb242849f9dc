"""Tokenizers: bad input gets a clear error, in the reader's words (no checking hook here)."""

import pytest

from vec2attn.tokenizer import BPE, WordPiece, train_bpe

TRAINED = train_bpe("the cat sat on the mat, the cats sat on mats; a rat ate the mat. " * 3, 270)
BERT = WordPiece(["[CLS]", "[SEP]", "[UNK]"])


REFUSALS = {
    "bytes": (lambda: TRAINED.encode(b"text"), TypeError, "encodes a text; got bytes"),
    "bytes for word pieces": (lambda: BERT.encode(b"text"), TypeError, "encodes a text; got bytes"),
    "no end mark": (lambda: WordPiece(["[CLS]", "[UNK]"]), ValueError, r"lacks \[SEP\]"),
    "an unknown id": (lambda: TRAINED.decode([3, 270]), ValueError, "no token 270; ids go from 0 to 269"),
    "too small": (lambda: train_bpe("text", 255), ValueError, "256 bytes; got size 255"),
    "too short": (lambda: train_bpe("ab", 300), ValueError, "pairs for 257 tokens only; got size 300"),
    "a byte missing": (
        lambda: BPE({b"a": 0}, []).encode("ab"),
        ValueError,
        "no token for the byte b'b', which 'ab' holds",
    ),
    "a merge of strangers": (
        lambda: BPE({bytes([i]): i for i in range(256)}, [(b"a", b"b")]),
        ValueError,
        "merge of b'a' and b'b'",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal_names_what_was_met(case):
    call, error, words = REFUSALS[case]
    with pytest.raises(error, match=words):
        call()
