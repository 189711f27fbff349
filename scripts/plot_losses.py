#!/usr/bin/python3
"""A picture of a result: how likely a loss of more than x is, for some collateral, with its haircuts and its cliff.

    ./build/proofload run scenarios/multi-chain-book.toml -o book.h5
    ./scripts/plot_losses.py book.h5 losses.png --collateral ETH@ethereum ARB@arbitrum

A haircut at 99.9 % is where the curve passes 0.001. A curve that runs flat has come to the failures of its messaging
layer: beyond the end of the flat part (the cliff) no haircut buys anything. Needs h5py and matplotlib.
"""
import argparse
import sys

COLORS = ("#0072B2", "#009E73", "#E69F00", "#D55E00", "#CC79A7", "#56B4E9", "#000000")  # can be told apart by all


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("result", help="what `proofload run` wrote")
    parser.add_argument("picture", help="PNG, SVG or PDF to write")
    parser.add_argument("--collateral", nargs="+", metavar="NAME", help="which (default: the first four)")
    return parser.parse_args()


def tail(result, number):
    """Losses after the sale, and how likely each is exceeded; both from the counts."""
    counts = {kind: result[f"loss_{kind}_count"][number].astype("int64") for kind in ("latency", "spared", "struck")}
    paths = counts["latency"] - counts["spared"] + counts["struck"]
    exceeded = 1.0 - paths.cumsum() / paths.sum()
    # What a sale leaves of the price, keep * (1 - loss) - cost, is the same on every path: two haircuts say it.
    haircut = result["haircut"][number]
    known = haircut == haircut  # not-a-number where the paths were too few
    haircut = haircut[known]
    before = haircut - result["attribution_liquidity"][number][known]
    keep = (haircut[-1] - haircut[0]) / (before[-1] - before[0])
    cost = keep * (1.0 - before[0]) - (1.0 - haircut[0])
    upper = result["loss_upper"][:]
    losses = 1.0 - (keep * (1.0 - upper) - cost).clip(min=0.0)
    seen = (exceeded > 0.0) & (losses > 0.0)
    return losses[seen], exceeded[seen]


def main():
    wanted = arguments()
    try:
        import h5py
        import matplotlib
    except ImportError as missing:
        sys.exit(f"{missing.name} is missing (it is needed for pictures of results) install python3-{missing.name}")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    with h5py.File(wanted.result) as result:
        names = [name.decode() for name in result["collateral"][:]]
        confidence = result["confidence"][:]
        if len(confidence) < 2:
            sys.exit(f"{wanted.result} (it has haircuts at one confidence only) run it with two or more")
        figure, axis = pyplot.subplots(figsize=(8, 4.8))
        for color, name in zip(COLORS, wanted.collateral or names[:4]):
            if name not in names:
                sys.exit(f"--collateral {name} (the result has no such collateral) use one of {', '.join(names)}")
            number = names.index(name)
            losses, exceeded = tail(result, number)
            axis.step(100 * losses, exceeded, where="pre", color=color, linewidth=1.6, label=name)
            haircut = 100 * result["haircut"][number]
            axis.plot(haircut, 1.0 - confidence, "o", color=color, markersize=6, markeredgecolor="white", zorder=3)
            if result["beyond_cliff"][number].any():
                failure = result["p_failure"][number]
                # above the flat part: it begins where failures do, and ends at a total loss
                middle = max(losses[0], result["haircut_given_no_failure"][number].max()) ** 0.5
                axis.annotate(
                    f"the cliff of {name}:\nits layer fails with {100 * failure:.2g} %",
                    (100 * middle, exceeded[losses >= middle][0]),
                    xytext=(0, 6 + 28 * len(axis.texts)),
                    textcoords="offset points",
                    ha="center",
                    color=color,
                    fontsize=9,
                )
        for level in confidence:
            axis.axhline(1.0 - level, color="0.7", linewidth=0.8, linestyle=":", zorder=0)
            axis.annotate(f"{100 * level:g} %", (1.0, 1.0 - level), xycoords=("axes fraction", "data"), xytext=(4, -3),
                          textcoords="offset points", fontsize=9, color="0.35")
        least = 10.0 / result.attrs["paths"]
    axis.set(xscale="log", yscale="log", xlim=(0.8, 100), ylim=(least, 1), xlabel="loss, % of the value at the call",
             ylabel="probability of a greater loss, per liquidation")
    axis.set_xticks([1, 2, 5, 10, 20, 50, 100], labels=["1", "2", "5", "10", "20", "50", "100"])
    axis.minorticks_off()
    axis.set_title("Haircuts (dots) by confidence (dotted lines)", fontsize=11)
    axis.legend(loc="upper right", frameon=False, fontsize=9)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    figure.savefig(wanted.picture, dpi=120, bbox_inches="tight")


if __name__ == "__main__":
    main()
