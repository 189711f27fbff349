"""What the tests of the command line share: the program under test, a small scenario, prices, and one line per check."""

import contextlib
import math
import os
import random
import re
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path.cwd()
PROGRAM = os.path.abspath(os.environ.get("PROOFLOAD", "build/proofload"))
SANITIZED = Path(PROGRAM).exists() and b"__asan_init" in Path(PROGRAM).read_bytes()  # ten times as slow
COMMANDS = (
    "run",
    "show",
    "compare",
    "export",
    "validate",
    "explain",
    "list",
    "frontier",
    "sensitivity",
    "doctor",
    "bench",
    "fit",
    "backtest",
    "help",
)

BASE = """schema = 1
name = "small"
[run]
paths = 20000
confidence = [0.9, 0.99]
[market]
assets = [
  { name = "ETH", price = 3000.0, volatility = 0.8 },
  { name = "BTC", price = 90000.0, volatility = 0.6 },
]
correlation = [[1.0, 0.8], [0.8, 1.0]]
[layers.bridge]
hazard = 1.0
exposure = "72h"
recovery = { kind = "constant", value = 0.5 }
[routes.far]
collateral_chain = "ethereum"
liability_chain = "arbitrum"
layer = "bridge"
stages = [
  { name = "oracle", kind = "uniform", min = "0s", max = "60s" },
  { name = "finality", kind = "lognormal", median = "15m", p99 = "1h" },
]
[[collateral]]
name = "ETH@ethereum"
asset = "ETH"
route = "far"
haircut = 0.05
[[collateral]]
name = "BTC@ethereum"
asset = "BTC"
route = "far"
sale = { size = 1e6, depth = 5e7, cost = 50.0 }
"""

failures = []


def check(name, good, why=""):
    print(f"ok       {name}" if good else f"FAILED   {name}: {why}", flush=True)
    if not good:
        failures.append(name)


def skip(name, why):
    print(f"skipped  {name} ({why})", flush=True)


def run(folder, *arguments, prefix=(), **how):
    """The finished process, or one with exit status -1 if it had to be killed; `how` goes to subprocess."""
    command = [*prefix, PROGRAM, *map(str, arguments)]
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 120, **how}
    try:
        return subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, check=False, **how)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, -1, b"", b"it was killed: it took too long")


def listing(folder):
    """Names, sizes and times of all that is in the folder: also what was replaced is found."""
    return {p: (p.lstat().st_mtime_ns, p.lstat().st_size) for p in sorted(folder.rglob("*")) if not p.is_dir()}


def complaint(result, holds=(), place=None, status=2):
    """What is wrong with how a refusal was told; empty when nothing is."""
    text = result.stderr.decode(errors="replace")
    if result.returncode != status:
        return f"exit status {result.returncode}, stderr {text[:300]!r}"
    if result.stdout:
        return f"stdout is not empty: {result.stdout[:100]!r}"
    for wrong in ("unexpected failure", "Traceback", "terminate called", "runtime error:", "Sanitizer"):
        if wrong in text:
            return f"stderr holds {wrong!r}: {text[:300]!r}"
    lines = text.splitlines()
    if not lines:
        return "stderr is empty"
    for line in lines:
        if not re.fullmatch(r"\S.* \(.+\) \S.*", line):
            return f'not "<problem> (<why>) <what to do>": {line[:300]!r}'
        if place and not re.match(place, line):
            return f"does not begin with {place}: {line[:300]!r}"
        if len(line) > 2000:
            return f"a line of {len(line)} characters"
    missing = [word for word in holds if word not in text]
    return f"no {missing} in {text[:300]!r}" if missing else ""


def refused(name, folder, *arguments, holds=(), place=None, status=2, **how):
    before, start = listing(folder), time.monotonic()
    result = run(folder, *arguments, **how)
    seconds = time.monotonic() - start
    why = complaint(result, holds, place, status)
    left = set(listing(folder).items()) ^ set(before.items())
    if not why and left:
        why = f"files were made or changed: {sorted({str(p.relative_to(folder)) for p, _ in left})}"
    if not why and seconds > 10:
        why = f"took {seconds:.1f} s"
    check(name, not why, why)


@contextlib.contextmanager
def workplace():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "base.toml").write_text(BASE)
        yield folder


# ---- scenarios -------------------------------------------------------------------------------------------------------


def hours_of(count, start=1609459200):
    return [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start + 3600 * i)) for i in range(count)]


def made_prices_of(assets, hours=2400):
    """Hourly prices of normal log returns of 1 %, correlation .64."""
    draws = random.Random(1)
    logs, lines = [5.0] * len(assets), [",".join(["timestamp_utc", *assets])]
    for time_text in hours_of(hours):
        lines.append(",".join([time_text, *(f"{math.exp(x):.6f}" for x in logs)]))
        common = draws.gauss(0, 1)
        logs = [x + 0.01 * (0.8 * common + 0.6 * draws.gauss(0, 1)) for x in logs]
    return lines


def made_prices(hours=2400):
    """Hourly prices of independent normal log returns: 1 % of ETH and .7 % of BTC, correlation .8."""
    draws = random.Random(1)
    eth, btc, lines = 3000.0, 50000.0, ["timestamp_utc,ETH,BTC"]
    for time_text in hours_of(hours):
        lines.append(f"{time_text},{eth:.6f},{btc:.6f}")
        common, own = draws.gauss(0, 1), draws.gauss(0, 1)
        eth *= math.exp(0.01 * (0.8 * common + 0.6 * own))
        btc *= math.exp(0.007 * common)
    return lines


def end():
    """The exit status of a script, said in its last line too."""
    print(f"{len(failures)} failed" if failures else "all good")
    return 1 if failures else 0
