#!/usr/bin/python3
"""A picture of haircuts in force: hits over what was promised, against the time since the haircut was set, a line for each model.

    ./build/proofload backtest SCENARIO prices.csv --delta 1h --in-force 7d --json week.json
    ./scripts/plot_ages.py week.json ages.png [--confidence 0.999] [--models pooled_memory,long_memory]

1 is what a haircut promises; bars are 95 % intervals by blocks of dates. Needs matplotlib.
"""
import argparse
import json
import sys


def lines_of(path, confidence, models):
    """{model: [(middle of the age in seconds, ratio, low, high)]}; the last row of a model, all ages, is left out."""
    try:
        with open(path, encoding="utf-8") as file:
            rows = json.load(file)["by_age"]
    except OSError as problem:
        sys.exit(f"{path} (it cannot be read: {problem.strerror}) name what proofload backtest --json wrote")
    except (ValueError, KeyError, TypeError):
        rows = []
    if not rows:
        sys.exit(f"{path} (it has no ages of haircuts) make it with proofload backtest --in-force 7d --json {path}")
    for option, wanted, known in (
        ("--confidence", [confidence] if confidence is not None else [], sorted({r["confidence"] for r in rows})),
        ("--models", models or [], sorted({r["model"] for r in rows})),
    ):
        for one in wanted:
            if one not in known:
                sys.exit(f"{option} {one} (the backtest has {', '.join(map(str, known))}) give one of these")
    confidence = confidence if confidence is not None else max(r["confidence"] for r in rows)
    lines = {}
    for r in rows:
        if r["confidence"] != confidence or (models and r["model"] not in models):
            continue
        if r["all"]:
            continue
        middle, ratio = (r["from_seconds"] + r["to_seconds"]) / 2, r["ratio"]
        lines.setdefault(r["model"], []).append((middle, ratio["estimate"], ratio["low"], ratio["high"]))
    return lines, confidence


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("backtest", help="what `proofload backtest --in-force ... --json` wrote")
    parser.add_argument("picture", help="PNG, SVG or PDF to write")
    parser.add_argument("--confidence", type=float, help="of the haircuts (default: the highest)")
    parser.add_argument("--models", type=lambda text: text.split(","), help="only these (default: all)")
    arguments = parser.parse_args()
    lines, confidence = lines_of(arguments.backtest, arguments.confidence, arguments.models)
    try:
        import matplotlib
    except ImportError:
        sys.exit("matplotlib is missing (it draws the picture) install python3-matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(8, 5))
    for rank, (model, points) in enumerate(lines.items()):
        days = [x / 86400 * (1 + 0.008 * rank) for x, *_ in points]  # bars side by side
        errors = [[y - low for _, y, low, _ in points], [high - y for _, y, _, high in points]]
        axis.errorbar(days, [y for _, y, *_ in points], yerr=errors, marker="o", capsize=2, linewidth=1.2, label=model)
    axis.axhline(1.0, color="black", linewidth=0.8)
    axis.set(xlabel="days since the haircut was set", ylabel="losses beyond the haircut / as many as promised",
             title=f"Haircuts at {100 * confidence:g} % while they are in force", ylim=(0, None))
    axis.grid(True, alpha=0.2)
    axis.legend()
    figure.tight_layout()
    try:
        figure.savefig(arguments.picture, dpi=120)
    except (OSError, ValueError) as problem:
        sys.exit(f"{arguments.picture} (the picture cannot be written: {problem}) name a PNG, SVG or PDF in a folder that is there")


if __name__ == "__main__":
    main()
