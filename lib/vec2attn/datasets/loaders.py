"""What the chapters read: vocabularies, word vectors, a model's weights; logits, digits, a picture and a graph."""

import json
import lzma
import os
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int, UInt8

from vec2attn.datasets.cache import fetch
from vec2attn.datasets.registry import DatasetError

# shipped with the library: 1.3 needs no download, and 1.2 has something to fall back on
DATA = Path(__file__).parents[1] / "data"
SMOLLM2, GLOVE = DATA / "smollm2", DATA / "glove"


def gpt2_vocabulary(*, cache: str | os.PathLike[str] | None = None) -> list[str]:
    r"""Return the 50,257 tokens of GPT-2 as text; the index is the token's id, so that 464 is "The" and 262 " the".

    A token is a string of bytes and need not be whole characters: bytes that are no UTF-8 by themselves are written as
    escapes (``\xe2``). Fetches the dataset gpt2 if it is not cached.

    Raises
    ------
    DatasetError : the vocabulary is not cached and cannot be fetched

    Source: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", section 2.2
    """
    ids = json.loads(fetch("gpt2", cache=cache)["encoder.json"].read_text(encoding="utf-8"))
    return decode_tokens(sorted(ids, key=ids.__getitem__))


def decode_tokens(tokens: Iterable[str]) -> list[str]:
    r"""Return the text of tokens that are spelt in the byte alphabet, as the files of GPT-2 and SmolLM2 spell them.

    "ĠParis" becomes " Paris". Bytes that are no UTF-8 by themselves, parts of a character, become escapes (``\xe2``).

    Raises
    ------
    KeyError : a symbol is not in the alphabet
    """
    byte = byte_alphabet()
    return [bytes(byte[symbol] for symbol in token).decode("utf-8", "backslashreplace") for token in tokens]


def byte_alphabet() -> dict[str, int]:
    """Return the alphabet of byte-level BPE: 256 visible symbols -> the bytes for which they stand.

    Bytes that Latin-1 prints stand for themselves, "A" for 0x41; the other 68, in rising order, are the symbols from
    U+0100 on, so that a space (0x20) is "Ġ" (U+0120) and a newline (0x0A) is "Ċ" (U+010A).
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = sorted(set(range(256)) - set(printable))
    return {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}


def smollm2_prompts() -> dict[str, str]:
    """Return the prompts whose next-token logits come with the library: key -> text."""
    prompts = json.loads((SMOLLM2 / "prompts.json").read_text(encoding="utf-8"))
    return {key: entry["prompt"] for key, entry in prompts.items()}


def smollm2_logits(key: str) -> Float32[np.ndarray, " vocab"]:
    """Return the 49,152 logits that SmolLM2-135M-Instruct gives the token after a prompt of `smollm2_prompts`.

    Raises
    ------
    ValueError : there is no such key
    """
    if key not in (prompts := smollm2_prompts()):
        raise ValueError(f"there are no logits for {key!r}; there are: {', '.join(prompts)}")
    logits: Float32[np.ndarray, " vocab"] = np.load(SMOLLM2 / f"{key}.npy", allow_pickle=False)
    return logits


def smollm2_tokens() -> list[str]:
    """Return the 49,152 tokens of SmolLM2 as text; the index is the token's id and the place of its logit."""
    tokens: list[str] = json.loads((SMOLLM2 / "tokens.json").read_text(encoding="utf-8"))
    return tokens


def glove(*, cache: str | os.PathLike[str] | None = None) -> tuple[list[str], Float32[np.ndarray, "words 50"]]:
    """Return 400,000 words, the most frequent first, and their GloVe vectors (6B tokens, 50 dimensions) as rows.

    Fetches the dataset glove (76 MB) if it is not cached. Where it cannot be had, there is a warning, and the 40,000
    most frequent words come with the vectors that the library ships in half precision.

    Source: Pennington, Socher & Manning 2014, aclanthology.org/D14-1162
    """
    with lzma.open(GLOVE / "words.txt.xz", "rt", encoding="utf-8", newline="\n") as file:
        words = file.read().split("\n")
    try:
        vectors = np.load(fetch("glove", cache=cache)["glove_6B_50d_emb.npy"], allow_pickle=False)
    except DatasetError as error:
        vectors = np.load(GLOVE / "top.npy", allow_pickle=False).astype(np.float32)
        warnings.warn(f"only the {len(vectors):,} most frequent words, in half precision: {error}", stacklevel=2)
    return words[: len(vectors)], vectors


def digits() -> tuple[UInt8[np.ndarray, "1797 8 8"], UInt8[np.ndarray, " 1797"]]:
    """Return 1,797 digits written by hand, images of 8 × 8 pixels (0 … 16), and which digit each one is.

    Source: Alpaydin & Kaynak 1998, UCI Machine Learning Repository, doi:10.24432/C50P49; CC BY 4.0
    """
    images: UInt8[np.ndarray, "1797 8 8"] = np.load(DATA / "digits/images.npy", allow_pickle=False)
    labels: UInt8[np.ndarray, " 1797"] = np.load(DATA / "digits/labels.npy", allow_pickle=False)
    return images, labels


def cat() -> UInt8[np.ndarray, "200 300"]:
    """Return a photograph of a cat, 200 × 300 grey values (0 black … 255 white).

    Source: "Chelsea" by Stefan van der Walt; CC0
    """
    picture: UInt8[np.ndarray, "200 300"] = np.load(DATA / "cat/cat.npy", allow_pickle=False)
    return picture


def numpy_links() -> tuple[list[str], Int[np.ndarray, "links 2"]]:
    """Return the functions of numpy and the links between them: row (i, j) if the help of i says "See Also" j.

    Source: the docstrings of numpy; BSD-3-Clause
    """
    links = [line.split() for line in (DATA / "numpy_links/links.txt").read_text(encoding="utf-8").splitlines()]
    names = sorted({name for link in links for name in link})
    place = {name: i for i, name in enumerate(names)}
    return names, np.array([[place[name] for name in link] for link in links])


def minilm_weights(*, cache: str | os.PathLike[str] | None = None) -> dict[str, Float32[np.ndarray, "..."]]:
    """Return the weights of all-MiniLM-L6-v2 by name: 6 layers of width 384, matrices as (outputs, inputs).

    Fetches the dataset minilm (84 MB) if it is not cached. Needs the package safetensors.

    Raises
    ------
    DatasetError : the weights are not cached and cannot be fetched

    Source: Reimers & Gurevych 2019, arXiv:1908.10084; Wang et al. 2020, arXiv:2002.10957; Apache-2.0
    """
    from safetensors.numpy import load_file  # here, so that the other data do without it

    weights: dict[str, Float32[np.ndarray, ...]] = load_file(fetch("minilm", cache=cache)["model.safetensors"])
    return {name: array for name, array in weights.items() if array.dtype == np.float32}


def human_rights() -> tuple[list[int], list[str]]:
    """Return the 60 sentences of the Universal Declaration of Human Rights, and the article (1 … 30) of each.

    Source: United Nations, General Assembly resolution 217 A (III), 1948; public domain
    """
    lines = (DATA / "human_rights/sentences.txt").read_text(encoding="utf-8").splitlines()
    articles, sentences = zip(*(line.split("\t") for line in lines), strict=True)
    return [int(article) for article in articles], list(sentences)


def human_rights_questions() -> tuple[list[int], list[str]]:
    """Return 20 questions in plain words, and for each the article of `human_rights` that answers it."""
    lines = (DATA / "human_rights/questions.txt").read_text(encoding="utf-8").splitlines()
    articles, questions = zip(*(line.split("\t") for line in lines), strict=True)
    return [int(article) for article in articles], list(questions)


def human_rights_vectors() -> Float32[np.ndarray, "60 384"]:
    """Return the unit vectors that sentence-transformers gives the sentences of `human_rights`, to compare with.

    The model is all-MiniLM-L6-v2, with the very weights that `minilm_weights` returns.

    Source: Reimers & Gurevych 2019, arXiv:1908.10084; Apache-2.0
    """
    vectors: Float32[np.ndarray, "60 384"] = np.load(DATA / "human_rights/vectors.npy", allow_pickle=False)
    return vectors


def tiny_gpt2() -> tuple[dict[str, Float32[np.ndarray, "..."]], list[int], Float32[np.ndarray, "tokens 20"]]:
    """Return weights of a tiny GPT-2 by name, some tokens, and the logits that the class of transformers gives them.

    The weights are random numbers: 2 layers, 2 heads, 8 features, a vocabulary of 20 and 6 positions.

    Source: GPT2LMHeadModel of the package transformers, Apache-2.0
    """
    with np.load(DATA / "gpt2_tiny/gpt2.npz", allow_pickle=False) as stored:
        arrays = dict(stored)
    return arrays, arrays.pop("ids").tolist(), arrays.pop("logits")
