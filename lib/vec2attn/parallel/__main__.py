"""Check ring attention in every process that torchrun has started, or in two that are started here."""

import os
import sys

import torch.distributed as dist

from vec2attn.parallel.team import enter, launch
from vec2attn.parallel.workers import check

if __name__ == "__main__":  # the processes that are started here import this file
    if "RANK" in os.environ:
        rank, size, local = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
        # in one piece: unbuffered, as torchrun has it, print writes the end of the line by itself, and lines would mix
        sys.stdout.write(f"{check(enter(rank, size, local, 120))}\n")
        dist.destroy_process_group()
    else:
        print(*launch(check, 2), sep="\n")
