"""From text to token ids and back: byte-level byte-pair encoding (GPT-2, SmolLM2), and WordPiece (BERT, MiniLM)."""

import json
import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import regex

from vec2attn.datasets import byte_alphabet, fetch

# how text is cut before pairs are merged, so that no token crosses a word: contractions, words, numbers, signs, spaces
GPT2_PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
# the same, with each digit by itself
DIGITS_PATTERN = r"\p{N}|" + GPT2_PATTERN.replace(r" ?\p{N}+|", "")

# what BERT takes for Chinese characters: blocks of Unicode, as they were in 2018
CHINESE = regex.compile(
    "([\u4e00-\u9fff\u3400-\u4dbf\U00020000-\U0002a6df\U0002a700-\U0002ceaf\uf900-\ufaff\U0002f800-\U0002fa1f])"
)

Pair = tuple[bytes, bytes]


class BPE:
    """Byte-level byte-pair encoding: start from single bytes, then merge the pairs that training found most frequent.

    Decoding gives the text back. Where all 256 bytes are tokens, every text can be encoded.

    Parameters
    ----------
    ids : token (bytes) -> id
    merges : pairs in the order in which they are merged; each pair and its two parts are tokens
    pattern : what to cut the text into first; no merge crosses a cut
    special : text -> id of tokens that stand for something else than text, such as the end of a document

    Source: Sennrich, Haddow & Birch 2016, algorithm 1, arXiv:1508.07909; Radford et al. 2019, section 2.2
    """

    def __init__(
        self,
        ids: Mapping[bytes, int],
        merges: Sequence[Pair],
        *,
        pattern: str = GPT2_PATTERN,
        special: Mapping[str, int] | None = None,
    ) -> None:
        for left, right in merges:
            if left not in ids or right not in ids or left + right not in ids:
                raise ValueError(f"the merge of {left!r} and {right!r} needs both and their sum among the tokens")
        self.ids, self.merges, self.special = dict(ids), list(merges), dict(special or {})
        self.rank = {pair: i for i, pair in enumerate(self.merges)}
        self.pattern = pattern
        self._cut = regex.compile(pattern)
        self._apart = regex.compile("|".join(map(regex.escape, sorted(self.special, key=len, reverse=True))) or "(?!)")
        self._bytes = {i: token for token, i in self.ids.items()}
        self._bytes |= {i: text.encode() for text, i in self.special.items()}
        self._piece = lru_cache(maxsize=100_000)(self._merge)

    def __len__(self) -> int:
        """Return the size of the vocabulary."""
        return len(self._bytes)

    def encode(self, text: str, *, allow_special: bool = False) -> list[int]:
        """Return the ids of a text. Special tokens are read as such only if allowed; else they are plain text.

        Raises
        ------
        TypeError : not a text
        ValueError : a byte for which the vocabulary has no token
        """
        if not isinstance(text, str):
            raise TypeError(f"a tokenizer encodes a text; got {type(text).__name__}")
        if not allow_special:
            return [i for piece in self._cut.findall(text) for i in self._piece(piece)]
        ids, end = [], 0
        for match in self._apart.finditer(text):
            ids += [*self.encode(text[end : match.start()]), self.special[match[0]]]
            end = match.end()
        return ids + self.encode(text[end:])

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of the ids; bytes that are no UTF-8, such as half a character, become "�".

        Raises
        ------
        ValueError : an id that is not in the vocabulary
        """
        try:
            return b"".join(self._bytes[int(i)] for i in ids).decode("utf-8", errors="replace")
        except KeyError as error:
            raise ValueError(f"there is no token {error}; ids go from 0 to {max(self._bytes)}") from None

    def token(self, i: int) -> bytes:
        """Return the bytes of one token."""
        return self._bytes[i]

    def _merge(self, piece: str) -> list[int]:
        """Return the ids of one piece: merge the earliest learned pair, until none is left."""
        parts = [bytes([byte]) for byte in piece.encode()]
        while len(parts) > 1:
            ranks = [self.rank.get(pair, len(self.rank)) for pair in pairwise(parts)]
            best = min(ranks)
            if best == len(self.rank):
                break
            at = ranks.index(best)
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        if unknown := [part for part in parts if part not in self.ids]:
            raise ValueError(f"this vocabulary has no token for the byte {unknown[0]!r}, which {piece!r} holds")
        return [self.ids[part] for part in parts]


def train_bpe(text: str, size: int, *, pattern: str = GPT2_PATTERN) -> BPE:
    """Learn `size` tokens from a text: 256 bytes, then again and again the most frequent pair. Ties: the smaller pair.

    Counts are kept up to date instead of counted anew: a merge touches only the words that hold its pair.

    Raises
    ------
    ValueError : size below 256; the text is too short for so many merges

    Source: Sennrich, Haddow & Birch 2016, algorithm 1, arXiv:1508.07909
    """
    if size < 256:
        raise ValueError(f"a byte-level vocabulary has at least the 256 bytes; got size {size}")
    pieces = Counter(regex.findall(pattern, text))
    words = [[bytes([byte]) for byte in piece.encode()] for piece in pieces]
    often = list(pieces.values())
    counts: Counter[Pair] = Counter()
    where: defaultdict[Pair, set[int]] = defaultdict(set)
    for w, word in enumerate(words):
        for pair in pairwise(word):
            counts[pair] += often[w]
            where[pair].add(w)
    merges: list[Pair] = []
    while len(merges) < size - 256:
        if not counts:
            raise ValueError(f"the text holds pairs for {256 + len(merges)} tokens only; got size {size}")
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append(best)
        for w in where.pop(best):
            _replace(words[w], best, often[w], w, counts, where)
        counts.pop(best, None)
    tokens = [bytes([byte]) for byte in range(256)] + [left + right for left, right in merges]
    return BPE({token: i for i, token in enumerate(tokens)}, merges, pattern=pattern)


def _replace(
    word: list[bytes], pair: Pair, often: int, w: int, counts: Counter[Pair], where: defaultdict[Pair, set[int]]
) -> None:
    """Merge a pair in one word, and keep the counts of all its pairs right."""
    for old in pairwise(word):
        counts[old] -= often
        if counts[old] == 0:
            del counts[old]
        if old != pair:
            where[old].discard(w)
    i = 0
    while i < len(word) - 1:
        if (word[i], word[i + 1]) == pair:
            word[i : i + 2] = [pair[0] + pair[1]]
        i += 1
    for new in pairwise(word):
        counts[new] += often
        where[new].add(w)


def gpt2_tokenizer(*, cache: str | os.PathLike[str] | None = None) -> BPE:
    """Return GPT-2's own tokenizer, 50,257 tokens. Fetches the dataset gpt2 if it is not cached.

    Raises
    ------
    DatasetError : the vocabulary is not cached and cannot be fetched
    """
    files = fetch("gpt2", cache=cache)
    spelt = json.loads(files["encoder.json"].read_text(encoding="utf-8"))
    lines = files["vocab.bpe"].read_text(encoding="utf-8").split("\n")[1:]  # the first line is a version
    end = "<|endoftext|>"
    return from_spelling({t: i for t, i in spelt.items() if t != end}, filter(None, lines), special={end: spelt[end]})


def from_spelling(
    ids: Mapping[str, int],
    merges: Iterable[str],
    *,
    pattern: str = GPT2_PATTERN,
    special: Mapping[str, int] | None = None,
) -> BPE:
    """Return a tokenizer whose files spell bytes in the byte alphabet ("Ġ" for a space) and a merge as two words."""
    byte = byte_alphabet()

    def read(token: str) -> bytes:
        return bytes(byte[symbol] for symbol in token)

    pairs = [(read(left), read(right)) for left, right in (line.split(" ") for line in merges)]
    return BPE({read(token): i for token, i in ids.items()}, pairs, pattern=pattern, special=special)


class WordPiece:
    """BERT's tokenizer: lower case, words and signs apart, then the longest known piece, again and again.

    Parameters
    ----------
    tokens : the vocabulary, in the order of the ids; pieces that continue a word begin with "##"

    Source: Wu et al. 2016, section 4.1, arXiv:1609.08144; Devlin et al. 2019, section 3, arXiv:1810.04805
    """

    LONGEST = 100  # letters; BERT takes no trouble with longer words

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens, self.ids = list(tokens), {token: i for i, token in enumerate(tokens)}
        if missing := [token for token in ("[CLS]", "[SEP]", "[UNK]") if token not in self.ids]:
            raise ValueError(f"the vocabulary lacks {', '.join(missing)}")

    def words(self, text: str) -> list[str]:
        """Return lower-case words without accents; signs, and characters of languages without spaces, by themselves.

        Raises
        ------
        TypeError : not a text
        """
        if not isinstance(text, str):
            raise TypeError(f"a tokenizer encodes a text; got {type(text).__name__}")
        text = regex.sub(r"(?![\t\n\r])[\p{C}�]", "", text)
        text = CHINESE.sub(r" \1 ", text)
        words = []
        for word in text.split():
            plain = "".join(c for c in unicodedata.normalize("NFD", word.lower()) if unicodedata.category(c) != "Mn")
            words += regex.findall(r"[\p{P}$+<=>^`|~]|[^\p{P}$+<=>^`|~]+", plain)
        return words

    def pieces(self, word: str) -> list[str]:
        """Return the longest pieces that make up a word, or "[UNK]"."""
        if len(word) > self.LONGEST:
            return ["[UNK]"]
        found: list[str] = []
        start = 0
        while start < len(word):
            mark = "##" if start else ""
            ends = range(len(word), start, -1)
            end = next((end for end in ends if mark + word[start:end] in self.ids), None)
            if end is None:
                return ["[UNK]"]
            found.append(mark + word[start:end])
            start = end
        return found

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, between those of "[CLS]" and "[SEP]"."""
        pieces = [piece for word in self.words(text) for piece in self.pieces(word)]
        return [self.ids[token] for token in ("[CLS]", *pieces, "[SEP]")]


def wordpiece(vocabulary: str | os.PathLike[str]) -> WordPiece:
    """Return the tokenizer of a ``vocab.txt``, one token a line."""
    return WordPiece(Path(vocabulary).read_text(encoding="utf-8").removesuffix("\n").split("\n"))
