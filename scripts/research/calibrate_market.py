#!/usr/bin/env python3
"""Volatilities and correlations of the [market] table, from hourly prices.

    scripts/research/calibrate_market.py PRICES.csv[.xz] [--assets BTC,ETH,...] [--start DATE] [--end DATE]
    scripts/research/calibrate_market.py PRICES.csv[.xz] --check SCENARIO.toml...

PRICES has a column `timestamp_utc` (the open time of each hourly bar) and a column per asset (the close of that bar,
empty when missing). The shipped scenarios were calibrated on `prices_1h_binance_usdt_2017-08_2023-12.csv.xz`: Binance
spot closes in USDT, 2021-04-05T00:00Z to 2023-12-30T18:00Z. The prices are Binance's and are not redistributed with
this project; bring your own file of that layout.

The estimator, in full:
  - returns are differences of log closes between *consecutive* hours; a return across a gap is left out, nothing is
    filled in;
  - volatility = sample standard deviation of those returns, times sqrt(8760) (a year is 365 days of 24 hours);
  - correlation of a pair = Pearson's, over the hours in which both have a return (pairwise sample);
  - volatilities and correlations are rounded to 4 decimals, and the *rounded* matrix must be positive definite;
  - prices are the last closes of the span, to 3 digits: losses are relative, so prices only label the assets.

`--check` recomputes the figures and compares: each scenario may hold any subset of the assets, in any order. Exit 0:
equal; 1: they differ; 2: the input cannot be used. Needs Python 3.11, numpy and pandas (Debian: python3-numpy
python3-pandas).
"""
import argparse
import sys
import tomllib

import numpy as np
import pandas as pd

ASSETS = "BTC,ETH,BNB,SOL,AVAX,MATIC,LINK,ATOM,ARB,AAVE,UNI,USDC"
START, END = "2021-04-05T00:00Z", "2023-12-30T18:00Z"  # the last hour that all of them have
HOURS_PER_YEAR = 8760
DECIMALS = 4
LEAST_HOURS = 24 * 90  # below three months a correlation of 0.6 is known to no better than about 0.02


class Unusable(Exception):
    pass


def read_prices(path, assets, start, end):
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise Unusable(f"{path} cannot be read ({error})") from None
    missing = [name for name in ["timestamp_utc", *assets] if name not in table]
    if missing:
        raise Unusable(f"{path} has no column {', '.join(missing)} (it has {', '.join(table.columns)})")
    table.index = pd.to_datetime(table["timestamp_utc"], utc=True)
    table = table.loc[pd.Timestamp(start) : pd.Timestamp(end), assets]
    if table.empty:
        raise Unusable(f"{path} has no row between {start} and {end}")
    if not table.index.is_monotonic_increasing or table.index.has_duplicates:
        raise Unusable(f"the timestamps of {path} do not ascend (the same hour twice, or unsorted rows)")
    if (table <= 0).any(axis=None):
        raise Unusable(f"{path} holds a price that is not positive (its logarithm does not exist)")
    # Every hour of the span gets a row: a step of one row is then a step of one hour, and missing hours stay empty.
    return table.reindex(pd.date_range(table.index[0], table.index[-1], freq="h"))


class Market:
    """Rounded figures of `assets`, with the sample they rest on."""

    def __init__(self, prices):
        self.assets = list(prices.columns)
        self.span = prices.index[0], prices.index[-1]
        returns = np.log(prices).diff()
        self.hours = returns.count()
        self.first_hour = {name: returns[name].first_valid_index() for name in self.assets}
        short = [name for name in self.assets if self.hours[name] < LEAST_HOURS]
        if short:
            raise Unusable(f"{', '.join(short)}: fewer than {LEAST_HOURS} hourly returns (too few to calibrate on)")
        self.volatility = (returns.std() * np.sqrt(HOURS_PER_YEAR)).round(DECIMALS)
        self.correlation = returns.corr(min_periods=LEAST_HOURS).round(DECIMALS)
        if self.correlation.isna().any(axis=None):
            raise Unusable("two assets hardly ever trade in the same hours (their correlation cannot be computed)")
        self.least_eigenvalue = float(np.linalg.eigvalsh(self.correlation.to_numpy()).min())
        if self.least_eigenvalue <= 1e-6:
            raise Unusable("the rounded matrix is not positive definite (its least eigenvalue is "
                           f"{self.least_eigenvalue:.2g}) leave out one of two nearly equal assets")
        self.price = {name: float(f"{close:.3g}") for name, close in prices.ffill().iloc[-1].items()}

    def toml(self):
        width = max(map(len, self.assets)) + 3
        lines = ["[market]", "drift = 0.0", "assets = ["]
        for name in self.assets:
            label = f'"{name}",'.ljust(width)
            figures = f"price = {self.price[name]!r}, volatility = {self.volatility[name]:.4f}"
            lines.append(f"  {{ name = {label} {figures} }},")
        if len(self.assets) == 1:
            return "\n".join(lines + ["]"])
        lines += ["]", "correlation = [", "  #" + "  ".join(name.rjust(7) for name in self.assets)]
        for name in self.assets:
            row = ", ".join(f"{self.correlation.loc[name, other]:.4f}".rjust(7) for other in self.assets)
            lines.append(f"  [{row}],  # {name}")
        return "\n".join(lines + ["]"])

    def differences(self, table):
        """What a [market] table says otherwise than these figures."""
        found = []
        names = [asset["name"] for asset in table["assets"]]
        for asset in table["assets"]:
            name = asset["name"]
            if name not in self.assets:
                found.append(f"{name} is not one of the calibrated assets")
                continue
            for key, ours in (("volatility", self.volatility[name]), ("price", self.price[name])):
                if asset[key] != float(ours):
                    found.append(f"{name}: {key} {asset[key]} in the file, {ours} computed")
        rows = table.get("correlation", [[1.0]])
        for i, a in enumerate(names):
            for j, b in enumerate(names):
                if a not in self.assets or b not in self.assets:
                    continue
                ours = float(self.correlation.loc[a, b])
                if rows[i][j] != ours:
                    found.append(f"correlation of {a} and {b}: {rows[i][j]} in the file, {ours} computed")
        return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prices")
    parser.add_argument("--assets", default=ASSETS, help="columns, separated by commas (default: the multi-chain book)")
    parser.add_argument("--start", default=START)
    parser.add_argument("--end", default=END)
    parser.add_argument("--check", nargs="+", metavar="SCENARIO", help="compare these instead of printing the table")
    arguments = parser.parse_args()
    try:
        market = Market(read_prices(arguments.prices, arguments.assets.split(","), arguments.start, arguments.end))
        found = {}
        for path in arguments.check or []:
            with open(path, "rb") as file:
                found[path] = market.differences(tomllib.load(file)["market"])
    except (Unusable, OSError, ValueError, TypeError, KeyError, IndexError) as error:
        what = error if isinstance(error, (Unusable, OSError)) else f"{type(error).__name__}: {error}"
        print(f"calibrate_market: {what}", file=sys.stderr)
        return 2
    if not arguments.check:
        print(market.toml())
        stamp = "%Y-%m-%dT%HZ"
        print(f"bars from {market.span[0]:{stamp}} to {market.span[1]:{stamp}}, least eigenvalue "
              f"{market.least_eigenvalue:.3f}; hourly returns (and the first):", file=sys.stderr)
        for name in market.assets:
            print(f"  {name:6} {market.hours[name]:6} {market.first_hour[name]:{stamp}}", file=sys.stderr)
        return 0
    for path, differences in found.items():
        verdict = ["differs", *differences] if differences else ["equal to the computed figures"]
        print(f"{path}: " + "\n  ".join(verdict))
    return 1 if any(found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
