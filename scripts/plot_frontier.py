#!/usr/bin/python3
"""A picture of a frontier: haircut against p99 latency, a point for each mechanism, for each collateral.

    ./build/proofload frontier SCENARIO --csv frontier.csv
    ./scripts/plot_frontier.py frontier.csv frontier.png [--confidence 0.999]

Dominated mechanisms are hollow; the size of a point is the probability that the layer fails, whiskers are the haircut's
interval (the one with parameter error where the scenario has an [uncertainty]). Needs matplotlib.
"""
import argparse
import csv
import math
import sys


def rows_of(path, confidence):
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or "haircut" not in rows[0]:
        sys.exit(f"{path} (it is no table of `proofload frontier --csv`) make one first")
    known = sorted({float(r["confidence"]) for r in rows})
    wanted = confidence if confidence is not None else known[-1]
    if wanted not in known:
        sys.exit(f"--confidence {wanted:g} (the table has {', '.join(f'{c:g}' for c in known)}) give one of these")
    return [r for r in rows if float(r["confidence"]) == wanted], wanted


def bound(row, end):
    """The end of the widest interval that there is; the haircut itself where there is none."""
    return float(row[f"parameter_{end}"] or row[f"haircut_{end}"] or row["haircut"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", help="what `proofload frontier --csv` wrote")
    parser.add_argument("picture", help="PNG, SVG or PDF to write")
    parser.add_argument("--confidence", type=float, help="of the haircuts (default: the highest)")
    arguments = parser.parse_args()
    rows, confidence = rows_of(arguments.table, arguments.confidence)
    try:
        import matplotlib
    except ImportError:
        sys.exit("matplotlib is missing (it draws the picture) install python3-matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = list(dict.fromkeys(r["collateral"] for r in rows))
    figure, axes = pyplot.subplots(1, len(names), figsize=(7 * len(names), 6), squeeze=False)
    for axis, name in zip(axes[0], names):
        drawn = [r for r in rows if r["collateral"] == name and r["p99_seconds"]]
        for rank, row in enumerate(sorted(drawn, key=lambda r: float(r["p99_seconds"]))):
            x, y = float(row["p99_seconds"]) / 60, 100 * float(row["haircut"])
            size = 40 + 60 * max(0.0, math.log10(max(float(row["p_failure"]), 1e-6)) + 6)
            color = "none" if row["dominated_by"] else "tab:blue"
            axis.scatter(x, y, s=size, facecolors=color, edgecolors="tab:blue", alpha=0.8)
            axis.vlines(x, 100 * bound(row, "low"), 100 * bound(row, "high"), color="tab:blue", linewidth=1)
            axis.annotate(row["mechanism"], (x, y), textcoords="offset points", xytext=(6, 4 + 10 * (rank % 3)), fontsize=8)
        axis.set(xscale="log", yscale="log", title=name, xlabel="p99 from call to sale, minutes",
                 ylabel=f"haircut at {100 * confidence:g} %, % of value")
        axis.grid(True, which="both", alpha=0.2)
    figure.suptitle("Filled: not dominated. Size: probability that the layer fails, per liquidation")
    figure.tight_layout()
    figure.savefig(arguments.picture, dpi=120)


if __name__ == "__main__":
    main()
