#!/usr/bin/env python3
"""scripts/research/predict_latency.py: recovers laws it can know, notices when destinations differ, looks at no latency that it
predicts, is not led astray by one odd lane, refuses what it cannot read.

The measured data lie outside the repository: without them (or $PROOFLOAD_DATA) that part is skipped, and said; 77
without numpy.
"""

import csv
import importlib.util
import json
import math
import os
import random
import subprocess
import sys
import tempfile

SCRIPT = os.path.join("scripts", "research", "predict_latency.py")
DATA = os.environ.get("PROOFLOAD_DATA", os.path.join("..", "shared", "data"))
QUARTILES = os.path.join(DATA, "bridge_latency_quartiles_xchaindatagen_2024.csv")
BLOCK_TIME = {"ethereum": 12.0, "arbitrum": 0.25, "base": 2.0, "optimism": 2.0, "avalanche": 2.0, "bnb": 3.0}
HEADER = ["protocol", "src_chain", "dst_chain", "n", "latency_s_q25", "latency_s_median", "latency_s_q75"]
checks = 0


def check(condition, what):
    global checks
    checks += 1
    if not condition:
        sys.exit(f"latency_test: {what}")


def run(*arguments):
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False)


def shares(output):
    """Kind of split -> pooled share of cells within tolerance, in %."""
    found = {}
    for line in output.splitlines():
        if line.startswith("| **"):
            cells = [cell.strip(" *") for cell in line.strip("|").split("|")]
            found[cells[0]] = float(cells[-2].rstrip(" %"))
    return found


def module():
    spec = importlib.util.spec_from_file_location("predict_latency", SCRIPT)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    found.STARTS = 1  # one starting point per variant is enough for what is asked of it here
    return found


def two_stargates(script):
    """Made lanes of OFT, and of Bus which waits up to 200 s more. They need not be likely, only unseen."""
    lanes = []
    for number, source in enumerate(sorted(BLOCK_TIME)):
        for destination, block in BLOCK_TIME.items():
            if source != destination:
                middle = 30 + 20 * number + 8 * block
                for protocol, wait in (("stargate_oft", 0), ("stargate_bus", 200)):
                    quartiles = [middle - 5 + wait / 4, middle + wait / 2, middle + 8 + wait]
                    lanes.append(script.Lane(protocol, source, destination, 10000 + 5000 * number,
                                             script.np.array(quartiles)))
    # A lane that only OFT has: lists of destinations of OFT and Bus then differ, as they might in other data.
    return lanes + [script.Lane("stargate_oft", "base", "linea", 5000, script.np.array([40.0, 45.0, 52.0]))]


def leaks(script):
    """Would detect a prediction that has seen the latency it predicts, and halves of OFT and Bus which share a lane."""
    lanes = two_stargates(script)
    for kind in ("lane", "unseen"):
        for swapped in (False, True):
            for seed in range(20):
                fitted, predicted = script.split(lanes, kind, f"test-{seed}", swapped)
                check(len(fitted) + len(predicted) == len(lanes), "a lane is in no half, or in both")
                check({lane[1:3] for lane in fitted}.isdisjoint(lane[1:3] for lane in predicted),
                      f"{kind}: OFT's lane is fitted where Bus's is predicted")
    fitted, predicted = script.split(lanes, "lane", "test-0", False)
    wrong = [lane._replace(quartiles=3 * lane.quartiles + 100) for lane in predicted]
    told = [[row[2] for row in script.evaluate(fitted, others)[0]] for others in (predicted, wrong)]
    check(told[0] == told[1] and len(told[0]) == 3 * len(predicted), "predictions change with the latencies predicted")
    moved = [lane._replace(quartiles=lane.quartiles + 100) for lane in fitted]
    check(told[0] != [row[2] for row in script.evaluate(moved, predicted)[0]],
          "predictions do not change with the lanes fitted")


def planted(path, factor):
    """Lanes of known stages: finality U(768, 1152) where the source settles on Ethereum, relay lognormal(40 s .. 400 s,
    0.5), two destination blocks. `factor` multiplies the latencies of lanes whose source's and destination's names
    together have an odd length."""
    draw = random.Random(1)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for number, source in enumerate(sorted(BLOCK_TIME)):
            for destination, block in BLOCK_TIME.items():
                if source == destination:
                    continue
                sample = []
                for _ in range(4000):
                    wait = draw.uniform(768, 1152) if source not in ("avalanche", "bnb") else 0.0
                    relay = (40 + 72 * number) * math.exp(draw.gauss(0, 0.5))
                    sample.append(wait + relay + 2 * block)
                sample.sort()
                scale = factor if (len(source) + len(destination)) % 2 else 1.0
                writer.writerow(["cctp", source, destination, 4000, *(scale * sample[k] for k in (1000, 2000, 3000))])


def main():
    try:
        import numpy  # noqa: F401
    except ImportError:
        print("skipped: no numpy")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "lanes.csv")
        # Would detect a wrong finality, block time, quantile, split or fit: the truth is in the model, so cells are
        # missed only by chance of the sample (tolerance at least 3 standard errors of 0.3 % of the cells, and 10 %).
        planted(path, 1.0)
        good = run(path, "--seeds", "1", "--report", folder)
        check(good.returncode == 0, good.stderr)
        found = shares(good.stdout)
        check(found["lane"] >= 97 and found["unseen"] >= 97, f"known laws are predicted in {found} % of cells")
        with open(os.path.join(folder, "parameters.json"), encoding="utf-8") as file:
            relay = {row["source"]: row for row in json.load(file)["relay"]}
        for number, source in enumerate(sorted(BLOCK_TIME)):
            # 4000 transfers over five lanes give the median to 1 %; the block floor trades with it: 10 s, or 10 %.
            median = 40 + 72 * number
            check(abs(float(relay[source]["relay_median_s"]) - median) <= max(10.0, 0.1 * median),
                  f"relay from {source}: {relay[source]['relay_median_s']} s, not {median} s")
        # Would detect errors that are not robust: one lane has twice the latency. Student's law leaves it alone; with a
        # normal law (planted: FREEDOM = 1e6) it drags four cells beside it out of tolerance.
        script = module()
        lanes = script.read_lanes(path)
        odd = [lane._replace(quartiles=2 * lane.quartiles) if lane[1:3] == ("bnb", "base") else lane for lane in lanes]
        rows = [row for row in script.evaluate(odd, odd)[0] if row[0][1:3] != ("bnb", "base")]
        hits = sum(row[4] for row in rows)
        check(hits >= len(rows) - 1, f"with one odd lane {hits} of the {len(rows)} other cells are within tolerance")
        leaks(script)
        # The error planted: lanes differ in a way no stage has. A script that counts what it fitted would report hits.
        planted(path, 1.5)
        bad = shares(run(path, "--seeds", "1").stdout)
        check(bad["lane"] <= 60, f"lanes that differ by 50 % at random are 'predicted' in {bad['lane']} % of cells")
        for text, word in (("", "nothing to fit"), ("cctp,base,atlantis,300,1,2,3", "block time"),
                           ("cctp,base,arbitrum,300,3,2,1", "order"),
                           ("cctp,base,arbitrum,many,1,2,3", "invalid literal"),
                           ("cctp,base,arbitrum,300,nan,2,3", "finite")):
            with open(path, "w", encoding="utf-8") as file:
                file.write(",".join(HEADER) + "\n" + text + "\n")
            refused = run(path)
            check(refused.returncode == 2 and word in refused.stderr and "Traceback" not in refused.stderr,
                  f"{text!r}: exit {refused.returncode}, {refused.stderr}")
        check(run(os.path.join(folder, "none.csv")).returncode == 2, "a missing file is not refused")
    if os.path.exists(QUARTILES):
        real = run(QUARTILES, "--seeds", "1", "--protocol", "cctp")
        check(real.returncode == 0, real.stderr)
        # Acceptance asks for 80 % of cells; of the protocols this one has the largest samples.
        check(shares(real.stdout)["lane"] >= 80, f"CCTP: {shares(real.stdout)} % of cells")
    else:
        print(f"skipped: the measured quartiles are not there ({QUARTILES}; $PROOFLOAD_DATA names another folder)")
    print(f"{checks} checks")
    return 0


if __name__ == "__main__":
    sys.exit(main())
