#!/usr/bin/env python3
"""scripts/plot_losses.py draws a result, and its curve passes the haircuts of the file; scripts/plot_ages.py draws a backtest's
haircuts in force. 77 where matplotlib or h5py is missing."""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = os.path.abspath(os.environ.get("PROOFLOAD", "build/proofload"))
SCRIPT = Path("scripts/plot_losses.py").absolute()
AGES = Path("scripts/plot_ages.py").absolute()


def module(script):
    specification = importlib.util.spec_from_file_location(script.stem, script)
    loaded = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(loaded)
    return loaded


def ages_drawn(folder):
    """What is wrong with plot_ages.py on a backtest of two ages; nothing when nothing is."""
    backtest, picture = folder / "week.json", folder / "ages.png"

    def row(model, confidence, first, last, ratio):
        return {"model": model, "confidence": confidence, "from_seconds": first, "to_seconds": last, "all": last - first > 43200,
                "ratio": {"estimate": ratio, "low": ratio / 2, "high": ratio * 2}}  # fmt: skip

    rows = [row(m, c, *ages) for m in ("a", "b") for c in (0.99, 0.999)
            for ages in ((0.0, 43200.0, 1.25), (43200.0, 86400.0, 1.5), (0.0, 86400.0, 1.4))]  # fmt: skip
    backtest.write_text(json.dumps({"by_age": rows}))
    lines, confidence = module(AGES).lines_of(backtest, None, None)
    wanted = [(21600.0, 1.25, 0.625, 2.5), (64800.0, 1.5, 0.75, 3.0)]
    if confidence != 0.999 or lines != {"a": wanted, "b": wanted}:
        yield f"ages: {confidence} {lines}"
    for arguments, holds in (([], b""), (["--models", "a"], b""), (["--models", "c"], b"--models c"), (["--confidence", "0.5"], b"0.5")):
        drawn = subprocess.run([sys.executable, AGES, backtest, picture, *arguments], capture_output=True)
        if drawn.returncode != (1 if holds else 0) or holds not in drawn.stderr:
            yield f"ages {arguments}: {drawn.stderr}"
    if not picture.read_bytes().startswith(b"\x89PNG"):
        yield "ages: no PNG was written"
    for text in ("{}", "[]", "no JSON"):
        backtest.write_text(text)
        drawn = subprocess.run([sys.executable, AGES, backtest, picture], capture_output=True)
        if drawn.returncode != 1 or b"--in-force" not in drawn.stderr:
            yield f"ages of {text}: {drawn.stderr}"


def main():
    try:
        import h5py
        import matplotlib  # noqa: F401
    except ImportError as missing:
        print(f"skipped: {missing.name} is not installed")
        return 77
    plot = module(SCRIPT)
    failures = 0
    with tempfile.TemporaryDirectory() as name:
        result, picture = Path(name) / "book.h5", Path(name) / "losses.png"
        book = "scenarios/multi-chain-book.toml"
        subprocess.run([PROGRAM, "run", book, "--paths", "400000", "-o", result], check=True, capture_output=True)
        with h5py.File(result) as file:
            for number, collateral in enumerate(file["collateral"][:]):
                losses, exceeded = plot.tail(file, number)
                for haircut, confidence in zip(file["haircut"][number], file["confidence"][:]):
                    # a haircut is the upper edge of a bin (1e-5 wide), the first to be exceeded this rarely
                    there, before = exceeded[losses >= haircut - 1e-9][0], exceeded[losses >= haircut - 3e-5][0]
                    if not there <= 1.0 - confidence + 1e-12 <= before + 1e-12:
                        failures += 1
                        print(f"FAILED   {collateral}: P(loss > {haircut}) = {there}, just before {before}")
        for names in (["ARB@arbitrum", "ETH@ethereum"], ["DOGE@nowhere"]):
            drawn = subprocess.run([sys.executable, SCRIPT, result, picture, "--collateral", *names], capture_output=True)
            good = names[0] == "DOGE@nowhere"
            if (drawn.returncode == 1 and b"DOGE" in drawn.stderr) != good or drawn.returncode not in (0, 1):
                failures += 1
                print(f"FAILED   {names}: {drawn.stderr}")
        if not picture.read_bytes().startswith(b"\x89PNG"):
            failures += 1
            print("FAILED   no PNG was written")
        for wrong in ages_drawn(Path(name)):
            failures += 1
            print(f"FAILED   {wrong}")
    print(f"{failures} failed" if failures else "ok       pictures, and every haircut is on its curve")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
