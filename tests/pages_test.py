#!/usr/bin/env python3
"""What pages refer to exists: their links, the files that CONTRIBUTING names, and the facts that scenarios cite. One line a mistake."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

failures = []


def links_of(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if not re.match(r"https?:", link):
            yield link


pages = [p for p in Path(".").rglob("*.md") if p.parts[0] != "build"]
for page in pages:
    for link in links_of(page):
        if link.partition("#")[0] and not (page.parent / link.partition("#")[0]).exists():
            failures.append(f"{page}: {link} (there is no such file)")

for page in [Path(p) for p in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "tests/README.md")]:
    for name in re.findall(r"`((?:host|kernels|tests|scenarios|results|scripts)/[\w./-]*)`", page.read_text()):
        if name not in ("host/commands/NAME.cpp", "results/multi-chain-book.h5") and not Path(name).exists():
            failures.append(f"{page}: {name} (there is no such file)")

rooms = {p.name for p in Path("host").iterdir() if p.is_dir()}
listed = set(re.findall(r"^\| `(\w+)` \|", Path("README.md").read_text(), re.MULTILINE))
failures += [f"README.md: host/{room} (its room is not in the table)" for room in sorted(rooms - listed)]
kernels = Path("kernels/README.md").read_text()
for file in sorted(Path("kernels").iterdir()):
    if file.suffix in (".h", ".cpp", ".cu") and f"`{file.name}`" not in kernels:
        failures.append(f"kernels/README.md: {file.name} (it is not in the table)")

facts = Path("scenarios/facts/crosschain.md").read_text()
sections = set(re.findall(r"^##+ ([A-Z]?\d?)\.? ", facts, re.MULTILINE))
cited = 0
for scenario in sorted(Path("scenarios").rglob("*.toml")):
    text = re.sub(r"\n# *", " ", scenario.read_text())
    for first, second in re.findall(r"\bfacts ((?:[A-Z]\d?)|\d)\b(?:(?: and |, )([A-Z]\d?)\b)?", text):
        for section in filter(None, (first, second)):
            cited += 1
            if section != "X" and section not in sections:
                failures.append(f"{scenario}: facts {section} (there is no such section)")
if cited < 50:
    failures.append(f"only {cited} citations of facts were found (there are more: the pattern is wrong)")

# The line that renames a scenario of 0.1 does, and leaves alone the dates of a replay.
OLD = """[routes.far]
from = "ethereum"
  to="arbitrum"
stages = [
  { name = "finality", scope = "destination_chain", kind = "chain" } ]
[routes]
near = { from = "a", to = "b" }
[stress.replay]
from = "2021-01-01"
to = "2021-02-01"
"""
NEW = (
    OLD.replace('from = "ethereum"', 'collateral_chain = "ethereum"')
    .replace('to="arbitrum"', 'liability_chain="arbitrum"')
    .replace('from = "a", to = "b"', 'collateral_chain = "a", liability_chain = "b"')
    .replace("destination_chain", "liability_chain")
)
line = re.search(r"^ +(sed -i .*) \*\.toml$", Path("CHANGELOG.md").read_text(), re.MULTILINE).group(1)
renamed = subprocess.run(shlex.split(line.replace(" -i", "")), input=OLD, text=True, capture_output=True, check=True).stdout
if renamed != NEW:
    failures.append(f"CHANGELOG.md: the line for sed gives {renamed}")

for failure in failures:
    print(failure)
print(f"{len(pages)} pages, {cited} citations, {len(failures)} failed")
sys.exit(bool(failures))
