"""Real models in our own layers: the weights are read, renamed and put in place, and nothing else is taken."""

import os
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float32
from torch import nn

from vec2attn.attention import padding_mask
from vec2attn.datasets import fetch, minilm_weights
from vec2attn.tokenizer import WordPiece, wordpiece
from vec2attn.transformer import Encoder

# how Hugging Face's BERT calls what is ours; {} is the number of a layer
BERT_NAMES = {
    "embeddings.word_embeddings": "tokens",
    "embeddings.position_embeddings": "positions",
    "embeddings.LayerNorm": "norm",
    "encoder.layer.{}.attention.self.query": "blocks.{}.attention.query",
    "encoder.layer.{}.attention.self.key": "blocks.{}.attention.key",
    "encoder.layer.{}.attention.self.value": "blocks.{}.attention.value",
    "encoder.layer.{}.attention.output.dense": "blocks.{}.attention.output",
    "encoder.layer.{}.attention.output.LayerNorm": "blocks.{}.attention_norm",
    "encoder.layer.{}.intermediate.dense": "blocks.{}.feed_forward.up",
    "encoder.layer.{}.output.dense": "blocks.{}.feed_forward.down",
    "encoder.layer.{}.output.LayerNorm": "blocks.{}.feed_forward_norm",
}


class MiniLM:
    """all-MiniLM-L6-v2: sentences to unit vectors of 384 numbers; near vectors, near meanings.

    An encoder of 6 layers reads the tokens; the mean of its outputs, scaled to length 1, stands for the sentence.

    Source: Reimers & Gurevych 2019, section 3, arXiv:1908.10084; Wang et al. 2020, arXiv:2002.10957
    """

    LENGTH = 256  # tokens; the rest of a longer sentence is not read, as in training

    def __init__(self, encoder: Encoder, tokenizer: WordPiece) -> None:
        self.encoder, self.tokenizer = encoder.eval(), tokenizer

    @classmethod
    def load(cls, *, device: torch.device | str = "cpu", cache: str | os.PathLike[str] | None = None) -> "MiniLM":
        """Return the model with its trained weights. Fetches the dataset minilm (84 MB) if it is not cached.

        Raises
        ------
        DatasetError : the weights are not cached and cannot be fetched
        """
        weights = minilm_weights(cache=cache)
        encoder = Encoder(vocabulary=30_522, length=512, d=384, heads=12, hidden=1536, layers=6)
        # there is one kind of token here: its embedding is a part of every token's
        weights["embeddings.word_embeddings.weight"] = (
            weights["embeddings.word_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
        )
        state = {}
        for theirs, ours in BERT_NAMES.items():
            for layer in range(6 if "{}" in ours else 1):
                for part in ("weight", "bias"):
                    if (name := f"{theirs.format(layer)}.{part}") in weights:
                        state[f"{ours.format(layer)}.{part}"] = torch.from_numpy(weights[name])
        encoder.load_state_dict(state)
        return cls(encoder.to(device), wordpiece(fetch("minilm", cache=cache)["vocab.txt"]))

    def linears(self) -> dict[str, nn.Linear]:
        """Return the encoder's linear layers by name; their `weight`, (outputs, inputs), may be changed in place."""
        return {name: layer for name, layer in self.encoder.named_modules() if isinstance(layer, nn.Linear)}

    @torch.inference_mode()
    def encode(self, sentences: Sequence[str], *, batch: int = 32) -> Float32[np.ndarray, "sentences 384"]:
        """Return the unit vector of each sentence.

        Raises
        ------
        TypeError : one text instead of a list of texts
        ValueError : no sentence
        """
        if isinstance(sentences, str):
            raise TypeError("encode needs a list of sentences; put the text in a list")
        if not sentences:
            raise ValueError("there is no sentence to encode")
        ids = [self.tokenizer.encode(sentence) for sentence in sentences]
        # what is too long loses its end, but keeps the mark of the end
        ids = [i if len(i) <= self.LENGTH else [*i[: self.LENGTH - 1], i[-1]] for i in ids]
        order = np.argsort([len(i) for i in ids], kind="stable")  # little padding: sentences of like length together
        found = np.empty((len(ids), self.encoder.tokens.embedding_dim), np.float32)
        for start in range(0, len(ids), batch):
            some = order[start : start + batch]
            found[some] = self._vectors([ids[i] for i in some]).float().cpu().numpy()
        return found

    def _vectors(self, ids: list[list[int]]) -> torch.Tensor:
        device = self.encoder.tokens.weight.device
        lengths = torch.tensor([len(i) for i in ids], device=device)
        padded = nn.utils.rnn.pad_sequence([torch.tensor(i, device=device) for i in ids], batch_first=True)
        mask = padding_mask(lengths, padded.shape[1])
        X = self.encoder(padded, mask)
        means = (X * mask.mT).sum(dim=1) / lengths[:, None]
        return nn.functional.normalize(means, dim=-1)
