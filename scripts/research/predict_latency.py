#!/usr/bin/env python3
"""Do fitted stages predict the latencies of destinations (and of transfers) that they have not seen?

    scripts/research/predict_latency.py QUARTILES.csv [TRANSFERS.csv] [--seeds 3] [--words proofload ...] [--protocol NAME ...]
                               [--report FOLDER]

QUARTILES.csv: protocol, src_chain, dst_chain, n, latency_s_q25, latency_s_median, latency_s_q75 (seconds, end to end).
TRANSFERS.csv: timestampIso, bridgeName, direction, success, latencyMs: single transfers.
Prints Markdown; --report also writes relay_laws.csv, parameters.json and failures.csv there.
Exit 0 done, 2 unusable input.

Cell. (protocol, source, destination, quartile) of a lane with n >= 200 transfers; lanes with fewer are fitted only.
Tolerance. max(10 % of the measured value, 3 standard errors, 5 s). Standard error of a sample quartile:
sqrt(p (1 - p) / n) / f, with the density f of a normal law which has the *measured* interquartile range (a wide wrong
prediction earns no tolerance).
Splits, by SHA-256 alone. `lane`: the destinations of every source are put in the order of
SHA-256("SEED|source|destination"), the first half (rounded up) is fitted, the others are predicted; a destination may
then be known from another source. OFT and Bus, which share parameters, share one list of destinations: a lane is fitted
in both or predicted in both. `unseen`: all destinations in the order of SHA-256("SEED|destination"), the first half is
fitted: no lane of a predicted destination is seen at all. Both also swapped. Seeds are WORD-1, WORD-2, ...; none was
left out.

Model, as the engine's stages, in seconds between the blocks of the source and destination transactions:
  finality     known structure: Ethereum and rollups under CCTP and CCIP uniform(768, 1152) (64 to 96 slots);
               Stargate: LayerZero's default confirmations x block time (unknown for Linea and Scroll: in their relay).
  relay        (protocol, source): lognormal(median, sigma). Rollups: batch posting is in it. Stargate only: some
               messages are later by a fixed time; share and time per source.
  destination  block time x e^E x (floor + lognormal(blocks, spread)): floor and blocks per protocol; E and an effect on
               the spread per destination. Stargate and Across: some messages are later by a fixed time; share and time
               per destination.
  bus wait     Stargate Bus only: min(timer, K u / rate): u uniform; the rate is the lane's traffic (n in 214 days: an
               input, not an outcome) x lognormal(sigma): it comes in bursts; timer of two lengths, the longer with a
               share.
Effects of a source or destination are normal(0, d); d is estimated with them (empirical Bayes). The effect is 0 for a
destination that is in no fitted lane. Errors are Student (3 degrees of freedom) in units of the tolerance, with a scale
estimated per protocol: one odd lane cannot drag the others along. Fit: Gauss-Newton with Levenberg's damping to the
mode, then EM on d and the scale with Laplace's covariance. Laws are sums over 256 quasi-random points. Stargate OFT and
Bus are the same LayerZero messages, hence one fit.
How buses fill is not known and four laws of it fit alike (VARIANTS); fits have several optima besides, and which one is
reached hangs on rounding. Hence predictions are the median of an ensemble: each variant from STARTS starting points.
The published laws are the first variant's, from the priors' means.

Quartiles say nothing on p99: this validates no tail. Python 3.11 and numpy.
"""
import argparse
import collections
import csv
import hashlib
import itertools
import json
import math
import os
import statistics
import sys

import numpy as np

BLOCK_TIME = {"ethereum": 12.0, "arbitrum": 0.25, "base": 2.0, "optimism": 2.0, "avalanche": 2.0, "bnb": 3.0,
              "linea": 3.0, "scroll": 3.0}  # seconds, 2024
SETTLED_ON_ETHEREUM = {"ethereum", "arbitrum", "base", "optimism", "linea", "scroll"}
CONFIRMATIONS = {"ethereum": 15, "arbitrum": 20, "base": 10, "optimism": 20, "bnb": 20, "avalanche": 12}
ONE_TRANSACTION = {"across", "cctp"}  # one transaction at the destination; CCIP and LayerZero need several in a row
PERIOD = 214 * 86400.0  # seconds that n was counted over
# Of the wait for a bus: as above; a drive that takes time besides; that, and the rate also goes with the traffic of the
# whole source and destination; the rate goes with a power of the lane's traffic, and burstiness is by source.
VARIANTS = ("plain", "drive", "totals", "power")
LEAST_N = 200
QUARTILES = np.array([0.25, 0.5, 0.75])
NAMES = ("q25", "median", "q75")
POINTS = 256
FREEDOM = 3.0  # Student's degrees of freedom
SCALE, SCALE_WEIGHT = 0.5, 6.0  # prior of the errors' scale in tolerances, worth so many cells
EFFECT_WEIGHT = 3.0  # the prior of an effects' deviation is worth so many chains
ROUNDS = 4  # of EM
STARTS = 3  # the priors' means, and about 0.3 deviations from them

# The other families are of the wait for a bus.
OF_TRANSIT = {"log_median", "log_sigma", "source_log_sigma", "log_floor", "log_blocks", "log_spread",
              "destination_log_spread", "E", "after_logit", "destination_after_logit", "after_log",
              "destination_after_log", "late_logit", "source_late_logit", "late_log", "source_late_log"}

Lane = collections.namedtuple("Lane", "protocol source destination n quartiles")


class Unusable(Exception):
    pass


def quasi_random(dimensions):
    """Roberts' R sequence: fractions of multiples of the powers of 1/x, x^(d+1) = x + 1. A row per dimension."""
    x = 2.0
    for _ in range(60):
        x = (1 + x) ** (1 / (dimensions + 1))
    return ((0.5 + np.outer(np.arange(1, POINTS + 1), x ** -np.arange(1.0, dimensions + 1))) % 1).T


UNIFORM = quasi_random(8)
NORMAL = np.vectorize(statistics.NormalDist().inv_cdf)(UNIFORM)
LOGIT = np.log(UNIFORM / (1 - UNIFORM))


def group_of(protocol):
    return "stargate" if protocol.startswith("stargate") else protocol


def quantiles(samples):
    """Of every row, at QUARTILES."""
    ordered = np.sort(samples, axis=1)
    position = QUARTILES * samples.shape[1] - 0.5
    low = position.astype(int)
    return ordered[:, low] * (1 - position + low) + ordered[:, low + 1] * (position - low)


def standard_errors(lane_quartiles, n):
    """Density at the quartiles of a normal law: 0.4287 / IQR, 0.5381 / IQR at its median. IQR at least 1 s."""
    spread = max(lane_quartiles[2] - lane_quartiles[0], 1.0)
    return np.sqrt(QUARTILES * (1 - QUARTILES) / n) * spread / np.array([0.4287, 0.5381, 0.4287])


def tolerance(measured, n):
    return np.maximum(np.maximum(0.1 * np.abs(measured), 3 * standard_errors(measured, n)), 5.0)


def finality(protocol, source):
    if protocol in ("cctp", "ccip") and source in SETTLED_ON_ETHEREUM:
        return 768.0 + 384.0 * UNIFORM[0]
    if protocol.startswith("stargate"):
        return CONFIRMATIONS.get(source, 0) * BLOCK_TIME[source] + np.zeros(POINTS)
    return np.zeros(POINTS)


def logistic(x):
    return 1 / (1 + math.exp(-x))


def chosen(logit, dimension):
    """1 for about logistic(logit) of the points, else 0; a smooth step (0.15 in the logit) has derivatives."""
    return 1 / (1 + np.exp(np.clip((LOGIT[dimension] - logit) / 0.15, -60, 60)))


def families(group, variant):
    """name -> (one per: all | source | destination; the prior's mean and deviation; whether that is estimated)"""
    one, stargate = group in ONE_TRANSACTION, group == "stargate"
    found = {
        "log_median": ("source", math.log(20), 2.0, False),
        "log_sigma": ("all", math.log(0.5), 1.0, False), "source_log_sigma": ("source", 0, 0.5, True),
        "log_floor": ("all", math.log(0.3 if one else 4.0), 0.7, False),
        "log_blocks": ("all", math.log(0.7 if one else 3.0), 0.7, False),
        "log_spread": ("all", math.log(0.5), 0.5, False), "destination_log_spread": ("destination", 0, 0.4, True),
        "E": ("destination", 0, 0.4, True)}
    if stargate or group == "across":
        found |= {
            "after_logit": ("all", -2.5, 1.0, False), "destination_after_logit": ("destination", 0, 1.0, True),
            "after_log": ("all", math.log(40 if stargate else 8), 1.0, False),
            "destination_after_log": ("destination", 0, 0.5, True)}
    if stargate:
        found |= {
            "late_logit": ("all", -2.5, 1.0, False), "source_late_logit": ("source", 0, 2.5, True),
            "late_log": ("all", math.log(40), 1.0, False), "source_late_log": ("source", 0, 0.5, True),
            "timer": ("all", math.log(190), 0.3, False), "source_timer": ("source", 0, 0.1, True),
            "destination_timer": ("destination", 0, 0.1, True), "seats": ("all", math.log(4), 0.7, False),
            "rate": ("all", 0, 1.0, False), "source_rate": ("source", 0, 0.5, True),
            "destination_rate": ("destination", 0, 0.5, True), "rate_sigma": ("all", 0, 0.7, False),
            "longer": ("all", math.log(110), 0.3, False), "destination_longer": ("destination", 0, 0.5, True),
            "longer_logit": ("all", -0.9, 0.7, False), "source_longer_logit": ("source", 0, 0.5, True),
            "destination_longer_logit": ("destination", 0, 0.7, True)}
        if variant in ("drive", "totals"):
            found["drive"] = "all", math.log(15), 0.7, False
        if variant == "totals":
            found |= {"source_total": ("all", 0, 0.3, False), "destination_total": ("all", 0, 0.3, False)}
        if variant == "power":
            found |= {"power": ("all", 0, 0.3, False), "source_rate_sigma": ("source", 0, 0.3, True)}
    return found


class Model:
    """Parameters of one group of protocols. `traffic`: transfers by Bus per source and destination, an input like n."""

    def __init__(self, group, variant, traffic):
        self.group, self.variant, self.traffic = group, variant, traffic
        self.chains = sorted(BLOCK_TIME)
        self.families = families(group, variant)
        self.start, self.mean, self.deviation = {}, [], []
        for name, (role, mean, deviation, _) in self.families.items():
            self.start[name] = len(self.mean)
            size = 1 if role == "all" else len(self.chains)
            self.mean += [mean] * size
            self.deviation += [deviation] * size
        self.mean, self.deviation = np.array(self.mean, float), np.array(self.deviation, float)
        self.theta = self.mean.copy()
        self.sources, self.destinations = [], []

    def indices(self, name, lanes):
        """Of the parameter `name` of every lane in theta."""
        role = self.families[name][0]
        return np.array([self.start[name] + (0 if role == "all" else self.chains.index(getattr(lane, role)))
                         for lane in lanes])

    def inputs(self, lanes):
        bus = [lane for lane in lanes if lane.protocol == "stargate_bus"]
        column = lambda values: np.array([float(x) for x in values])[:, None]  # noqa: E731
        return {"all": {name: self.indices(name, lanes) for name in self.families},
                "of_bus": {name: self.indices(name, bus) for name in self.families} if bus else {},
                "is_bus": np.array([lane.protocol == "stargate_bus" for lane in lanes]),
                "finality": np.array([finality(lane.protocol, lane.source) for lane in lanes]),
                "block": column(BLOCK_TIME[lane.destination] for lane in lanes),
                "log_n": np.log(column(lane.n for lane in bus)),
                "log_source": np.log(column(self.traffic["source", lane.source] for lane in bus)),
                "log_destination": np.log(column(self.traffic["destination", lane.destination] for lane in bus))}

    def sample(self, theta, inputs):
        """Latencies in seconds: a row per lane, a column per point."""
        total = self.transit(theta, inputs)
        if inputs["of_bus"]:
            total[inputs["is_bus"]] += self.wait(theta, inputs)
        return total

    def transit(self, theta, inputs):
        """All but the wait for a bus."""
        value = lambda name: theta[inputs["all"][name]][:, None]  # noqa: E731
        sigma = np.exp(value("log_sigma") + value("source_log_sigma"))
        spread = np.exp(value("log_spread") + value("destination_log_spread"))
        total = inputs["finality"] + np.exp(value("log_median") + sigma * NORMAL[1])
        total += inputs["block"] * np.exp(value("E")) \
            * (np.exp(value("log_floor")) + np.exp(value("log_blocks") + spread * NORMAL[2]))
        if "late_logit" in self.families:
            total += chosen(value("late_logit") + value("source_late_logit"), 7) \
                * np.exp(value("late_log") + value("source_late_log"))
        if "after_logit" in self.families:
            total += chosen(value("after_logit") + value("destination_after_logit"), 3) \
                * np.exp(value("after_log") + value("destination_after_log"))
        return total

    def wait(self, theta, inputs):
        value = lambda name: theta[inputs["of_bus"][name]][:, None]  # noqa: E731
        timer = np.exp(value("timer") + value("source_timer") + value("destination_timer") + 0.03 * NORMAL[3]) \
            + chosen(value("longer_logit") + value("source_longer_logit") + value("destination_longer_logit"), 4) \
            * np.exp(value("longer") + value("destination_longer"))
        log_rate = inputs["log_n"] - math.log(PERIOD)
        sigma = value("rate_sigma")
        if self.variant == "totals":  # 12.5: a middling total; it only makes `rate` mean about the same in all variants
            log_rate = log_rate + value("source_total") * (inputs["log_source"] - 12.5) \
                + value("destination_total") * (inputs["log_destination"] - 12.5)
        elif self.variant == "power":
            log_rate = log_rate + value("power") * (log_rate + 5.5)  # likewise
            sigma = sigma + value("source_rate_sigma")
        log_rate = log_rate + value("rate") - value("source_rate") - value("destination_rate") \
            + np.exp(sigma) * NORMAL[6]
        wait = np.minimum(timer, (np.exp(value("seats")) * UNIFORM[5] + 0.1) / np.exp(log_rate))
        return wait + np.exp(value("drive") + 0.2 * NORMAL[0]) if "drive" in self.families else wait

    def predict(self, lanes):
        return quantiles(self.sample(self.theta, self.inputs(lanes)))

    def jacobian(self, theta, inputs, base, allowed, step=0.02):
        """Of the errors in tolerances. A lane has one parameter of a family at most: a family is moved as a whole."""
        rows = np.arange(base.size).reshape(base.shape)
        found = np.zeros((base.size, len(theta)))
        is_bus, transit = inputs["is_bus"], self.transit(theta, inputs)
        wait = self.wait(theta, inputs) if inputs["of_bus"] else None
        for name, columns in inputs["all"].items():
            moved = theta.copy()
            moved[np.unique(columns)] += step
            if name not in OF_TRANSIT:
                i = is_bus
                sample = transit[i] + self.wait(moved, inputs) if inputs["of_bus"] else transit[i]
            else:
                i, sample = slice(None), self.transit(moved, inputs)
                if inputs["of_bus"]:
                    sample[is_bus] += wait
            found[rows[i], columns[i][:, None]] = (quantiles(sample) - base[i]) / step / allowed[i]
        return found

    def mode(self, theta, inputs, measured, allowed, scale, iterations, damping):
        """Gauss-Newton to the posterior's mode: theta, its errors in tolerances, Jacobian and (Laplace) covariance."""
        def cost(theta, error):
            return 0.5 * (FREEDOM + 1) * np.log1p((error / scale) ** 2 / FREEDOM).sum() \
                + 0.5 * (((theta - self.mean) / self.deviation) ** 2).sum()

        errors = lambda theta: (quantiles(self.sample(theta, inputs)) - measured) / allowed  # noqa: E731
        error = errors(theta)
        least = cost(theta, error)
        for _ in range(iterations):
            jacobian = self.jacobian(theta, inputs, error * allowed + measured, allowed)
            weight = ((FREEDOM + 1) / (FREEDOM + (error / scale) ** 2) / scale**2).ravel()
            normal = jacobian.T @ (weight[:, None] * jacobian) + np.diag(self.deviation**-2)
            gradient = jacobian.T @ (weight * error.ravel()) + (theta - self.mean) / self.deviation**2
            for _ in range(8):
                move = np.linalg.solve(normal + damping * np.diag(np.diag(normal)), -gradient)
                tried = theta + np.clip(move, -0.7, 0.7)
                tried_error = errors(tried)
                tried_cost = cost(tried, tried_error)
                if tried_cost < least:
                    break
                damping *= 4
            else:
                break
            gain, theta, error, least = least - tried_cost, tried, tried_error, tried_cost
            damping = max(damping / 4, 1e-4)
            if gain < 1e-3 * least:
                break
        return theta, error, jacobian, np.linalg.inv(normal)

    def fit(self, lanes, start=0):
        self.sources = sorted({lane.source for lane in lanes})
        self.destinations = sorted({lane.destination for lane in lanes})
        inputs = self.inputs(lanes)
        measured = np.array([lane.quartiles for lane in lanes])
        allowed = np.array([tolerance(lane.quartiles, lane.n) for lane in lanes])
        scale = np.full(measured.shape, SCALE)
        jitter = np.random.default_rng(start).standard_normal(len(self.mean))
        theta = self.mean + (0.3 * np.minimum(self.deviation, 1.0) * jitter if start else 0.0)
        for number in range(ROUNDS):
            iterations, damping = (5, 0.01) if number else (15, 1.0)  # later rounds start near the mode
            theta, error, jacobian, covariance = self.mode(theta, inputs, measured, allowed, scale, iterations, damping)
            for name, (_, mean, _, estimated) in self.families.items():
                if estimated:
                    i = np.unique(inputs["all"][name])
                    squares = (theta[i] - mean) ** 2 + np.diag(covariance)[i]
                    self.deviation[i] = np.sqrt((squares.sum() + EFFECT_WEIGHT * self.deviation[i] ** 2)
                                                / (len(i) + EFFECT_WEIGHT))
            squares = error**2 + np.einsum("ij,jk,ik->i", jacobian, covariance, jacobian).reshape(error.shape)
            weight = (FREEDOM + 1) / (FREEDOM + (error / scale) ** 2)
            for of_bus in (False, True):
                i = inputs["is_bus"] == of_bus
                if i.any():
                    scale[i] = math.sqrt(((weight * squares)[i].sum() + SCALE_WEIGHT * SCALE**2)
                                         / (squares[i].size + SCALE_WEIGHT))
        self.theta = theta
        return self

    def value(self, name, chain=None):
        return float(self.theta[self.start[name] + (self.chains.index(chain) if chain else 0)])


def read_lanes(path):
    lanes = []
    try:
        with open(path, newline="", encoding="utf-8") as file:
            for line, row in enumerate(csv.DictReader(file), 2):
                try:
                    lane = Lane(row["protocol"], row["src_chain"], row["dst_chain"], int(row["n"]),
                                np.array([float(row[f"latency_s_{name}"]) for name in NAMES]))
                except (KeyError, ValueError, TypeError) as error:
                    raise Unusable(f"{path}:{line}: {error} (a lane needs protocol, src_chain, dst_chain, n and three "
                                   "quartiles) correct the row") from None
                for chain in (lane.source, lane.destination):
                    if chain not in BLOCK_TIME:
                        raise Unusable(f"{path}:{line}: chain {chain!r} has no block time (it is part of the structure)"
                                       " add it to BLOCK_TIME")
                if lane.n < 1 or not np.all(np.isfinite(lane.quartiles)) or np.any(np.diff(lane.quartiles) < 0):
                    raise Unusable(f"{path}:{line}: n or the quartiles are not of a sample (n < 1, or quartiles not "
                                   "finite and in order) correct the row")
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
            of_source[group_of(lane.protocol), lane.source].add(lane.destination)
        first = set()
        for (group, source), found in of_source.items():
            names = sorted(found, key=lambda name: order(seed, source, name))
            first |= {(group, source, name) for name in names[:(len(names) + 1) // 2]}
        key = lambda lane: (group_of(lane.protocol), *lane[1:3])  # noqa: E731
    fitted = [lane for lane in lanes if (key(lane) in first) != swapped]
    return fitted, [lane for lane in lanes if (key(lane) in first) == swapped]


def bus_traffic(lanes):
    """Transfers by Bus per source and per destination, of all lanes: traffic is an input, no latency is looked at."""
    found = collections.Counter()
    for lane in lanes:
        if lane.protocol == "stargate_bus":
            found["source", lane.source] += lane.n
            found["destination", lane.destination] += lane.n
    return found


def evaluate(fitted, predicted):
    """A row per cell: lane, quartile, prediction, tolerance, hit. Source with nothing fitted: prediction None.
    Also the same rows of the ensemble's first member alone."""
    rows, single = [], []
    traffic = bus_traffic(fitted if fitted is predicted else fitted + predicted)
    for group in sorted({group_of(lane.protocol) for lane in predicted}):
        training = [lane for lane in fitted if group_of(lane.protocol) == group]
        tested = [lane for lane in predicted if group_of(lane.protocol) == group and lane.n >= LEAST_N]
        sources = {lane.source for lane in training}
        known = [lane for lane in tested if lane.source in sources]
        variants = VARIANTS if group == "stargate" else VARIANTS[:1]
        members = [Model(group, variant, traffic).fit(training, start).predict(known)
                   for start in range(STARTS) for variant in variants if known]
        for found, predictions in ((rows, np.median(members, axis=0)), (single, members[0])) if known else ():
            for lane, prediction in zip(known, predictions):
                allowed = tolerance(lane.quartiles, lane.n)
                hits = np.abs(prediction - lane.quartiles) <= allowed
                found += [(lane, i, prediction[i], allowed[i], bool(hits[i])) for i in range(3)]
        for found in (rows, single):
            found += [(lane, i, None, tolerance(lane.quartiles, lane.n)[i], False)
                      for lane in tested if lane.source not in sources for i in range(3)]
    return rows, single


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
            return "a bus to Ethereum waits for a second, longer timer (gas is dearer); shares differ by source"
        if lane.source == "linea":
            return "buses from Linea wait longer than their traffic says (bursts: n is an average over seven months)"
        return "the wait depends on how the lane's traffic comes in time; n is its mean only, 10 % is a few seats"
    if lane.protocol == "across":
        return "a relayer's policy per lane (confirmations awaited on Ethereum; two kinds of fill): no stage has it"
    if lane.protocol == "ccip":
        return "few and small lanes of fast-finality sources: destination blocks are not separable from the relay"
    if lane.protocol == "cctp":
        return "users or front ends send the destination transaction themselves, later on some destinations"
    if "scroll" in (lane.source, lane.destination):
        return "two modes on Scroll lanes (fast and slow, shares differ by lane): something changed in the period"
    if lane.destination == "linea":
        return "Linea needs fewer blocks at the destination than any other chain"
    if lane.source == "linea":
        return "LayerZero's confirmations on Linea are not known; the lane has a second, slow mode"
    return ("a destination never seen: its own effects are taken as none" if unseen
            else "the width differs by lane (Arbitrum to BNB); effects are of source and of destination only")


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
                    raise Unusable(f"{path}:{line}: {error} (a transfer needs timestampIso, bridgeName, direction, "
                                   "success and, if delivered, latencyMs) correct the row") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"{path}: {error} (the transfers are wanted) give the file's path") from None
    return {key: np.array([seconds for _, seconds in sorted(rows)]) for key, rows in sorted(found.items())}


def sample_quartiles(latencies):
    """Undelivered transfers have no time in the file: censored beyond every delivered one, where Kaplan-Meier's
    quartiles are those of the sample with infinity for them (as long as fewer than a quarter are undelivered)."""
    ordered = np.sort(latencies)
    position = QUARTILES * (len(ordered) - 1)
    low = np.floor(position).astype(int)
    high = np.minimum(low + 1, len(ordered) - 1)
    return np.array([ordered[a] if position[i] == a else ordered[a] + (position[i] - a) * (ordered[b] - ordered[a])
                     for i, (a, b) in enumerate(zip(low, high))])


def shifted_lognormal(latencies):
    """(shift, median, sigma) through the quartiles; the shift is in [0, 95 % of the least], 0 without skew."""
    low, middle, high = sample_quartiles(latencies)
    bend = low + high - 2 * middle
    shift = (low * high - middle**2) / bend if bend > 0 else 0.0
    shift = min(max(shift, 0.0), 0.95 * float(np.min(latencies)))
    return shift, middle - shift, math.log((high - shift) / (low - shift)) / (2 * 0.67449)


def transfers_report(found, out):
    laws, score = [], {"first half": [0, 0], "second half": [0, 0]}
    out.append("| bridge, direction | fitted on | shift + lognormal(median, sigma) | n predicted | "
               "measured q25 / median / q75, s | predicted | tolerance | missed |\n|---|---|---|---|---|---|---|---|")
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
            out.append(f"| {bridge} {direction} | {name} | {shift:.1f} s + ({median:.1f} s, {sigma:.2f}) | "
                       f"{len(tested)} | {figures[0]} | {figures[1]} | {figures[2]} | {', '.join(missed) or '-'} |")
        shift, median, sigma = shifted_lognormal(latencies)
        lost = int(np.sum(np.isinf(latencies)))
        laws.append({"bridge": bridge, "direction": direction, "n": len(latencies), "undelivered": lost,
                     "shift_s": round(shift, 2), "median_s": round(median, 2), "sigma": round(sigma, 3)})
    out.append("\nWithin tolerance: " + "; ".join(
        f"fitted on the {name}, {hits} of {cells} cells ({100 * hits / cells:.0f} %)"
        for name, (hits, cells) in score.items()) + ".\n")
    return laws


def parameters(lanes):
    """All lanes fitted (the plain variant): relay laws per protocol and source, and what is shared by a protocol."""
    laws, shared = [], {}
    for group in sorted({group_of(lane.protocol) for lane in lanes}):
        training = [lane for lane in lanes if group_of(lane.protocol) == group]
        model = Model(group, "plain", bus_traffic(lanes)).fit(training)
        value, stargate = model.value, group == "stargate"
        for source in model.sources:
            wait = finality(training[0].protocol, source)
            sigma = math.exp(value("log_sigma") + value("source_log_sigma", source))
            median = math.exp(value("log_median", source))
            weight = logistic(value("late_logit") + value("source_late_logit", source)) if stargate else 0.0
            late = math.exp(value("late_log") + value("source_late_log", source)) if stargate else 0.0
            laws.append({"protocol": group, "source": source, "lanes": sum(lane.source == source for lane in training),
                         "transfers": sum(lane.n for lane in training if lane.source == source),
                         "finality": "uniform 768s..1152s" if wait.max() > wait.min() else f"constant {wait[0]:g}s",
                         "relay_median_s": f"{median:.4g}", "relay_sigma": f"{sigma:.3f}",
                         "late_weight": f"{weight:.4f}", "late_median_s": f"{median + late:.4g}" if stargate else ""})
        def of_destinations(function):
            return {name: round(function(name), 4) for name in model.destinations}
        shared[group] = {"destination_floor_blocks": round(math.exp(value("log_floor")), 4),
                         "destination_lognormal_median_blocks": round(math.exp(value("log_blocks")), 4),
                         "destination_lognormal_sigma": of_destinations(
                             lambda name: math.exp(value("log_spread") + value("destination_log_spread", name))),
                         "destination_factor": of_destinations(lambda name: math.exp(value("E", name)))}
        if "after_logit" in model.families:
            shared[group]["destination_late_weight"] = of_destinations(
                lambda name: logistic(value("after_logit") + value("destination_after_logit", name)))
            shared[group]["destination_late_s"] = of_destinations(
                lambda name: math.exp(value("after_log") + value("destination_after_log", name)))
        bus = [lane for lane in training if lane.protocol == "stargate_bus"]
        if bus:
            shared[group]["bus_wait_s_quantiles"] = {
                f"{lane.source}->{lane.destination}":
                    {f"p{100 * p:g}": round(float(np.quantile(waits, p)), 1) for p in (0.05, 0.25, 0.5, 0.75, 0.95)}
                for lane, waits in zip(bus, model.wait(model.theta, model.inputs(bus)))}
    return laws, shared


def write_csv(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def splits_report(lanes, words, seeds, out):
    """Tables into `out`; returns the failures of the first word's first seed."""
    protocols = sorted({lane.protocol for lane in lanes})
    failures, pooled = [], {}

    def line(first, second, rows, bold=""):
        shares = [share([row for row in rows if row[0].protocol == name])[0] for name in protocols]
        total, count = share(rows)
        out.append(f"| {first} | {second} | " + " | ".join(f"{100 * x:.0f} %" for x in shares)
                   + f" | {bold}{100 * total:.1f} %{bold} | {count}, {len(rows) - count} |")

    out.append("| split | seed, half fitted | " + " | ".join(protocols) + " | all | cells, not predicted |\n|---|---|"
               + "---|" * (len(protocols) + 2))
    for word, kind, number, swapped in itertools.product(words, ("lane", "unseen"), range(1, seeds + 1), (False, True)):
        seed, title = f"{word}-{number}", kind if word == words[0] else f"{kind}, {word}"
        parts = split(lanes, kind, seed, swapped)
        rows, single = evaluate(*parts)
        pooled.setdefault(title, []).extend(rows)
        pooled.setdefault(f"{title}: first member of the ensemble alone", []).extend(single)
        pooled.setdefault(f"{title}: mean of the source's fitted lanes instead of a model", []).extend(baseline(*parts))
        line(kind, f"{seed}, {'second' if swapped else 'first'}", rows)
        for lane, i, prediction, allowed, hit in rows:
            if (word, number) == (words[0], 1) and not hit and prediction is not None:
                failures.append({"split": kind, "protocol": lane.protocol, "source": lane.source,
                                 "destination": lane.destination, "quartile": NAMES[i], "n": lane.n,
                                 "predicted_s": f"{prediction:.1f}",
                                 "error_in_tolerances": f"{(prediction - lane.quartiles[i]) / allowed:+.2f}",
                                 "why": reason(lane, kind == "unseen")})
    pooled["in sample (fitted on all, no prediction)"] = evaluate(lanes, lanes)[0]
    for title, rows in pooled.items():
        line(f"**{title}**", "all", rows, "**")
    out.append("")
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("quartiles", metavar="QUARTILES.csv")
    parser.add_argument("transfers", metavar="TRANSFERS.csv", nargs="?")
    parser.add_argument("--seeds", type=int, default=3, help="splits of each kind, each also swapped")
    parser.add_argument("--words", nargs="+", default=["proofload"], help="seeds are WORD-1, ... for each of these")
    parser.add_argument("--protocol", action="append", help="only these (default: all)")
    parser.add_argument("--report", metavar="FOLDER", help="write relay_laws.csv, parameters.json, failures.csv there")
    arguments = parser.parse_args()
    try:
        lanes = read_lanes(arguments.quartiles)
        if arguments.protocol:
            lanes = [lane for lane in lanes if lane.protocol in arguments.protocol]
            if not lanes:
                raise Unusable(f"no lane of {', '.join(arguments.protocol)} (nothing is left to fit) "
                               "use a protocol of the file")
        if arguments.seeds < 1:
            raise Unusable("--seeds is below 1 (no split is left) give at least 1")
        out, transfer_laws = [], []
        failures = splits_report(lanes, arguments.words, arguments.seeds, out)
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
                json.dump({"fitted_on": sources, "relay": laws, "destination": shared, "transfers": transfer_laws},
                          file, indent=1)
                file.write("\n")
        print("\n".join(out))
        return 0
    except (Unusable, OSError) as error:
        print(f"predict_latency: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
