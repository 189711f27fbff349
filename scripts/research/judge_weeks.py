#!/usr/bin/env python3
"""Haircuts of scenarios that `fit -o --in-force` writes, judged on the time after each fit.

    scripts/research/judge_weeks.py PRICES.csv --from 2021-01-01 --to 2023-12-31 --assets BTC,ETH [--in-force 7d]
                                    [--delta 1h] [--history 730d] [--paths 900000] [--csv weeks.csv]

For each week: the market is fitted to the history before its first hour, and to nothing later; a scenario of one route that takes
`delta` is run; every sale that can begin within the week is judged against the haircut of a call at any time of it
(`mixture`) and against that of the worst age (`worst`, what `export` uses). A hit is a loss beyond the haircut. Printed:
hits over what the confidence allows, with a 95 % interval by a stationary bootstrap of months (Politis and Romano
1994: weeks are drawn in blocks of 4.3 on average), all assets together and each alone.

PRICES.csv: a column of times and one of closes for each asset, at bars of one length that divides delta and in_force.
The program is $PROOFLOAD, or build/proofload. Exit 0: done; 2: the input cannot be used. Python 3.11, numpy.
"""
import argparse
import concurrent.futures
import csv
import datetime
import json
import lzma
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy

PROGRAM = os.path.abspath(os.environ.get("PROOFLOAD", "build/proofload"))
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
CONFIDENCES = (0.99, 0.999)

SCENARIO = """schema = 1
name = "week"
include = ["market.toml"]
[run]
paths = {paths}
confidence = [{confidences}]
seed = {seed}
[routes.sale]
collateral_chain = "a"
liability_chain = "b"
stages = [ {{ name = "relay", kind = "constant", value = "{delta}" }} ]
"""
COLLATERAL = """[[collateral]]
name = "{asset}"
asset = "{asset}"
route = "sale"
"""


def seconds(text):
    return int(float(text[:-1]) * UNITS[text[-1]])


def moment(text):
    return int(datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.timezone.utc).timestamp())


def read_prices(file, assets):
    """Times, and prices [time][asset] with NaN where there is none."""
    opened = lzma.open(file, "rt") if str(file).endswith(".xz") else open(file, encoding="utf-8")
    with opened as text:
        rows = csv.reader(line for line in text if not line.startswith("#"))
        header = next(rows)
        columns = [header.index(asset) for asset in assets]
        times, prices = [], []
        for row in rows:
            stamp = row[0].replace("Z", "")
            times.append(int(stamp) if stamp.isdigit() else moment(stamp))
            prices.append([float(row[c]) if row[c] else numpy.nan for c in columns])
    return numpy.array(times), numpy.array(prices)


def told(*command):
    done = subprocess.run([PROGRAM, *map(str, command)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return done.stdout


def haircuts(options, start, folder):
    """{(asset, confidence, kind): haircut} of what is known at `start`."""
    folder.mkdir()
    stamp = datetime.datetime.fromtimestamp(start, datetime.timezone.utc)
    first = stamp - datetime.timedelta(seconds=seconds(options.history))
    told("fit", options.prices, "--assets", ",".join(options.assets), "--from", first.strftime("%Y-%m-%dT%H:%M:%SZ"), "--to",
         stamp.strftime("%Y-%m-%dT%H:%M:%SZ"), "--model", options.model, "--in-force", options.in_force, "--threads", 1, "-o",
         folder / "market.toml")
    text = SCENARIO.format(paths=options.paths, confidences=", ".join(map(str, CONFIDENCES)), seed=start, delta=options.delta)
    (folder / "week.toml").write_text(text + "".join(COLLATERAL.format(asset=a) for a in options.assets), encoding="utf-8")
    shown = json.loads(told("run", folder / "week.toml", "--threads", 1, "--json"))
    found = {}
    for collateral in shown["collateral"]:
        for haircut in collateral["haircuts"]:
            key = collateral["name"], haircut["confidence"]
            found[*key, "mixture"] = haircut["value"]
            if haircut["value"] is None or haircut["by_age"] and haircut["worst_age"] is None:
                raise ValueError(f"{options.paths} paths are too few for {haircut['confidence']} of each age: give more --paths")
            found[*key, "worst"] = haircut["worst_age"]["value"] if haircut["by_age"] else haircut["value"]
            found[*key, "set"] = haircut["by_age"][0]["value"] if haircut["by_age"] else haircut["value"]
    return found


def interval(hits, allowed):
    """95 % of the ratio, weeks in blocks."""
    rng, n = numpy.random.default_rng(1), len(hits)
    ratios = []
    for _ in range(4000):
        fresh = rng.random(n) < 1 / 4.3
        fresh[0] = True
        starts = rng.integers(0, n, n)
        at = numpy.maximum.accumulate(numpy.where(fresh, numpy.arange(n), 0))
        rows = (starts[at] + numpy.arange(n) - at) % n
        ratios.append(hits[rows].sum() / allowed[rows].sum())
    return numpy.quantile(ratios, [0.025, 0.975])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prices")
    parser.add_argument("--from", dest="first", required=True, help="first day that is judged")
    parser.add_argument("--to", dest="last", required=True, help="no week begins at or after this day")
    parser.add_argument("--assets", required=True, type=lambda text: text.split(","))
    parser.add_argument("--in-force", default="7d")
    parser.add_argument("--delta", default="1h", help="from call to sale")
    parser.add_argument("--history", default="730d", help="what is fitted to, before each week")
    parser.add_argument("--model", default="gjr_garch")
    parser.add_argument("--paths", type=int, default=900_000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--csv", help="every week, asset, confidence and kind of haircut")
    options = parser.parse_args()
    options.prices = os.path.abspath(options.prices)

    times, prices = read_prices(options.prices, options.assets)
    step = int(numpy.median(numpy.diff(times)))
    later, length = seconds(options.delta) // step, seconds(options.in_force)
    if seconds(options.delta) % step or later < 1 or length % step:
        raise ValueError(f"bars of {step} s: --delta and --in-force have to be whole numbers of them")
    at = {int(t): i for i, t in enumerate(times)}
    weeks = list(range(moment(options.first), moment(options.last), length))

    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        every = list(pool.map(lambda start: haircuts(options, start, pathlib.Path(folder) / str(start)), weeks))

    rows = []
    for start, found in zip(weeks, every):
        known = start - step  # the last close before the week
        begins = [at[t] for t in range(known, known + length, step) if t in at and t + later * step in at]
        for a, asset in enumerate(options.assets):
            losses = numpy.array([1 - prices[at[int(times[i]) + later * step], a] / prices[i, a] for i in begins])
            losses = losses[~numpy.isnan(losses)]
            for confidence in CONFIDENCES:
                for kind in ("set", "mixture", "worst"):
                    haircut = found[asset, confidence, kind]
                    rows.append((datetime.datetime.fromtimestamp(start, datetime.timezone.utc).date().isoformat(), asset,
                                 confidence, kind, haircut, int((losses > haircut).sum()), len(losses)))
    if options.csv:
        with open(options.csv, "w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(("week", "asset", "confidence", "kind", "haircut", "hits", "losses"))
            writer.writerows(rows)

    print(f"{len(weeks)} times of {options.in_force}, {options.model}, sales after {options.delta}; set: as if called at once")
    print(f"{'confidence':>10} {'kind':>8} {'assets':>8} {'hits':>6} {'allowed':>8} {'ratio':>6} {'95 %':>13} {'mean haircut':>12}")
    for confidence in CONFIDENCES:
        for kind in ("set", "mixture", "worst"):
            for name in ["all", *options.assets]:
                mine = [r for r in rows if r[2] == confidence and r[3] == kind and name in ("all", r[1])]
                dates = sorted({r[0] for r in mine})
                hits = numpy.array([sum(r[5] for r in mine if r[0] == d) for d in dates])
                allowed = numpy.array([sum(r[6] for r in mine if r[0] == d) * (1 - confidence) for d in dates])
                low, high = interval(hits, allowed)
                print(f"{confidence:>10} {kind:>8} {name:>8} {hits.sum():>6} {allowed.sum():>8.1f} {hits.sum() / allowed.sum():>6.2f} "
                      f"{low:>6.2f},{high:>6.2f} {100 * numpy.mean([r[4] for r in mine]):>10.2f} %")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (RuntimeError, OSError, ValueError, KeyError) as e:
        print(f"judge_weeks: {e}", file=sys.stderr)
        sys.exit(2)
