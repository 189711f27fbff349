#!/usr/bin/env python3
"""Haircuts in force from the command line: fit, validate, run, show, export, and what is refused.

Exit status 1: a check failed (each is said in a line).
"""
import csv
import json
import math
import random
import re
import subprocess
import sys

from program import BASE, PROGRAM, ROOT, SANITIZED, check, end, hours_of, refused, run, workplace

PATHS = 18_000 if SANITIZED else 90_000


def clustered_prices(hours=3000):
    """Hourly prices of two GARCH(1,1) processes, which end in an agitated week."""
    draws = random.Random(4)
    logs, variance, lines = [8.0, 10.7], [1e-4, 5e-5], ["timestamp_utc,ETH,BTC"]
    for hour, stamp in enumerate(hours_of(hours)):
        lines.append(",".join([stamp, *(f"{math.exp(x):.6f}" for x in logs)]))
        common = draws.gauss(0, 1)
        for i, long_run in enumerate((1e-4, 5e-5)):
            e = math.sqrt(variance[i]) * (0.8 * common + 0.6 * draws.gauss(0, 1)) * (2.0 if hour > hours - 60 else 1.0)
            logs[i] += e
            variance[i] = 0.05 * long_run + 0.08 * e * e + 0.87 * variance[i]
    return lines


def market_of(text, more=""):
    """BASE with the market of a fitted section."""
    start, stop = text.index("[market]"), text.index("[layers.bridge]")
    text = text[:start] + text[stop:]
    text = re.sub(r"paths = \d+", f"paths = {PATHS}", text).replace("hazard = 1.0", "hazard = 0.001")
    return text.replace('name = "small"\n', 'name = "small"\ninclude = ["market.toml"]\n') + more


def last_price(folder):
    return re.search(r'^last_price = "(.*)"$', (folder / "market.toml").read_text(), re.MULTILINE)[1]


def check_a_week(folder):
    fit = run(folder, "fit", "prices.csv", "--in-force", "7d", "-o", "market.toml")
    check("fit --in-force: exit status 0", fit.returncode == 0, fit.stderr)
    section = (folder / "market.toml").read_text()
    check("and it says so", 'in_force = "7d"' in section and "nine ages" in section, section[:900])
    check("the last price is that of the file", last_price(folder) == (folder / "prices.csv").read_text().split("\n")[-2].split(",")[0])
    (folder / "week.toml").write_text(market_of(BASE))
    said = run(folder, "validate", "week.toml").stdout.decode()
    check("validate says what it costs", "9 ages share the paths" in said.replace("\n# ", " ").replace("  ", " "), said[-900:])
    made = run(folder, "run", "week.toml", "-o", "week.h5")
    check("run: exit status 0", made.returncode == 0, made.stderr)
    shown = json.loads(run(folder, "show", "week.h5", "--json").stdout)
    check("JSON: in force", shown["in_force"] == {"seconds": 604800, "ages_differ": True}, shown["in_force"])
    check("JSON: last price", shown["last_price"] == last_price(folder), shown["last_price"])
    haircut = shown["collateral"][0]["haircuts"][1]
    values = [age["value"] for age in haircut["by_age"]]
    check("nine ages", len(values) == 9 and [age["age_seconds"] for age in haircut["by_age"]][-1] == 604800, values)
    check("calm again after a week", values[0] == max(values) and values[8] < 0.9 * values[0], values)
    check("the worst is one of them", haircut["worst_age"]["value"] == max(values), haircut["worst_age"])
    until = shown["valid_until"]
    for name in ("haircuts.json", "haircuts.csv"):
        refused(f"export of what is past its validity: {name}", folder, "export", "week.h5", "-o", name, holds=["--expired", until])
        done = run(folder, "export", "week.h5", "-o", name, "--as-of", last_price(folder))
        check(f"in time it is exported: {name}", done.returncode == 0, done.stderr)
    exported = json.loads((folder / "haircuts.json").read_text())
    check("the worst is exported", exported["haircuts"][1]["upper_bound"] == max(age["high"] for age in haircut["by_age"]), exported)
    check("with until when", exported["provenance"]["valid_until"] == until and exported["provenance"]["in_force_seconds"] == 604800)
    with open(folder / "haircuts.csv", encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    check("in CSV too", rows[0]["valid_until"] == until and float(rows[0]["in_force_seconds"]) == 604800, rows[0])
    done = run(folder, "export", "week.h5", "-o", "old.json", "--expired")
    check("--expired: all the same", done.returncode == 0, done.stderr)
    text = run(folder, "show", "week.h5").stdout.decode()
    check("show says that it is past", "which is past at" in " ".join(text.split()), text[:900])
    text = run(folder, "show", "week.h5", "--as-of", last_price(folder), "--all").stdout.decode()
    check("and in time it does not", "past" not in text.split("All probabilities")[0] and "after" in text, text[:900])
    refused("--as-of that is no time", folder, "show", "week.h5", "--as-of", "soon", holds=["soon"])
    told = run(folder, "explain", "week.toml", "--path", 8).stdout.decode()
    check("explain: the age of a path", "the call comes 7d after" in told, told[:400])
    schema = subprocess.run(["python3", "-c", "import jsonschema"], check=False, capture_output=True)
    if schema.returncode == 0:
        import jsonschema  # noqa: PLC0415

        jsonschema.validate(exported, json.loads((ROOT / "results/haircuts.schema.json").read_text()))
        check("the export is as its schema says", True)


def check_without_ages(folder):
    fit = run(folder, "fit", "prices.csv", "--in-force", "7d", "--model", "student_t", "-o", "market.toml", "--force")
    said = " ".join(fit.stdout.decode().split())
    check("fit: a long run's variance has one age", fit.returncode == 0 and "the same at every age" in said, said[:600])
    (folder / "week.toml").write_text(market_of(BASE))
    said = " ".join(run(folder, "validate", "week.toml").stdout.decode().replace("#", "").split())
    check("validate says so too", "every age of it is the same" in said, said[-600:])
    shown = json.loads(run(folder, "run", "week.toml", "--json").stdout)
    check("and so does JSON", shown["in_force"]["ages_differ"] is False and shown["collateral"][0]["haircuts"][0]["by_age"] is None)
    check("but it is good for a week", shown["valid_until"] is not None, shown["valid_until"])


def check_bad(folder):
    for option, holds in (("10m", "within"), ("1000d", "366d"), ("300d", "history"), ("0d", "--in-force"), ("-7d", "--in-force"), ("week", "--in-force")):
        refused(f"fit --in-force {option}", folder, "fit", "prices.csv", f"--in-force={option}", "-o", "bad.toml", holds=[holds])
    run(folder, "fit", "prices.csv", "-o", "market.toml", "--force")
    good = market_of(BASE)
    (folder / "now.toml").write_text(good)
    shown = json.loads(run(folder, "run", "now.toml", "--json").stdout)
    check("without a time in force: until the next bar", shown["in_force"] is None and shown["valid_until"] is not None, shown["valid_until"])
    for name, line, holds in (
        ("shorter than a bar", 'in_force = "30m"', "steps by 1h"),
        ("negative", 'in_force = "-7d"', "run.in_force"),
        ("a number", "in_force = 7", "run.in_force"),
        ("of years", 'in_force = "800d"', "run.in_force"),
        ("longer than the residuals' history", 'in_force = "300d"', "its residuals are those of"),
    ):
        (folder / "bad.toml").write_text(good.replace("[run]\n", f"[run]\n{line}\n"))
        refused(f"run.in_force {name}", folder, "run", "bad.toml", "-o", "bad.h5", place=r"bad\.toml:\d+", holds=[holds])
    replay = '[stress]\nreplay = { file = "prices.csv", start = "random" }\n'
    text = BASE.replace("[run]\n", '[run]\nin_force = "7d"\nhorizon = "1d"\n') + replay
    (folder / "bad.toml").write_text(text)
    refused("run.in_force with a replay", folder, "run", "bad.toml", place=r"bad\.toml:\d+", holds=["replay"])
    (folder / "bad.toml").write_text(BASE.replace("[market]\n", '[market]\nlast_price = "yesterday"\n'))
    refused("market.last_price that is no time", folder, "run", "bad.toml", place=r"bad\.toml:\d+", holds=["yesterday"])


def main():
    with workplace() as folder:
        (folder / "prices.csv").write_text("\n".join(clustered_prices()) + "\n")
        check_a_week(folder)
        check_without_ages(folder)
        check_bad(folder)
    return end()


if __name__ == "__main__":
    print(f"testing {PROGRAM}")
    sys.exit(main())
