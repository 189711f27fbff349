#!/usr/bin/env python3
"""Files that are damaged, made to do harm, or somebody else's: who reads them answers or refuses, and always ends.

Runs the program named by $PROOFLOAD in temporary folders. One line per check; exit status 1 when one failed.
    hostile_files_test.py [IMAGES IN PROCESS [IMAGES FOR EACH COMMAND [SEED]]]
Images that fail are left in hostile-failures/ of the build folder.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

from program import PROGRAM, SANITIZED, check, complaint, end, refused, run, workplace

BUILD = Path(os.path.abspath(os.environ.get("PROOFLOAD_BUILD", "build")))
IN_PROCESS = int(sys.argv[1]) if len(sys.argv) > 1 else 150 if SANITIZED else 600
FOR_EACH = int(sys.argv[2]) if len(sys.argv) > 2 else 4 if SANITIZED else 40
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else 1
TRAILER = 53  # bytes: "\nproofload-xxh3-128 ", 32 hex digits, "\n"

ONE = """schema = 1
name = "one"
[run]
paths = 1000
confidence = [0.9, 0.99]
[market]
assets = [ { name = "ETH", price = 3000.0, volatility = 0.8 } ]
[layers.bridge]
hazard = 30.0
exposure = "72h"
recovery = { kind = "constant", value = 0.5 }
[routes.r]
collateral_chain = "ethereum"
liability_chain = "arbitrum"
layer = "bridge"
stages = [ { name = "relay", kind = "exponential", mean = "10m" } ]
[[collateral]]
name = "A"
asset = "ETH"
route = "r"
haircut = 0.1
"""


def made(folder):
    (folder / "one.toml").write_text(ONE)
    result = run(folder, "run", "one.toml", "-o", "one.h5", "--threads", "1")
    check("a result to start from", result.returncode == 0, result.stderr)
    return folder / "one.h5"


# ---- results ---------------------------------------------------------------------------------------------------------


def check_images_in_process(folder):
    tool = BUILD / "hostile_results"
    failing = BUILD / "hostile-failures"
    failing.mkdir(exist_ok=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = subprocess.run(
        [tool, "read", folder / "one.h5", str(SEED), str(IN_PROCESS), failing], capture_output=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    text = result.stdout.decode()
    print(text, end="")
    print(f"         {seconds:.1f} s of CPU")
    why = f"status {result.returncode}, {result.stderr[-300:]!r}"
    check(f"{IN_PROCESS} images read in process", result.returncode == 0, why)
    lines = [line.split(" ", 1) for line in text.splitlines() if line[:1].isdigit()]
    counts = {words: int(count) for count, words in lines}
    if IN_PROCESS >= 600:
        several = min(counts.get("answered", 0), counts.get("refused", 0)) > IN_PROCESS / 10
        check("damage was found in many of them, and none in many", several, text)


def check_images_by_commands(folder):
    tool = BUILD / "hostile_results"
    failing = BUILD / "hostile-failures"
    good = folder / "one.h5"
    for place, name in enumerate(("show", "compare", "export", "run")):
        images = folder / "images"
        images.mkdir()
        subprocess.run([tool, "write", good, str(SEED + 1000 + place), str(FOR_EACH), images], check=True)
        statuses, wrong = {}, []
        for image in sorted(images.iterdir()):
            arguments = {
                "show": ("show", image, "--json"),
                "compare": ("compare", good, image),
                "export": ("export", image, "-o", "out.json", "--force"),
                "run": (*"run one.toml --paths 2000 --threads 1 -o out.h5 --force --resume".split(), image),
            }[name]
            result = run(folder, *arguments, timeout=60)
            statuses[result.returncode] = statuses.get(result.returncode, 0) + 1
            why = complaint(result) if result.returncode == 2 else ""
            if result.returncode not in ((0, 1, 2) if name == "compare" else (0, 2)) or why:
                wrong.append(f"{image.name}: status {result.returncode}, {why}")
                shutil.copy(image, failing)
        print(f"         {name}: exit statuses {statuses}")
        check(f"{FOR_EACH} images by {name}", not wrong, "; ".join(wrong[:5]))
        shutil.rmtree(images)


def check_trailer(folder):
    whole = (folder / "one.h5").read_bytes()
    (folder / "bare.h5").write_bytes(whole[:-TRAILER])
    wrong = bytearray(whole)
    wrong[-2] ^= 1
    (folder / "wrong.h5").write_bytes(wrong)
    (folder / "cut.h5").write_bytes(whole[:-7])
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 4
    (folder / "flipped.h5").write_bytes(flipped)
    result = run(folder, "show", "one.h5")
    check("show of a file with its checksum says nothing", b"hecksum" not in result.stdout + result.stderr, result)
    result = run(folder, "show", "bare.h5")
    check("show says that a file has no checksum", b"Checksum of the file: none" in result.stdout, result)
    for name, wanted in (("one.h5", True), ("bare.h5", False)):
        has = json.loads(run(folder, "show", name, "--json").stdout)["has_checksum"]
        check(f"show --json of {name}: has_checksum", has is wanted, has)
    for arguments in (
        ("compare", "one.h5", "bare.h5"),
        ("export", "bare.h5", "-o", "out.json"),
        ("run", "one.toml", "--paths", "1500", "--resume", "bare.h5", "--threads", "1"),
    ):
        result = run(folder, *arguments)
        said = b"bare.h5: checksum none" in result.stderr
        check(f"{arguments[0]} says it too", result.returncode == 0 and said, result)
    provenance = json.loads((folder / "out.json").read_text())["provenance"]
    check("and the export", provenance.get("checksum", "").startswith("none"), provenance)
    (folder / "out.json").unlink()
    for name, word in (("wrong.h5", "damaged"), ("cut.h5", "truncated"), ("flipped.h5", "damaged")):
        refused(f"{name}: show", folder, "show", name, holds=(name, word))
        refused(f"{name}: compare", folder, "compare", "one.h5", name, holds=(name, word))
        refused(f"{name}: export", folder, "export", name, "-o", "out.json", holds=(name, word))
        refused(f"{name}: resume", folder, "run", "one.toml", "--paths", "2000", "--resume", name, holds=(name, word))


# ---- what is no scenario's -------------------------------------------------------------------------------------------

SECRET = "hunter2"
SECRETS = {
    "shadow": "root:$y$j9T$hunter2:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\nhunter2:x:1:1:,,,:/:/bin/sh\n",
    "key": "-----BEGIN hunter2-----\nhunter2AAAA\nhunter2BBBB==\n",
    "env": "API=hunter2\nhunter2=1\n",
    "token": "hunter2",
    "passwords.csv": "site,hunter2,word\na.example,hunter2,hunter2\nb.example,x,hunter2\n",
    "hosts": "127.0.0.1\thunter2\n::1\thunter2\n",
    "config.json": '{"token": "hunter2"}\n',
    "config.ini": "[hunter2]\ntoken = hunter2\n",
    "config.toml": '[credentials]\ntoken = "hunter2"\n',
    "quotes": '"hunter2" hunter2\n"hunter2\n',
}


def doors(file):
    """A scenario that reads the file, for every way in which one can."""
    two = ONE.replace("} ]", "}, { name = \"BTC\", price = 1.0, volatility = 0.5 } ]", 1)
    stage = 'kind = "exponential", mean = "10m"'
    file = json.dumps(str(file))
    yield "include", ONE.replace("schema = 1", f"schema = 1\ninclude = [{file}]")
    yield "samples", ONE.replace(stage, f'kind = "empirical", file = {file}, column = "hunter"')
    yield "samples, by a name that begins so", ONE.replace(stage, f'kind = "empirical", file = {file}, column = "hu"')
    yield "samples of a column that is there", ONE.replace(stage, f'kind = "empirical", file = {file}, column = "site"')
    yield "samples with a status", ONE.replace(
        stage, f'kind = "empirical", file = {file}, column = "site", status = "word", tail = {{ kind = "exponential" }}'
    )
    yield "quantiles", ONE.replace(stage, f'kind = "empirical", quantile_file = {file}, where = {{ site = "hu" }}')
    yield "correlation", two.replace("[layers", f"correlation_file = {file}\n[layers", 1)
    yield "residuals", ONE.replace(
        "[layers", f'innovation = {{ kind = "bootstrap", file = {file}, bar = "1h", block = "5h" }}\n[layers', 1
    )
    yield "replay", ONE + f'[stress]\nreplay = {{ file = {file}, start = "random", columns = {{ ETH = "hu" }} }}\n'
    yield "replay of a column that is there", ONE + (
        f'[stress]\nreplay = {{ file = {file}, start = "random", columns = {{ ETH = "word" }} }}\n'
    )


def check_secrets(folder):
    for name, text in SECRETS.items():
        (folder / name).write_text(text)
        leaks = []
        result = run(folder, "validate", name)
        if SECRET in (result.stdout + result.stderr).decode():
            leaks.append("validate of the file itself")
        if result.returncode != 2:
            leaks.append(f"status {result.returncode}")
        for door, scenario in doors(name):
            (folder / "door.toml").write_text(scenario)
            result = run(folder, "validate", "door.toml")
            if SECRET in (result.stdout + result.stderr).decode():
                leaks.append(f"{door}: {result.stderr[:300]!r}")
            if result.returncode != 2:
                leaks.append(f"{door}: status {result.returncode}, {result.stderr[:200]!r}")
        check(f"nothing of {name} is shown", not leaks, "; ".join(leaks[:3]))


# ---- what does not end -----------------------------------------------------------------------------------------------


def check_fifos(folder):
    """Nobody writes to it, and nobody will."""
    os.mkfifo(folder / "pipe")
    os.mkfifo(folder / "pipe.h5")
    for arguments in (
        ("validate", "pipe"),
        ("run", "pipe"),
        ("explain", "pipe", "--path", "1"),
        ("frontier", "pipe", "--mechanisms", "ccip"),
        ("sensitivity", "pipe"),
        ("show", "pipe.h5"),
        ("compare", "one.h5", "pipe.h5"),
        ("export", "pipe.h5", "-o", "out.json"),
        ("run", "one.toml", "--resume", "pipe.h5", "-o", "out.h5"),
        ("fit", "pipe", "--horizon", "1h"),
        ("backtest", "one.toml", "pipe", "--delta", "1h"),
        ("validate", "one.toml", "--prices", "pipe"),
    ):
        refused(f"a pipe without a writer: {' '.join(arguments)}", folder, *arguments, timeout=20)
    for door, scenario in doors("pipe"):
        if door not in ("include", "samples", "replay"):  # each waits for a writer for five seconds
            continue
        (folder / "door.toml").write_text(scenario)
        refused(f"a pipe without a writer: {door}", folder, "validate", "door.toml", timeout=20)


def check_includes(folder):
    """Sixty files of 4 MiB: no more of them are read than a scenario may have."""
    one = "".join(f"k{i} = 1\n" for i in range(250000))
    many = folder / "many"
    many.mkdir()
    for i in range(60):
        (many / f"{i}.toml").write_text(one + "#" * ((4 << 20) - len(one) - 1000) + "\n")
    names = ", ".join(f'"many/{i}.toml"' for i in range(60))
    (folder / "sixty.toml").write_text(ONE.replace("schema = 1", f"schema = 1\ninclude = [{names}]"))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    refused("sixty includes of 4 MiB", folder, "validate", "sixty.toml", holds=("larger than 4 MiB",))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    check("and they end in a second", seconds < 1.0 or SANITIZED, f"{seconds:.2f} s of CPU")
    print(f"         {seconds:.2f} s of CPU")
    shutil.rmtree(many)


def main():
    with workplace() as folder:
        made(folder)
        check_trailer(folder)
        check_secrets(folder)
        check_fifos(folder)
        check_includes(folder)
        check_images_in_process(folder)
        check_images_by_commands(folder)
    return end()


if __name__ == "__main__":
    sys.exit(main())
