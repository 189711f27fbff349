#!/usr/bin/env python3
"""scripts/plot_losses.py draws a result, and its curve passes the haircuts of the file. 77 where matplotlib or h5py is missing."""

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = os.path.abspath(os.environ.get("PROOFLOAD", "build/proofload"))
SCRIPT = Path("scripts/plot_losses.py").absolute()


def main():
    try:
        import h5py
        import matplotlib  # noqa: F401
    except ImportError as missing:
        print(f"skipped: {missing.name} is not installed")
        return 77
    specification = importlib.util.spec_from_file_location("plot_losses", SCRIPT)
    plot = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(plot)
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
    print(f"{failures} failed" if failures else "ok       plot_losses: pictures, and every haircut is on its curve")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
