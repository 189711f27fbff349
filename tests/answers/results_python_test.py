#!/usr/bin/env python3
"""Result files open in h5py, xarray and netCDF4 with named dimensions and units, and say what `show --json` says.

Runs the program named by $PROOFLOAD. What is not installed is skipped, and said; exit status 77 when nothing could be checked.
"""

import csv
import json
import math
import os
import random
import re
import subprocess
import sys
import tempfile

PROGRAM = os.environ.get("PROOFLOAD", "build/proofload")
SCENARIO = "scenarios/multi-chain-book.toml"
# The same with dates on which prices are observed, and as a book.
DATED = """schema = 1
name = "dated"
include = ["{include}"]
[market]
innovation = "gaussian"
variance = "constant"
{grid}
[stress]
volatility = 2.0
[portfolio]
haircut = 0.02
"""
GRID = 'grid = { step = "2m" }'
# Residuals and recorded prices, from files beside it.
FILES = """schema = 1
name = "files"
[run]
paths = 20_000
confidence = [0.9, 0.99]
horizon = "6h"
[market]
assets = [ { name = "ETH", price = 3000.0, volatility = 0.8 }, { name = "BTC", price = 60000.0, volatility = 0.6 } ]
correlation = [[1.0, 0.5], [0.5, 1.0]]
innovation = { kind = "bootstrap", file = "residuals.csv", bar = "1h", block = "12h" }
[stress]
replay = { file = "prices.csv", start = "random", columns = { BTC = "XBT" } }
[layers.one]
hazard = 0.05
exposure = "72h"
[routes.slow]
collateral_chain = "base"
liability_chain = "arbitrum"
layer = "one"
stages = [ { name = "relay", kind = "exponential", mean = "30m" } ]
[[collateral]]
name = "ETH@base"
asset = "ETH"
route = "slow"
haircut = 0.02
"""
SCHEMA = "results/haircuts.schema.json"


def proofload(*arguments):
    return subprocess.run([PROGRAM, *arguments], check=True, stdout=subprocess.PIPE).stdout.decode()


def package(name):
    try:
        return __import__(name)
    except ImportError:
        print(f"skipped: the Python package {name} is not installed")
        return None


def same(stored, shown):
    """A stored number and one of the JSON, where null and not-a-number both mean absent."""
    if shown is None:
        return math.isnan(stored)
    return stored == shown


def check_figures(read, attributes, shown, scenario=SCENARIO):
    """`read(name)` gives a variable as nested lists, whatever the package."""
    for key in ("plan_hash", "tally_hash", "seed", "paths", "interval", "backend", "engine", "device", "date"):
        assert attributes[key] == shown[key], (key, attributes[key], shown[key])
    assert attributes["scenario_name"] == shown["scenario"]
    assert attributes["format"] == "proofload results" and attributes["schema"] == 1
    with open(scenario, encoding="utf-8") as file:
        assert attributes["scenario_text"] == file.read()
    assert "schema = 1" in attributes["effective_scenario"]

    names = [c["name"] for c in shown["collateral"]]
    assert read("collateral") == names
    assert read("route") == [r["name"] for r in shown["routes"]]
    assert read("layer") == [layer["name"] for layer in shown["layers"]]
    for k, collateral in enumerate(shown["collateral"]):
        assert read("confidence") == [h["confidence"] for h in collateral["haircuts"]]
        for c, haircut in enumerate(collateral["haircuts"]):
            for variable, value in (
                ("haircut", haircut["value"]),
                ("haircut_low", haircut["low"]),
                ("haircut_high", haircut["high"]),
                ("expected_shortfall", haircut["expected_shortfall"]),
                ("haircut_given_no_failure", haircut["given_no_failure"]),
                ("attribution_price", haircut["attribution"]["price"]),
                ("attribution_basis", haircut["attribution"]["basis"]),
                ("attribution_liquidity", haircut["attribution"]["liquidity"]),
                ("beyond_cliff", haircut["beyond_cliff"]),
            ):
                assert same(read(variable)[k][c], value), (variable, names[k], value)
        under = collateral["p_under"]
        assert same(read("p_under")[k], under["estimate"] if under else None)
        assert same(read("p_under_high")[k], under["high"] if under else None)
        assert same(read("p_failure")[k], collateral["p_failure"]["estimate"])
        for j, both in enumerate(shown["joint_under"][k]):
            assert same(read("joint_under")[k][j], both)
    for i, route in enumerate(shown["routes"]):
        assert all(same(a, b) for a, b in zip(read("delay_quantile")[i], route["delay_seconds"].values()))


def check_counts(latency, spared, struck, lower, upper, shown):
    """The whole histograms are there: they hold every path, and a quantile read off them is the one that is shown."""
    paths = shown["paths"]
    for k, collateral in enumerate(shown["collateral"]):
        assert sum(latency[k]) == paths
        assert sum(spared[k]) == sum(struck[k])
        assert sum(struck[k]) == round(collateral["p_failure"]["estimate"] * paths)
        for haircut in collateral["haircuts"]:
            rank = math.ceil(round(haircut["confidence"] * paths, 6))
            seen = 0
            for b, count in enumerate(latency[k]):
                seen += count + struck[k][b] - spared[k][b]
                if seen >= rank:
                    break
            before_sale = haircut["value"] - haircut["attribution"]["liquidity"]
            assert abs(upper[b] - before_sale) < 1e-12, (collateral["name"], upper[b], before_sale)
            assert lower[b] < upper[b] or b == len(upper) - 1


def check_h5py(h5py, file, shown):
    with h5py.File(file, "r") as f:

        def read(name):
            values = f[name].asstr()[()] if h5py.check_string_dtype(f[name].dtype) else f[name][()]
            return values.tolist()

        check_figures(read, f.attrs, shown)
        for name, variable in f.items():
            assert variable.attrs["units"] and variable.attrs["long_name"], name
            if variable.attrs.get("CLASS") == b"DIMENSION_SCALE":
                assert variable.shape == (len(variable),), name
                continue
            for dimension in variable.dims:
                assert len(dimension) == 1, f"{name} has an unnamed dimension"
        assert [d[0].name for d in f["haircut"].dims] == ["/collateral", "/confidence"]
        counts = [f[name][()].tolist() for name in ("loss_latency_count", "loss_spared_count", "loss_struck_count")]
        check_counts(*counts, f["loss"][()].tolist(), f["loss_upper"][()].tolist(), shown)
        assert f["loss_latency_count"].compression == "gzip"
        assert f["delay"].attrs["units"] == "s"
    print("h5py: the file says what show says")


def check_xarray(xarray, file, shown):
    with xarray.open_dataset(file, engine="h5netcdf") as data:
        check_figures(lambda name: data[name].values.tolist(), data.attrs, shown)
        assert data["haircut"].dims == ("collateral", "confidence")
        assert data["joint_under"].dims == ("collateral", "collateral_other")
        assert data["loss_latency_count"].dims == ("collateral", "loss")
        assert data["delay_count"].dims == ("route", "delay")
        assert not [d for d in data.sizes if d.startswith("phony")], data.sizes
        first, confidence = shown["collateral"][0], shown["collateral"][0]["haircuts"][0]["confidence"]
        assert float(data["haircut"].sel(collateral=first["name"], confidence=confidence)) == first["haircuts"][0]["value"]
        assert "haircut" in data["haircut"].to_dataframe().columns
    print("xarray: named dimensions, selected by name, as a pandas frame")


def check_picture(file, shown):
    """The lines that results/README.md shows draw the densities: under each curve lies what its bins hold, and the haircuts."""
    with open("results/README.md", encoding="utf-8") as page:
        block = next(b for b in re.findall(r"^```python\n(.*?)^```", page.read(), re.MULTILINE | re.DOTALL) if "pyplot" in b)
    assert len(block.splitlines()) <= 7
    folder = os.path.dirname(file)
    lines = block.replace("results/multi-chain-book.h5", file).replace("density.png", os.path.join(folder, "density.png"))
    import matplotlib

    matplotlib.use("Agg")
    names = {}
    exec(lines, names)  # noqa: S102
    with open(os.path.join(folder, "density.png"), "rb") as picture:
        assert picture.read(4) == b"\x89PNG"
    haircuts = next(c for c in shown["collateral"] if c["name"] == "ETH@ethereum")["haircuts"]
    for line, sold in zip(names["pyplot"].gca().lines, (False, True)):
        edges, density = (list(map(float, values)) for values in (line.get_xdata(), line.get_ydata()))
        pairs = [(a, b, y) for a, b, y in zip(edges, edges[1:], density) if not math.isnan(a + b + y) and a > -math.inf]
        total = sum((b - a) * y for a, b, y in pairs)
        assert 1.0 - 1e-4 < total < 1.0 + 1e-9, (sold, total)  # but for a total loss, and the last bin of a chunk
        for haircut in haircuts[:2]:
            at = 100 * (haircut["value"] - (0.0 if sold else haircut["attribution"]["liquidity"]))
            below = sum((b - a) * y for a, b, y in pairs if b <= at + 1e-9)
            assert abs(below - haircut["confidence"]) < 1e-4 + 3e-3 * (1 - haircut["confidence"]), (sold, haircut, below)
    names["pyplot"].close("all")
    print("xarray and matplotlib: the picture of results/README.md")


def check_observers(h5py, plain, file, shown, scenario):
    """With a grid there are breaches, and the least price of the book; without one there are none of their datasets."""
    with h5py.File(plain, "r") as f:
        assert not {"breach_count", "p_breach", "loss_least_count"} & set(f)
    with h5py.File(file, "r") as f:

        def read(name):
            values = f[name].asstr()[()] if h5py.check_string_dtype(f[name].dtype) else f[name][()]
            return values.tolist()

        check_figures(read, f.attrs, shown, scenario)
        assert [d[0].name for d in f["breach_count"].dims] == ["/collateral"]
        assert [d[0].name for d in f["loss_least_count"].dims] == ["/loss"]
        paths, breaches = shown["paths"], read("breach_count")
        assert any(breaches), "nothing is tested"
        for k, collateral in enumerate(shown["collateral"]):
            breach = collateral["p_breach"]
            assert breach["estimate"] == read("p_breach")[k] == breaches[k] / paths
            assert breach["low"] == read("p_breach_low")[k] <= breach["estimate"] <= read("p_breach_high")[k] == breach["high"]
        least, upper = read("loss_least_count"), read("loss_upper")
        assert sum(least) == paths and not any(n for n, edge in zip(least, upper) if edge <= 0)
        minimum = shown["portfolio"]["minimum"]
        beyond = sum(n for n, edge in zip(least, upper) if edge > minimum["p_breach"]["haircut"])
        assert 0 < beyond < paths and minimum["p_breach"]["estimate"] == beyond / paths
        for quantile in minimum["quantiles"]:
            rank, seen = math.ceil(round(quantile["confidence"] * paths, 6)), 0
            for n, edge in zip(least, upper):
                seen += n
                if seen >= rank:
                    break
            assert quantile["value"] == edge and quantile["low"] <= edge <= (quantile["high"] or 1.0)
    print("h5py: breaches and the book's worst date are what show says")


def check_netcdf(netcdf, file, shown):
    with netcdf.Dataset(file) as data:
        data.set_auto_mask(False)
        attributes = {name: getattr(data, name) for name in data.ncattrs()}
        check_figures(lambda name: data[name][:].tolist(), attributes, shown)
        assert data["haircut"].dimensions == ("collateral", "confidence")
        assert data["loss_latency_count"].dimensions == ("collateral", "loss")
        assert data["delay"].units == "s"
    print("netCDF4: reads as netCDF-4")


def check_recorded(h5py, folder):
    """A result holds what its scenario read from files: it opens on a machine that has none, and names no folder."""
    market, result = os.path.join(folder, "files.toml"), os.path.join(folder, "files.h5")
    files = [os.path.join(folder, name) for name in ("residuals.csv", "prices.csv")]
    draw = random.Random(8)
    residuals = [[draw.gauss(0, 1), draw.gauss(0, 3)] for _ in range(150)]
    prices = [[1000 * math.exp(draw.gauss(0, 0.02)), 9000 * math.exp(draw.gauss(0, 0.02))] for _ in range(48)]
    with open(market, "w", encoding="utf-8") as stream:
        stream.write(FILES)
    with open(files[0], "w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([["ETH", "BTC"], *residuals])
    with open(files[1], "w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([["timestamp_utc", "ETH", "XBT"], *([1583971200 + 3600 * i, *p] for i, p in enumerate(prices))])
    proofload("run", market, "-o", result)
    before = proofload("show", result, "--json")
    for file in files:
        os.remove(file)
    assert proofload("show", result, "--json") == before
    shown = json.loads(before)
    with h5py.File(result, "r") as f:

        def read(name):
            values = f[name].asstr()[()] if h5py.check_string_dtype(f[name].dtype) else f[name][()]
            return values.tolist()

        check_figures(read, f.attrs, shown, market)
        assert folder not in f.attrs["effective_scenario"] and '"prices.csv"' in f.attrs["effective_scenario"]
        assert read("asset") == ["ETH", "BTC"]
        assert [d[0].name for d in f["residual"].dims] == ["/residual_row", "/asset"]
        assert [d[0].name for d in f["replay_return"].dims] == ["/replay_time", "/asset"]
        assert f["replay_time"].attrs["units"] == f["replay_bar"].attrs["units"] == "s"
        assert all(f[name].attrs["long_name"] for name in ("residual", "replay_return", "replay_bar", "replay_calls"))
        assert read("replay_bar") == 3600 and read("replay_calls") == 48 - 6
        assert read("replay_time") == [3600.0 * (i + 1) for i in range(47)]
        for column, row in enumerate(zip(*residuals)):
            mean = sum(row) / len(row)
            deviation = math.sqrt(sum((x - mean) ** 2 for x in row) / len(row))
            stored = [r[column] for r in read("residual")]
            assert all(abs(z - (x - mean) / deviation) < 1e-9 for z, x in zip(stored, row))
        for one, (old, new) in zip(read("replay_return"), zip(prices, prices[1:])):
            assert all(abs(x - math.log(b / a)) < 1e-12 for x, a, b in zip(one, old, new))
    assert "prices.csv" in shown["stress"]
    check_export(folder, result, shown)
    print("h5py: what was read from files is in the result")


def check_export(folder, file, shown):
    target = os.path.join(folder, "haircuts.json")
    proofload("export", file, "--venue", "generic", "-o", target)
    with open(target, encoding="utf-8") as stream:
        exported = json.load(stream)
    table = os.path.join(folder, "haircuts.csv")
    proofload("export", file, "--venue", "generic", "-o", table)
    with open(table, encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    expected = [(c["name"], h["confidence"], h["high"]) for c in shown["collateral"] for h in c["haircuts"]]
    assert len(exported["haircuts"]) == len(rows) == len(expected)
    for (name, confidence, high), one, row in zip(expected, exported["haircuts"], rows):
        assert (one["collateral"], one["confidence"], one["upper_bound"]) == (name, confidence, high)
        assert 0 <= one["haircut_bps"] - max(0.0, high) * 1e4 + 1e-8 < 1 + 1e-8, one
        assert (row["collateral"], float(row["upper_bound"]), int(row["haircut_bps"])) == (name, high, one["haircut_bps"])
        assert row["plan_hash"] == shown["plan_hash"] and row["tally_hash"] == shown["tally_hash"]
        assert row["stress"] == (shown["stress"] or "") == exported["provenance"].get("stress", "")
    jsonschema = package("jsonschema")
    if jsonschema:
        with open(SCHEMA, encoding="utf-8") as stream:
            schema = json.load(stream)
        validator = jsonschema.validators.validator_for(schema)
        validator.check_schema(schema)
        validator(schema).validate(exported)
        exported["haircuts"][0]["haircut_bps"] = 10001
        assert not validator(schema).is_valid(exported), "the schema lets anything pass"
        exported["haircuts"][0]["haircut_bps"] = 100
        exported["provenance"]["stress"] = ""
        assert not validator(schema).is_valid(exported), "an empty stress passes"
        print("jsonschema: the export is as its schema says")


def main():
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "book.h5")
        proofload("run", SCENARIO, "--paths", "200000", "-o", file)
        shown = json.loads(proofload("show", file, "--json"))
        check_export(folder, file, shown)
        checked = 0
        h5py = package("h5py")
        if h5py:
            check_h5py(h5py, file, shown)
            scenario, dated = os.path.join(folder, "dated.toml"), os.path.join(folder, "dated.h5")
            plain, undated = os.path.join(folder, "undated.toml"), os.path.join(folder, "undated.h5")
            text = DATED.format(include=os.path.abspath(SCENARIO), grid=GRID)
            for name, lines in ((scenario, text), (plain, text.replace(GRID, ""))):
                with open(name, "w", encoding="utf-8") as stream:
                    stream.write(lines)
            proofload("run", scenario, "--paths", "50000", "-o", dated)
            proofload("run", plain, "--paths", "1000", "-o", undated)
            check_observers(h5py, undated, dated, json.loads(proofload("show", dated, "--json")), scenario)
            check_recorded(h5py, folder)
            checked += 1
        xarray = package("xarray")
        if xarray and package("h5netcdf"):
            check_xarray(xarray, file, shown)
            if package("matplotlib"):
                check_picture(file, shown)
            checked += 1
        netcdf = package("netCDF4")
        if netcdf:
            check_netcdf(netcdf, file, shown)
            checked += 1
    return 0 if checked else 77


if __name__ == "__main__":
    sys.exit(main())
