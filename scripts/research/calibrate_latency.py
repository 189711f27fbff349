#!/usr/bin/env python3
"""The delay stages of a scenario, from measured quartiles and from what is known of the mechanism.

    scripts/research/calibrate_latency.py SCENARIO.toml QUARTILES.csv              relay stages that fit, and how well
    scripts/research/calibrate_latency.py --check SCENARIO.toml QUARTILES.csv      the same, against those in the file
    scripts/research/calibrate_latency.py --outage RATE MEDIAN SIGMA               an outage under way, as part of a mixture
    scripts/research/calibrate_latency.py --oracle DEVIATION VOLATILITY [LAG]      a feed pushed when the price has moved

QUARTILES.csv has the columns protocol, src_chain, dst_chain, n, latency_s_q25, latency_s_median, latency_s_q75. The
shipped scenarios rest on `bridge_latency_quartiles_xchaindatagen_2024.csv`: end-to-end latencies of 10.4 million
transfers, 2024-06-01 to 2024-12-31, which is `analysis/latency_results.csv` of github.com/AndreAugusto11/XChainDataGen
(MIT), put from wide to long.

The fit. What was measured runs from the block of the source transaction to the block of the destination transaction:
finality + relay + destination inclusion (not the oracle, nor the wait for the first block). Finality and destination
inclusion are structural and are taken from the scenario; the relay stage is what is left, a lognormal law. Its median
is set so that the median of the *sum* is the measured one; its sigma, on a grid of 0.01 from 0.10 up, so that the two
quartiles are off by least (squared relative error). Quantiles of the sum are exact: the integral of a lognormal
distribution function, which a uniform finality needs, has a closed form.

What it cannot say. Three quartiles fix the middle half of a law and nothing else: no p95, p99 or maximum was published.
Everything a scenario says beyond the 75 % quantile (late epochs, stalls, retries, outages) rests on the mechanism or on
incidents, as the comments there say, or is assumed; a p99 computed from these relay stages is an extrapolation. And a
message that liquidates over some protocol is taken to need as long as the token transfers that were measured.

Exit 0: done, or equal; 1: --check found a difference; 2: the input cannot be used. Python 3.11, standard library only.
"""
import argparse
import csv
import math
import sys
import tomllib

# Which measured protocol stands for which layer of a scenario. "stargate_oft" is a LayerZero v2 message.
PROTOCOLS = {"ccip": "ccip", "cctp": "cctp", "across": "across",
             "stargate": "stargate_oft", "layerzero": "stargate_oft", "oft-single-dvn": "stargate_oft"}
STRUCTURAL = ("finality", "proof", "challenge", "destination_inclusion")
UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
LEAST_SIGMA = 0.10  # a relay that always needs the same time is not believed, whatever the quartiles say
SECONDS_PER_YEAR = 365 * 86400


class Unusable(Exception):
    pass


def seconds(text):
    try:
        return float(text[:-1]) * UNITS[text[-1]]
    except (KeyError, ValueError, TypeError, IndexError):
        raise Unusable(f"{text!r} is not a duration such as \"12s\" or \"1.5h\"") from None


def phi(z):
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def solve(f, target, low, high):
    """x in [low, high] with f(x) = target, f increasing, by bisection on a logarithmic scale."""
    for _ in range(200):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if f(middle) < target else (low, middle)
    return high


class Sum:
    """fixed + one of some uniform pieces (weight, from, to) + lognormal(median, sigma)."""

    def __init__(self, fixed, pieces, median, sigma):
        self.fixed, self.pieces, self.median, self.sigma = fixed, pieces, median, sigma

    def lognormal(self, y):
        return phi(math.log(y / self.median) / self.sigma) if y > 0 else 0.0

    def lognormal_integral(self, y):
        """Integral of the distribution function from 0 to y: y F(y) - E[X; X <= y]."""
        if y <= 0:
            return 0.0
        z = math.log(y / self.median) / self.sigma
        return y * phi(z) - self.median * math.exp(self.sigma**2 / 2) * phi(z - self.sigma)

    def cdf(self, t):
        total = 0.0
        for weight, low, high in self.pieces:
            if high > low:
                area = self.lognormal_integral(t - self.fixed - low) - self.lognormal_integral(t - self.fixed - high)
                total += weight * area / (high - low)
            else:
                total += weight * self.lognormal(t - self.fixed - low)
        return total

    def quantile(self, p):
        return solve(self.cdf, p, 1e-3, 1e9)


def pieces_of(law):
    """A constant, a uniform or a mixture of them, as (weight, from, to)."""
    kind = law.get("kind")
    if kind == "constant":
        return [(1.0, seconds(law["value"]), seconds(law["value"]))]
    if kind == "uniform":
        return [(1.0, seconds(law["min"]), seconds(law["max"]))]
    if kind == "mixture":
        return [(part["weight"] * weight, low, high) for part in law["of"] for weight, low, high in pieces_of(part)]
    raise Unusable(f"a structural stage of kind {kind!r} (only constant, uniform and mixtures have a closed form)")


def structure_of(route):
    fixed, pieces = 0.0, [(1.0, 0.0, 0.0)]
    for stage in route["stages"]:
        if stage["name"] not in STRUCTURAL:
            continue
        found = pieces_of(stage)
        if len(found) == 1 and found[0][1] == found[0][2]:
            fixed += found[0][1]
        elif len(pieces) == 1 and pieces[0][1] == pieces[0][2]:
            pieces = found
        else:
            raise Unusable("two random structural stages on one route (their sum has no closed form)")
    return fixed, pieces


def fit(quartiles, fixed, pieces):
    """The lognormal relay, rounded as it is written, whose sum with the structure is nearest to the quartiles."""
    low, middle, high = quartiles
    if Sum(fixed, pieces, 1e-3, LEAST_SIGMA).quantile(0.5) > middle:
        raise Unusable("the structural stages alone take longer than the measured median")
    best = None
    for step in range(round(LEAST_SIGMA * 100), 301):
        sigma = step / 100
        # The median of the sum falls as the median of the relay rises, at a fixed time.
        median = solve(lambda m: -Sum(fixed, pieces, m, sigma).cdf(middle), -0.5, 1e-3, 1e6)
        median = float(f"{median:.3g}")
        law = Sum(fixed, pieces, median, sigma)
        error = (law.quantile(0.25) / low - 1) ** 2 + (law.quantile(0.75) / high - 1) ** 2
        if best is None or error < best[0]:
            best = error, law
    return best[1]


def read_lanes(path):
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = [f"latency_s_{name}" for name in ("q25", "median", "q75")]
    return {(row["protocol"], row["src_chain"], row["dst_chain"]): (int(row["n"]), [float(row[name]) for name in names])
            for row in rows}


def relays(scenario, lanes, check):
    differ, matched = False, 0
    print("# Per route: the relay stage, then q25 / median / q75 measured -> fitted.")
    for name, route in scenario["routes"].items():
        # The message leaves the liability chain and arrives on the collateral chain.
        lane = PROTOCOLS.get(route.get("layer", "")), route["liability_chain"], route["collateral_chain"]
        if lane not in lanes:
            print(f"{name}: not measured (no lane {lane[1]} -> {lane[2]} of layer {route.get('layer')})")
            continue
        matched += 1
        count, quartiles = lanes[lane]
        law = fit(quartiles, *structure_of(route))
        fitted = [law.quantile(p) for p in (0.25, 0.5, 0.75)]
        worst = max(abs(f / q - 1) for f, q in zip(fitted, quartiles))
        print(f'{name}: {{ name = "relay", kind = "lognormal", median = "{law.median:g}s", sigma = {law.sigma:.2f} }},')
        before, after = " / ".join(f"{q:g}" for q in quartiles), " / ".join(f"{f:.0f}" for f in fitted)
        print(f"  # {lane[0]} {lane[1]} -> {lane[2]}, n = {count}: {before} s -> {after} s, "
              f"off by {100 * worst:.1f} % at most")
        if not check:
            continue
        relay = next((stage for stage in route["stages"] if stage["name"] == "relay"), None)
        if relay is None or relay.get("kind") != "lognormal" or "sigma" not in relay \
                or seconds(relay["median"]) != law.median or relay["sigma"] != law.sigma:
            differ = True
            print(f"  the file has {relay}")
    if not matched:
        raise Unusable("no route of the scenario has a measured lane")
    if check:
        print("differs" if differ else f"{matched} relay stages equal the fitted ones")
    return 1 if differ else 0


def outage(rate, median, sigma):
    """Outages at `rate` per year, durations lognormal(median, sigma): the chance that one is under way, and its rest.

    What is left of an outage found under way has density (1 - F(t)) / E[D] (length-biased), hence the distribution
    function t (1 - F(t)) / E[D] + Phi(z - sigma), z = ln(t / median) / sigma. A Weibull law through its 50 % and 95 %
    quantiles stands for it.
    """
    mean = median * math.exp(sigma**2 / 2)
    share = rate * mean / SECONDS_PER_YEAR
    share /= 1 + share

    def residual(t):
        z = math.log(t / median) / sigma
        return t * (1 - phi(z)) / mean + phi(z - sigma)

    truth = {p: solve(residual, p, 1e-3 * median, 1e6 * median) for p in (0.05, 0.25, 0.50, 0.75, 0.95, 0.99)}
    shape = math.log(math.log(0.05) / math.log(0.5)) / math.log(truth[0.95] / truth[0.5])
    shape = round(shape, 2)
    scale = truth[0.5] / math.log(2) ** (1 / shape)
    print(f'{{ weight = {share:.6f}, kind = "weibull", shape = {shape}, scale = "{scale / 60:.0f}m" }}')
    fitted = {p: scale * (-math.log1p(-p)) ** (1 / shape) for p in truth}
    print("  # what is left of it, exact -> Weibull: "
          + ", ".join(f"p{100 * p:.0f} {truth[p] / 60:.0f} -> {fitted[p] / 60:.0f} min" for p in truth))
    return 0


def oracle(deviation, volatility, lag):
    """Time for a driftless price to move by `deviation` either way, and `lag` from that trigger to the block.

    The exit time of a Brownian motion from an interval has mean (deviation / volatility)^2 and variance two thirds of
    its square: a gamma law of shape 1.5 has both. The lag is added to the mean.
    """
    mean = (deviation / volatility) ** 2 * SECONDS_PER_YEAR
    print(f'{{ name = "oracle", kind = "gamma", shape = 1.5, mean = "{mean + lag:.0f}s" }},')
    print(f"  # {mean:.0f} s to move, {lag:.0f} s to push")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", metavar="FILE", help="SCENARIO.toml QUARTILES.csv")
    parser.add_argument("--check", action="store_true", help="compare with the relay stages in the scenario")
    parser.add_argument("--outage", nargs=3, metavar=("RATE", "MEDIAN", "SIGMA"),
                        help="outages per year, their median duration, the sigma of its logarithm")
    parser.add_argument("--oracle", nargs="+", metavar="FIGURE",
                        help="deviation and volatility as fractions, lag as a duration (default 40s)")
    arguments = parser.parse_args()
    try:
        if arguments.outage:
            rate, median, sigma = arguments.outage
            return outage(float(rate), seconds(median), float(sigma))
        if arguments.oracle:
            if len(arguments.oracle) not in (2, 3):
                parser.error("--oracle wants DEVIATION VOLATILITY [LAG]")
            deviation, volatility = map(float, arguments.oracle[:2])
            return oracle(deviation, volatility, seconds((arguments.oracle + ["40s"])[2]))
        if len(arguments.files) != 2:
            parser.error("a scenario and a file of quartiles are wanted")
        with open(arguments.files[0], "rb") as file:
            scenario = tomllib.load(file)
        return relays(scenario, read_lanes(arguments.files[1]), arguments.check)
    except (Unusable, OSError, ValueError, TypeError, KeyError) as error:
        what = error if isinstance(error, (Unusable, OSError)) else f"{type(error).__name__}: {error}"
        print(f"calibrate_latency: {what}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
