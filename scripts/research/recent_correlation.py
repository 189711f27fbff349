#!/usr/bin/env python3
"""How well correlations of the past foretell those of the next quarter: which of them `proofload fit` writes.

    scripts/research/recent_correlation.py PRICES.csv[.xz] --assets BTC,ETH,... [PRICES.csv --assets ...]

From each quarter's first day on, with a year of history before it or more, every candidate (the whole history, its
last days, weights that halve in so many days, and means of the whole and a recent one) is compared with the
correlation of the quarter, by pairs; of returns as they are and of returns over their deviation of the days before
(weights that halve in 11 days: what a GARCH filter leaves). Printed for each candidate: mean of forecast less what
came (bias), root mean square (RMSE), and log-likelihood of a normal law of the quarter's returns per 1,000 of them,
above that of the whole history, with a standard error from its quarters.

The rule, stated before the first run: of the candidates the one whose log-likelihood, summed over all files and both
kinds of returns with the same weight, is largest. Run it once a year. Exit 2: the input cannot be used. Python 3.11,
numpy.
"""
import csv
import datetime
import gzip
import io
import lzma
import sys

import numpy

QUARTER, LEAST_HISTORY = 91, 365  # days
WINDOWS, HALVES, MIXED = (90, 180, 365), (30, 60, 90, 180, 365), (60, 90, 180, 365)


def prices(path, assets):
    opener = {"xz": lzma.open, "gz": gzip.open}.get(path.rsplit(".", 1)[-1], open)
    with opener(path, "rb") as file:
        rows = list(csv.reader(io.TextIOWrapper(file, encoding="utf-8")))
    columns = [rows[0].index(name) for name in assets]
    time = numpy.array([datetime.datetime.fromisoformat(r[0]).timestamp() for r in rows[1:]]) / 86400.0
    return time, numpy.array([[float(r[c]) if r[c] else numpy.nan for c in columns] for r in rows[1:]])


def returns(time, price):
    bar = numpy.median(numpy.diff(time))
    moves = numpy.diff(numpy.log(price), axis=0)
    moves[numpy.abs(numpy.diff(time) - bar) > 0.01 * bar] = numpy.nan
    return time[1:], moves, bar


def over_deviation(moves, bar, half=11.0):
    """Over the deviation by what was known before."""
    keep, out = 0.5 ** (bar / half), numpy.full_like(moves, numpy.nan)
    for a in range(moves.shape[1]):
        seen, variance = 0, 0.0
        for t, x in enumerate(moves[:, a]):
            if numpy.isnan(x):
                continue
            if seen * bar > 30.0 and variance > 0.0:
                out[t, a] = x / numpy.sqrt(variance)
            seen += 1
            weight = max(1.0 - keep, 1.0 / seen)
            variance += weight * (x * x - variance)
    return out


def correlation(x, y, weight):
    return numpy.sum(weight * x * y) / numpy.sqrt(numpy.sum(weight * x * x) * numpy.sum(weight * y * y))


def candidates(age, x, y):
    """Of one pair: forecasts by name. `age` in days."""
    out = {"whole": correlation(x, y, numpy.ones_like(age))}
    for days in WINDOWS:
        out[f"last {days}d"] = correlation(x, y, (age <= days) * 1.0)
    for days in HALVES:
        out[f"half {days}d"] = correlation(x, y, 0.5 ** (age / days))
    for days in MIXED:
        out[f"whole + half {days}d"] = 0.5 * (out["whole"] + out[f"half {days}d"])
    return out


def study(time, moves, bar):
    """[candidate] -> rows of (quarter, forecast, realised, returns)."""
    found = {}
    for number, start in enumerate(numpy.arange(time[0] + LEAST_HISTORY, time[-1] - QUARTER, QUARTER)):
        before, within = time < start, (time >= start) & (time < start + QUARTER)
        for i in range(moves.shape[1]):
            for j in range(i):
                both = ~numpy.isnan(moves[:, i] * moves[:, j])
                past, now = both & before, both & within
                if past.sum() * bar < LEAST_HISTORY or now.sum() * bar < 0.9 * QUARTER:
                    continue
                realised = correlation(moves[now, i], moves[now, j], numpy.ones(now.sum()))
                for name, value in candidates(start - time[past], moves[past, i], moves[past, j]).items():
                    found.setdefault(name, []).append((number, value, realised, now.sum()))
    return {name: numpy.array(rows) for name, rows in found.items()}


def log_likelihood(rows):
    """Per return, of two of unit variance in the quarter."""
    forecast, realised = numpy.clip(rows[:, 1], -0.999, 0.999), rows[:, 2]
    room = 1.0 - forecast * forecast
    return -0.5 * numpy.log(room) - (1.0 - forecast * realised) / room + 1.0


def main(arguments):
    files, total = [], {}
    for at, word in enumerate(arguments):
        if word == "--assets" and files and at + 1 < len(arguments):
            files[-1][1] = arguments[at + 1].split(",")
        elif at == 0 or arguments[at - 1] != "--assets":
            files.append([word, []])
    if not files or not all(assets for _, assets in files):
        print(__doc__, file=sys.stderr)
        return 2
    for path, assets in files:
        time, moves, bar = returns(*prices(path, assets))
        for kind, values in (("returns", moves), ("over their deviation", over_deviation(moves, bar))):
            found = study(time, values, bar)
            whole = log_likelihood(found["whole"])
            quarters = found["whole"][:, 0]
            print(f"{path.rsplit('/', 1)[-1]}, {kind}: {len(set(quarters))} quarters, {len(quarters)} forecasts")
            for name, rows in found.items():
                error, gain = rows[:, 1] - rows[:, 2], 1000.0 * (log_likelihood(rows) - whole)
                by_quarter = numpy.array([gain[quarters == q].mean() for q in sorted(set(quarters))])
                total[name] = total.get(name, 0.0) + gain.mean()
                print(f"  {name:18} bias {error.mean():+.3f}  RMSE {numpy.sqrt((error ** 2).mean()):.3f}  "
                      f"log-likelihood {gain.mean():+7.2f} ({by_quarter.std(ddof=1) / len(by_quarter) ** 0.5:.2f})")
    best = max(total, key=total.get)
    first = sorted(total.items(), key=lambda item: -item[1])[:6]
    print(f"by the rule: {best}, " + ", ".join(f"{name} {value:+.1f}" for name, value in first))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
