"""Real models in our own layers: the weights are read, renamed and put in place, and nothing else is taken."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float32
from torch import nn

from vec2attn.attention import padding_mask
from vec2attn.datasets import fetch, minilm_weights
from vec2attn.gguf import read_gguf
from vec2attn.positions import RoPE
from vec2attn.tokenizer import BPE, DIGITS_PATTERN, WordPiece, from_spelling, wordpiece
from vec2attn.transformer import GPT, Block, Encoder, GPTConfig, Llama, LlamaConfig

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
        state = renamed({name: torch.from_numpy(w) for name, w in weights.items()}, BERT_NAMES, 6)
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

    @torch.no_grad()
    def heads(
        self, sentence: str
    ) -> tuple[
        list[str],
        Float32[torch.Tensor, "layers heads tokens size"],
        Float32[torch.Tensor, "layers heads tokens size"],
        Float32[torch.Tensor, "layers heads tokens size"],
    ]:
        """Return the tokens of a sentence, and the queries, keys and values of every head in every layer.

        Raises
        ------
        ValueError : more tokens than the encoder knows positions
        """
        ids = self.tokenizer.encode(sentence)
        X = self.encoder.embed(torch.tensor([ids], device=self.encoder.tokens.weight.device))
        parts, blocks = [], cast(Iterable[Block], self.encoder.blocks)
        for block in blocks:
            parts.append(torch.cat(block.attention.project(X)))
            X = block(X)
        Q, K, V = torch.stack(parts, dim=1)
        return [self.tokenizer.tokens[i] for i in ids], Q, K, V

    def _vectors(self, ids: list[list[int]]) -> torch.Tensor:
        device = self.encoder.tokens.weight.device
        lengths = torch.tensor([len(i) for i in ids], device=device)
        padded = nn.utils.rnn.pad_sequence([torch.tensor(i, device=device) for i in ids], batch_first=True)
        mask = padding_mask(lengths, padded.shape[1])
        X = self.encoder(padded, mask)
        means = (X * mask.mT).sum(dim=1) / lengths[:, None]
        return nn.functional.normalize(means, dim=-1)


# Hugging Face's names of GPT-2 and of Llama, likewise
GPT2_NAMES = {
    "wte": "tokens",
    "wpe": "positions",
    "h.{}.ln_1": "blocks.{}.attention_norm",
    "h.{}.attn.c_attn": "blocks.{}.attention.query_key_value",
    "h.{}.attn.c_proj": "blocks.{}.attention.output",
    "h.{}.ln_2": "blocks.{}.feed_forward_norm",
    "h.{}.mlp.c_fc": "blocks.{}.feed_forward.up",
    "h.{}.mlp.c_proj": "blocks.{}.feed_forward.down",
    "ln_f": "norm",
}
LLAMA_NAMES = {
    "embed_tokens": "tokens",
    "layers.{}.input_layernorm": "blocks.{}.attention_norm",
    "layers.{}.self_attn.q_proj": "blocks.{}.attention.query",
    "layers.{}.self_attn.k_proj": "blocks.{}.attention.key",
    "layers.{}.self_attn.v_proj": "blocks.{}.attention.value",
    "layers.{}.self_attn.o_proj": "blocks.{}.attention.output",
    "layers.{}.post_attention_layernorm": "blocks.{}.feed_forward_norm",
    "layers.{}.mlp.gate_proj": "blocks.{}.feed_forward.gate",
    "layers.{}.mlp.up_proj": "blocks.{}.feed_forward.up",
    "layers.{}.mlp.down_proj": "blocks.{}.feed_forward.down",
    "norm": "norm",
}


def renamed(
    weights: Mapping[str, torch.Tensor], names: Mapping[str, str], layers: int, prefix: str = ""
) -> dict[str, torch.Tensor]:
    """Return the weights under our names; what has no name of ours is left out."""
    state = {}
    for theirs, ours in names.items():
        for layer in range(layers if "{}" in ours else 1):
            for part in ("weight", "bias"):
                if (name := f"{prefix}{theirs.format(layer)}.{part}") in weights:
                    state[f"{ours.format(layer)}.{part}"] = weights[name]
    return state


def load_gpt2(weights: Mapping[str, torch.Tensor], *, heads: int) -> GPT:
    """Return a GPT with weights in the layout of GPT-2 and of transformers' GPT2LMHeadModel.

    Their matrices are (inputs, outputs) and are turned over here.

    Raises
    ------
    RuntimeError : a weight is missing or has another shape
    """
    prefix = "transformer." if "transformer.wte.weight" in weights else ""
    tokens, positions = (weights[f"{prefix}{name}.weight"] for name in ("wte", "wpe"))
    layers = sum(name.endswith("attn.c_attn.weight") for name in weights)
    turned = {n: w.T if ".c_" in n and n.endswith("weight") else w for n, w in weights.items()}
    config = GPTConfig(
        vocabulary=len(tokens), length=len(positions), d=tokens.shape[1], heads=heads, layers=layers,
        hidden=turned[f"{prefix}h.0.mlp.c_fc.weight"].shape[0],
    )  # fmt: skip
    model = GPT(config)
    model.load_state_dict(renamed(turned, GPT2_NAMES, layers, prefix))
    return model


def load_llama(weights: Mapping[str, torch.Tensor], config: LlamaConfig) -> Llama:
    """Return a Llama with weights in the layout of transformers' LlamaForCausalLM.

    Raises
    ------
    RuntimeError : a weight is missing or has another shape
    """
    prefix = "model." if "model.embed_tokens.weight" in weights else ""
    return _llama(renamed(weights, LLAMA_NAMES, config.layers, prefix), config)


def _llama(state: Mapping[str, torch.Tensor], config: LlamaConfig) -> Llama:
    with torch.device("meta"):  # no time for first weights that are thrown away
        model = Llama(config)
    # angles are no weights: made above they would be without numbers, too
    model.rotate = RoPE(config.d // config.heads, config.length, base=config.base, layout=config.layout)
    model.load_state_dict(state, assign=True)
    return model


# how a GGUF file calls the weights of a Llama
GGUF_NAMES = {
    "token_embd": "tokens",
    "blk.{}.attn_norm": "blocks.{}.attention_norm",
    "blk.{}.attn_q": "blocks.{}.attention.query",
    "blk.{}.attn_k": "blocks.{}.attention.key",
    "blk.{}.attn_v": "blocks.{}.attention.value",
    "blk.{}.attn_output": "blocks.{}.attention.output",
    "blk.{}.ffn_norm": "blocks.{}.feed_forward_norm",
    "blk.{}.ffn_gate": "blocks.{}.feed_forward.gate",
    "blk.{}.ffn_up": "blocks.{}.feed_forward.up",
    "blk.{}.ffn_down": "blocks.{}.feed_forward.down",
    "output_norm": "norm",
}
CONTROL = 3  # the type of tokens that stand for no text


def load_smollm2(
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    length: int = 2048,
    cache: str | os.PathLike[str] | None = None,
) -> tuple[Llama, BPE]:
    """Return SmolLM2-135M-Instruct and its tokenizer. Fetches the dataset smollm2 (93 MB) if it is not cached.

    The stored weights have 4 bits (the embedding 8); they are expanded to `dtype`, 538 MB in float32.

    Parameters
    ----------
    device, dtype : where and how the weights are kept
    length : positions to prepare for, at most 8192

    Raises
    ------
    DatasetError : the weights are not cached and cannot be fetched

    Source: Allal et al. 2025, arXiv:2502.02737
    """
    facts, tensors = read_gguf(fetch("smollm2", cache=cache)["SmolLM2-135M-Instruct.Q4_1.gguf"])
    size = {name.removeprefix("llama."): value for name, value in facts.items() if name.startswith("llama.")}
    config = LlamaConfig(
        vocabulary=len(facts["tokenizer.ggml.tokens"]),
        length=min(length, size["context_length"]),
        d=size["embedding_length"],
        heads=size["attention.head_count"],
        kv_heads=size["attention.head_count_kv"],
        layers=size["block_count"],
        hidden=size["feed_forward_length"],
        base=size["rope.freq_base"],
        layout="pairs",  # the files of this format hold the rows of Wq and Wk in that order
        eps=size["attention.layer_norm_rms_epsilon"],
    )
    weights = {name: _laid_out(torch.from_numpy(w.array()).to(device, dtype)) for name, w in tensors.items()}
    return _llama(renamed(weights, GGUF_NAMES, config.layers), config).eval(), _gguf_tokenizer(facts)


def _laid_out(W: torch.Tensor) -> torch.Tensor:
    """Return a matrix with more outputs than inputs as it is, but with its columns one after the other in memory.

    Writing multiplies single vectors, and what takes the time is reading W. By columns a processor reads it up to
    twice as fast: it adds long columns, where by rows it sums many short products.
    """
    tall = W.ndim == 2 and W.shape[0] > W.shape[1] and W.device.type == "cpu"
    return W.T.contiguous().T if tall else W


def _gguf_tokenizer(facts: Mapping[str, Any]) -> BPE:
    spelt = dict(zip(facts["tokenizer.ggml.tokens"], range(len(facts["tokenizer.ggml.tokens"])), strict=True))
    control = {t for t, i in spelt.items() if facts["tokenizer.ggml.token_type"][i] == CONTROL}
    return from_spelling(
        {token: i for token, i in spelt.items() if token not in control},
        facts["tokenizer.ggml.merges"],
        pattern=DIGITS_PATTERN,
        special={token: spelt[token] for token in control},
    )
