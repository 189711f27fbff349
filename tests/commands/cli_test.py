#!/usr/bin/env python3
"""The command line from outside: bad input ends in a clear error, status 2 and no file.

Runs the program named by $PROOFLOAD in temporary folders. One line per check; exit status 1 when one failed.
"""

import base64
import calendar
import contextlib
import csv
import fcntl
import io
import json
import math
import os
import pty
import random
import re
import resource
import shlex
import shutil
import signal
import stat
import struct
import subprocess
import sys
import termios
import time
import unicodedata
import zlib

from program import (
    BASE,
    COMMANDS,
    PROGRAM,
    ROOT,
    SANITIZED,
    check,
    complaint,
    end,
    listing,
    made_prices,
    refused,
    run,
    skip,
    workplace,
)

MATRIX = "correlation = [[1.0, 0.8], [0.8, 1.0]]"
# Two ways across for the same stages: a mechanism of the catalogue in the place of the layer, and a slower one.
CATALOGUE = (
    BASE.replace('layer = "bridge"\nstages', 'mechanism = "quick"\nstages')
    .replace('  { name = "finality", kind = "lognormal", median = "15m", p99 = "1h" },\n', "")
    .replace(
        "[layers.bridge]",
        """[mechanisms.quick]
description = "a signature"
trust = "the signer"
cost = 2.0
stages = [ { name = "relay", kind = "exponential", mean = "1m" } ]
[mechanisms.quick.layer]""",
    )
    .replace(
        "[routes.far]",
        """[mechanisms.slow]
trust = "nobody"
lock_up = "1d"
cost = 9.0
stages = [ { name = "challenge", kind = "constant", value = "7d" } ]
[routes.far]""",
    )
)
UNCERTAIN = BASE + "[uncertainty]\nvolatility = 0.1\ndelays = 0.1\nhazards.bridge = { events = 2, years = 30.6 }\n"
THIRD = '  { name = "SOL", price = 150.0, volatility = 1.0 },\n]\n' + MATRIX
# What is replaced, what takes its place, and what the message must hold: every mistake on the line of the replacement.
BAD_SCENARIOS = {
    "unknown key": ("paths = 20000", "wibble = 3\npaths = 20000", ["wibble"]),
    "misspelt key": ("volatility = 0.8", "volatilty = 0.8", ["volatilty", 'did you mean "volatility"']),
    "misspelt table": ("[layers.bridge]", "[layer.bridge]", ['did you mean "layers"']),
    "wrong unit": ('"72h"', '"72 parsecs"', ["parsecs", "ms, s, m, h or d"]),
    "no unit": ('"72h"', "72", ["no unit"]),
    "negative duration": ('"72h"', '"-72h"', ["-72h"]),
    "negative volatility": ("volatility = 0.8", "volatility = -0.8", ["-0.8", "negative"]),
    "volatility of 1e308": ("volatility = 0.8", "volatility = 1e308", ["1e+308"]),
    "price of 1e308": ("price = 3000.0", "price = 1e308", ["1e+308"]),
    "price of 1e999": ("price = 3000.0", "price = 1e999", ["1e999"]),
    "price that is NaN": ("price = 3000.0", "price = nan", ["nan", "not a finite number"]),
    "price that is infinite": ("price = 3000.0", "price = inf", ["inf", "not a finite number"]),
    "haircut that is NaN": ("haircut = 0.05", "haircut = nan", ["not a finite number"]),
    "haircut of 1": ("haircut = 0.05", "haircut = 1.0", ["haircut"]),
    "NaN in the correlation": (MATRIX, "correlation = [[1.0, nan], [nan, 1.0]]", ["not a finite number"]),
    "correlation that is not symmetric": (MATRIX, "correlation = [[1.0, 0.8], [0.7, 1.0]]", ["symmetric", "0.7"]),
    "correlation beyond 1": (MATRIX, "correlation = [[1.0, 1.2], [1.2, 1.0]]", ["1.2"]),
    "correlation that is singular": (MATRIX, "correlation = [[1.0, 1.0], [1.0, 1.0]]", ["not positive definite"]),
    "correlation that is not positive definite": (
        "]\n" + MATRIX,
        THIRD.replace(MATRIX, "correlation = [[1.0, 0.9, 0.9], [0.9, 1.0, -0.9], [0.9, -0.9, 1.0]]"),
        ["not positive definite", "nearest"],
    ),
    "correlation that is too small": (MATRIX, "correlation = [[1.0]]", ["2"]),
    "correlation that is not square": (MATRIX, "correlation = [[1.0, 0.8], [0.8]]", ["square"]),
    "correlation that is missing": (MATRIX, "", ["correlation"]),
    "correlation file that is missing": (MATRIX, 'correlation_file = "nowhere.csv"', ["nowhere.csv"]),
    "unknown route": ('route = "far"', 'route = "fra"', ['"fra"', 'did you mean "far"']),
    "unknown asset": ('asset = "ETH"', 'asset = "DOGE"', ['"DOGE"', "ETH, BTC"]),
    "unknown layer": ('layer = "bridge"', 'layer = "brigde"', ['did you mean "bridge"']),
    "unknown law": ('kind = "uniform"', 'kind = "unifrom"', ['did you mean "uniform"']),
    "unknown stage": ('name = "finality"', 'name = "finalty"', ['did you mean "finality"']),
    "p99 below the median": ('p99 = "1h"', 'p99 = "1m"', ["p99"]),
    "samples that are missing": (
        'kind = "lognormal", median = "15m", p99 = "1h"',
        'kind = "empirical", file = "nowhere.csv", column = "x"',
        ["nowhere.csv"],
    ),
    "loading of nothing": ("[run]", "[systemic]\nhazrads = 1.0\n[run]", ['did you mean "hazards"']),
    "delays that are the stress factor": ("[run]", "[systemic]\ndelays = 1.0\n[run]", ["delays = 1", "less than 1"]),
    "negative loading of hazards": ("[run]", "[systemic]\nhazards = -1.0\n[run]", ["negative"]),
    "loading of volatility beyond sense": ("[run]", "[systemic]\nvolatility = 50\n[run]", ["from 0 to 5"]),
    "loading of outages that is NaN": ("[run]", "[systemic]\noutages = nan\n[run]", ["not a finite number"]),
    "price loadings of three assets": ("[run]", "[systemic]\nprices = [0.1, 0.1, 0.1]\n[run]", ["3 numbers", "has 2"]),
    "price loadings of a moving variance": (
        "[run]",
        "[market.variance]\n"
        'kind = "heston"\nmean_reversion = 4\nvol_of_vol = 1\ncorrelation = 0\n[systemic]\nprices = 0.3\n[run]',
        ["systemic.prices", "heston", "constant variance"],
    ),
    "misspelt copula": ("[run]", '[systemic]\ncopula = "noraml"\n[run]', ['did you mean "normal"']),
    "Student copula without dof": ("[run]", '[systemic]\ncopula = "student_t"\n[run]', ["has no dof"]),
    "Student copula of dof 0": (
        "[run]",
        '[systemic]\ncopula = { kind = "student_t", dof = 0 }\n[run]',
        ["dof = 0", "from 1"],
    ),
    "uncertainty of nothing": ("[run]", "[uncertainty]\nvolatilty = 0.1\n[run]", ['did you mean "volatility"']),
    "standard error in words": ("[run]", '[uncertainty]\nvolatility = "5 %"\n[run]', ["write a number"]),
    "negative standard error": ("[run]", "[uncertainty]\ndelays = -0.1\n[run]", ["negative"]),
    "correlations of which nothing is known": ("[run]", "[uncertainty]\ncorrelation = 0.9\n[run]", ["from 0 to 0.5"]),
    "error of dof that there are none of": ("[run]", "[uncertainty]\ndof = 0.5\n[run]", ["gaussian", "student_t"]),
    "dof that may have no variance": (
        MATRIX,
        MATRIX + '\ninnovation = { kind = "student_t", dof = 3.0 }\n[uncertainty]\ndof = 0.8',
        ["from dof = 3 down to 2", "less than 0.5"],
    ),
    "one block": ("[run]", "[uncertainty]\nblocks = 1\n[run]", ["from 8 to 1024"]),
    "hazard of an unknown layer": (
        "[run]",
        "[uncertainty]\nhazards.brigde = { events = 2, years = 30.6 }\n[run]",
        ['did you mean "bridge"'],
    ),
    "hazard known from no years": (
        "[run]",
        "[uncertainty]\nhazards.bridge = { events = 2, years = 0 }\n[run]",
        ["years = 0", "zero"],
    ),
    "hazard known from less than nothing": (
        "[run]",
        "[uncertainty]\nhazards.bridge = { events = -2, years = 30.6 }\n[run]",
        ["events = -2", "negative"],
    ),
    "hazard without years": ("[run]", "[uncertainty]\nhazards.bridge = { events = 2 }\n[run]", ["years is missing"]),
    "halt of an unknown chain": (
        "[run]",
        '[chains.arbitrum]\n[state]\nhalted.arbitrm = "40m"\n[run]',
        ['did you mean "arbitrum"'],
    ),
    "halt of a chain without outages": ("[run]", '[state]\nhalted.arbitrum = "40m"\n[run]', ["has no outages"]),
    "halt without a unit": ("[run]", "[state]\nhalted.arbitrum = 40\n[run]", ["no unit"]),
    "pause of a chain": ("[run]", '[state]\npaused.arbitrum = "40m"\n[run]', ["no layer of that name"]),
    "pause that outlasts its law": (
        'exposure = "72h"',
        'exposure = "72h"\nstall = { kind = "constant", value = "1h" }\n[state]\npaused.bridge = "49h"\n'
        '[[layers.bridge.outages]]\nname = "pause"\nrate = 0.2\nduration = { kind = "constant", value = "48h" }\n'
        "[layers.other]",
        ["state.paused.bridge is 49h", "one in a million"],
    ),
    "what both runs and stands still": (
        'exposure = "72h"',
        'exposure = "72h"\n[state]\npaused.bridge = "1h"\nrunning = ["bridge"]\n'
        '[[layers.bridge.outages]]\nname = "pause"\nrate = 0.2\nduration = { kind = "constant", value = "48h" }\n'
        "[layers.other]",
        ['"bridge" is running, and in state.paused'],
    ),
    "what runs and is unknown": ("[run]", '[state]\nrunning = ["arbitrm"]\n[run]', ['did you mean "arbitrum"']),
    "state of nothing": ("[run]", '[state]\nhalt.arbitrum = "40m"\n[run]', ['did you mean "halted"']),
    "negative liability": ("[run]", "[margin]\nliability = -1e6\n[run]", ["negative"]),
    "liquidation threshold in per cent": (
        "[run]",
        "[margin]\nliquidation_threshold = 85.0\n[run]",
        ["more than 0 up to 1"],
    ),
    "calls per year that are infinite": ("[run]", "[margin]\ncalls_per_year = inf\n[run]", ["not a finite number"]),
    "risk-free rate in per cent": ("[run]", "[margin]\nrisk_free = 40\n[run]", ["from -1 to 10"]),
    "negative loss budget": ("[run]", "[margin]\nloss_budget = -1\n[run]", ["negative"]),
    "blocks that are no whole number": ("[run]", "[uncertainty]\nblocks = 8.5\n[run]", ["8.5", "integer"]),
    "layers of one group that disagree": (
        "[run]",
        '[layers.other]\n[uncertainty]\nhazards.bridge = { events = 2, years = 30.6, group = "g" }\n'
        'hazards.other = { events = 3, years = 30.6, group = "g" }\n[run]',
        ['"g"', "3"],
    ),
    "negative time of a halt": ("[run]", '[chains.arbitrum]\n[state]\nhalted.arbitrum = "-40m"\n[run]', ["-40m"]),
    "margin of nothing": ("[run]", "[margin]\nlaibility = 1e6\n[run]", ['did you mean "liability"']),
    "joint_under that is a number": ("paths = 20000", "paths = 20000\njoint_under = 1", ["true or false"]),
    "reorganisation that is certain": (
        "[run]",
        '[chains.arbitrum]\nreorg = { probability = 1.0, delay = { kind = "constant", value = "1m" } }\n[run]',
        ["probability = 1", "less than 1"],
    ),
    "chain law that is none": ("[run]", '[chains.arbitrum]\nfinality = "15m"\n[run]', ["a table with a kind"]),
    "forced inclusion at once": ("[run]", '[chains.arbitrum]\nforced_inclusion = "0s"\n[run]', ["zero"]),
    "outage without a duration": (
        "[run]",
        '[chains.arbitrum]\noutages = [ { name = "halt", rate = 0.5 } ]\n[run]',
        ["duration is missing"],
    ),
    "two outages of one name": (
        "[run]",
        '[chains.arbitrum]\noutages = [ { name = "halt", rate = 0.5, duration = { kind = "constant", value = "1h" } }, '
        '{ name = "halt", rate = 0.1, duration = { kind = "constant", value = "7h" } } ]\n[run]',
        ['two outages named "halt"'],
    ),
    "chain that mostly stands still": (
        "[run]",
        "[chains.arbitrum]\n"
        'outages = [ { name = "halt", rate = 500.0, duration = { kind = "exponential", mean = "1d" } } ]\n[run]',
        ["more than half of the time"],
    ),
    "verifier hazard without verifiers": ("hazard = 1.0", "hazard = 1.0\nverifier_hazard = 0.1", ["without verifiers"]),
    "verifiers that disagree": (
        "hazard = 1.0",
        'verifiers = "set"\nverifier_hazard = 0.1\n[layers.other]\nverifiers = "set"\nverifier_hazard = 0.2',
        ["verifier_hazard is 0.2", '"bridge" says 0.1'],
    ),
    "bond of nothing secured": ("hazard = 1.0", "hazard = 1.0\nbond = 1e6", ["bond is given without secured"]),
    "cost of corrupting nothing": ("hazard = 1.0", "corruption_cost = 1e6", ["without secured"]),
    "bond that is infinite": ("hazard = 1.0", "hazard = 1.0\nsecured = 1e9\nbond = inf", ["not a finite number"]),
    "exponent of nothing": ("hazard = 1.0", "corruption_exponent = 2", ["without corruption_cost"]),
    "layer that is corrupted at once": (
        "hazard = 1.0",
        "hazard = 1.0\nsecured = 1e9\ncorruption_cost = 1e-300\ncorruption_exponent = 10",
        ["corruption_cost makes the hazard inf times", "a million"],
    ),
    "queue without a size": ("hazard = 1.0", 'queue = { delay = "24h" }', ["above is missing"]),
    "unknown mechanism": (
        'layer = "bridge"\n',
        'mechanism = "gpm"\n[mechanisms.gmp]\n[routes.near]\nfrom = "a"\nto = "b"\n',
        ['did you mean "gmp"'],
    ),
    "mechanism without a catalogue": ('layer = "bridge"', 'mechanism = "gmp"', ["no [mechanisms]", "include"]),
    "misspelt key of a mechanism": ("[run]", '[mechanisms.gmp]\ntrsut = "x"\n[run]', ['did you mean "trust"']),
    "oracle that has no price to watch": (
        'kind = "uniform", min = "0s", max = "60s"',
        'kind = "deviation", heartbeat = "1h", deviation = 0.005',
        ["market.grid"],
    ),
    "oracle without a heartbeat": (
        'kind = "uniform", min = "0s", max = "60s"',
        'kind = "deviation", deviation = 0.005',
        ["heartbeat is missing"],
    ),
    "deviation in per cent": (
        MATRIX,
        MATRIX + '\ngrid = { step = "1m" }\n[routes.near]\nfrom = "ethereum"\nto = "arbitrum"\nstages = ['
        '{ name = "oracle", kind = "deviation", heartbeat = "1h", deviation = 50 } ]',
        ["deviation = 50", "less than 1"],
    ),
    "block that is never made": (
        'kind = "lognormal", median = "15m", p99 = "1h"',
        'kind = "geometric", probability = 0, block_time = "12s"',
        ["probability = 0", "from 0.0001"],
    ),
    "geometric law without blocks": (
        'kind = "lognormal", median = "15m", p99 = "1h"',
        'kind = "geometric", probability = 0.9',
        ["block_time is missing"],
    ),
    "retry of what is always lost": (
        'kind = "lognormal", median = "15m", p99 = "1h"',
        'kind = "retry", of = { kind = "constant", value = "1m" }, drop = 1.0, wait = "1m"',
        ["drop = 1", "less than 1"],
    ),
    "retry of nothing": (
        'kind = "lognormal", median = "15m", p99 = "1h"',
        'kind = "retry", drop = 0.1, wait = "1m"',
        ["of is missing"],
    ),
    "status that no column has": (
        'kind = "lognormal", median = "15m", p99 = "1h"',
        'kind = "empirical", file = "transfers.csv", column = "latency", status = "stat"',
        ['no column "stat"', 'did you mean "state"'],
    ),
    "quantiles of no row": (
        'kind = "lognormal", median = "15m", p99 = "1h"',
        'kind = "empirical", quantile_file = "transfers.csv", where = { state = "lost" }, '
        "quantiles_in = { latency = 0.5, state = 0.9 }",
        ["0 of the 200 rows", "transfers.csv"],
    ),
    "tail of nearly everything": (
        'kind = "lognormal", median = "15m", p99 = "1h"',
        'kind = "empirical", file = "transfers.csv", column = "latency", tail = { share = 0.9 }',
        ["share = 0.9", "0.5"],
    ),
    "half an attempt": (
        'kind = "lognormal", median = "15m", p99 = "1h"',
        'kind = "retry", of = { kind = "constant", value = "1m" }, drop = 0.1, wait = "1m", attempts = 2.5',
        ["attempts = 2.5", "whole"],
    ),
    "retry of a mixture": (
        'kind = "lognormal", median = "15m", p99 = "1h"',
        'kind = "retry", of = { kind = "mixture", of = [] }, drop = 0.1, wait = "1m"',
        ["a mixture law inside another one"],
    ),
    "window without an end": (
        'kind = "lognormal", median = "15m", p99 = "1h"',
        'kind = "window", within = { kind = "constant", value = "1m" }, late = { kind = "constant", '
        'value = "1m" }',
        ["end is missing"],
    ),
    "window without what is late": (
        'kind = "lognormal", median = "15m", p99 = "1h"',
        'kind = "window", within = { kind = "constant", value = "1m" }, end = "8h"',
        ["late is missing"],
    ),
    "status without samples": (
        'kind = "lognormal", median = "15m", p99 = "1h"',
        'kind = "empirical", quantiles = [ [0.0, "1s"], [0.9, "2s"] ], status = "x"',
        ["status without file"],
    ),
    "tail that begins elsewhere": (
        'kind = "lognormal", median = "15m", p99 = "1h"',
        'kind = "empirical", quantiles = [ [0.0, "1s"], [0.9, "2s"] ], tail = { share = 0.2, threshold = '
        '"2s", shape = 0.1, scale = "1s" }',
        ["does not begin where the quantiles end"],
    ),
    "tail beyond any": (
        'kind = "lognormal", median = "15m", p99 = "1h"',
        'kind = "empirical", quantiles = [ [0.0, "1s"], [0.9, "2s"] ], tail = { share = 0.1, threshold = '
        '"2s", shape = 3.5, scale = "1s" }',
        ["shape = 3.5"],
    ),
    "quantiles of no file": (
        'kind = "lognormal", median = "15m", p99 = "1h"',
        'kind = "empirical", quantile_file = "nowhere.csv"',
        ["nowhere.csv"],
    ),
    "row of no file": (
        'kind = "lognormal", median = "15m", p99 = "1h"',
        'kind = "empirical", quantiles = [ [0.0, "1s"], [0.9, "2s"] ], where = { to = "base" }',
        ["where without quantile_file"],
    ),
    "relay that its chain should know": (
        'name = "finality", kind = "lognormal", median = "15m", p99 = "1h"',
        'name = "relay", kind = "chain"',
        ["chains have no law of relay"],
    ),
    "model without its parameters": (MATRIX, 'innovation = "student_t"\n' + MATRIX, ["student_t", "dof"]),
    "misspelt model": (MATRIX, 'innovation = "gausian"\n' + MATRIX, ['did you mean "gaussian"']),
    "Student-t without a variance": (
        MATRIX,
        'innovation = { kind = "student_t", dof = 2.0 }\n' + MATRIX,
        ["dof = 2", "variance is infinite"],
    ),
    "residuals that are missing": (
        MATRIX,
        'innovation = { kind = "bootstrap", file = "nowhere.csv", bar = "1h", block = "1d" }\n' + MATRIX,
        ["nowhere.csv", "does not exist"],
    ),
    "GARCH that is not stationary": (
        MATRIX,
        'variance = { kind = "gjr_garch", bar = "1h", alpha = 0.1, gamma = 0.1, beta = [0.8, 0.9] }\n' + MATRIX,
        ["BTC", "is 1.05", "no long-run variance"],
    ),
    "GARCH coefficients of three assets": (
        MATRIX,
        'variance = { kind = "gjr_garch", bar = "1h", alpha = [0.1, 0.1, 0.1], gamma = 0, beta = 0.8 }\n' + MATRIX,
        ["3 numbers", "market.assets has 2"],
    ),
    "grid other than the bar": (
        MATRIX,
        'grid = { step = "30m" }\n'
        'variance = { kind = "gjr_garch", bar = "1h", alpha = 0.1, gamma = 0.1, beta = 0.8 }\n' + MATRIX,
        ["the step 30m", "the bar 1h"],
    ),
    "Heston correlation of -1": (
        MATRIX,
        'variance = { kind = "heston", mean_reversion = 4, vol_of_vol = 1, correlation = -1 }\n' + MATRIX,
        ["correlation = -1", "more than -1"],
    ),
    "factors and a correlation": (MATRIX, "factors = { loadings = [[0.9], [0.9]] }\n" + MATRIX, ["both factors and"]),
    "factors that leave no noise": (MATRIX, "factors = { loadings = [[0.9], [1.0]] }", ["sum to 1", "above 0"]),
    "jumps too many to draw": (
        MATRIX,
        'jumps = { kind = "merton", intensity = 1e5, mean = -0.1, stdev = 0.1 }\n' + MATRIX,
        ["8219 jumps in 30d", "write grid"],
    ),
    "stress key that is misspelt": ("[run]", "[stress]\nvolatilty = 2.0\n[run]", ['did you mean "volatility"']),
    "stress correlation beyond 1": ("[run]", "[stress]\ncorrelation = 1.5\n[run]", ["stress.correlation = 1.5"]),
    "shock of everything": (
        "[run]",
        '[stress]\nshocks = [ { asset = "ETH", at = "1m", size = -1.0 } ]\n[run]',
        ["size = -1", "more than -1"],
    ),
    "shock of an unknown asset": (
        "[run]",
        '[stress]\nshocks = [ { asset = "EHT", at = "1m", size = -0.5 } ]\n[run]',
        ['did you mean "ETH"'],
    ),
    "replay of a missing file": (
        "[run]",
        '[stress]\nreplay = { file = "nowhere.csv", start = "random" }\n[run]',
        ["nowhere.csv", "does not exist"],
    ),
    "replay at no time": (
        "[run]",
        '[stress]\nreplay = { file = "base.toml", start = "noon" }\n[run]',
        ['"noon" is not a time', "2020-03-12T06:00:00Z"],
    ),
    "zero paths": ("paths = 20000", "paths = 0", ["paths"]),
    "negative paths": ("paths = 20000", "paths = -5", ["paths"]),
    "too many paths": ("paths = 20000", "paths = 9000000000000", ["paths"]),
    "paths that are a word": ("paths = 20000", 'paths = "many"', ["paths"]),
    "a key twice": ("paths = 20000", "paths = 20000\npaths = 3", ["paths"]),
    "broken TOML": ("[run]", "[run", ["TOML"]),
    "a hundred thousand brackets": ("paths = 20000", "paths = " + "[" * 100000, ["TOML"]),
    "another schema": ("schema = 1", "schema = 2", ["schema"]),
    "include of itself": ('name = "small"', 'name = "small"\ninclude = ["bad.toml"]', ["bad.toml -> bad.toml"]),
    "include of a missing file": ('name = "small"', 'name = "small"\ninclude = ["nowhere.toml"]', ["nowhere.toml"]),
    "include of a folder": ('name = "small"', 'name = "small"\ninclude = ["."]', ["directory"]),
}

# An HDF5 file with nothing in it, as H5Fcreate and H5Fclose leave it (HDF5 1.10).
FOREIGN = zlib.decompress(
    base64.b64decode(
        "eNrr9HBx4+WS4mIAAQ4OBhYGAQZk8B8KFJhR+TD5BCjNCKU7oPQKJpg4I1hOAiouCDUfXV1IkKsrsvno9oyCkQ08XB"
        "0DQHQElM8BpU8woaqDpcMAKtkLAKSkKIg="
    )
)

# A plain object is a shape with its keys in the order of the contract; more keys may follow.
SHAPE = {
    "scenario": str,
    "schema": int,
    "engine": str,
    "backend": str,
    "seed": int,
    "paths": int,
    "interval": float,
    "plan_hash": str,
    "tally_hash": str,
    "unresolved": int,
    "collateral": [
        {
            "name": str,
            "asset": str,
            "route": str,
            "p_under": {"haircut": float, "estimate": float, "low": float, "high": float, "mean_shortfall": float},
            "p_failure": {"estimate": float, "low": float, "high": float},
            "haircuts": [
                {
                    "confidence": float,
                    "value": float,
                    "low": float,
                    "high": float,
                    "expected_shortfall": float,
                    "expected_shortfall_low": float,
                    "expected_shortfall_high": float,
                    "given_no_failure": float,
                    "beyond_cliff": bool,
                    "attribution": {"price": float, "basis": float, "latency": float, "failure": float, "liquidity": float},
                }
            ],
        }
    ],
    "routes": [{"name": str, "delay_seconds": {"p50": float, "p90": float, "p99": float, "p999": float}}],
    "joint_under": [[float]],
}

def check_bad_scenarios(folder):
    bad = folder / "bad.toml"
    delays = "".join(f"{50 + i},{'pending' if i % 9 == 0 else 'delivered'}\n" for i in range(200))
    (folder / "transfers.csv").write_text("latency,state\n" + delays)
    for name, (old, new, holds) in BAD_SCENARIOS.items():
        assert old in BASE, name
        bad.write_text(BASE.replace(old, new, 1))
        place = r"bad\.toml:\d+: " if name != "correlation that is missing" else r"bad\.toml(:\d+)?: "
        refused(f"scenario: {name}", folder, "run", "bad.toml", "-o", "out.h5", holds=holds, place=place)
        refused(f"validate: {name}", folder, "validate", "bad.toml", holds=holds, place=place)

    mistakes = ["wrong unit", "misspelt key", "haircut that is NaN", "unknown asset", "zero paths"]
    mistakes.append("correlation that is not symmetric")
    text, lines = BASE, set()
    for name in mistakes:
        old, new, _ = BAD_SCENARIOS[name]
        text = text.replace(old, new, 1)
    for name in mistakes:
        lines.add(text[: text.index(BAD_SCENARIOS[name][1])].count("\n") + 1)
    bad.write_text(text)
    refused("several mistakes", folder, "run", "bad.toml", holds=[f"bad.toml:{line}: " for line in sorted(lines)])
    refused("a good scenario and a bad one", folder, "run", "base.toml", "bad.toml", "-o", ".", holds=["bad.toml:"])

    bad.write_text(BASE.replace('name = "small"', 'name = "small"\ninclude = ["other.toml"]', 1))
    (folder / "other.toml").write_text('include = ["bad.toml"]\n')
    cycle = ["bad.toml -> other.toml -> bad.toml"]
    refused("include cycle", folder, "run", "bad.toml", holds=cycle, place=r"other\.toml:1: ")
    (folder / "other.toml").write_text("[market]\nasets = []\n")
    refused("mistake in an included file", folder, "run", "bad.toml", holds=["assets"], place=r"other\.toml:2: ")


def check_odd_files(folder):
    for name, bytes_ in {
        "an empty file": b"",
        "blanks only": b"\n \n",
        "zeros": bytes(1 << 20),
        "noise": random.Random(1).randbytes(1 << 20),
        "UTF-16": BASE.encode("utf-16"),
        "Latin-1": BASE.replace("small", "sm\xe4ll").encode("latin-1"),
        "a result file": FOREIGN,
    }.items():
        (folder / "odd.toml").write_bytes(bytes_)
        refused(f"scenario that is {name}", folder, "run", "odd.toml", "-o", "out.h5", place=r"odd\.toml")
    with open(folder / "odd.toml", "wb") as file:
        file.write(random.Random(2).randbytes(1 << 20))
        file.truncate(100 << 20)
    refused("scenario of 100 MB", folder, "run", "odd.toml", "-o", "out.h5", holds=["odd.toml", "4 MiB"])
    os.mkfifo(folder / "pipe")
    refused("scenario that is a pipe", folder, "run", "pipe", holds=["pipe", "not a regular file"])
    refused("scenario that is a folder", folder, "run", ".", holds=["directory"])
    refused("scenario that is missing", folder, "run", "nowhere.toml", holds=["nowhere.toml", "does not exist"])
    (folder / "bom.toml").write_bytes(b"\xef\xbb\xbf" + BASE.replace("\n", "\r\n").encode())
    bom = run(folder, "run", "bom.toml", "--paths", 10)
    check("byte order mark and CRLF are read", bom.returncode == 0, bom.stderr)


# ---- the screen ------------------------------------------------------------------------------------------------------

ROUTE = "a route whose name has as many letters as any name may have"
LONG = {
    'name = "small"': 'name = "%s"' % ("保证金压力" * 12),
    'name = "ETH@ethereum"': 'name = "%s"' % ("以太坊网络抵押品" * 8),  # 64 characters, 128 columns
    'name = "BTC@ethereum"': 'name = "🦄 bitcoin behind one wrapper, and another, and then a third"',
    "[routes.far]": f'[routes."{ROUTE}"]',
    'route = "far"': f'route = "{ROUTE}"',
    '"quick"': '"a-mechanism-with-a-name-of-many-letters-that-nobody-would-type"',
    "[mechanisms.quick": '[mechanisms."a-mechanism-with-a-name-of-many-letters-that-nobody-would-type"',
}


def on_terminal(text):
    """Columns of a line: two for wide characters, none for those that combine."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def fits(name, result, width=80):
    """No line of what was printed is wider; an address or a path, which are for copying, may be."""
    wide = [line for line in result.stdout.decode().splitlines() if on_terminal(line) > width]
    wide = [line for line in wide if "/" not in line.split()[-1]]
    good = result.returncode in (0, 1) and result.stdout and not wide
    check(f"{name} fits {width} columns", good, (wide[:2], result.stderr[-300:]))


def check_screen(folder):
    """Every command's tables fit 80 columns and 60, whatever the names, and a terminal's own width."""
    text = CATALOGUE.replace("confidence = [0.9, 0.99]", "confidence = [0.9, 0.99, 0.999, 0.9999]\nhorizon = \"2h\"")
    for short, name in LONG.items():
        assert short in text, short
        text = text.replace(short, name)
    (folder / "long.toml").write_text(text + "[margin]\nliability = 1e6\nloss_budget = 1e5\ncalls_per_year = 4.0\n")
    prices = made_prices(400)
    (folder / "prices.csv").write_text("\n".join(prices) + "\n")
    long, result = folder / "long.toml", folder / "long.h5"
    for width in (60,) if SANITIZED else (80, 60):
        how = {"env": {**os.environ, "COLUMNS": str(width)}}
        made = run(folder, "run", long, "--paths", 3000, "-o", result, "--all", **how)
        fits("run --all", made, width)
        for command in (
            ("run", long, "--paths", 1),
            ("show", result),
            ("show", result, "--all"),
            ("compare", result, result),
            ("sensitivity", long, "--paths", 2000, "--systemic"),
            ("frontier", long, "--capital", "1e6", "--paths", 2000),
            ("explain", long, "--path", 3),
            ("list", "mechanisms", long),
            ("list", "mechanisms"),
            ("list", "chains"),
            ("list", "laws"),
            ("list", "stages"),
            ("doctor",),
            ("bench", "--scenario", long, "--paths", 2000),
        ):
            fits(" ".join(map(str, command[:2])), run(ROOT, *command, **how), width)
        comments = run(folder, "validate", long, **how)
        said = re.sub(rb"^[^#].*\n", b"", comments.stdout, flags=re.MULTILINE)
        fits("validate's remarks", subprocess.CompletedProcess([], comments.returncode, said, comments.stderr), width)
    one = run(folder, "run", long, "--paths", 1).stdout.decode()
    check("run --paths 1: in the singular", "1 liquidation, seed" in one and "- 1 path is too few" in one, one)
    whole = run(folder, "compare", result, result).stdout.decode()
    check("compare: no p-value is noise", re.search(r" 1\.0000$", whole, re.MULTILINE) and "e-" not in whole, whole)
    for width in (80, 132):
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
        env = {k: v for k, v in os.environ.items() if k != "COLUMNS"}
        process = subprocess.Popen([PROGRAM, "show", result, "--all"], stdout=theirs, stderr=subprocess.DEVNULL, env=env)
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # EIO: the other side was closed
            while piece := os.read(ours, 65536):
                shown += piece
        os.close(ours)
        process.wait(timeout=60)
        widest = max(map(on_terminal, shown.decode().replace("\r", "").splitlines()))
        check(f"a terminal of {width} columns is used", width - 20 < widest <= width, widest)
    piped = run(folder, "show", result, "--all", env={k: v for k, v in os.environ.items() if k != "COLUMNS"})
    fits("what goes into a pipe", piped)
    (folder / "noise.toml").write_text(BASE.replace('"15m"', '"19.97m"').replace("max = \"60s\"", 'max = "1.1m"'))
    noise = run(folder, "validate", "noise.toml").stdout.decode()
    check("validate: durations as they were written", '"19.97m"' in noise and not re.search(r"\d{12}", noise), noise)


# ---- arguments -------------------------------------------------------------------------------------------------------


def check_arguments(folder):
    for paths in ("0", "-1", "abc", "1.5", "1e6", "", "9000000000000", "99999999999999999999"):
        refused(f"--paths {paths}", folder, "run", "base.toml", "--paths", paths, "-o", "out.h5", holds=["--paths"])
    for arguments, holds in {
        ("--seed", "-1"): ["--seed"],
        ("--seed", "abc"): ["--seed"],
        ("--lanes", "sse"): ["--lanes", "scalar"],
        ("--threads", "-1"): ["--threads"],
        ("--threads", "1000000"): ["--threads"],
        ("--threads", "two"): ["--threads"],
        ("--backend", "gpu"): ["--backend", "cuda"],
        ("--batch", "0"): ["--batch"],
        ("--batch", "-5"): ["--batch"],
        ("--wibble",): ["--wibble"],
        ("-o", "nowhere/out.h5"): ["nowhere"],
        ("-o", "/proc/out.h5"): ["/proc"],
        ("-o", "/dev/null"): ["/dev/null"],
    }.items():
        refused(f"run {' '.join(arguments)}", folder, "run", "base.toml", *arguments, holds=holds)
    refused("bench --paths abc", folder, "bench", "--paths", "abc", holds=["--paths"])
    alone = run(folder)
    told = alone.stderr.decode()
    check("no command: the help, and exit status 2", alone.returncode == 2 and not alone.stdout, alone)
    check("no command: as --help has it", told == run(folder, "--help").stdout.decode(), told)
    refused("unknown command that is near one", folder, "rum", "base.toml", holds=['did you mean "run"'])
    for arguments, meant in {
        ("run", "base.toml", "--pahts", "3"): "--paths",
        ("show", "x.h5", "--jsn"): "--json",
        ("bench", "--modell=merton"): "--model",
        ("bench", "--model", "garch"): "gjr_garch",
        ("bench", "--model", "mertn"): "merton",
        ("list", "mechanism"): "mechanisms",
        ("help", "sens"): "sensitivity",
        ("frontier", ROOT / "scenarios/phase-2-trusted-relayer.toml", "--mechanisms", "across"): "intent-across",
    }.items():
        refused(f"meant: {arguments[-1]}", folder, *arguments, holds=["did you mean", f'"{meant}"'])
    refused("unknown command", folder, "simulate", "base.toml", holds=["simulate"])
    for command in ("run", "show", "compare", "export", "validate", "explain", "list", "frontier", "sensitivity"):
        refused(f"{command} of nothing", folder, command)
    refused("explain --path -1", folder, "explain", "base.toml", "--path", "-1", holds=["--path"])
    refused("explain --path abc", folder, "explain", "base.toml", "--path", "abc", holds=["--path"])
    refused("bench --mode nap", folder, "bench", "--mode", "nap", holds=["nap"])
    refused(
        "bench --paths -1", folder, "bench", "--paths", "-1", "--scenario", "base.toml", holds=["--paths"], timeout=3
    )

    doctor = run(folder, "doctor").stdout.decode()
    if re.search(r"^GPU ", doctor, re.MULTILINE):
        skip("--backend cuda without a GPU", "there is one here")
    else:
        refused("--backend cuda without a GPU", folder, "run", "base.toml", "--backend", "cuda", holds=["cuda", "cpu"])

    (folder / "mine.toml").write_text(BASE)
    refused("-o over the scenario", folder, "run", "mine.toml", "-o", "mine.toml", holds=["mine.toml"])
    (folder / "notes.txt").write_text("mine")
    refused("-o over a file of another kind", folder, "run", "base.toml", "-o", "notes.txt", holds=["notes.txt"])
    (folder / "other.toml").write_text(BASE)
    refused("one -o for two scenarios", folder, "run", "base.toml", "other.toml", "-o", "out.h5", holds=["folder"])
    (folder / "sub").mkdir()
    shutil.copy(folder / "base.toml", folder / "sub")
    refused("two results of one name", folder, "run", "base.toml", "sub/base.toml", "-o", ".", holds=["base.h5"])


def check_empty_values(folder):
    """A script whose variable is not set: no option takes an empty value for one that was not given."""
    tried = 0
    for command in COMMANDS:
        text = run(folder, command, "--help").stdout.decode()
        for option in re.findall(r"^  (?:-[a-zA-Z],)?(--[a-z-]+) (?:TEXT|INT|UINT|FLOAT)", text, re.MULTILINE):
            done = run(folder, command, "x", option, "")
            check(f"{command} {option} with nothing", done.returncode == 2 and b"(" in done.stderr, done.stderr)
            tried += 1
    check("empty values: options were found", tried > 60, tried)


def check_help(folder):
    for command in ((), *((c,) for c in COMMANDS)):
        name = " ".join(["proofload", *command, "--help"])
        result = run(folder, *command, "--help")
        lines = result.stdout.decode().splitlines()
        example = [line for line in lines if line.startswith("Example: " + " ".join(["proofload", *command]))]
        check(name, result.returncode == 0 and not result.stderr and example and len(lines) <= 34, f"{lines}")
        check(f"{name} is at most 80 wide", max(map(len, lines)) <= 80, max(map(len, lines)))
        check(f"help {' '.join(command)}", run(folder, "help", *command).stdout == result.stdout)
    for option in ("--version", "-V"):
        version = run(folder, option)
        good = version.returncode == 0 and re.fullmatch(rb"proofload \d+\.\d+\.\d+\n", version.stdout)
        check(option, good, version)
    listed = re.findall(r"^  ([a-z]+) ", run(folder, "--help").stdout.decode(), re.MULTILINE)
    check("--help: every command, and none that no test knows", sorted(listed) == sorted(COMMANDS), listed)
    refused("help of an unknown command", folder, "help", "runn", holds=["runn", 'did you mean "run"'])
    refused("completion for an unknown shell", folder, "help", "--completion", "tcsh", holds=["tcsh", "bash"])


def options_in_help(folder, command):
    """Options as --help lists them: "-o,--output TEXT  ..." is two."""
    lines = run(folder, command, "--help").stdout.decode().splitlines()
    return {flag for line in lines if line.startswith("  -") for flag in re.findall(r"--?\w[\w-]*", line[:29])}


def check_manual(folder):
    """The man page and completions hold what --help says, and their programs take them."""
    page = run(folder, "help", "--man").stdout
    (folder / "proofload.1").write_bytes(page)
    for tool in (["groff", "-man", "-Tutf8", "-ww"], ["mandoc", "-Tlint", "-Werror"]):
        if not shutil.which(tool[0]):
            skip(f"man page: {tool[0]}", "it is not installed")
            continue
        result = subprocess.run([*tool, "proofload.1"], cwd=folder, capture_output=True, check=False)
        complaints = result.stderr if tool[0] == "groff" else b""
        check(f"man page: {tool[0]}", result.returncode == 0 and not complaints, result.stdout[-300:] + result.stderr)
    sections = dict(re.findall(r"^\.SS (\S+)\n(.*?)(?=^\.S[SH] )", page.decode(), re.MULTILINE | re.DOTALL))
    check("man page: every command", sorted(sections) == sorted(COMMANDS), sorted(sections))
    scripts = {shell: run(folder, "help", "--completion", shell).stdout.decode() for shell in ("bash", "zsh", "fish")}
    for command in COMMANDS:
        options = options_in_help(folder, command)
        in_page = set(re.findall(r"\\fB(-[^ ]*?)\\fR", sections.get(command, "").replace("\\-", "-")))
        check(f"man page: options of {command}", len(options) > 1 and in_page == options, in_page ^ options)
        for shell, script in scripts.items():
            pattern = {
                "bash": rf"^    {command}\) .*$",
                "zsh": rf"^    {command}\) (?:.*\\\n)*",
                "fish": rf"^complete .*_from {command}'.*$",
            }[shell]
            text = "\n".join(re.findall(pattern, script, re.MULTILINE))
            names = [f"-l {o[2:]} " if shell == "fish" and o[1] == "-" else o for o in options if len(o) > 2]
            check(f"{shell}: options of {command}", text and all(n in text for n in names), text)
    (folder / "completion.bash").write_text(scripts["bash"])
    (folder / "mine.toml").touch()
    for words, wanted in {
        ("proofload", "ru"): ["run"],
        ("proofload", "run", "--pa"): ["--paths"],
        ("proofload", "help", "sen"): ["sensitivity"],
        ("proofload", "validate", "min"): ["mine.toml"],
    }.items():
        script = f"source ./completion.bash; COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; "
        script += 'complete -p proofload >/dev/null && _proofload && echo "${COMPREPLY[@]}"'
        result = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, check=False)
        check(f"bash completes {' '.join(words)}", result.stdout.decode().split() == wanted, result)
    for shell in ("zsh", "fish"):
        if not shutil.which(shell):
            skip(f"{shell}: parses", "it is not installed")
            continue
        result = subprocess.run([shell, "-n"], input=scripts[shell], text=True, capture_output=True, check=False)
        check(f"{shell}: parses", result.returncode == 0 and not result.stderr, result.stderr)


# ---- prices ----------------------------------------------------------------------------------------------------------


BAD_PRICES = {
    "negative": lambda lines: [*lines[:9], lines[9].split(",")[0] + ",-1,50000", *lines[10:]],
    "text": lambda lines: [*lines[:9], lines[9].split(",")[0] + ",many,50000", *lines[10:]],
    "not a time": lambda lines: [*lines[:9], "noon,3000,50000", *lines[10:]],
    "one row": lambda lines: lines[:2],
    "a header only": lambda lines: lines[:1],
    "nothing": lambda lines: [],
    "constant": lambda lines: [lines[0], *(line.split(",")[0] + ",3000,50000" for line in lines[1:])],
    "no column": lambda lines: [line.split(",")[0] for line in lines],
}


def check_fit(folder):
    made = run(folder, "fit", "prices.csv", "-o", "market.toml")
    check("fit: exit status 0", made.returncode == 0, made.stderr[-300:])
    fits("fit", made)
    check("fit: residuals beside the market", (folder / "market.residuals.csv").exists(), listing(folder))
    market = (folder / "market.toml").read_text()
    found = [float(v) for v in re.findall(r"^  \{ name = .*volatility = ([\d.]+)", market, re.MULTILINE)]
    year = math.sqrt(8760)  # standard error of a volatility: 1 / sqrt(2 * 2400) = 1.4 %
    near = [abs(v / (true * year) - 1) < 0.06 for v, true in zip(found, (0.01, 0.007))]
    check("fit: the volatilities", near == [True, True], found)
    book = re.sub(r"^\[market\].*?(?=^\[layers)", "", BASE, flags=re.MULTILINE | re.DOTALL)
    (folder / "fitted.toml").write_text('include = ["market.toml"]\n' + book)
    valid = run(folder, "validate", "fitted.toml")
    check("fit: a scenario takes it in", valid.returncode == 0 and b"gjr_garch" in valid.stdout, valid.stderr[-300:])
    again = run(folder, "fit", "prices.csv", "-o", "again.toml", "--threads", 1)
    same = (folder / "again.toml").read_text().replace("again.residuals", "market.residuals") == market
    check("fit: twice the same", again.returncode == 0 and same)
    (folder / "link.toml").symlink_to("prices.csv")
    shutil.copy(folder / "prices.csv", folder / "old.residuals.csv")
    for name in ("a_folder", "taken.residuals.csv"):
        (folder / name).mkdir()
    for arguments, holds in {
        ("prices.csv", "nowhere.csv"): ["nowhere.csv"],
        ("prices.csv", "--assets", "DOGE"): ["DOGE"],
        ("prices.csv", "--model", "crystal"): ["crystal", "gjr_garch"],
        ("prices.csv", "--stamps", "middle"): ["--stamps", "opening"],
        ("prices.csv", "--correlation", "newest"): ['--correlation "newest"', "mixed"],
        ("prices.csv", "--factors", "-1"): ["--factors", "whole number"],
        ("prices.csv", "--horizon", "1 parsec"): ["--horizon"],
        ("prices.csv", "--from", "2030-01-01"): [],
        ("prices.csv", "-o", "nowhere/out.toml"): ["nowhere/out.toml", "no folder nowhere"],
        ("prices.csv", "-o", "prices.csv"): ["-o prices.csv is an input", "choose another name"],
        ("prices.csv", "-o", "./link.toml"): ["-o ./link.toml is an input"],
        ("old.residuals.csv", "-o", "old.toml"): ["-o old.toml", "residuals in old.residuals.csv", "input"],
        ("prices.csv", "-o", "a_folder"): ["-o a_folder is a folder", "a_folder/market.toml"],
        ("prices.csv", "-o", "market.csv"): ["-o market.csv", "does not end in .toml"],
        ("prices.csv", "-o", "taken.toml"): ["-o taken.toml", "taken.residuals.csv is a folder"],
        ("prices.csv", "-o", "/proc/out.toml"): ["/proc/out.toml: the market section cannot be written"],
        ("prices.csv", "-o", "m" * 300 + ".toml"): ["choose a shorter name"],
    }.items():
        arguments = [*arguments, *(() if "-o" in arguments else ("-o", "out.toml"))]
        refused(f"fit {' '.join(arguments)}", folder, "fit", *arguments, holds=holds)
    check_fit_of_latencies(folder)


def stressed_world(folder):
    """Prices of 40 days in bars of 15 minutes, four messages a day: both load on a normal factor, drawn every day."""
    draws = random.Random(5)
    start = calendar.timegm((2021, 1, 1, 0, 0, 0))
    clock = lambda t: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t))
    prices, transfers, price = ["timestamp_utc,ETH"], ["sent,seconds,ok,route"], 3000.0
    for day in range(40):
        stress = draws.gauss(0, 1)
        for bar in range(96):
            prices.append(f"{clock(start + 86400 * day + 900 * bar)},{price:.6f}")
            price *= math.exp(0.002 * math.exp(0.5 * stress) * draws.gauss(0, 1))
        for _ in range(4):
            sent = start + 86400 * day + draws.randrange(80000)
            seconds = 60 * math.exp(0.8 * stress + 0.6 * draws.gauss(0, 1))  # correlation of the scores: 0.8
            transfers.append(f"{clock(sent)},{seconds:.1f},{0 if draws.random() < 0.03 else 1},far")
    (folder / "stress.csv").write_text("\n".join(prices) + "\n")
    (folder / "transfers.csv").write_text("\n".join(transfers) + "\n")
    return transfers


def check_fit_of_latencies(folder):
    good = stressed_world(folder)
    columns = ("--latency-columns", "time=sent,delay=seconds,status=ok")
    given = ("fit", "stress.csv", "--model", "gaussian", "--latencies", "transfers.csv", *columns)
    made = run(folder, *given, "-o", "stress.toml")
    check("fit of latencies: exit status 0", made.returncode == 0, made.stderr[-300:])
    fits("fit of latencies", made)
    check("fit of latencies: the report", b"Stress factor" in made.stdout, made.stdout[-300:])
    said = " ".join(made.stdout.decode().split())
    check("fit of latencies: how stages are loaded", "a scenario loads every stage with it" in said, said[-900:])
    fitted = dict(re.findall(r"^(delays|volatility) = (.*)$", (folder / "stress.toml").read_text(), re.MULTILINE))
    # standard errors: 0.06 and 0.06
    near = abs(float(fitted["delays"]) - 0.8) < 0.25 and abs(float(fitted["volatility"]) - 0.5) < 0.25
    check("fit of latencies: the loadings", near, fitted)
    book = re.sub(r"^\[market\].*?(?=^\[layers)", "", BASE, flags=re.MULTILINE | re.DOTALL)
    book = book[: book.index('[[collateral]]\nname = "BTC')]
    (folder / "stressed.toml").write_text('include = ["stress.toml"]\n' + book)
    valid = run(folder, "validate", "stressed.toml")
    arrived = all(f"{key} = {value}\n" in valid.stdout.decode() for key, value in fitted.items())
    check("fit of latencies: they arrive in a scenario", valid.returncode == 0 and arrived, valid.stderr[-300:])
    again = run(folder, *given, "--threads", 1, "--json")
    found = json.loads(again.stdout)["systemic"] if again.returncode == 0 else {}
    same = [round(found[key]["value"], 4) == float(value) for key, value in fitted.items()] if found else []
    check("fit of latencies: threads do not matter, and JSON says the same", same == [True, True], again.stderr[-300:])
    for arguments, holds in {
        ("--volatility-window", "1 parsec"): ["--volatility-window"],
        ("--volatility-window", "20m"): ["--volatility-window", "15m"],
        ("--volatility-window", "30m"): ["--volatility-window", "4"],
        ("--trailing-window", "never"): ["--trailing-window"],
        ("--volatility-window", "100d"): ["0 of 160 transfers", "give a shorter --volatility-window than 100d"],
        ("--trailing-window", "100d"): ["0 of 160 transfers", "give a shorter --trailing-window than 100d"],
        ("-o", "transfers.csv"): ["-o transfers.csv is an input"],
        ("--to", "2021-01-15"): ["transfers", "20 days"],
    }.items():
        refused(f"fit of latencies {' '.join(arguments)}", folder, *given, *arguments, holds=holds)
    for text, holds in {
        "time=sent": ["delay"],
        "delay=seconds": ["time"],
        "time=sent,delay=second": ["no column", "did you mean", "seconds"],
        "time=route,delay=seconds": ["transfers.csv:2", "far", "not a time"],
        "time=sent,delay=route": ["transfers.csv:2", "far", "seconds", "and 150 problems like these"],
        "time=sent,delay=seconds,status=route": ["transfers.csv", "column route says", '"far" (160 rows)', "write delivered or failed"],
        "time=sent,delay=seconds,speed=ok": ["--latency-columns", "speed"],
        "time=sent,time=sent,delay=seconds": ["twice"],
        "time=sent,delay=seconds,group=seconds": ["in groups of fewer than 20", "leave group out, or name a coarser"],
    }.items():
        named = ("fit", "stress.csv", "--model", "gaussian", "--latencies", "transfers.csv", "--latency-columns", text)
        refused(f"fit of latencies, columns {text}", folder, *named, holds=holds)
    for name, option in {
        "--latency-columns": "time=sent,delay=seconds",
        "--volatility-window": "1h",
        "--trailing-window": "1d",
    }.items():
        refused(f"fit of no latencies, {name}", folder, "fit", "stress.csv", name, option, holds=[name, "--latencies"])
    refused("fit of latencies, no columns", folder, *given[:6], holds=["--latency-columns is not given", "time=sent"])
    bad_rows = {
        "negative": (good[9].replace(good[9].split(",")[1], "-132.19"), ["bad.csv:10", '"-132.19"', "is negative"]),
        "text": (good[9].replace(good[9].split(",")[1], "many"), ["bad.csv:10", '"many"', "not a number"]),
        "seconds": (good[9].replace(good[9].split(",")[1], "132.19s"), ["bad.csv:10", "leave the unit out: 132.19\n"]),
        "minutes": (good[9].replace(good[9].split(",")[1], "2 min"), ["bad.csv:10", "leave the unit out: 120\n"]),
        "a time": (good[9].replace(good[9].split(",")[1], "1609459200000"), ["bad.csv:10", "longer than 100 years"]),
        "empty": (good[9].rsplit(",", 3)[0] + ",,1,far", ["bad.csv:10", "is empty"]),
        "infinite": (good[9].replace(good[9].split(",")[1], "inf"), ["bad.csv:10", "inf"]),
        "short": (good[9].rsplit(",", 1)[0], ["bad.csv:10", "cells"]),
        "timeless": ("noon" + good[9][20:], ["bad.csv:10", "noon"]),
    }
    files = {name: ([*good[:9], row, *good[10:]], holds) for name, (row, holds) in bad_rows.items()}
    files["nothing"] = ([], ["bad.csv: the file is empty"])
    files["a header"] = (good[:1], ["bad.csv: the file has no row"])
    files["few"] = (good[:30], ["29 of 29 transfers", "give more transfers"])
    wide_rows = [line + ",1" for line in good[9:34]]
    files["of 25 bad rows"] = ([*good[:9], *wide_rows, *good[34:]], ["and 15 more such lines"])
    ended = [line.rsplit(",", 2)[0] for line in good[1:]]
    files["of strange words"] = ([good[0], *(f"{line},landed,far" for line in ended)], ['"landed" (160 rows)'])
    files["none of which arrived"] = ([good[0], *(f"{line},0,far" for line in ended)], ["no row", '"0"'])
    late = good[1].replace("2021", "2025").rsplit(",", 2)[0] + ",1,far"
    files["only a late one of which arrived"] = (
        [good[0], *(f"{line},0,far" for line in ended), late],
        ["none of the 160 transfers that met prices arrived"],
    )
    unwatched = [good[0], *(line.split(",")[0] + ",,0,far" for line in good[1:121]), *good[121:]]
    files["unwatched"] = (unwatched, ["120 that did not arrive", "column of delays"])
    alike = [good[0], *(re.sub(r",[\d.]+,", ",60,", line) for line in good[1:])]
    files["of one delay"] = (alike, ["bad.csv: every delay is the same"])
    other_years = [line.replace("2021", "2019") for line in good]
    files["of other years"] = (other_years, ["0 of 160", "2019", "2021", "give prices of that time"])
    wanted = (*given[:5], "bad.csv", *columns)
    for name, (lines, holds) in files.items():
        (folder / "bad.csv").write_text("".join(line + "\n" for line in lines))
        refused(f"fit of latencies, transfers: {name}", folder, *wanted, holds=holds)
    for name, bytes_ in {
        "bytes": bytes(range(256)) * 8,
        "deflated": zlib.compress("\n".join(good).encode()),
        "no UTF-8": b"\xff\xfe\xe9,\xb2\n\x99\n",
        "UTF-16": "\n".join(good).encode("utf-16"),
    }.items():
        (folder / "bad.csv").write_bytes(bytes_)
        refused(f"fit of latencies, transfers: {name}", folder, *wanted, holds=["bad.csv", "UTF-" if "UTF" in name else "not text"])
        shown = run(folder, *wanted).stderr
        check(f"fit of latencies, transfers: {name} are not shown", shown.isascii(), shown[:300])
    (folder / "a_folder" / "few.csv").write_text("\n".join(good[:30]) + "\n")
    nested = (*given[:5], "a_folder/few.csv", *columns)
    refused("fit of latencies, in a folder", folder, *nested, place="a_folder/few.csv: ", holds=["29 of 29"])
    refused("fit of latencies, no file", folder, *given[:5], "nowhere.csv", *columns, holds=["nowhere.csv"])
    refused("fit of latencies, a folder", folder, *given[:5], ".", *columns, holds=["directory"])
    wide = max(map(len, run(folder, "fit", "--help").stdout.decode().splitlines()))
    check("proofload fit --help is at most 110 wide", wide <= 110, wide)


def check_backtest(folder):
    command = ("backtest", "base.toml", "prices.csv", "--paths", 4000)
    given = (*command, "--delta", "6h", "--window", "20d", "--refit", "5d", "--models", "historical,fhs")
    made = run(folder, *given, "--json", "one.json")
    check("backtest: exit status 0", made.returncode == 0 and not made.stderr, made.stderr[-300:])
    found = json.loads((folder / "one.json").read_text())
    windows = [c["windows"] for c in found["collateral"]]
    check("backtest: windows of 6 h after 20 days", windows == [319, 319], windows)  # 80 days of 4, less the last price
    cells = {(c["collateral"], c["model"], c["confidence"]) for c in found["cells"]}
    models = ("gaussian", "historical", "fhs")
    wanted = {(a, m, c) for a in ("ETH", "BTC") for m in models for c in (0.99, 0.999)}
    check("backtest: a cell for each asset, model and confidence", cells == wanted, cells)
    # the true haircut at 99 %: 2.3263 * .01 * sqrt(6) of the log price
    means = [c["haircut"]["mean"] for c in found["cells"] if (c["collateral"], c["confidence"]) == ("ETH", 0.99)]
    true = -math.expm1(-2.3263 * 0.01 * math.sqrt(6))
    near = [abs(m / true - 1) < 0.1 for m in means]
    check("backtest: the haircuts of theory", near == [True] * 3, (means, true))
    again = run(folder, *given, "--json", "two.json", "--threads", 1)
    same = (folder / "two.json").read_bytes() == (folder / "one.json").read_bytes()
    check("backtest: threads do not matter", again.returncode == 0 and same)
    drawn = run(folder, *command, "--window", "90d", "--models", "fhs", "--json", "drawn.json")
    delays = json.loads((folder / "drawn.json").read_text())["delays"] if drawn.returncode == 0 else []
    good = [len(d["bars"]) > 1 and d["bars"][0] == 1 for d in delays]
    check("backtest: delays of the scenario's law", good == [True], drawn.stderr[-300:])
    held = (*command[:3], "--delta", "6h", "--window", "20d", "--models", "gaussian")
    (folder / "desk.toml").write_text('schema = 1\nname = "desk"\nup = { step = 0.01, delay = "2d" }\ndown = { delay = "2d" }\n')
    often = run(folder, *command[:3], "--delta", "6h", "--window", "20d", "--models", "recommended", "--refit", "0.1s")
    check("backtest: refits more often than there are bars", often.returncode == 0, often.stderr[-300:])
    for name, option in (("for a week", ("--in-force", "7d")), ("under a policy", ("--policy", "desk.toml"))):
        asked = run(folder, *held, *option, "--json", "held.json", "--windows", "held.csv", "--force")
        found = json.loads((folder / "held.json").read_text()) if asked.returncode == 0 else {}
        rows = list(csv.DictReader(io.StringIO((folder / "held.csv").read_text()))) if found else []
        check(f"backtest in force {name}: exit status 0", asked.returncode == 0 and not asked.stderr, asked.stderr[-300:])
        # the table of every window has what the verdict says
        hits = {c["collateral"]: c["hits"] for c in found.get("cells", []) if c["confidence"] == 0.99}
        counted = {n: sum(int(r["hit_0.99"]) for r in rows if r["collateral"] == n) for n in hits}
        check(f"backtest in force {name}: hits of the windows", hits == counted and len(rows) == 638, (hits, counted))
        ages = {float(r["age_seconds_0.999"]) for r in rows}
        longest = max(ages, default=-1)
        right = longest == 7 * 86400 - 6 * 3600 if option[1] == "7d" else longest >= 2 * 86400 - 6 * 3600
        check(f"backtest in force {name}: ages", right and min(ages, default=-1) == 0, ages)
        changes = len({(r["collateral"], r["haircut_0.999"]) for r in rows})
        check(f"backtest in force {name}: haircuts stay", 4 < changes < 100, changes)
        fits(f"backtest in force {name}", asked)
    starts = []
    for option in ((), ("--stamps", "opening"), ("--phase", "0"), ("--phase", "0h", "--stamps", "opening", "--bar", "2h")):
        day = (*command[:3], "--delta", "24h", "--window", "20d", "--models", "gaussian")
        asked = run(folder, *day, *option, "--windows", "day.csv", "--json", "day.json", "--force")
        rows = list(csv.DictReader(io.StringIO((folder / "day.csv").read_text())))
        starts.append({r["start"][11:] for r in rows})
        phases = {p["phases"] for p in json.loads((folder / "day.json").read_text())["phases"]}
        wanted = set() if "--phase" in option else {24}
        check(f"backtest of days {option}: starting hours", asked.returncode == 0 and phases == wanted, phases)
    hours = {f"{h:02}:00:00Z" for h in range(24)}
    right = starts == [hours, hours, {"00:00:00Z"}, {"00:00:00Z"}]
    check("backtest of days: every hour, or midnight, whatever bars are stamped with", right, starts)
    never = 'schema = 1\nname = "p"\nup = { step = 0.01, delay = "200d" }\ndown = "never"\n'
    (folder / "slow.toml").write_text(never)
    (folder / "none.toml").write_text(never.replace("200d", "-2d"))
    for arguments, holds in {
        ("--in-force", "-1d"): ["--in-force"],
        ("--in-force", "a week"): ["--in-force"],
        ("--in-force", "200d"): ["--in-force", "span"],
        ("--in-force", "10m"): ["--in-force"],
        ("--in-force", "90y", "--models", "recommended"): ["--in-force", "span"],
        ("--in-force", "7d", "--policy", "desk.toml"): ["--policy", "review"],
        ("--policy", "slow.toml"): ["slow.toml", "span"],
        ("--policy", "none.toml"): ["none.toml:3: ", "up.delay"],
        ("--policy", "nowhere.toml"): ["nowhere.toml"],
        ("--policy", ""): ["--policy"],
        ("--windows", ""): ["--windows"],
        ("--policy", "proofload:aave"): ["aave-v3-steward"],
        ("--policy", "base.toml"): ["base.toml", "unknown key"],
        ("--policy", "prices.csv"): ["prices.csv"],
        ("--in-force", "7d", "--windows", "held.txt"): ["--windows", ".csv"],
        ("--in-force", "7d", "--windows", "prices.csv"): ["prices.csv", "--force"],
        ("--in-force", "7d", "--windows", "nowhere/held.csv"): ["nowhere"],
    }.items():
        refused(f"backtest {' '.join(arguments)}", folder, *held, *arguments, holds=holds)
    for arguments, holds in {
        ("--delta", "0h"): ["--delta"],
        ("--delta", "1h", "--stamps", "middle"): ["--stamps", "opening"],
        ("--delta", "1 parsec"): ["--delta"],
        ("--delta", "60d"): ["window"],
        ("--window", "1h"): ["--window"],
        ("--window", "200d"): ["--window"],
        ("--refit", "-1d"): ["--refit"],
        ("--models", "crystal"): ["crystal", "long_memory"],
        ("--from", "2022-01-01", "--to", "2021-01-01"): ["--from", "--to"],
        ("--from", "yesterday"): ["yesterday"],
        ("--paths", "10"): ["--paths"],
        ("--threads", "-1"): ["--threads"],
        ("--assets", "DOGE"): ["DOGE"],
        ("--assets", "DOGE", "--delta", "1h"): ["DOGE"],
        ("--bar", "7m"): ["7m"],
        ("--buffer", "2"): ["--buffer"],
    }.items():
        refused(f"backtest {' '.join(arguments)}", folder, *command[:3], *arguments, holds=holds)
    refused("backtest of no prices", folder, "backtest", "base.toml", "nowhere.csv", holds=["nowhere.csv"])
    refused("backtest of no scenario", folder, "backtest", "nowhere.toml", "prices.csv", holds=["nowhere.toml"])
    fits("backtest", made)


def check_bad_prices(folder):
    good = (folder / "prices.csv").read_text().splitlines()
    for name, spoil in BAD_PRICES.items():
        (folder / "bad.csv").write_text("\n".join(spoil(good)) + "\n")
        walked = ("backtest", "base.toml", "bad.csv", "--delta", "1h", "--models", "gaussian")
        for command in (("fit", "bad.csv", "-o", "out.toml"), walked):
            result = run(folder, *command)
            if result.returncode == 0:
                check(f"{command[0]}, prices: {name}: repaired", b"repaired" in result.stdout, result.stdout[:300])
            else:
                wrong = complaint(result) or ("bad.csv" not in result.stderr.decode() and "the file is not named")
                check(f"{command[0]}, prices: {name}", not wrong, (wrong, result.stderr[-300:]))


# ---- results ---------------------------------------------------------------------------------------------------------


def check_bad_results(folder):
    good = (folder / "good.h5").read_bytes()
    damaged = bytearray(good)
    damaged[len(good) // 2] ^= 1
    files = {"empty": b"", "foreign": FOREIGN, "damaged": bytes(damaged), "no result": BASE.encode()}
    files.update({f"truncated to {n}": good[:n] for n in (7, 100, 5000, len(good) // 2, len(good) - 1)})
    for name, bytes_ in files.items():
        (folder / "bad.h5").write_bytes(bytes_)
        for command in (
            ("show", "bad.h5"),
            ("compare", "good.h5", "bad.h5"),
            ("export", "bad.h5", "-o", "out.json"),
            ("run", "base.toml", "--resume", "bad.h5", "-o", "out.h5"),
        ):
            refused(f"{command[0]} of a result that is {name}", folder, *command, place=r"bad\.h5: ")
    for bad, holds in {".": "folder", "nowhere.h5": "No such file"}.items():
        refused(f"show {bad}", folder, "show", bad, holds=[holds])
        refused(f"compare with {bad}", folder, "compare", "good.h5", bad, holds=[holds])
        refused(f"export {bad}", folder, "export", bad, "-o", "out.json", holds=[holds])
        refused(f"--resume {bad}", folder, "run", "base.toml", "--resume", bad, "-o", "out.h5", holds=[holds])
    refused("compare of one", folder, "compare", "good.h5")
    refused(
        "--venue unknown",
        folder,
        "export",
        "good.h5",
        "--venue",
        "wibble",
        "-o",
        "out.json",
        holds=["wibble", "generic"],
    )
    (folder / "there.json").mkdir()
    refused("export into a folder", folder, "export", "good.h5", "-o", "there.json", holds=["folder"])
    refused("export into a missing folder", folder, "export", "good.h5", "-o", "nowhere/out.json", holds=["nowhere"])
    refused("export as text", folder, "export", "good.h5", "-o", "out.txt", holds=[".json", ".csv"])
    assert run(folder, "run", "base.toml", "--paths", 20, "-o", "few.h5").returncode == 0
    refused("export without upper bounds", folder, "export", "few.h5", "-o", "out.json", holds=["few", "more paths"])

    (folder / "other.toml").write_text(BASE.replace("0.8 }", "0.9 }", 1))
    resume = ("--resume", "good.h5", "-o", "out.h5")
    refused("--resume of another scenario", folder, "run", "other.toml", *resume, holds=["another run"])
    refused("--resume of another seed", folder, "run", "base.toml", "--seed", 9, *resume, holds=["another run"])
    refused(
        "--resume of more paths than are wanted", folder, "run", "base.toml", "--paths", 10, *resume, holds=["paths"]
    )
    refused("--resume of two", folder, "run", "base.toml", "other.toml", "--resume", "good.h5", holds=["one scenario"])


# ---- disks -----------------------------------------------------------------------------------------------------------


def mounted(folder, mount, *arguments):
    """Runs in a mount namespace of its own in which `mount` was done; then prints what is in the folder `disk`."""
    script = f'{mount} || exit 77; "$@"; status=$?; ls -A disk | sed "s/^/left behind: /" >&2; exit $status'
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    (folder / "disk").mkdir(exist_ok=True)
    return run(folder, *arguments, prefix=["unshare", *user, "--mount", "sh", "-c", script, "sh"])


def check_disks(folder):
    makers = (("run", "base.toml", "-o", "disk/out.h5"), ("export", "good.h5", "-o", "disk/out.json"))
    for name, mount, holds, status in (
        ("full disk", "mount -t tmpfs -o size=4k tmpfs disk && head -c 3000 /dev/zero >disk/full", "No space left", 4),
        ("read-only folder", "mount --bind disk disk && mount -o remount,ro,bind disk", "disk", 2),
    ):
        for command in makers:
            title = f"{command[0]} into a {name}"
            result = mounted(folder, mount, *command) if shutil.which("unshare") else None
            if result is None or result.returncode == 77 or b"unshare" in result.stderr:
                skip(title, "nothing can be mounted here")
                continue
            text = result.stderr.decode().replace("left behind: full\n", "")
            result.stderr = text.encode()
            why = complaint(result, [holds], status=status) or ("a file was left" if "left behind" in text else "")
            check(title, not why, why)
    if os.geteuid() == 0:
        skip("folder without permission to write", "root may write everywhere")
    else:
        (folder / "disk").chmod(stat.S_IRUSR | stat.S_IXUSR)
        for command in makers:
            refused(f"{command[0]} into a folder without permission to write", folder, *command, holds=["disk"])
        (folder / "disk").chmod(stat.S_IRWXU)

    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    for command in makers:
        refused(
            f"{command[0]} beyond the limit on file sizes", folder, *command, holds=["disk/out"], status=4,
            preexec_fn=small_files,
        )
    for command in (("show", "good.h5"), ("show", "good.h5", "--json"), ("validate", "base.toml"), ("doctor",)):
        with open("/dev/full", "wb") as full:
            result = run(folder, *command, stdout=full)
        why = complaint(result, ["No space left"], status=4)
        check(f"{' '.join(command)} onto a full disk", not why, why)


# ---- what works ------------------------------------------------------------------------------------------------------


def misshapen(value, shape, where="$"):
    """Where a value of the JSON is not as the contract says; absent values are null. Empty when all is well."""
    if isinstance(shape, dict):
        if not isinstance(value, dict) or list(value)[: len(shape)] != list(shape):
            return f"{where}: {list(value) if isinstance(value, dict) else value} instead of {list(shape)}"
        return next(filter(None, (misshapen(value[k], s, f"{where}.{k}") for k, s in shape.items())), "")
    if isinstance(shape, list):
        if not isinstance(value, list) or not value:
            return f"{where}: {value} is no list"
        return next(filter(None, (misshapen(v, shape[0], f"{where}[{i}]") for i, v in enumerate(value))), "")
    kinds = (int, float) if shape is float else (shape,)
    good = isinstance(value, kinds) and (shape is bool or not isinstance(value, bool))
    return "" if good else f"{where}: {value!r} is no {shape.__name__}"


def check_show(folder):
    table = run(folder, "show", "good.h5")
    lines = table.stdout.decode().splitlines()
    check(
        "show: a table", table.returncode == 0 and not table.stderr and any("ETH@ethereum" in x for x in lines), table
    )
    check("show: at most 80 wide", max(map(len, lines)) <= 80, max(map(len, lines)))
    check("show: the haircuts are last", "BTC@ethereum" in lines[-1] and "[" in lines[-1], lines[-1])
    whole = run(folder, "show", "good.h5", "--all").stdout.decode()
    check("show --all: what haircuts are made of", "What haircuts are made of" in whole, whole[:300])
    check("show --all: ends alike", whole.endswith("\n".join(lines[-4:]) + "\n"), whole[-300:])
    machine = [run(folder, "show", "good.h5", "--json", env={**os.environ, "COLUMNS": w}).stdout for w in ("40", "300")]
    check("show --json: whatever the screen", machine[0] == machine[1])
    check("show: what every probability is conditional on", any("per liquidation" in x for x in lines), lines)
    shown = json.loads(run(folder, "show", "good.h5", "--json").stdout)
    absent = shown["collateral"][1].pop("p_under")
    check("show --json: a policy that is not there is null", absent is None, absent)
    check("show --json: so is its row of joint_under", shown["joint_under"].pop() == [None, None], shown["joint_under"])
    shown["collateral"][1] = {**shown["collateral"][0], **shown["collateral"][1]}
    shown["joint_under"][0].pop()
    why = misshapen(shown, SHAPE)
    check("show --json: the keys of the contract, in order, with their types", not why, why)
    for key in ("plan_hash", "tally_hash"):
        check(f"show --json: {key}", re.fullmatch("[0-9a-f]{32}", shown[key]), shown[key])
    haircut = shown["collateral"][0]["haircuts"][1]
    parts = sum(haircut["attribution"].values())
    check(
        "show --json: the attribution sums to the haircut",
        math.isclose(parts, haircut["value"], abs_tol=1e-12),
        haircut,
    )
    check("show --json: low <= value <= high", haircut["low"] <= haircut["value"] <= haircut["high"], haircut)
    printed = run(folder, "run", "base.toml", "--json")
    again = json.loads(printed.stdout)
    check("run --json: the same bits as the file has", again["tally_hash"] == shown["tally_hash"], again["tally_hash"])
    check(
        "run without -o says that nothing was saved, or prints JSON only",
        printed.returncode == 0 and not printed.stderr,
    )
    zero = run(folder, "run", "base.toml", "--lanes", "scalar", "--threads", 1, "--json")
    check(
        "run --lanes scalar: the same bits",
        json.loads(zero.stdout)["tally_hash"] == shown["tally_hash"],
        zero.stdout[:400],
    )


def check_delays_of_a_file(folder):
    """Delays with what is undelivered, and a fitted tail: the effective scenario names neither file nor column."""
    draws = random.Random(3)
    rows = [(draws.paretovariate(2.0) * 100, draws.random() < 0.1) for _ in range(3000)]
    lines = [f"{x / 2 if lost else x:.3f},{'pending' if lost else 'delivered'}" for x, lost in rows]
    (folder / "transfers.csv").write_text("\n".join(["latency,state", *lines]) + "\n")
    law = 'kind = "empirical", file = "transfers.csv", column = "latency", status = "state", tail = true'
    text = BASE.replace('kind = "lognormal", median = "15m", p99 = "1h"', law)
    (folder / "measured.toml").write_text(text)
    valid = run(folder, "validate", "measured.toml")
    check("delays of a file: valid", valid.returncode == 0 and b"transfers.csv" not in valid.stdout, valid.stderr)
    tail = re.search(rb"tail = \{ share = (\S+), .*shape = (\S+), scale .* shape_error = (\S+),", valid.stdout)
    share, shape, error = map(float, tail.groups()) if tail else (0, 0, 0)
    # beyond a threshold u a Pareto law of index 2 is a generalised one of shape 1/2
    near = share == 0.05 and 0 < error < 0.3 and abs(shape - 0.5) < 3 * error
    check("delays of a file: the tail that they have", near, (share, shape, error))
    (folder / "effective.toml").write_bytes(valid.stdout)
    again = run(folder, "validate", "effective.toml").stdout
    plans = [re.findall(rb"^# plan ([0-9a-f]{32})", x, re.MULTILINE) for x in (valid.stdout, again)]
    check("delays of a file: the same plan without it", len(plans[0]) == 1 and plans[0] == plans[1], plans)


def check_validate(folder):
    scenarios = sorted(ROOT.glob("scenarios/*.toml"))
    check("scenarios ship", len(scenarios) >= 6, scenarios)
    for scenario in [folder / "base.toml", *scenarios]:
        first = run(folder, "validate", scenario)
        (folder / "effective.toml").write_bytes(first.stdout)
        second = run(folder, "validate", "effective.toml")
        plans = [re.findall(r"^# plan ([0-9a-f]{32})", x.stdout.decode(), re.MULTILINE) for x in (first, second)]
        check(f"validate {scenario.name}: valid", first.returncode == 0 and second.returncode == 0, second.stderr)
        check(f"validate {scenario.name}: the same plan", len(plans[0]) == 1 and plans[0] == plans[1], plans)
        check(f"validate {scenario.name}: a fixed point", first.stdout == second.stdout, second.stdout[:300])
    shown = json.loads(run(folder, "show", "good.h5", "--json").stdout)
    plan = re.findall(rb"# plan ([0-9a-f]{32})", run(folder, "validate", "base.toml").stdout)[0].decode()
    check("validate: the plan of the run", plan == shown["plan_hash"], plan)


def check_compare(folder):
    same = run(folder, "compare", "good.h5", "good.h5")
    check("compare with itself: exit status 0", same.returncode == 0 and not same.stderr, same)
    (folder / "moved.toml").write_text(BASE.replace("volatility = 0.8", "volatility = 1.2", 1))
    assert run(folder, "run", "moved.toml", "--seed", 2, "-o", "moved.h5").returncode == 0
    moved = run(folder, "compare", "good.h5", "moved.h5")
    check(
        "compare with half as much volatility again: exit status 1", moved.returncode == 1 and not moved.stderr, moved
    )
    read = json.loads(run(folder, "compare", "good.h5", "moved.h5", "--json").stdout)
    found = {d["collateral"] for d in read["differences"] if d["significant"]}
    check("compare --json: what moved, and only that", read["differs"] and found == {"ETH@ethereum"}, found)
    renamed = BASE.replace('name = "ETH@', 'name = "WETH@').replace('name = "BTC@', 'name = "WBTC@')
    (folder / "renamed.toml").write_text(renamed)
    assert run(folder, "run", "renamed.toml", "-o", "renamed.h5").returncode == 0
    refused("compare of strangers", folder, "compare", "good.h5", "renamed.h5", holds=["renamed.h5"])


def check_export(folder):
    shown = json.loads(run(folder, "show", "good.h5", "--json").stdout)
    made = [run(folder, "export", "good.h5", "--venue", "generic", "-o", name) for name in ("out.json", "out.csv")]
    check("export: JSON and CSV", not any(m.returncode or m.stdout for m in made), made)
    exported = json.loads((folder / "out.json").read_text())
    with open(folder / "out.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    expected = [(c["name"], h["confidence"], h["high"]) for c in shown["collateral"] for h in c["haircuts"]]
    found = [(h["collateral"], h["confidence"], h["upper_bound"]) for h in exported["haircuts"]]
    check("export: the upper bounds of show", found == expected, found)
    found = [(r["collateral"], float(r["confidence"]), float(r["upper_bound"])) for r in rows]
    check("export: the same in the CSV", found == expected, found)
    points = [h["haircut_bps"] for h in exported["haircuts"]]
    up = all(0 <= b - max(0.0, e[2]) * 1e4 + 1e-8 < 1 + 1e-8 for b, e in zip(points, expected))
    check("export: basis points rounded up", up and points == [int(r["haircut_bps"]) for r in rows], points)
    hashes = {(r["plan_hash"], r["tally_hash"]) for r in rows}
    check("export: provenance in every row", hashes == {(shown["plan_hash"], shown["tally_hash"])}, hashes)
    try:
        import jsonschema
    except ImportError:
        return skip("export: as its schema says", "the Python package jsonschema is not installed")
    schema = json.loads((ROOT / "results/haircuts.schema.json").read_text())
    validator = jsonschema.validators.validator_for(schema)(schema)
    check("export: as its schema says", validator.is_valid(exported), list(validator.iter_errors(exported))[:1])
    del exported["provenance"]["tally_hash"]
    check("export: the schema wants the tally hash", not validator.is_valid(exported))


def interrupted_on_terminal(folder, *arguments, after=b""):
    """SIGINT after the first progress line (that holds `after`); gives the process, its stdout and what a terminal was
    sent as stderr."""
    ours, theirs = pty.openpty()
    with open(folder / "stdout", "wb") as stdout:
        process = subprocess.Popen(
            [PROGRAM, *arguments], cwd=folder, stdin=subprocess.DEVNULL, stdout=stdout, stderr=theirs
        )
    os.close(theirs)
    text, sent = b"", False
    with contextlib.suppress(OSError):  # EIO: the other side was closed
        while piece := os.read(ours, 65536):
            text += piece
            if not sent and after in text:
                process.send_signal(signal.SIGINT)
                sent = True
    os.close(ours)
    process.wait(timeout=60)
    return process, (folder / "stdout").read_bytes(), text.decode()


def on_screen(text):
    """The lines that a terminal shows after carriage returns."""
    lines = []
    for line in text.replace("\r\n", "\n").split("\n"):
        cells = []
        for part in line.split("\r"):
            cells[: len(part)] = part
        lines.append("".join(cells))
    return lines


def check_interrupt(folder):
    wanted = "8000000"
    options = ("run", "base.toml", "--paths", wanted, "--batch", "20000", "-o", "part one.h5")
    process, stdout, text = interrupted_on_terminal(folder, *options)
    lines = on_screen(text)
    check("SIGINT: progress with a rate and the time left", re.search(r"M/s, \d+ s left", text), text[:200])
    check("SIGINT: the progress line is taken away", not any("s left" in line for line in lines), lines[:1])
    check("SIGINT: exit status 130", process.returncode == 130, process.returncode)
    part = json.loads(run(folder, "show", "part one.h5", "--json").stdout or b"{}")
    check("SIGINT: saved what was done", 0 < part.get("paths", 0) < int(wanted), f"{part.get('paths')} {lines}")
    check("SIGINT: shows what was done", f"{part.get('paths', 0):,} liquidations".encode() in stdout, stdout[:100])
    told = [line.partition("resume with: ")[2] for line in lines if "resume with: " in line]
    check("SIGINT: says how to resume", len(told) == 1 and told[0].startswith("proofload run "), lines)
    if not told:
        return
    resumed = run(folder, *shlex.split(told[0])[1:])
    check("resumed as it said", resumed.returncode == 0, resumed.stderr)
    quiet = resumed.stderr.decode()
    next_one = "next: proofload show 'part one.h5' --all"
    check("no progress when stderr is no terminal", quiet.startswith("wrote part one.h5\n" + next_one), quiet)
    whole = run(folder, "run", "base.toml", "--paths", wanted, "--json")
    resumed, whole = json.loads(run(folder, "show", "part one.h5", "--json").stdout), json.loads(whole.stdout)
    for key in ("paths", "seed", "plan_hash", "tally_hash", "collateral"):
        check(f"resumed: {key} as if nothing had happened", resumed[key] == whole[key])
    names = {p.name for p in folder.iterdir()}
    check("SIGINT: no temporary file", not [n for n in names if n.endswith(".tmp")], names)


# ---- many mechanisms, many parameters --------------------------------------------------------------------------------


def check_list(folder):
    (folder / "catalogue.toml").write_text(CATALOGUE)
    for what in ("mechanisms", "chains"):
        shipped = run(folder, "list", what, ROOT / "scenarios/presets")
        listed = json.loads(run(folder, "list", what, ROOT / "scenarios/presets", "--json").stdout)
        lines = shipped.stdout.decode().splitlines()
        check(f"list {what}: exit status 0", shipped.returncode == 0 and not shipped.stderr, shipped.stderr)
        check(f"list {what}: at most 80 wide", max(map(len, lines)) <= 80, max(map(len, lines)))
        unsourced = [m["name"] for m in listed if not m["source"]]
        check(f"list {what}: all of them with a source", len(listed) > 9 and not unsourced, unsourced)
        untold = [m["name"] for m in listed if not any(line.startswith(m["name"] + ":") for line in lines)]
        check(f"list {what}: the same in words", not untold, untold)
    mine = json.loads(run(folder, "list", "mechanisms", "catalogue.toml", "--json").stdout)
    check("list mechanisms: of a scenario", [m["name"] for m in mine] == ["quick", "slow"], mine)
    check("list mechanisms: in seconds", mine[0]["mean_own_delay_seconds"] == 60, mine[0])
    for what in ("laws", "stages"):
        words = run(folder, "list", what)
        rows = json.loads(run(folder, "list", what, "--json").stdout)
        unknown = [row for row in rows if row.get("kind", row.get("name")) not in words.stdout.decode()]
        check(f"list {what}", words.returncode == 0 and len(rows) >= 12 and not unknown, unknown)
    (folder / "empty").mkdir()
    for arguments, holds in {
        ("bridges",): ["bridges", "mechanisms"],
        ("mechanisms", "nowhere.toml"): ["nowhere.toml", "does not exist"],
        ("mechanisms", "empty"): ["empty", "no *.toml"],
        ("chains", "/dev/null"): ["not a regular file"],
        ("laws", "catalogue.toml"): ["leave the path out"],
    }.items():
        refused(f"list {' '.join(arguments)}", folder, "list", *arguments, holds=holds)
    (folder / "bad.toml").write_text("[mechanisms.m]\ncost = -1\nwrap_depth = nan\n[mechanisms.m.layer]\nhazrad = 1\n")
    for holds in (["cost = -1", "negative"], ["wrap_depth = nan"], ['did you mean "hazard"']):
        place = r"bad\.toml:\d: "
        refused("list of a bad catalogue", folder, "list", "mechanisms", "bad.toml", holds=holds, place=place)


def check_frontier(folder):
    (folder / "catalogue.toml").write_text(CATALOGUE)
    command = ("frontier", "catalogue.toml", "--capital", "1e6")
    made = run(folder, *command, "--json", "out.json", "--csv", "out.csv")
    check("frontier: exit status 0", made.returncode == 0, made.stderr)
    lines = made.stdout.decode().splitlines()
    check("frontier: at most 80 wide", max(map(len, lines)) <= 80, max(map(len, lines)))
    found = json.loads((folder / "out.json").read_text())
    choices = {c["mechanism"]: c for c in found["collateral"][0]["choices"]}
    check("frontier: every mechanism", list(choices) == ["quick", "slow"], list(choices))
    # 7 days of one, against an oracle of 30 s and a relay whose 99 % is 277 s
    slow, quick = choices["slow"]["delay_seconds"], choices["quick"]["delay_seconds"]
    near = abs(slow["p50"] / 604830 - 1) < 0.03 and 250 < quick["p99"] < 400
    check("frontier: delays of theory", near, (slow, quick))
    check("frontier: what cannot fail does not", choices["slow"]["p_failure"]["estimate"] == 0, choices["slow"])
    cost = [c["cost_usd"]["total"] for c in choices.values()]
    check("frontier: costs of the catalogue", cost == [2, 9], cost)
    with open(folder / "out.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    cells = [(r["collateral"], r["mechanism"], float(r["confidence"]), float(r["haircut"] or "nan")) for r in rows]
    wanted = [
        (f["name"], c["mechanism"], h["confidence"], h["value"])
        for f in found["collateral"]
        for c in f["choices"]
        for h in c["haircuts"]
    ]
    check("frontier: the CSV says what the JSON does", cells == wanted and len(rows) == 8, cells)
    one = run(folder, *command, "--mechanisms", "slow", "--collateral", "BTC@ethereum", "--json", "one.json")
    again = json.loads((folder / "one.json").read_text())["collateral"] if one.returncode == 0 else []
    # other sales are other visits of the path: rounding, and draws between them; other draws would be far beyond
    pairs = [
        (mine["value"], other["value"], other["value"] - other["low"])
        for f in again
        for mine, other in zip(f["choices"][0]["haircuts"], found["collateral"][1]["choices"][1]["haircuts"])
    ]
    near = [abs(mine - other) < 0.1 * error for mine, other, error in pairs]
    check("frontier: alone it is nearly the same", near == [True, True], (pairs, one.stderr))
    for arguments, holds in {
        ("--mechanisms", "slwo"): ["slwo", 'did you mean "slow"'],
        ("--mechanisms", "slow,slow"): ["twice"],
        ("--mechanisms", ""): ["no value is given"],
        ("--collateral", "DOGE"): ["DOGE", "ETH@ethereum"],
        ("--capital", "0"): ["--capital"],
        ("--capital", "nan"): ["--capital"],
        ("--capital", "1e300"): ["--capital"],
        ("--capital", "much"): ["--capital"],
        ("--paths", "0"): ["--paths"],
        ("--paths", "1e6"): ["--paths"],
        ("--json", "nowhere/x.json"): ["nowhere"],
        ("--csv", "nowhere/x.csv"): ["nowhere"],
        ("--json", "catalogue.toml"): ["--json", ".json"],
        ("--csv", "one.json"): ["--csv", ".csv"],
        ("--csv", ""): ["--csv"],
        ("--collateral", ""): ["--collateral"],
    }.items():
        refused(f"frontier {' '.join(arguments)}", folder, "frontier", "catalogue.toml", *arguments, holds=holds)
    refused("frontier without a catalogue", folder, "frontier", "base.toml", holds=["base.toml", "[mechanisms]"])


def check_sensitivity(folder):
    made = run(folder, "sensitivity", "base.toml", "--systemic", "--json", "out.json")
    check("sensitivity: exit status 0", made.returncode == 0, made.stderr)
    lines = made.stdout.decode().splitlines()
    check("sensitivity: at most 80 wide", max(map(len, lines)) <= 80, max(map(len, lines)))
    found = json.loads((folder / "out.json").read_text())
    eth = found["collateral"][0]
    up = eth["parameters"]["volatility"]["haircuts"][0]["derivative"]
    # at 90 % nothing but the price counts: the haircut is nearly proportional to the volatility
    check("sensitivity: elasticity of the volatility", abs(up["elasticity"] - 1) < 0.1 and up["slope"] > 0, up)
    # P(fails) = 1 - exp(-hazard * 72 h): at 1 a year its derivative is 72/8760 exp(-72/8760)
    slope = eth["parameters"]["hazard"]["p_failure"]
    true = 72 / 8760 * math.exp(-72 / 8760)
    near = abs(slope["slope"] - true) < 4 * slope["standard_error"] + 0.02 * true
    check("sensitivity: P(fails) against the hazard", near and slope["standard_error"] < true / 3, (slope, true))
    loadings = {row["loading"] for row in found["systemic"]["rows"]}
    check("sensitivity: the loadings", {"delays", "volatility", "hazards", "outages", "prices"} <= loadings, loadings)
    for arguments, holds in {
        ("--bump", "0"): ["bump"],
        ("--bump", "-0.1"): ["bump"],
        ("--bump", "nan"): ["bump"],
        ("--bump", "little"): ["--bump"],
        ("--hazard-bump", "1"): ["bump"],
        ("--paths", "10"): ["--paths"],
        ("--paths", "-1"): ["--paths"],
        ("--json", ""): ["--json"],
        ("--json", "nowhere/x.json"): ["nowhere"],
        ("--json", "base.toml"): ["--json", ".json"],
        ("--prices", "base.toml"): ["--prices", "replay"],
        ("--lanes", "sse"): ["--lanes"],
    }.items():
        refused(f"sensitivity {' '.join(arguments)}", folder, "sensitivity", "base.toml", *arguments, holds=holds)


def check_uncertainty(folder):
    """A run with an [uncertainty], also one that is stopped among its blocks and resumed."""
    (folder / "uncertain.toml").write_text(UNCERTAIN)
    few = run(folder, "run", "uncertain.toml", "--paths", 64, "-o", "few.h5")
    check("blocks of too few paths are told of", few.returncode == 0 and b"too few" in few.stderr, few.stderr)
    run(folder, "run", "base.toml", "-o", "certain.h5")
    refused("--resume without the uncertainty", folder, "run", "base.toml", "--resume", "few.h5", holds=["another run"])
    paths = "200000" if SANITIZED else "2000000"  # blocks of a moment each
    whole = run(folder, "run", "uncertain.toml", "--paths", paths, "-o", "whole.h5", timeout=120)
    check("run with an uncertainty: exit status 0", whole.returncode == 0, whole.stderr)
    whole = json.loads(run(folder, "show", "whole.h5", "--json").stdout)
    haircut = whole["collateral"][0]["haircuts"][0]
    inner, outer = (haircut["low"], haircut["high"]), haircut["parameter_interval"]
    # at 90 % a haircut is proportional to volatility and to the root of the delay: errors of 10 % and 5 %, 2.2 of them
    wide = (outer["high"] - outer["low"]) / haircut["value"]
    check("the interval that holds parameter error", outer["low"] < inner[0] < inner[1] < outer["high"], haircut)
    check("its width", 0.3 < wide < 0.75, wide)
    check("in words", "hold what is not known of the parameters" in whole["intervals"], whole["intervals"])
    options = ("run", "uncertain.toml", "--paths", paths, "-o", "part.h5")
    process, _, text = interrupted_on_terminal(folder, *options, after=b"blocks with drawn")
    check("SIGINT among the blocks: exit status 130", process.returncode == 130, text)
    told = re.findall(r"resume with: (.*)", text.replace("\r", ""))
    check("SIGINT among the blocks: says how far it came", re.search(r"stopped after \d+ of 64 blocks", text), text)
    resumed = run(folder, *shlex.split(told[0])[1:], timeout=120) if told else None
    check("SIGINT among the blocks: resumed as it said", resumed and resumed.returncode == 0, resumed)
    again = json.loads(run(folder, "show", "part.h5", "--json").stdout)
    for key in ("tally_hash", "collateral", "uncertainty"):
        check(f"blocks resumed: {key} as if nothing had happened", again[key] == whole[key])
    check("blocks resumed: no temporary file", not list(folder.glob("*.tmp")) + list(folder.glob("*.part")))


def main():
    with workplace() as folder:
        check_bad_scenarios(folder)
    with workplace() as folder:
        check_odd_files(folder)
    with workplace() as folder:
        check_screen(folder)
    with workplace() as folder:
        check_arguments(folder)
    with workplace() as folder:
        check_empty_values(folder)
        check_help(folder)
        check_manual(folder)
    with workplace() as folder:
        made = run(folder, "run", "base.toml", "-o", "good.h5")
        check("run: a result file and nothing else", made.returncode == 0 and len(listing(folder)) == 2, made.stderr)
        book = (check_show, check_validate, check_delays_of_a_file, check_compare, check_export)
        for checks in (*book, check_bad_results, check_disks):
            checks(folder)
    with workplace() as folder:
        (folder / "prices.csv").write_text("\n".join(made_prices()) + "\n")
        for checks in (check_fit, check_backtest, check_bad_prices):
            checks(folder)
    with workplace() as folder:
        check_interrupt(folder)
    with workplace() as folder:
        for checks in (check_list, check_frontier, check_sensitivity, check_uncertainty):
            checks(folder)
    return end()


if __name__ == "__main__":
    sys.exit(main())
