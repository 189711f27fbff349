#!/usr/bin/env python3
"""Do fitted stages predict the latencies of destinations (and of transfers) that they have not seen?

    scripts/predict_latency.py QUARTILES.csv [TRANSFERS.csv] [--seeds 3] [--protocol NAME ...] [--report FOLDER]

QUARTILES.csv: protocol, src_chain, dst_chain, n, latency_s_q25, latency_s_median, latency_s_q75 (seconds, end to end).
TRANSFERS.csv: timestampIso, bridgeName, direction, success, latencyMs: single transfers.
Prints Markdown; --report also writes relay_laws.csv, parameters.json and failures.csv there. Exit 0 done, 2 unusable input.

Cell. (protocol, source, destination, quartile) of a lane with n >= 200 transfers; lanes with fewer take part in fits only.
Tolerance. max(10 % of the measured value, 3 standard errors, 5 s). Standard error of a sample quartile: sqrt(p (1 - p) / n) / f
with the density f of a normal law which has the *measured* interquartile range (a wide wrong prediction earns no tolerance).
Splits, by SHA-256 alone. `lane`: the destinations of every source are put in the order of SHA-256("SEED|source|destination"),
the first half (rounded up) is fitted, the others are predicted; a destination may then be known from another source.
`unseen`: all destinations in the order of SHA-256("SEED|destination"), the first half is fitted: no lane of a predicted
destination is seen at all. Both also swapped. Seeds are the words proofload-1, proofload-2, ...; none was left out.

Model, as the engine's stages, in seconds between the blocks of the source and destination transactions:
  finality       known structure: Ethereum and rollups under CCTP and CCIP uniform(768, 1152) (Casper FFG, 64 to 96 slots);
                 Stargate: LayerZero's default confirmations x block time (unknown for Linea and Scroll: in their relay).
  relay          (protocol, source): mixture of lognormal(median, sigma) and lognormal(late x median, sigma). Rollups: batch
                 posting is in it. The second part is for Stargate only.
  destination    block time x e^E x (floor + lognormal(blocks, spread)): floor, blocks and spread per protocol; E per protocol
                 and destination, normal(0, 0.4), hence 0 where the destination is in no fitted lane.
  bus wait       Stargate Bus only: min(timer, K u / rate): u uniform, rate lognormal about the lane's own traffic (n in 214
                 days; traffic is an input, not an outcome), timer of two lengths; effects of source and destination shrunken.
Fit: Gauss-Newton with Levenberg's damping on the quartiles' errors, Huber's loss from half a tolerance on, normal priors (wide,
below) so that few lanes suffice. Stargate OFT and Bus are the same LayerZero messages, hence one fit. Laws are sums over 512
quasi-random points. What was tuned (Huber's bend, the prior of E, the late part) was tuned on other seeds of the same lanes.

Quartiles say nothing on p99: this validates no tail. Python 3.11 and numpy.
"""
import argparse
import collections
import csv
import hashlib
import json
import math
import os
import statistics
import sys

import numpy as np

BLOCK_TIME = {"ethereum": 12.0, "arbitrum": 0.25, "base": 2.0, "optimism": 2.0, "avalanche": 2.0, "bnb": 3.0, "linea": 3.0,
              "scroll": 3.0}  # seconds, 2024
SETTLED_ON_ETHEREUM = {"ethereum", "arbitrum", "base", "optimism", "linea", "scroll"}
CONFIRMATIONS = {"ethereum": 15, "arbitrum": 20, "base": 10, "optimism": 20, "bnb": 20, "avalanche": 12}
ONE_TRANSACTION = {"across", "cctp"}  # one transaction at the destination; CCIP and LayerZero need several in a row
PERIOD = 214 * 86400.0  # seconds that n was counted over
LEAST_N = 200
QUARTILES = np.array([0.25, 0.5, 0.75])
NAMES = ("q25", "median", "q75")
POINTS = 512
HUBER = 1.0  # in units of half a tolerance

Lane = collections.namedtuple("Lane", "protocol source destination n quartiles")


class Unusable(Exception):
    pass


def quasi_random(dimensions):
    """Roberts' R sequence: fractions of multiples of the powers of 1/x, x^(d+1) = x + 1."""
    x = 2.0
    for _ in range(60):
        x = (1 + x) ** (1 / (dimensions + 1))
    return (0.5 + np.outer(np.arange(1, POINTS + 1), x ** -np.arange(1.0, dimensions + 1))) % 1


UNIFORM = quasi_random(8)
NORMAL = np.vectorize(statistics.NormalDist().inv_cdf)(UNIFORM)


def group_of(protocol):
    return "stargate" if protocol.startswith("stargate") else protocol


def quantiles(sample):
    ordered = np.sort(sample)
    position = QUARTILES * len(ordered) - 0.5
    low = position.astype(int)
    return ordered[low] * (1 - position + low) + ordered[low + 1] * (position - low)


def standard_errors(lane_quartiles, n):
    """Density at the quartiles of a normal law: 0.4287 / IQR, 0.5381 / IQR at its median. IQR at least 1 s, the resolution."""
    spread = max(lane_quartiles[2] - lane_quartiles[0], 1.0)
    return np.sqrt(QUARTILES * (1 - QUARTILES) / n) * spread / np.array([0.4287, 0.5381, 0.4287])


def tolerance(measured, n):
    return np.maximum(np.maximum(0.1 * np.abs(measured), 3 * standard_errors(measured, n)), 5.0)


def finality(protocol, source):
    if protocol in ("cctp", "ccip") and source in SETTLED_ON_ETHEREUM:
        return 768.0 + 384.0 * UNIFORM[:, 0]
    if protocol.startswith("stargate"):
        return CONFIRMATIONS.get(source, 0) * BLOCK_TIME[source] + np.zeros(POINTS)
    return np.zeros(POINTS)


def logistic(x):
    return 1 / (1 + math.exp(-x))


class Model:
    """Parameters of one group of protocols, by name; each with the mean and standard deviation of its prior."""

    def __init__(self, lanes):
        self.group = group_of(lanes[0].protocol)
        self.sources = sorted({lane.source for lane in lanes})
        self.destinations = sorted({lane.destination for lane in lanes})
        prior = {}
        one = self.group in ONE_TRANSACTION
        stargate = self.group == "stargate"
        for source in self.sources:
            prior["log_median", source] = math.log(20), 2.0
            prior["log_sigma", source] = math.log(0.5), 1.0
            if stargate:
                prior["late_logit", source] = -1.0, 1.5
                prior["late_log", source] = 1.0, 0.5
                prior["source_timer", source] = 0.0, 0.15
                prior["source_rate", source] = 0.0, 0.5
        prior["log_floor",] = math.log(0.3 if one else 4.0), 0.7
        prior["log_blocks",] = math.log(0.7 if one else 3.0), 0.7
        prior["log_spread",] = math.log(0.5), 0.5
        for destination in self.destinations:
            prior["E", destination] = 0.0, 0.4
        if stargate:
            prior.update({("timer",): (math.log(190), 0.3), ("seats",): (math.log(4), 0.7), ("rate",): (0.0, 1.0),
                          ("rate_sigma",): (0.0, 0.7), ("longer",): (math.log(110), 0.3), ("longer_logit",): (-0.9, 0.7)})
            for destination in self.destinations:
                prior["destination_timer", destination] = 0.0, 0.3
                prior["destination_rate", destination] = 0.0, 0.5
                prior["destination_longer", destination] = 0.0, 0.5
                prior["destination_longer_logit", destination] = 0.0, 0.7
        self.names = list(prior)
        self.index = {name: i for i, name in enumerate(self.names)}
        self.mean = np.array([prior[name][0] for name in self.names])
        self.deviation = np.array([prior[name][1] for name in self.names])
        self.theta = self.mean.copy()

    def value(self, theta, *name):
        """0 for an effect of a destination that no fitted lane has."""
        return theta[self.index[name]] if name in self.index else 0.0

    def knows(self, lane):
        return lane.source in self.sources

    def sample(self, theta, lane):
        value = lambda *name: self.value(theta, *name)  # noqa: E731
        source, destination = lane.source, lane.destination
        log_relay = value("log_median", source) + np.exp(value("log_sigma", source)) * NORMAL[:, 1]
        if self.group == "stargate":
            late = UNIFORM[:, 7] < logistic(value("late_logit", source))
            log_relay = log_relay + np.where(late, np.exp(value("late_log", source)), 0.0)
        blocks = np.exp(value("log_floor")) + np.exp(value("log_blocks") + np.exp(value("log_spread")) * NORMAL[:, 2])
        total = finality(lane.protocol, source) + np.exp(log_relay) \
            + BLOCK_TIME[destination] * np.exp(value("E", destination)) * blocks
        return total + self.wait(theta, lane) if lane.protocol == "stargate_bus" else total

    def wait(self, theta, lane):
        value = lambda *name: self.value(theta, *name)  # noqa: E731
        source, destination = lane.source, lane.destination
        longer = UNIFORM[:, 4] < logistic(value("longer_logit") + value("destination_longer_logit", destination))
        timer = np.exp(value("timer") + value("source_timer", source) + value("destination_timer", destination)
                       + 0.03 * NORMAL[:, 3]) \
            + np.where(longer, np.exp(value("longer") + value("destination_longer", destination)), 0.0)
        rate = lane.n / PERIOD * np.exp(value("rate") - value("source_rate", source) - value("destination_rate", destination)
                                        + np.exp(value("rate_sigma")) * NORMAL[:, 6])
        return np.minimum(timer, (np.exp(value("seats")) * UNIFORM[:, 5] + 0.1) / rate)

    def predict(self, lane):
        return quantiles(self.sample(self.theta, lane))

    def touches(self, name, lane):
        if len(name) == 1:
            return True
        return name[1] == (lane.destination if name[0] == "E" or name[0].startswith("destination") else lane.source)

    def fit(self, lanes, iterations=25):
        scales = [0.5 * tolerance(lane.quartiles, lane.n) for lane in lanes]
        touched = [[i for i, name in enumerate(self.names) if self.touches(name, lane)] for lane in lanes]

        def residuals(theta):
            return np.concatenate([(quantiles(self.sample(theta, lane)) - lane.quartiles) / scale
                                   for lane, scale in zip(lanes, scales)])

        def cost(theta, residual):
            size = np.abs(residual)
            loss = np.where(size < HUBER, size**2, 2 * HUBER * size - HUBER**2)
            return loss.sum() + (((theta - self.mean) / self.deviation) ** 2).sum()

        theta, damping, step = self.mean.copy(), 1.0, 0.02
        residual = residuals(theta)
        least = cost(theta, residual)
        for _ in range(iterations):
            jacobian = np.zeros((len(residual), len(theta)))
            for k, (lane, scale) in enumerate(zip(lanes, scales)):
                base = residual[3 * k:3 * k + 3] * scale + lane.quartiles
                for i in touched[k]:
                    moved = theta.copy()
                    moved[i] += step
                    jacobian[3 * k:3 * k + 3, i] = (quantiles(self.sample(moved, lane)) - base) / step / scale
            weight = np.minimum(1.0, HUBER / np.maximum(np.abs(residual), 1e-9))
            normal = jacobian.T @ (weight[:, None] * jacobian) + np.diag(self.deviation**-2)
            gradient = jacobian.T @ (weight * residual) + (theta - self.mean) / self.deviation**2
            for _ in range(8):
                move = np.linalg.solve(normal + damping * np.diag(np.diag(normal)), -gradient)
                tried = theta + np.clip(move, -0.7, 0.7)
                tried_residual = residuals(tried)
                tried_cost = cost(tried, tried_residual)
                if tried_cost < least:
                    break
                damping *= 4
            else:
                break
            gain, theta, residual, least = least - tried_cost, tried, tried_residual, tried_cost
            damping = max(damping / 4, 1e-4)
            if gain < 1e-3 * least:
                break
        self.theta = theta
        return self


def read_lanes(path):
    lanes = []
    try:
        with open(path, newline="", encoding="utf-8") as file:
            for line, row in enumerate(csv.DictReader(file), 2):
                try:
                    lane = Lane(row["protocol"], row["src_chain"], row["dst_chain"], int(row["n"]),
                                np.array([float(row[f"latency_s_{name}"]) for name in NAMES]))
                except (KeyError, ValueError, TypeError) as error:
                    raise Unusable(f"{path}:{line}: {error} (a lane needs protocol, src_chain, dst_chain, n and three quartiles)"
                                   " correct the row") from None
                for chain in (lane.source, lane.destination):
                    if chain not in BLOCK_TIME:
                        raise Unusable(f"{path}:{line}: chain {chain!r} has no block time (it is part of the structure) "
                                       "add it to BLOCK_TIME")
                if lane.n < 1 or not np.all(np.isfinite(lane.quartiles)) or np.any(np.diff(lane.quartiles) < 0):
                    raise Unusable(f"{path}:{line}: n or the quartiles are not of a sample (n < 1, or quartiles not finite and in "
                                   "order) correct the row")
                lanes.append(lane)
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"{path}: {error} (the quartiles are wanted) give the file's path") from None
    if not lanes:
        raise Unusable(f"{path}: no lanes (there is nothing to fit) give a file with rows")
    return lanes


def order(seed, *words):
    return hashlib.sha256("|".join((seed, *words)).encode()).hexdigest()


def split(lanes, kind, seed, swapped):
    """(fitted, predicted)"""
    if kind == "unseen":
        names = sorted(BLOCK_TIME, key=lambda name: order(seed, name))
        first = {(None, name) for name in names[:len(names) // 2]}
        key = lambda lane: (None, lane.destination)  # noqa: E731
    else:
        of_source = collections.defaultdict(set)
        for lane in lanes:
            of_source[lane.protocol, lane.source].add(lane.destination)
        first = set()
        for (protocol, source), found in of_source.items():
            names = sorted(found, key=lambda name: order(seed, source, name))
            first |= {(protocol, source, name) for name in names[:(len(names) + 1) // 2]}
        key = lambda lane: lane[:3]  # noqa: E731
    fitted = [lane for lane in lanes if (key(lane) in first) != swapped]
    return fitted, [lane for lane in lanes if (key(lane) in first) == swapped]


def evaluate(fitted, predicted):
    """A row per cell: lane, quartile, prediction, tolerance, hit. Lanes of a source with nothing fitted: prediction None."""
    rows = []
    for group in sorted({group_of(lane.protocol) for lane in predicted}):
        training = [lane for lane in fitted if group_of(lane.protocol) == group]
        model = Model(training).fit(training) if training else None
        for lane in predicted:
            if group_of(lane.protocol) != group or lane.n < LEAST_N:
                continue
            known = model is not None and model.knows(lane)
            prediction = model.predict(lane) if known else [None] * 3
            allowed = tolerance(lane.quartiles, lane.n)
            for i in range(3):
                hit = known and abs(prediction[i] - lane.quartiles[i]) <= allowed[i]
                rows.append((lane, i, prediction[i], allowed[i], bool(hit)))
    return rows


def baseline(fitted, predicted):
    """The same cells without a model: the mean quartile of the fitted lanes of the protocol and source."""
    rows = []
    for lane in predicted:
        if lane.n >= LEAST_N:
            known = [other.quartiles for other in fitted if other[:2] == lane[:2]]
            guess = np.mean(known, axis=0) if known else [None] * 3
            allowed = tolerance(lane.quartiles, lane.n)
            rows += [(lane, i, guess[i], allowed[i], bool(known and abs(guess[i] - lane.quartiles[i]) <= allowed[i]))
                     for i in range(3)]
    return rows


def share(rows):
    rows = [row for row in rows if row[2] is not None]
    return (sum(row[4] for row in rows) / len(rows) if rows else math.nan), len(rows)


def reason(lane, unseen):
    """Why a cell of this lane may be missed: structure seen in the data, not a proof."""
    if lane.protocol == "stargate_bus":
        if lane.destination == "ethereum":
            return "a bus to Ethereum waits for a second, longer timer (gas is dearer), which only lanes to Ethereum show"
        if lane.source == "linea":
            return "buses from Linea wait longer than their traffic says (bursts: n is an average over seven months)"
        return "the bus wait depends on how the lane's traffic comes in time; n is its mean only, 10 % of the median is a few seats"
    if lane.protocol == "across":
        return "a relayer's policy per lane (how many confirmations it waits on Ethereum; two kinds of fill), no stage of the message"
    if lane.protocol == "ccip":
        return "few and small lanes of fast-finality sources: the blocks at the destination are not separable from the relay"
    if lane.protocol == "cctp":
        return "users or front ends send the destination transaction themselves, later on some destinations"
    if lane.source == "scroll" or lane.destination == "scroll":
        return "two modes on Scroll lanes (a fast and a slow one, shares differ by lane): confirmations or verifiers changed in the period"
    if lane.destination == "linea" or lane.source == "linea":
        return ("Linea needs fewer blocks at the destination than any other chain" if lane.destination == "linea"
                else "LayerZero's confirmations on Linea are not known; the lane has a second, slow mode")
    return ("a destination never seen: its own effect is taken as none" if unseen
            else "the width differs by destination (the late part of the relay is not the same for all)")


def read_transfers(path):
    """(bridge, direction) -> latencies in seconds in the order of time; math.inf where a transfer was not delivered."""
    found = collections.defaultdict(list)
    try:
        with open(path, newline="", encoding="utf-8") as file:
            for line, row in enumerate(csv.DictReader(file), 2):
                try:
                    delivered = row["success"] == "1"
                    seconds = float(row["latencyMs"]) / 1e3 if delivered else math.inf
                    found[row["bridgeName"], row["direction"]].append((row["timestampIso"], seconds))
                except (KeyError, ValueError, TypeError) as error:
                    raise Unusable(f"{path}:{line}: {error} (a transfer needs timestampIso, bridgeName, direction, success and, "
                                   "if delivered, latencyMs) correct the row") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"{path}: {error} (the transfers are wanted) give the file's path") from None
    return {key: np.array([seconds for _, seconds in sorted(rows)]) for key, rows in sorted(found.items())}


def sample_quartiles(latencies):
    """Undelivered transfers have no time in the file: censored beyond every delivered one, where Kaplan-Meier's quartiles are
    those of the sample with infinity for them (as long as fewer than a quarter are undelivered)."""
    ordered = np.sort(latencies)
    position = QUARTILES * (len(ordered) - 1)
    low = np.floor(position).astype(int)
    high = np.minimum(low + 1, len(ordered) - 1)
    return np.array([ordered[a] if position[i] == a else ordered[a] + (position[i] - a) * (ordered[b] - ordered[a])
                     for i, (a, b) in enumerate(zip(low, high))])


def shifted_lognormal(latencies):
    """(shift, median, sigma) through the quartiles; the shift is in [0, 95 % of the least], 0 if the quartiles are not skewed."""
    low, middle, high = sample_quartiles(latencies)
    bend = low + high - 2 * middle
    shift = (low * high - middle**2) / bend if bend > 0 else 0.0
    shift = min(max(shift, 0.0), 0.95 * float(np.min(latencies)))
    return shift, middle - shift, math.log((high - shift) / (low - shift)) / (2 * 0.67449)


def transfers_report(found, out):
    laws, score = [], {"first half": [0, 0], "second half": [0, 0]}
    out.append("| bridge, direction | fitted on | shift + lognormal(median, sigma) | n predicted | measured q25 / median / q75, s | "
               "predicted | tolerance | missed |\n|---|---|---|---|---|---|---|---|")
    for (bridge, direction), latencies in found.items():
        half = len(latencies) // 2
        for name, fitted, tested in (("first half", latencies[:half], latencies[half:]),
                                     ("second half", latencies[half:], latencies[:half])):
            if len(fitted) < 4 or len(tested) < 4:
                raise Unusable(f"{bridge} {direction}: fewer than 8 transfers (halves have no quartiles) leave it out")
            shift, median, sigma = shifted_lognormal(fitted)
            predicted = shift + median * np.exp(sigma * 0.67449 * np.array([-1.0, 0.0, 1.0]))
            measured = sample_quartiles(tested)
            allowed = tolerance(measured, len(tested))
            missed = [NAMES[i] for i in range(3) if not abs(predicted[i] - measured[i]) <= allowed[i]]
            score[name] = [score[name][0] + 3 - len(missed), score[name][1] + 3]
            figures = [" / ".join(f"{x:.0f}" for x in row) for row in (measured, predicted, allowed)]
            out.append(f"| {bridge} {direction} | {name} | {shift:.1f} s + ({median:.1f} s, {sigma:.2f}) | {len(tested)} | {figures[0]} | "
                       f"{figures[1]} | {figures[2]} | {', '.join(missed) or '-'} |")
        shift, median, sigma = shifted_lognormal(latencies)
        lost = int(np.sum(np.isinf(latencies)))
        laws.append({"bridge": bridge, "direction": direction, "n": len(latencies), "undelivered": lost,
                     "shift_s": round(shift, 2), "median_s": round(median, 2), "sigma": round(sigma, 3)})
    out.append("\nWithin tolerance: " + "; ".join(f"fitted on the {name}, {hits} of {cells} cells ({100 * hits / cells:.0f} %)"
                                                  for name, (hits, cells) in score.items()) + ".\n")
    return laws


def parameters(lanes):
    """All lanes fitted: relay laws per protocol and source, and what is shared by a protocol."""
    laws, shared = [], {}
    for group in sorted({group_of(lane.protocol) for lane in lanes}):
        chosen = [lane for lane in lanes if group_of(lane.protocol) == group]
        model = Model(chosen).fit(chosen)
        value = lambda *name: float(model.value(model.theta, *name))  # noqa: E731
        for source in model.sources:
            wait = finality(chosen[0].protocol, source)
            uniform = wait.max() > wait.min()
            rest = value("late_logit", source)
            weight = logistic(rest) if group == "stargate" else 0.0
            median = math.exp(value("log_median", source))
            laws.append({"protocol": group, "source": source, "lanes": sum(lane.source == source for lane in chosen),
                         "transfers": sum(lane.n for lane in chosen if lane.source == source),
                         "finality": "uniform 768s..1152s" if uniform else f"constant {wait[0]:g}s",
                         "relay_median_s": f"{median:.4g}", "relay_sigma": f"{math.exp(value('log_sigma', source)):.3f}",
                         "late_weight": f"{weight:.4f}",
                         "late_median_s": f"{median * math.exp(math.exp(value('late_log', source))):.4g}" if weight else ""})
        shared[group] = {"destination_floor_blocks": round(math.exp(value("log_floor")), 4),
                         "destination_lognormal_median_blocks": round(math.exp(value("log_blocks")), 4),
                         "destination_lognormal_sigma": round(math.exp(value("log_spread")), 4),
                         "destination_factor": {name: round(math.exp(value("E", name)), 4) for name in model.destinations}}
        if group == "stargate":
            shared[group]["bus_wait_s_quantiles"] = {
                f"{lane.source}->{lane.destination}": {f"p{100 * p:g}": round(float(np.quantile(model.wait(model.theta, lane), p)), 1)
                                                       for p in (0.05, 0.25, 0.5, 0.75, 0.95)}
                for lane in chosen if lane.protocol == "stargate_bus"}
    return laws, shared


def write_csv(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def splits_report(lanes, seeds, out):
    protocols = sorted({lane.protocol for lane in lanes})
    out.append("| split | seed, half fitted | " + " | ".join(protocols) + " | all | cells, not predicted |\n|---|---|" + "---|" * (len(protocols) + 2))
    failures, pooled = [], {}
    for kind in ("lane", "unseen"):
        for number in range(1, seeds + 1):
            for swapped in (False, True):
                seed = f"proofload-{number}"
                parts = split(lanes, kind, seed, swapped)
                rows = evaluate(*parts)
                pooled.setdefault(kind, []).extend(rows)
                pooled.setdefault(f"{kind}, mean of the source's fitted lanes instead of a model", []).extend(baseline(*parts))
                shares = [share([row for row in rows if row[0].protocol == name])[0] for name in protocols]
                total, count = share(rows)
                out.append(f"| {kind} | {seed}, {'second' if swapped else 'first'} | "
                           + " | ".join(f"{100 * x:.0f} %" for x in shares) + f" | {100 * total:.1f} % | {count}, {len(rows) - count} |")
                if number == 1:
                    for lane, i, prediction, allowed, hit in rows:
                        if not hit and prediction is not None:
                            failures.append({"split": kind, "protocol": lane.protocol, "source": lane.source,
                                             "destination": lane.destination, "quartile": NAMES[i], "n": lane.n,
                                             "predicted_s": f"{prediction:.1f}",
                                             "error_in_tolerances": f"{(prediction - lane.quartiles[i]) / allowed:+.2f}", "why": reason(lane, kind == "unseen")})
    pooled["in sample (fitted on all, no prediction)"] = evaluate(lanes, lanes)
    for kind, rows in pooled.items():
        shares = [share([row for row in rows if row[0].protocol == name])[0] for name in protocols]
        total, count = share(rows)
        out.append(f"| **{kind}** | all | " + " | ".join(f"{100 * x:.0f} %" for x in shares)
                   + f" | **{100 * total:.1f} %** | {count}, {len(rows) - count} |")
    out.append("")
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("quartiles", metavar="QUARTILES.csv")
    parser.add_argument("transfers", metavar="TRANSFERS.csv", nargs="?")
    parser.add_argument("--seeds", type=int, default=3, help="splits of each kind, each also swapped")
    parser.add_argument("--protocol", action="append", help="only these (default: all)")
    parser.add_argument("--report", metavar="FOLDER", help="write relay_laws.csv, parameters.json, failures.csv there")
    arguments = parser.parse_args()
    try:
        lanes = read_lanes(arguments.quartiles)
        if arguments.protocol:
            lanes = [lane for lane in lanes if lane.protocol in arguments.protocol]
            if not lanes:
                raise Unusable(f"no lane of {', '.join(arguments.protocol)} (nothing is left to fit) use a protocol of the file")
        if arguments.seeds < 1:
            raise Unusable("--seeds is below 1 (no split is left) give at least 1")
        out, transfer_laws = [], []
        failures = splits_report(lanes, arguments.seeds, out)
        if arguments.transfers:
            transfer_laws = transfers_report(read_transfers(arguments.transfers), out)
        if arguments.report:
            laws, shared = parameters(lanes)
            sources = {"quartiles": os.path.basename(arguments.quartiles),
                       "transfers": os.path.basename(arguments.transfers or "")}
            os.makedirs(arguments.report, exist_ok=True)
            write_csv(os.path.join(arguments.report, "relay_laws.csv"), laws)
            if failures:
                write_csv(os.path.join(arguments.report, "failures.csv"), failures)
            with open(os.path.join(arguments.report, "parameters.json"), "w", encoding="utf-8") as file:
                json.dump({"fitted_on": sources, "relay": laws, "destination": shared, "transfers": transfer_laws}, file, indent=1)
                file.write("\n")
        print("\n".join(out))
        return 0
    except (Unusable, OSError) as error:
        print(f"predict_latency: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
