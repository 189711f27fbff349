#!/usr/bin/env python3
"""What was computed is kept, and what somebody else wrote too: streams, disks, signals, parts of runs, files in the way.

Runs the program named by $PROOFLOAD in temporary folders. One line per check; exit status 1 when one failed.
"""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time

from program import BASE, PROGRAM, ROOT, check, end, listing, made_prices, refused, run, skip, workplace

# A path of a second or so: a million dates of a grid.
HEAVY = """schema = 1
name = "heavy"
[run]
paths = 1_000_000_000_000
[market]
assets = [ { name = "ETH", price = 3000.0, volatility = 0.8 } ]
variance = { kind = "heston", mean_reversion = 5.0, vol_of_vol = 1.0, correlation = -0.5 }
grid = { step = "3s" }
[routes.r]
collateral_chain = "ethereum"
liability_chain = "arbitrum"
stages = [ { name = "relay", kind = "uniform", min = "1d", max = "29d" } ]
[[collateral]]
name = "A"
asset = "ETH"
route = "r"
haircut = 0.1
"""
# Parameters so uncertain that some path is not finite.
DRAWN = BASE + "[uncertainty]\nvolatility = 2.0\ndelays = 2.0\nblocks = 200\n"
MANY = "1000000000000"
FRONTIER = ("frontier", ROOT / "scenarios/phase-2-trusted-relayer.toml", "--mechanisms", "ccip,htlc", "--paths", "2000")


def shown(folder, file):
    result = run(folder, "show", file, "--json")
    return json.loads(result.stdout) if result.returncode == 0 else {}


def started(folder, *arguments, **how):
    """On one core: these runs are there to be stopped, and beside other tests."""
    if "--threads" not in arguments:
        arguments = (*arguments, "--threads", "1")
    return subprocess.Popen(
        [PROGRAM, *arguments], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **how
    )


def check_streams(folder):
    """Nobody hears what is said; the result is the same."""
    whole = run(folder, "run", "base.toml", "-o", "heard.h5", "--threads", "1")
    check("run", whole.returncode == 0, whole.stderr)
    wanted = shown(folder, "heard.h5")
    for name, redirect, status in (
        ("stderr on a full disk", "2>/dev/full", 0),
        ("stderr closed", "2>&-", 0),
        ("stderr a pipe that nobody reads", "2> >(:)", 0),
        ("stdout on a full disk", ">/dev/full", 4),
        ("stdout closed", ">&-", 4),
        ("stdout and stderr closed", ">&- 2>&-", 4),
    ):
        command = f'sleep 0.1; exec "{PROGRAM}" run base.toml -o unheard.h5 --threads 1 {redirect}'
        result = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, timeout=60, check=False)
        check(f"{name}: exit status {status}", result.returncode == status, (result.returncode, result.stderr))
        check(f"{name}: the result is there", shown(folder, "unheard.h5").get("tally_hash") == wanted["tally_hash"])
        (folder / "unheard.h5").unlink(missing_ok=True)
    result = subprocess.run(
        ["bash", "-c", f'"{PROGRAM}" validate nosuch.toml 2>&-'], cwd=folder, capture_output=True, check=False
    )
    check("an error that cannot be said: exit status 2", result.returncode == 2, result.returncode)


def check_signals(folder):
    (folder / "heavy.toml").write_text(HEAVY)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        for scenario in ("base.toml", "heavy.toml"):
            name = f"{signal.Signals(number).name} in {scenario}"
            process = started(folder, "run", scenario, "--paths", MANY, "-o", "stopped.h5", stderr=subprocess.DEVNULL)
            time.sleep(3)
            process.send_signal(number)
            since = time.monotonic()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
            seconds = time.monotonic() - since
            check(f"{name}: exit status {128 + number}", process.returncode == 128 + number, process.returncode)
            check(f"{name}: within two seconds", seconds < 2.0, f"{seconds:.1f} s")
            part = shown(folder, "stopped.h5")
            check(f"{name}: saved what was done", 0 < part.get("paths", 0) < int(MANY), part.get("paths"))
            check(f"{name}: and says that it is a part", "of 1,000,000,000,000 paths" in (part.get("partial") or ""))
            (folder / "stopped.h5").unlink(missing_ok=True)
    ignoring = ["bash", "-c", f'trap "" HUP; exec "{PROGRAM}" run base.toml --paths {MANY}']
    process = subprocess.Popen(ignoring, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(1)
    process.send_signal(signal.SIGHUP)
    time.sleep(1)
    check("SIGHUP that the caller ignores (nohup) ends nothing", process.poll() is None, process.returncode)
    process.terminate()
    process.wait(timeout=30)


def killed(folder, output):
    """A run that is killed after its first checkpoint."""
    process = started(folder, "run", "base.toml", "--paths", MANY, "-o", output, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not (folder / f"{output}.part").exists() and time.monotonic() < until:
        time.sleep(0.2)
    process.kill()
    process.wait()


def check_parts(folder):
    killed(folder, "night.h5")
    part = folder / "night.h5.part"
    check("what a kill leaves is there", part.exists())
    paths = shown(folder, "night.h5.part").get("paths", 0)
    more = str(paths + 1000)
    refused("a run whose part is there says so", folder, "run", "base.toml", "--paths", more, "-o", "night.h5",
            holds=["of this run", "--resume", "--force"])  # fmt: skip
    other = BASE.replace("volatility = 0.8", "volatility = 0.7").replace('"small"', '"other"')
    (folder / "other.toml").write_text(other)
    refused("another run does not overwrite it", folder, "run", "other.toml", "-o", "night.h5",
            holds=["another run", '"small"'])  # fmt: skip
    refused("another run does not go on from it", folder, "run", "other.toml", "-o", "night.h5", "--resume",
            holds=["another run"])  # fmt: skip
    result = run(folder, "run", "base.toml", "--paths", more, "-o", "night.h5", "--resume")
    check("--resume without a name takes it", result.returncode == 0, result.stderr)
    again = run(folder, "run", "base.toml", "--paths", more, "-o", "anew.h5")
    check("the same run anew", again.returncode == 0, again.stderr)
    check("and the tally is that of a run that was not killed",
          shown(folder, "night.h5").get("tally_hash") == shown(folder, "anew.h5").get("tally_hash"))  # fmt: skip
    check("a whole result removes the part", not part.exists())
    result = run(folder, "run", "base.toml", "--paths", more, "-o", "fresh.h5", "--resume")
    check("--resume where nothing is left starts with the first path",
          result.returncode == 0 and b"nothing to resume" in result.stderr, result.stderr)  # fmt: skip
    refused("--resume without a name and without -o", folder, "run", "base.toml", "--resume", holds=["-o"])
    for kind in ("file", "link", "dangling link"):
        mine, target = folder / "mine.h5.part", folder / "target"
        target.write_text("mine")
        if kind == "file":
            mine.write_text("mine")
        else:
            mine.symlink_to(target if kind == "link" else folder / "nowhere")
        refused(f"a {kind} by the name of a part is nobody's to replace", folder, "run", "base.toml", "-o", "mine.h5",
                holds=["mine.h5.part"])  # fmt: skip
        check(f"{kind}: not followed", target.read_text() == "mine" and not (folder / "nowhere").exists())
        result = run(folder, "run", "base.toml", "-o", "mine.h5", "--force")
        check(f"{kind}: --force replaces it", result.returncode == 0 and not mine.is_symlink(), result.stderr)
        check(f"{kind}: not followed by --force either", target.read_text() == "mine")
        for file in (mine, folder / "mine.h5"):
            file.unlink(missing_ok=True)


def check_in_the_way(folder):
    run(folder, "run", "base.toml", "-o", "whole.h5")
    before = (folder / "whole.h5").read_bytes()
    (folder / "other.toml").write_text(BASE.replace("volatility = 0.8", "volatility = 0.7"))
    refused("another scenario's result is not replaced", folder, "run", "other.toml", "-o", "whole.h5",
            holds=["another problem", "--force"])  # fmt: skip
    check("it is as it was", (folder / "whole.h5").read_bytes() == before)
    process = started(folder, "run", "base.toml", "--paths", MANY, "-o", "whole.h5", stderr=subprocess.PIPE)
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=30)[1].decode()
    check("part of a run does not replace a whole result", (folder / "whole.h5").read_bytes() == before, said)
    check("but is kept, and where is said", "wrote whole.h5.part" in said and "--resume whole.h5.part" in said, said)
    result = run(folder, "run", "base.toml", "-o", "whole.h5", "--force", "--paths", "5000")
    check("--force starts anew", result.returncode == 0 and shown(folder, "whole.h5").get("paths") == 5000)
    (folder / "prices.csv").write_text("\n".join(made_prices()) + "\n")
    writers = {
        "own.json": ("export", "whole.h5", "-o", "own.json"),
        "own.csv": ("export", "whole.h5", "-o", "own.csv"),
        "own.toml": ("fit", "prices.csv", "--model", "student_t", "--threads", "1", "-o", "own.toml"),
        "front.json": (*FRONTIER, "--json", "front.json"),
        "front.csv": (*FRONTIER, "--csv", "front.csv"),
        "back.json": ("backtest", "base.toml", "prices.csv", "--paths", "4000", "--delta", "6h", "--window", "20d",
                      "--refit", "5d", "--models", "historical", "--json", "back.json"),
        "more.json": ("sensitivity", "base.toml", "--paths", "2000", "--json", "more.json"),
    }
    run(folder, "run", "base.toml", "--paths", "100000", "-o", "whole.h5")
    for file, command in writers.items():
        (folder / file).write_text("# mine\n")
        refused(f"{command[0]} does not replace {file} that somebody wrote", folder, *command, holds=[file, "--force"])
        forced = run(folder, *command, "--force", timeout=60)
        check(f"{command[0]} --force does", forced.returncode == 0, forced.stderr)
        again = run(folder, *command, timeout=60)
        check(f"{command[0]} replaces what it wrote itself", again.returncode == 0, again.stderr)
    (folder / "new.residuals.csv").write_text("mine\n")
    refused("fit does not replace residuals that somebody wrote", folder, "fit", "prices.csv", "--threads", "1", "-o",
            "new.toml", holds=["new.residuals.csv"])  # fmt: skip


def check_places(folder):
    """Whether the output can be written is tried before the first path."""
    os.mkfifo(folder / "fifo.h5")
    (folder / "loop.h5").symlink_to(folder / "loop.h5")
    (folder / "here").mkdir()
    for name, output in (("a FIFO", "fifo.h5"), ("a device", "/dev/null"), ("a loop of links", "loop.h5")):
        refused(f"run into {name}", folder, "run", "base.toml", "--paths", MANY, "-o", output, holds=[output])
    (folder / "scratch").mkdir()
    (folder / "link.h5").symlink_to("scratch/target.h5")
    result = run(folder, "run", "base.toml", "-o", "link.h5")
    check("a link to a file that is not there yet is followed",
          result.returncode == 0 and (folder / "link.h5").is_symlink() and (folder / "scratch/target.h5").is_file(),
          result.stderr)  # fmt: skip
    dead = subprocess.Popen(["true"])
    dead.wait()
    left, alive = folder / f".swept.h5.{dead.pid}.tmp", folder / f".swept.h5.{os.getpid()}.tmp"
    for file in (left, alive):
        file.write_text("half a result")
        os.utime(file, (1.0, 1.0))
    run(folder, "run", "base.toml", "-o", "swept.h5")
    check("what a killed process left under a temporary name is removed", not left.exists())
    check("but not what a living one has there", alive.exists())


def check_disks(folder):
    """A disk that is full for a moment, and one that is full in the end."""

    def mounted(script):
        command = f"mkdir -p disk && mount -t tmpfs -o size=4m tmpfs disk || exit 77; {script}"
        return subprocess.run(["unshare", "--mount", "bash", "-c", command], cwd=folder, capture_output=True,
                              timeout=120, check=False)  # fmt: skip

    if not shutil.which("unshare") or mounted("true").returncode != 0:
        skip("full disks", "nothing can be mounted here")
        return
    long = f'"{PROGRAM}" run base.toml --paths {MANY} -o disk/a.h5'
    fill = "head -c 8000000 /dev/zero >disk/full 2>/dev/null"
    result = mounted(f"{long} & sleep 2; {fill}; sleep 11; rm disk/full; kill -TERM $!; wait $!; echo rc $?; ls disk")
    text = result.stdout.decode() + result.stderr.decode()
    check("a checkpoint that fails is said, and the run goes on", "tries again" in text and "rc 143" in text, text)
    check("and is saved in the end", "\na.h5\n" in text, text)
    result = mounted(f"{long} & sleep 2; {fill}; kill -TERM $!; wait $!; echo rc $?; ls disk")
    text = result.stdout.decode() + result.stderr.decode()
    check("a result that cannot be written: the table is printed", "ETH@ethereum" in text, text)
    kept = [line.partition("wrote ")[2] for line in text.splitlines() if line.startswith("wrote ")]
    check("it is kept elsewhere, and where is said", len(kept) == 1 and kept[0].endswith(".h5"), text)
    for file in kept:
        check("there it is", shown(folder, file).get("paths", 0) > 0)
        os.unlink(file)


def check_several(folder):
    """One that fails ends no other."""
    (folder / "drawn.toml").write_text(DRAWN)
    (folder / "last.toml").write_text(BASE)
    (folder / "out").mkdir()
    result = run(folder, "run", "base.toml", "drawn.toml", "last.toml", "--paths", "400000", "-o", "out", timeout=120)
    check("one of several fails: exit status 3", result.returncode == 3, (result.returncode, result.stderr))
    check("it is named", b"1 of 3 scenarios failed: drawn.toml" in result.stderr, result.stderr)
    names = sorted(p.name for p in (folder / "out").iterdir())
    check("the others are there", names == ["base.h5", "last.h5"], names)
    process = started(folder, "run", "base.toml", "last.toml", "--paths", MANY, "-o", "out", stderr=subprocess.PIPE)
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=30)[1].decode()
    check("a signal ends them all: exit status 130", process.returncode == 130, (process.returncode, said))
    check("and those that were not run are named", "not run: last.toml" in said, said)


def check_memory(folder):
    if resource.getrlimit(resource.RLIMIT_AS)[1] != resource.RLIM_INFINITY:
        skip("out of memory", "limits are set here")
        return

    def little():
        resource.setrlimit(resource.RLIMIT_AS, (150 << 20, 150 << 20))

    before = listing(folder)
    result = run(folder, "run", "base.toml", "--threads", "64", preexec_fn=little)
    good = result.returncode == 4 and not result.stdout and b"terminate" not in result.stderr
    check("out of memory or threads: exit status 4", good, (result.returncode, result.stderr))
    check("out of memory: no file", listing(folder) == before)


if __name__ == "__main__":
    only = sys.argv[1:]  # names, to look at some
    for checks in (check_streams, check_signals, check_parts, check_in_the_way, check_places, check_disks,
                   check_several, check_memory):  # fmt: skip
        if only and checks.__name__ not in only:
            continue
        with workplace() as place:
            checks(place)
    sys.exit(end())
