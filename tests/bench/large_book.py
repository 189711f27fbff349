#!/usr/bin/env python3
"""A book of any size as a scenario, for timing: tests/bench/large_book.py ASSETS COLLATERALS ROUTES LAYERS FACTORS [OPTION...]

Collateral lies on eight chains and is called by one margin engine, with an oracle for each asset, so that each collateral has a delay of
its own. Options: engines (five of them, on chains of their own), constant (the same oracle delay for all assets), policy (haircuts in
force), joint (pairs are counted), outages (of every chain), systemic (a stress factor).
"""
import random
import sys

assets, collaterals, routes, layers, factors = map(int, sys.argv[1:6])
options = set(sys.argv[6:])
engines = 5 if "engines" in options else 1
random.seed(3)
out = ["schema = 1", 'name = "large"', "[run]", "paths = 1_000_000"]
out += ["joint_under = true"] if "joint" in options else []
out += ["[market]", "assets = ["]
out += [f'  {{ name = "A{i}", price = 1.0, volatility = {0.5 + 0.02 * i:.2f} }},' for i in range(assets)]
out += ["]", "factors = { loadings = ["]
for _ in range(assets):
    out += ["  [" + ", ".join(f"{random.uniform(0.2, 0.9) / factors**0.5:.3f}" for _ in range(factors)) + "],"]
out += ["] }"]
if "outages" in options:
    laws = {"c": (8, "halt", "7.4h", 0.6), "d": (5, "sequencer", "65m", 1.0)}
    for prefix, (count, name, median, sigma) in laws.items():
        duration = f'{{ kind = "lognormal", median = "{median}", sigma = {sigma} }}'
        for c in range(count):
            out += [f"[chains.{prefix}{c}]", f'outages = [ {{ name = "{name}", rate = 1.0, duration = {duration} }} ]']
for layer in range(layers):
    out += [f"[layers.l{layer}]", "hazard = 0.05", 'exposure = "77m"']
    out += ['recovery = { kind = "uniform", min = 0.0, max = 0.6 }']
for r in range(routes):
    oracle = 'kind = "constant", value = "30s"' if "constant" in options else 'kind = "gamma", shape = 1.5, mean = "52s"'
    out += [f"[routes.r{r}]", f'collateral_chain = "c{r % 8}"', f'liability_chain = "d{r % engines}"']
    out += [f'layer = "l{r % layers}"', "stages = ["]
    out += [f'  {{ name = "oracle", {oracle} }},']
    out += [f'  {{ name = "finality", kind = "uniform", min = "12.8m", max = "{19 + r % 5}m" }},']
    out += [f'  {{ name = "relay", kind = "lognormal", median = "{60 + r}s", sigma = 0.8 }},']
    out += ['  { name = "destination_inclusion", kind = "constant", value = "6s" },', "]"]
for k in range(collaterals):
    out += ["[[collateral]]", f'name = "k{k}"', f'asset = "A{k % assets}"', f'route = "r{k % routes}"']
    out += ["haircut = 0.05"] if "policy" in options else []
if "systemic" in options:
    out += ["[systemic]", "delays = 0.3", "volatility = 0.2", "hazards = 0.8", "outages = 0.8"]
print("\n".join(out))
