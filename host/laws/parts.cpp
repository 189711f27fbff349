#include "laws/parts.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <utility>

namespace proofload {
namespace {

/// Blocks of a geometric law that are pieces of their own, as long as more than geometric_rest of the probability is
/// left.
constexpr int most_blocks = 32;
constexpr double geometric_rest = 1e-9;
constexpr double most_attempts = 64;
constexpr double greatest_sigma = 13.0;  ///< exp(sigma z) stays a normal float for every score that a kernel draws

LawPart constant_part(const Quad& weight, const Quad& value) { return {weight, value, 0, {}}; }

/// Parameters are checked here too, not only by the parser: a wrong one must not become a table of nonsense.
LawPart simple_part(const LawSpec& law) {
  switch (law.kind) {
    case LawKind::constant:
      require(
          non_negative(law.value),
          "constant law with a negative or non-finite value (delays and fractions are at least 0) give `value` >= 0");
      return constant_part(1, law.value);
    case LawKind::uniform: {
      require(non_negative(law.min) && non_negative(law.max) && law.min <= law.max,
              "uniform law with wrong bounds (0 <= min <= max is needed) exchange or correct `min` and `max`");
      if (law.min == law.max) return constant_part(1, law.min);
      return {1, law.min, Quad(law.max) - law.min, {Family::uniform}};
    }
    case LawKind::exponential:
      require(positive(law.mean),
              "exponential law with a mean that is not positive (it has no quantiles) give `mean` > 0");
      return {1, 0, law.mean, {Family::exponential}};
    case LawKind::lognormal: {
      require(positive(law.median),
              "lognormal law with a median that is not positive (its logarithm is needed) give `median` > 0");
      Quad sigma = law.sigma;
      if (!(law.sigma == law.sigma)) {
        require(positive(law.p99) && law.p99 >= law.median,
                "lognormal law with p99 below its median (a quantile function rises) give `p99` >= `median`");
        sigma = log(Quad(law.p99) / law.median) / normal_quantile_quad(Quad(99) / 100);
      }
      require(
          sigma >= 0 && sigma <= greatest_sigma,
          "lognormal law with a wrong sigma (0 to 13 can be held in single precision) give a smaller `sigma` or `p99`");
      if (sigma == 0) return constant_part(1, law.median);
      return {1, 0, law.median, {Family::lognormal, rounded(sigma)}};
    }
    case LawKind::gamma:
      require(law.shape >= 1e-3 && law.shape <= 1e5 && positive(law.mean),
              "gamma law with a wrong parameter (tables hold shapes from 0.001 to 100000; the mean is positive) "
              "correct `shape` or `mean`, or give a constant");
      if (law.shape == 1.0) return {1, 0, law.mean, {Family::exponential}};
      return {1, 0, Quad(law.mean) / law.shape, {Family::gamma, law.shape}};
    case LawKind::weibull:
      require(law.shape >= 1e-2 && law.shape <= 1e5 && positive(law.scale),
              "weibull law with a wrong parameter (tables hold shapes from 0.01 to 100000; the scale is positive) "
              "correct `shape` or `scale`, or give a constant");
      if (law.shape == 1.0) return {1, 0, law.scale, {Family::exponential}};
      return {1, 0, law.scale, {Family::weibull, law.shape}};
    case LawKind::pareto:
      require(
          positive(law.min) && law.alpha >= 1e-3 && law.alpha <= 1e5 && positive(law.cap) && law.min < law.cap,
          "pareto law with wrong parameters (0 < min < cap and alpha from 0.001 to 100000 are needed) correct `min`, "
          "`alpha` or `cap`");
      if (rounded(Quad(law.cap) / law.min) == 1.0) return constant_part(1, law.min);
      return {1, 0, law.min, {Family::pareto, law.alpha, rounded(Quad(law.cap) / law.min)}};
    case LawKind::beta: {
      require(law.mean > 0.0 && law.mean < 1.0 && positive(law.stdev),
              "beta law with a wrong parameter (0 < mean < 1 and stdev > 0 are needed) correct `mean` or `stdev`");
      const Quad m = law.mean, spread = m * (1 - m) / (Quad(law.stdev) * law.stdev) - 1;  // a + b
      require(spread > 0,
              "beta law with too large a stdev (no law on [0, 1] with this mean has one of sqrt(mean (1 - mean)) or "
              "more) lower `stdev`");
      require(spread <= 1e7,
              "beta law with too small a stdev (no table holds it) give a constant or a greater `stdev`");
      const Standard law_on_01{Family::beta, rounded(m * spread), rounded((1 - m) * spread)};
      require(std::min(law_on_01.a, law_on_01.b) >= 1e-5,
              "beta law that is nearly all at 0 and 1 (no table holds it) give a mixture of the constants 0 and 1");
      if (law_on_01.a == 1.0 && law_on_01.b == 1.0) return {1, 0, 1, {Family::uniform}};
      return {1, 0, 1, law_on_01};
    }
    case LawKind::geometric:
      require(law.probability > 0.0 && law.probability <= 1.0 && positive(law.block_time),
              "geometric law with a wrong parameter (0 < probability <= 1 and block_time > 0 are needed) correct "
              "`probability` or `block_time`");
      if (law.probability == 1.0) return {1, 0, law.block_time, {Family::uniform}};
      return {1, 0, law.block_time, {Family::geometric, law.probability}};
    default:
      throw Error(
          "a law made of laws inside another one (its parts are not smooth laws) write its parts as parts of a "
          "mixture, with weights multiplied");
  }
}

/// The law of an attempt, of what is inside a window, of what follows it.
LawPart smooth_part(const LawSpec& law) {
  require(law.kind != LawKind::geometric,
          "a geometric law inside a retry or a window (it is not smooth) use a smooth or a constant law there");
  return simple_part(law);
}

/// n lost attempts with probability (1 - drop) drop^n, the waits after them, and an attempt that is delivered.
std::vector<LawPart> retry_parts(const LawSpec& law) {
  require(law.of.size() == 1, "retry without the law of one attempt (its delay is that of the last one) give `of`");
  require(law.drop >= 0.0 && law.drop < 1.0 && non_negative(law.wait) && law.backoff >= 1.0 && law.backoff <= 1e3 &&
              non_negative(law.longest) && law.attempts >= 1.0 && law.attempts <= most_attempts &&
              law.attempts == std::floor(law.attempts),
          "retry with a wrong parameter (0 <= drop < 1, wait >= 0, backoff from 1 to 1000, longest >= 0 and 1 to 64 "
          "attempts are needed) correct it");
  const LawPart attempt = smooth_part(law.of[0]);
  std::vector<LawPart> parts;
  Quad lost = 1, waited = 0, wait = std::min(law.wait, law.longest);
  for (int n = 0; n < static_cast<int>(law.attempts); ++n) {
    const bool last = n + 1 == static_cast<int>(law.attempts);
    parts.push_back(attempt);
    parts.back().weight = last ? lost : Quad(lost * (1 - Quad(law.drop)));
    parts.back().offset += waited;
    lost *= law.drop;
    waited += wait;
    wait = std::min(Quad(wait * law.backoff), Quad(law.longest));
    if (lost == 0) break;
  }
  return parts;
}

/// X where X <= end, else end + late.
std::vector<LawPart> window_parts(const LawSpec& law) {
  require(law.of.size() == 2, "window without its two laws (one inside it, one after it) give `within` and `late`");
  require(non_negative(law.end), "window with a wrong end (it is a duration) give `end` >= 0");
  const LawPart within = smooth_part(law.of[0]);
  LawPart late = smooth_part(law.of[1]);
  late.offset += law.end;
  if (within.scale == 0 || law.end <= within.offset) {
    const bool in_time = within.scale == 0 && within.offset <= law.end;
    return {in_time ? within : late};
  }
  const Quad end = (law.end - within.offset) / within.scale;
  const Quad above = Cut(within.standard).tails(end).above;
  if (above == 0) return {within};
  std::vector<LawPart> parts;
  if (above < 1) {
    LawPart inside = within;
    inside.weight = 1 - above;
    if (within.standard.family == Family::uniform) {
      inside.scale *= end;
    } else {
      inside.standard.to = rounded(end);
    }
    parts.push_back(inside);
  }
  late.weight = above;
  parts.push_back(late);
  return parts;
}

/// Linear between the given quantiles; an atom at the first value below the first p (late rather than early, for a
/// delay); beyond the last p an exponential tail through the last two quantiles.
std::vector<LawPart> empirical_parts(const LawSpec& law) {
  const auto& knots = law.quantiles;
  require(!knots.empty(),
          "empirical law without quantiles (nothing is known of it) give `quantiles` or a file with samples");
  for (std::size_t i = 0; i < knots.size(); ++i) {
    const auto [p, v] = knots[i];
    require(p >= 0.0 && p <= 1.0 && non_negative(v),
            "empirical law with a wrong quantile (p in [0, 1] and value >= 0 are needed) correct `quantiles`");
    require(i == 0 || (knots[i - 1].first < p && knots[i - 1].second <= v),
            "empirical law whose quantiles do not rise (a quantile function does) sort or correct `quantiles`");
  }
  if (knots.size() == 1) return {constant_part(1, knots[0].second)};
  std::vector<LawPart> parts;
  if (knots.front().first > 0.0) parts.push_back(constant_part(knots.front().first, knots.front().second));
  for (std::size_t i = 1; i < knots.size(); ++i) {
    const Quad weight = Quad(knots[i].first) - knots[i - 1].first, rise = Quad(knots[i].second) - knots[i - 1].second;
    parts.push_back(rise == 0 ? constant_part(weight, knots[i].second)
                              : LawPart{weight, knots[i - 1].second, rise, {Family::uniform}});
  }
  const auto [last_p, last] = knots.back();
  if (law.tail) {
    const LawSpec::Tail& tail = *law.tail;
    require(last_p < 1.0 && std::abs(tail.share - (1.0 - last_p)) <= 1e-9 && tail.threshold == last,
            "empirical law whose tail does not begin where its quantiles end (there would be a gap) let the last of "
            "`quantiles` be [1 - share, threshold]");
    require(
        positive(tail.scale) && tail.shape >= LawSpec::Tail::least_shape && tail.shape < LawSpec::Tail::greatest_shape,
        "empirical law with a wrong tail (scale > 0 and a shape from -0.5 to less than 3 are needed) correct or "
        "leave out `tail`");
    const bool flat = std::abs(tail.shape) < 1e-8;  // the limit, an exponential law
    parts.push_back({1 - Quad(last_p), last, tail.scale,
                     flat ? Standard{Family::exponential} : Standard{Family::excess, tail.shape}});
  } else if (last_p < 1.0) {
    const auto [previous_p, previous] = knots[knots.size() - 2];
    const Quad beyond = 1 - Quad(last_p), theta = (Quad(last) - previous) / log((1 - Quad(previous_p)) / beyond);
    parts.push_back(theta == 0 ? constant_part(beyond, last) : LawPart{beyond, last, theta, {Family::exponential}});
  }
  return parts;
}

std::vector<LawPart> flat_parts(const LawSpec& law) {
  if (law.kind == LawKind::retry) return retry_parts(law);
  if (law.kind == LawKind::window) return window_parts(law);
  return {simple_part(law)};
}

}  // namespace

std::vector<LawPart> parts_of(const LawSpec& law) {
  if (law.kind == LawKind::empirical) return empirical_parts(law);
  if (law.kind != LawKind::mixture) return flat_parts(law);
  std::vector<LawPart> parts;
  Quad total = 0;
  for (const LawSpec& inner : law.of) {
    require(non_negative(inner.weight),
            "mixture with a negative or non-finite weight (weights are probabilities) give `weight` in [0, 1]");
    total += inner.weight;
    if (inner.weight == 0.0) continue;
    for (LawPart& part : flat_parts(inner)) {
      part.weight *= inner.weight;
      parts.push_back(part);
    }
  }
  require(!parts.empty(),
          "mixture without a part of positive weight (nothing can be drawn from it) give parts whose weights sum to 1");
  for (LawPart& part : parts) part.weight /= total;
  return parts;
}

namespace {

Quad part_mean(const LawPart& part) {
  return part.scale == 0 ? part.offset : Quad(part.offset + part.scale * standard_mean(part.standard));
}

/// The residual of an interval under way at a random time: density P(D > t) / E D, part by part. Below its offset a
/// part's survival function is 1, and the residual uniform.
std::vector<LawPart> residual_parts(const std::vector<LawPart>& durations) {
  std::vector<LawPart> parts;
  Quad total = 0;
  for (const LawPart& d : durations)
    require(d.standard.family != Family::excess || d.standard.a < 1.0,
            "duration with a tail of shape 1 or more (its mean is infinite, and so is the time under way) give "
            "quantiles with a last one at p = 1");
  for (const LawPart& d : durations) {
    LawPart rest = d;
    if (d.scale != 0 && d.standard.family == Family::pareto && is_whole(d.standard)) {  // it begins at 1
      rest.offset += rest.scale;
      rest.standard.from = 1.0;
    }
    if (rest.offset > 0) parts.push_back({d.weight * rest.offset, 0, rest.offset, {Family::uniform}});
    if (rest.scale != 0) {
      rest.weight *= rest.scale * standard_mean(rest.standard);
      if (rest.standard.family == Family::uniform) {
        rest.standard = {Family::fading, 1.0};
      } else if (rest.standard.family == Family::excess) {  // of shape a / (1 - a) again
        rest.scale /= 1 - Quad(rest.standard.a);
        rest.standard.a = rounded(Quad(rest.standard.a) / (1 - Quad(rest.standard.a)));
      } else if (rest.standard.family != Family::exponential || !is_whole(rest.standard)) {
        rest.standard.residual = true;
      }
      parts.push_back(rest);
    }
  }
  for (const LawPart& part : parts) total += part.weight;
  require(total > 0, "residual of a duration that is always 0 (it is never under way) give a longer duration");
  for (LawPart& part : parts) part.weight /= total;
  return parts;
}

/// The law of D - elapsed, given D > elapsed.
std::vector<LawPart> remaining_parts(const std::vector<LawPart>& durations, const Quad& elapsed) {
  std::vector<LawPart> parts;
  Quad total = 0;
  for (const LawPart& d : durations) {
    LawPart rest = d;
    rest.offset -= elapsed;
    const Quad x = d.scale == 0 ? Quad(0) : Quad(-rest.offset / d.scale);  // of the standard law, so far
    if (rest.offset > 0 || (rest.offset == 0 && d.scale != 0)) {
      parts.push_back(rest);
    } else if (d.scale != 0) {
      const Quad above = is_whole(d.standard) || x < Quad(d.standard.to) ? Cut(d.standard).tails(x).above : Quad(0);
      if (above <= 0) continue;
      rest.weight *= above;
      rest.offset = 0;
      if (d.standard.family == Family::uniform) {
        rest.scale *= 1 - x;
      } else if (d.standard.family == Family::excess) {
        rest.scale *= 1 + d.standard.a * x;
      } else if (d.standard.family == Family::geometric) {  // the rest of its block, or blocks from there on
        const Quad block = 1 - (x - floor(x)), here = d.standard.a * block;
        const Quad in_block = here / (here + 1 - Quad(d.standard.a));
        parts.push_back({rest.weight * in_block, 0, rest.scale * block, {Family::uniform}});
        rest.weight *= 1 - in_block;
        rest.offset = rest.scale * block;
      } else if (d.standard.family != Family::exponential || !is_whole(d.standard)) {
        rest.standard.from = rounded(x);
      }
      parts.push_back(rest);
    }
  }
  for (const LawPart& part : parts) total += part.weight;
  require(total > 0,
          "duration that is over already (no value of its law is longer than the time elapsed) give a law with longer "
          "values, or a shorter time");
  for (LawPart& part : parts) part.weight /= total;
  return parts;
}

}  // namespace

std::vector<LawPart> residual_parts_of(const LawSpec& duration, double elapsed) {
  require(elapsed < 0.0 || non_negative(elapsed),
          "residual after a time that is no number (it is a duration) correct it");
  return elapsed < 0.0 ? residual_parts(parts_of(duration)) : remaining_parts(parts_of(duration), elapsed);
}

std::vector<LawPart> blocks_of(const LawPart& part) {
  if (part.standard.family != Family::geometric || part.scale == 0) return {part};
  const Quad p = part.standard.a, q = 1 - p;
  std::vector<LawPart> parts;
  Quad left = 1, offset = part.offset;
  int k = 0;
  for (; k < most_blocks && left > geometric_rest; ++k, left *= q, offset += part.scale) {
    const Standard inside = part.standard.residual ? fading_of(part.standard) : Standard{Family::uniform};
    parts.push_back({part.weight * p * left, offset, part.scale, inside});
  }
  const Quad rate = -log(q), share = part.weight * left;
  const double error = share < least_probability ? 0.0 : rounded(Quad(rate / (8 * k)));
  parts.push_back({share, offset, part.scale / rate, {Family::exponential}, error});
  return parts;
}

Quad part_quantile(const LawPart& part, const Tails& p) {
  return part.scale == 0 ? part.offset : Quad(part.offset + part.scale * standard_quantile(part.standard, p));
}

Quad part_cdf(const LawPart& part, const Quad& x) {
  return standard_cdf(part.standard, part.scale == 0 ? Quad(x - part.offset) : Quad((x - part.offset) / part.scale));
}

double quantile_of(const std::vector<LawPart>& parts, double p) {
  require(p > 0.0 && p < 1.0, "quantile of order 0 or 1, or outside (they may be infinite) ask for p in (0, 1)");
  const Tails tails{p, 1 - Quad(p)};
  double low = std::numeric_limits<double>::infinity(), high = 0.0;
  for (const LawPart& part : parts) {
    const double q = rounded(part_quantile(part, tails));
    low = std::min(low, q);
    high = std::max(high, q);
  }
  // The quantile of a mixture lies between those of its parts: the least double x with P(X <= x) >= p, but for the unit
  // by which p itself may have been rounded. The order of non-negative doubles is that of their bits.
  const Quad wanted = p - std::min(tails.below, tails.above) * std::numeric_limits<double>::epsilon();
  const auto reached = [&](double x) {
    Quad sum = 0;
    for (const LawPart& part : parts) sum += part.weight * part_cdf(part, x);
    return sum >= wanted;
  };
  if (parts.size() == 1 || !(low < high)) return high;
  if (reached(low)) return low;
  auto below = std::bit_cast<std::uint64_t>(low), above = std::bit_cast<std::uint64_t>(high);
  while (above - below > 1) {
    const std::uint64_t middle = below + (above - below) / 2;
    (reached(std::bit_cast<double>(middle)) ? above : below) = middle;
  }
  return std::bit_cast<double>(above);
}

double mean_of(const std::vector<LawPart>& parts) {
  Quad mean = 0;
  for (const LawPart& part : parts) mean += part.weight * part_mean(part);
  return rounded(mean);
}

}  // namespace proofload
