#!/usr/bin/env python3
"""What `cmake --install` puts where, and presets by name ("proofload:chains") from the checkout, from an installed program, from anywhere.

Installs the build folder named by $PROOFLOAD_BUILD into a temporary one. One line per check; exit status 1 when one failed, 77
where there is no build folder to install from.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path.cwd()
BUILD = Path(os.environ.get("PROOFLOAD_BUILD", "build")).absolute()
BUILT = os.path.abspath(os.environ.get("PROOFLOAD", "build/proofload"))

# A shipped book, with its presets by name.
BOOK = re.sub(r'"presets/(\w+)\.toml"', r'"proofload:\1"', (ROOT / "scenarios/phase-1-wrapped.toml").read_text())
LINE = BOOK[: BOOK.index("proofload:regimes")].count("\n") + 1

INSTALLED = """bin/proofload
share/bash-completion/completions/proofload
share/doc/proofload/CHANGELOG.md
share/doc/proofload/LICENSE
share/doc/proofload/README.md
share/fish/vendor_completions.d/proofload.fish
share/man/man1/proofload.1
share/proofload/gmp.toml
share/proofload/haircuts.schema.json
share/proofload/presets/chains.toml
share/proofload/presets/mechanisms.toml
share/proofload/presets/regimes.toml
share/zsh/site-functions/_proofload""".splitlines()

failures = []


def check(name, good, why=""):
    print(f"ok       {name}" if good else f"FAILED   {name}: {why}", flush=True)
    if not good:
        failures.append(name)


def run(folder, *command):
    return subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True, check=False, timeout=60)


def hashes(text):
    return re.findall(r"\b[0-9a-f]{32}\b", text)


def check_presets(name, program, folder):
    """Of a scenario in a folder that has nothing else: its result and its effective text need no presets any more."""
    (folder / "mine.toml").write_text(BOOK)
    made = run(folder, program, "run", "mine.toml", "--paths", 20000, "--json", "-o", f"{name}.h5")
    check(f"{name}: presets by name", made.returncode == 0, made.stderr)
    effective = run(folder, program, "validate", "mine.toml").stdout
    check(f"{name}: the effective text includes nothing", effective and "include" not in effective, effective[:200])
    (folder / "effective.toml").write_text(effective)
    again = run(folder, program, "run", "effective.toml", "--paths", 20000, "--json")
    check(f"{name}: and has the same plan", hashes(again.stdout) == hashes(made.stdout) != [], again.stderr)
    listed = run(folder, program, "list", "chains")
    check(f"{name}: list finds them too", listed.returncode == 0 and "arbitrum" in listed.stdout, listed.stderr)
    for wrong, holds in {
        "regime": 'did you mean "regimes"',
        "": "use one of: chains, mechanisms, regimes",
        "../presets/regimes": "there is no preset",
        "regimes.toml": "there is no preset",
    }.items():
        (folder / "wrong.toml").write_text(BOOK.replace("proofload:regimes", f"proofload:{wrong}"))
        result = run(folder, program, "validate", "wrong.toml")
        good = result.returncode == 2 and re.match(rf"wrong\.toml:{LINE}: \S.* \(.+\) \S", result.stderr)
        check(f'{name}: "proofload:{wrong}" is refused', good and holds in result.stderr, result.stderr)
    return hashes(made.stdout)


def main():
    if not (BUILD / "cmake_install.cmake").is_file() or not shutil.which("cmake"):
        print(f"skipped: {BUILD} cannot be installed from")
        return 77
    with tempfile.TemporaryDirectory() as name:
        folder, prefix = Path(name) / "elsewhere", Path(name) / "prefix"
        folder.mkdir()
        done = run(ROOT, "cmake", "--install", BUILD, "--prefix", prefix)
        check("install: exit status 0", done.returncode == 0, done.stdout[-300:] + done.stderr[-300:])
        missing = [file for file in INSTALLED if not (prefix / file).is_file() or not (prefix / file).stat().st_size]
        check("install: every file, none empty", not missing, missing)
        if missing:
            return 1
        if shutil.which("readelf"):
            sections = run(folder, "readelf", "-SW", prefix / "bin/proofload").stdout
            check("install: no debug data", sections and ".debug_" not in sections, sections[-200:])
        moved = Path(name) / "moved"
        prefix.rename(moved)
        program = moved / "bin/proofload"
        shipped = run(folder, program, "validate", moved / "share/proofload/gmp.toml")
        check("install: the shipped scenarios are whole", shipped.returncode == 0, shipped.stderr)
        of_checkout = check_presets("checkout", BUILT, folder)
        check("presets: the same plan from both", check_presets("installed", program, folder) == of_checkout)

        shutil.rmtree(moved / "share/proofload")
        shown = run(folder, program, "show", "installed.h5")
        check("presets gone: a result needs none", shown.returncode == 0, shown.stderr)
        gone = run(folder, program, "validate", "mine.toml")
        good = gone.returncode == 2 and '"proofload:regimes" cannot be found (' in gone.stderr
        check("presets gone: a scenario that includes them", good, gone.stderr)
        (folder / "scenarios").symlink_to(ROOT / "scenarios")
        check("presets gone: those of the working directory", not run(folder, program, "validate", "mine.toml").returncode)
    print(f"{len(failures)} failed" if failures else "all good")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
