#!/usr/bin/env python3
"""The commands that the README and `--help` show, run one after the other as a reader would.

Runs the program named by $PROOFLOAD in a temporary folder. One line per check; exit status 1 when one failed.
"""

import re
import shlex
import subprocess
import sys

from program import COMMANDS, PROGRAM, ROOT, check, end, made_prices_of, run, workplace


def commands_of_readme():
    """The shell commands of the README's `sh` blocks, here-documents included, and the exit status that a comment says."""
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).splitlines()
    while lines:
        line = lines.pop(0)
        command = line
        if ending := re.search(r"<<'?(\w+)'?", line):
            while command.splitlines()[-1] != ending.group(1):
                command += "\n" + lines.pop(0)
        status = re.search(r"exit status (\d)", line)
        yield command, int(status.group(1)) if status else 0


def check_readme(folder):
    (folder / "build").mkdir()
    (folder / "build/proofload").symlink_to(PROGRAM)
    (folder / "scenarios").symlink_to(ROOT / "scenarios")
    (folder / "results").mkdir()
    book = (ROOT / "scenarios/multi-chain-book.toml").read_text()
    prices = made_prices_of(sorted(set(re.findall(r'^asset = "(\w+)"', book, re.MULTILINE))))
    (folder / "prices.csv").write_text("\n".join(prices) + "\n")
    seen = set()
    for command, status in commands_of_readme():
        name = command.splitlines()[0].partition("#")[0].strip()
        if not name or name.startswith("./scripts/"):
            continue
        if " bench " in name:
            command = command.replace(" bench ", " bench --paths 20000 ")
        result = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, timeout=120, check=False)
        check(
            f"README: {name}", result.returncode == status, f"exit status {result.returncode}, {result.stderr[-300:]}"
        )
        seen |= set(re.findall(r"build/proofload (\w+)", command))
    check("README: every command is in it", seen == set(COMMANDS), seen)
    for command in COMMANDS:  # their files are those of the README's round
        example = re.search(
            r"^Example: proofload (.*)$", run(folder, command, "--help").stdout.decode(), re.MULTILINE
        ).group(1)
        example = example.replace("--paths 4000000", "--paths 20000")
        extra = ["--paths", "20000"] if command in ("bench", "frontier") else []
        result = run(folder, *shlex.split(example), *extra, timeout=120)
        check(f"help: proofload {example}", result.returncode in (0, 1), result.stderr[-300:])


if __name__ == "__main__":
    with workplace() as folder:
        check_readme(folder)
    sys.exit(end())
