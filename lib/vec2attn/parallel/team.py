"""Real processes: start them, give them work, pass on their errors, and end them in every case."""

import multiprocessing
import os
import shutil
import signal
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.connection import Connection, wait
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import torch.distributed as dist

from vec2attn.arrays import whole_number
from vec2attn.parallel.ring import Ring


class Team:
    """Processes on this machine, each with its place in a `Ring`, that wait for work: nccl on GPUs, else gloo.

    Use it in a `with` statement, or `close` it. When a worker raises, dies or is late, all processes are ended.

    Parameters
    ----------
    processes : P; with as many GPUs each gets one
    timeout : seconds that a piece of work may take, the start of the processes included
    """

    def __init__(self, processes: int, *, timeout: float | int = 120) -> None:
        self.size, self.timeout = whole_number("processes", processes), timeout
        if not timeout > 0:
            raise ValueError(f"timeout must be positive; got {timeout}")
        context = torch.multiprocessing.get_context("spawn")
        folder = TemporaryDirectory(prefix="vec2attn-")
        self.pipes: list[Connection] = []
        self.members: list[Any] = []
        self.folder = Path(folder.name)
        self.close = weakref.finalize(self, _end, self.members, self.pipes, folder)  # at the latest when Python ends
        try:
            for rank in range(self.size):
                here, there = context.Pipe()
                self.pipes.append(here)
                job = (rank, self.size, folder.name, there, timeout)
                member = context.Process(target=_member, args=job, daemon=True)
                member.start()
                self.members.append(member)
                there.close()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Team":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def run(self, worker: Callable[..., Any], *arguments: Any) -> list[Any]:
        """Call `worker(ring, *arguments)` in every process, with a copy of the arguments; return the results by rank.

        Raises
        ------
        ValueError : the worker cannot be imported by another process, or the team has ended
        RuntimeError : a worker raised (its traceback is in the message), or its process died
        TimeoutError : a worker did not finish in time
        """
        _refuse_what_cannot_be_imported(worker)
        if not self.close.alive:
            raise ValueError("this team has ended; start another")
        torch.save((worker, arguments), self.folder / "job.pt")
        try:
            self._ask()
            paths = [self.folder / f"{rank}.pt" for rank in range(self.size)]
            return [torch.load(path, map_location="cpu", weights_only=False) for path in paths]
        except BaseException:
            self.close()
            raise

    def _ask(self) -> None:
        deadline = time.monotonic() + self.timeout
        waiting = dict(zip(self.pipes, range(self.size), strict=True))
        for pipe in self.pipes:
            try:
                pipe.send(None)
            except OSError:
                continue  # it has died, which is noticed below
        stopped: list[tuple[float, str]] = []
        while waiting and (ready := wait(list(waiting), max(0.0, deadline - time.monotonic()))):
            for pipe in [pipe for pipe in waiting if pipe in ready]:
                rank = waiting.pop(pipe)
                try:
                    said = pipe.recv()
                except (EOFError, OSError):
                    self.members[rank].join(1)
                    said = (0.0, f"ended without a word, exit code {self.members[rank].exitcode}")
                if said is not None:
                    stopped.append((said[0], f"rank {rank} of {self.size} {said[1]}"))
            if len(stopped) == 1:  # one that stops stops its neighbours: whose word was the first?
                deadline = min(deadline, time.monotonic() + 0.5)
        if stopped:
            raise RuntimeError(min(stopped)[1])
        if waiting:
            late = ", ".join(str(rank) for rank in waiting.values())
            raise TimeoutError(f"after {self.timeout} s rank {late} of {self.size} had not finished; all were ended")


def launch(worker: Callable[..., Any], processes: int, *arguments: Any, timeout: float | int = 120) -> list[Any]:
    """Start a `Team`, let it run one worker, end it, and return the results by rank; errors as in `Team.run`."""
    with Team(processes, timeout=timeout) as team:
        return team.run(worker, *arguments)


def _refuse_what_cannot_be_imported(worker: Callable[..., Any]) -> None:
    name, main = getattr(worker, "__qualname__", repr(worker)), sys.modules["__main__"]
    typed_in = worker.__module__ == "__main__" and not (hasattr(main, "__file__") or main.__spec__)
    if typed_in or "<" in name:
        raise ValueError(f"other processes must be able to import the worker: put {name} into a module of its own")


def _end(members: list[Any], pipes: list[Connection], folder: TemporaryDirectory) -> None:
    for member in members:
        member.kill()
    for member in members:
        member.join()
    for pipe in pipes:
        pipe.close()
    folder.cleanup()


def _member(rank: int, size: int, folder: str, pipe: Connection, timeout: float | int) -> None:
    """Work in a process of a team until it is ended, or its parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupted notebook ends its team itself
    threading.Thread(target=_leave_with_parent, args=(folder,), daemon=True).start()
    try:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // size))
        ring = enter(rank, size, rank, timeout, Path(folder, "meeting").as_uri())
        while _asked(pipe):
            worker, arguments = torch.load(Path(folder, "job.pt"), map_location="cpu", weights_only=False)
            ring.sent = 0
            torch.save(worker(ring, *arguments), Path(folder, f"{rank}.pt"))
            pipe.send(None)
    except Exception:
        pipe.send((time.time(), f"stopped:\n{traceback.format_exc()}"))


def _leave_with_parent(folder: str) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def _asked(pipe: Connection) -> bool:
    try:
        pipe.recv()
    except EOFError:
        return False
    return True


def enter(rank: int, size: int, local: int, timeout: float | int, address: str = "env://") -> Ring:
    """Join the group of processes and return our place in it.

    Parameters
    ----------
    rank, size, local : our number, how many there are, our number on this machine
    timeout : seconds to wait for the others
    address : where the processes meet: a file, or by default what torchrun has put into the environment
    """
    gpus = torch.cuda.device_count() >= size
    device = torch.device("cuda", local) if gpus else torch.device("cpu")
    if gpus:
        torch.cuda.set_device(device)
    elif address.startswith("file:") and sys.platform != "win32":  # all on this machine: no name needs to be resolved
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo0" if sys.platform == "darwin" else "lo")
    patience = timedelta(seconds=timeout)
    dist.init_process_group(
        "nccl" if gpus else "gloo", init_method=address, rank=rank, world_size=size, timeout=patience
    )
    return Ring(rank, size, device)
