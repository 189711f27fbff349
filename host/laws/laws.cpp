// laws.cpp -- a law is a mixture of parts offset + scale * X, X a standard law (standard_law.h) or what is left of one
// (residual_law.h); each X is tabulated once.
#include "laws/laws.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "laws/residual_law.h"

namespace proofload {
namespace {

constexpr double error_goal = 1e-4;         ///< DESIGN 1.3
constexpr double floor_probability = 0.01;  ///< errors are relative to max(Q(p), Q(0.01), 1e-9 mean)
constexpr double floor_share = 1e-9;        ///< of the mean: laws with a spike at 0 have Q(0.01) of 1e-40 and less
constexpr double least_probability = 1e-6;  ///< and measured for p in [this, 1 - this]
constexpr double least_pick = 0x1p-33;      ///< what is less likely is picked by no random word
/// Blocks of a geometric law that are pieces of their own, as long as more than geometric_rest of the probability is left.
constexpr int most_blocks = 32;
constexpr double geometric_rest = 1e-9;
constexpr double most_attempts = 64;
constexpr int most_pieces = 4;          ///< a law that no table can hold is split at quantiles into at most this many
constexpr std::size_t most_knots = 64;  ///< of an empirical law made from samples
/// The reduction of samples stops here: the median of a million samples is known no better.
constexpr double reduction_goal = 1e-3;
constexpr double greatest_sigma = 13.0;  ///< exp(sigma z) stays a normal float for every score that a kernel draws
constexpr double least_exponent = -80.0, greatest_exponent = 80.0;  ///< exp_table: exp(T) stays a normal float

// ---------------------------------------------------------------------------------------------- laws as parts

/// weight: probability of this part; its value is offset + scale * X. Weights of a law sum to 1.
struct Part {
  Quad weight = 1, offset = 0, scale = 1;
  Standard standard;
  double error = 0.0;  ///< that it has besides its table's, as CompiledLaw::error
};

void require(bool holds, const char* problem) {
  if (!holds) throw Error(problem);
}

bool positive(double x) { return x > 0.0 && x <= std::numeric_limits<double>::max(); }
bool non_negative(double x) { return x == 0.0 || positive(x); }

Part constant_part(const Quad& weight, const Quad& value) { return {weight, value, 0, {}}; }

/// Parameters are checked here too, not only by the parser: a wrong one must not become a table of nonsense.
Part simple_part(const LawSpec& law) {
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
Part smooth_part(const LawSpec& law) {
  require(law.kind != LawKind::geometric,
          "a geometric law inside a retry or a window (it is not smooth) use a smooth or a constant law there");
  return simple_part(law);
}

/// n lost attempts with probability (1 - drop) drop^n, the waits after them, and an attempt that is delivered.
std::vector<Part> retry_parts(const LawSpec& law) {
  require(law.of.size() == 1, "retry without the law of one attempt (its delay is that of the last one) give `of`");
  require(law.drop >= 0.0 && law.drop < 1.0 && non_negative(law.wait) && law.backoff >= 1.0 && law.backoff <= 1e3 &&
              non_negative(law.longest) && law.attempts >= 1.0 && law.attempts <= most_attempts &&
              law.attempts == std::floor(law.attempts),
          "retry with a wrong parameter (0 <= drop < 1, wait >= 0, backoff from 1 to 1000, longest >= 0 and 1 to 64 "
          "attempts are needed) correct it");
  const Part attempt = smooth_part(law.of[0]);
  std::vector<Part> parts;
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
std::vector<Part> window_parts(const LawSpec& law) {
  require(law.of.size() == 2, "window without its two laws (one inside it, one after it) give `within` and `late`");
  require(non_negative(law.end), "window with a wrong end (it is a duration) give `end` >= 0");
  const Part within = smooth_part(law.of[0]);
  Part late = smooth_part(law.of[1]);
  late.offset += law.end;
  if (within.scale == 0 || law.end <= within.offset) {
    const bool in_time = within.scale == 0 && within.offset <= law.end;
    return {in_time ? within : late};
  }
  const Quad end = (law.end - within.offset) / within.scale;
  const Quad above = Cut(within.standard).tails(end).above;
  if (above == 0) return {within};
  std::vector<Part> parts;
  if (above < 1) {
    Part inside = within;
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
std::vector<Part> empirical_parts(const LawSpec& law) {
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
  std::vector<Part> parts;
  if (knots.front().first > 0.0) parts.push_back(constant_part(knots.front().first, knots.front().second));
  for (std::size_t i = 1; i < knots.size(); ++i) {
    const Quad weight = Quad(knots[i].first) - knots[i - 1].first, rise = Quad(knots[i].second) - knots[i - 1].second;
    parts.push_back(rise == 0 ? constant_part(weight, knots[i].second)
                              : Part{weight, knots[i - 1].second, rise, {Family::uniform}});
  }
  const auto [last_p, last] = knots.back();
  if (law.tail) {
    const LawSpec::Tail& tail = *law.tail;
    require(last_p < 1.0 && std::abs(tail.share - (1.0 - last_p)) <= 1e-9 && tail.threshold == last,
            "empirical law whose tail does not begin where its quantiles end (there would be a gap) let the last of "
            "`quantiles` be [1 - share, threshold]");
    require(positive(tail.scale) && tail.shape >= -0.5,
            "empirical law with a wrong tail (scale > 0 and shape >= -0.5 are needed) correct or leave out `tail`");
    require(tail.shape < 1.0,
            "empirical law with a tail of shape 1 or more (its mean is infinite) give samples from a longer time, or "
            "quantiles with a last one at p = 1");
    const bool flat = std::abs(tail.shape) < 1e-8;  // the limit, an exponential law
    parts.push_back({1 - Quad(last_p), last, tail.scale,
                     flat ? Standard{Family::exponential} : Standard{Family::excess, tail.shape}});
  } else if (last_p < 1.0) {
    const auto [previous_p, previous] = knots[knots.size() - 2];
    const Quad beyond = 1 - Quad(last_p), theta = (Quad(last) - previous) / log((1 - Quad(previous_p)) / beyond);
    parts.push_back(theta == 0 ? constant_part(beyond, last) : Part{beyond, last, theta, {Family::exponential}});
  }
  return parts;
}

std::vector<Part> flat_parts(const LawSpec& law) {
  if (law.kind == LawKind::retry) return retry_parts(law);
  if (law.kind == LawKind::window) return window_parts(law);
  return {simple_part(law)};
}

std::vector<Part> parts_of(const LawSpec& law) {
  if (law.kind == LawKind::empirical) return empirical_parts(law);
  if (law.kind != LawKind::mixture) return flat_parts(law);
  std::vector<Part> parts;
  Quad total = 0;
  for (const LawSpec& inner : law.of) {
    require(non_negative(inner.weight),
            "mixture with a negative or non-finite weight (weights are probabilities) give `weight` in [0, 1]");
    total += inner.weight;
    if (inner.weight == 0.0) continue;
    for (Part& part : flat_parts(inner)) {
      part.weight *= inner.weight;
      parts.push_back(part);
    }
  }
  require(!parts.empty(),
          "mixture without a part of positive weight (nothing can be drawn from it) give parts whose weights sum to 1");
  for (Part& part : parts) part.weight /= total;
  return parts;
}

Quad part_mean(const Part& part) {
  return part.scale == 0 ? part.offset : Quad(part.offset + part.scale * standard_mean(part.standard));
}

/// The residual of an interval under way at a random time: density P(D > t) / E D, part by part. Below its offset a
/// part's survival function is 1, and the residual uniform.
std::vector<Part> residual_parts(const std::vector<Part>& durations) {
  std::vector<Part> parts;
  Quad total = 0;
  for (const Part& d : durations) {
    Part rest = d;
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
  for (const Part& part : parts) total += part.weight;
  require(total > 0, "residual of a duration that is always 0 (it is never under way) give a longer duration");
  for (Part& part : parts) part.weight /= total;
  return parts;
}

/// The law of D - elapsed, given D > elapsed.
std::vector<Part> remaining_parts(const std::vector<Part>& durations, const Quad& elapsed) {
  std::vector<Part> parts;
  Quad total = 0;
  for (const Part& d : durations) {
    Part rest = d;
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
  for (const Part& part : parts) total += part.weight;
  require(total > 0,
          "duration that is over already (no value of its law is longer than the time elapsed) give a law with longer "
          "values, or a shorter time");
  for (Part& part : parts) part.weight /= total;
  return parts;
}

std::vector<Part> residual_parts_of(const LawSpec& duration, double elapsed) {
  require(elapsed < 0.0 || non_negative(elapsed),
          "residual after a time that is no number (it is a duration) correct it");
  return elapsed < 0.0 ? residual_parts(parts_of(duration)) : remaining_parts(parts_of(duration), elapsed);
}

/// A geometric law as blocks of their own, then an exponential law whose blocks have the right probabilities. Inside a
/// block its quantiles are wrong by less than ln(1 / (1 - p)) / 8 of a block.
std::vector<Part> blocks_of(const Part& part) {
  if (part.standard.family != Family::geometric || part.scale == 0) return {part};
  const Quad p = part.standard.a, q = 1 - p;
  std::vector<Part> parts;
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

Quad part_quantile(const Part& part, const Tails& p) {
  return part.scale == 0 ? part.offset : Quad(part.offset + part.scale * standard_quantile(part.standard, p));
}

Quad part_cdf(const Part& part, const Quad& x) {
  return standard_cdf(part.standard, part.scale == 0 ? Quad(x - part.offset) : Quad((x - part.offset) / part.scale));
}

// ---------------------------------------------------------------------------------------------- tables

/// Chebyshev's nodes on [0, 1], (1 - cos((2 k + 1) pi / 8)) / 2: the cubic through them is within a few percent of the
/// best one.
constexpr std::array<double, 4> cubic_nodes = {0.03806023374435663, 0.3086582838174551, 0.6913417161825449,
                                               0.9619397662556434};

/// A score at which every quantile function is computed: a node of a cubic, or a point (of float z) between nodes where
/// the error is measured.
struct Score {
  Quad z;
  Tails tails;
  Quad density;
  bool measured;
};

/// Ascending; per interval four nodes and eight measured points, of which the first is the left end.
const std::vector<Score>& scores() {
  static const std::vector<Score> all = [] {
    const Quad width = Quad(2) * table_range / table_intervals;
    std::vector<Score> list;
    for (int i = 0; i < table_intervals; ++i) {
      for (const double f : cubic_nodes) list.push_back({(Quad(i) + f) * width - table_range, {}, 0, false});
      for (int k = 0; k < 8; ++k)
        list.push_back({rounded_to_float((Quad(i) + k / 8.0) * width - table_range), {}, 0, true});
    }
    std::sort(list.begin(), list.end(), [](const Score& x, const Score& y) { return x.z < y.z; });
    for (Score& s : list) {
      s.tails = tails_of(s.z);
      s.density = normal_density(s.z);
    }
    return list;
  }();
  return all;
}

/// The interval (from, to) of probabilities that a piece of a law stands for; both are multiples of 2^-k, so sums are
/// exact.
struct Piece {
  double from = 0.0, to = 1.0;
  double share() const { return to - from; }
  Tails tails(const Tails& u) const { return {from + share() * u.below, (1.0 - to) + share() * u.above}; }
};

/// Q(from + (to - from) Phi(z)) at every score.
std::vector<Quad> piece_quantiles(const Standard& law, const Piece& piece) {
  const auto& grid = scores();
  std::vector<Quad> values(grid.size());
  const std::size_t middle = grid.size() / 2;
  if (law.residual) {
    // March outwards from the middle: dw/dz = share phi(z) / density(w) gives each start from the point before.
    const Residual residual(law);
    const Tails half = piece.tails(grid[middle].tails);
    const Residual::Root centre = residual.solve(half, residual.guess(half));
    for (const int direction : {1, -1}) {
      Residual::Root here = centre;
      for (std::size_t i = middle;;) {
        values[i] = exp(here.w);
        const std::size_t next = direction > 0 ? i + 1 : i - 1;
        if (next >= grid.size()) break;  // also past 0, by wrapping
        const Quad step = piece.share() * grid[i].density / here.density * (grid[next].z - grid[i].z);
        here = residual.solve(piece.tails(grid[next].tails), here.w + (abs(step) < 2 ? step : Quad(0)));
        i = next;
      }
    }
    return values;
  }
  if (!is_whole(law)) {
    const Cut cut(law);
    for (std::size_t i = 0; i < grid.size(); ++i) values[i] = cut.quantile(piece.tails(grid[i].tails));
    return values;
  }
  if (!is_implicit(law)) {
    for (std::size_t i = 0; i < grid.size(); ++i) values[i] = closed_quantile(law, piece.tails(grid[i].tails));
    return values;
  }
  // March outwards from the middle: dw/dz = share phi(z) / density(w) gives each start from the point before, to third
  // order.
  const Implicit implicit(law);
  const Tails half = piece.tails(grid[middle].tails);
  const Implicit::Root centre = implicit.solve(half, implicit.guess(half));
  for (const int direction : {1, -1}) {
    Implicit::Root here = centre;
    for (std::size_t i = middle;;) {
      values[i] = implicit.value(here.w);
      const std::size_t next = direction > 0 ? i + 1 : i - 1;
      if (next >= grid.size()) break;  // also past 0, by wrapping
      const Quad d1 = piece.share() * grid[i].density / here.near.density, back = -grid[i].z - here.near.slope * d1;
      const Quad d2 = d1 * back, d3 = d2 * back + d1 * (-1 - here.near.bend * d1 * d1 - here.near.slope * d2);
      const Quad dz = grid[next].z - grid[i].z;
      here = implicit.solve(piece.tails(grid[next].tails), here.w + dz * (d1 + dz / 2 * (d2 + dz / 3 * d3)));
      i = next;
    }
  }
  return values;
}

/// A fitted table with what is needed to state its error.
struct Fitted {
  TableFit fit;
  std::array<float, table_floats> floats{};
  double error = 0.0;
};

/// The cubic through four values at cubic_nodes, by divided differences, as monomials rounded once.
std::array<float, 4> cubic_through(const std::array<Quad, 4>& values) {
  std::array<Quad, 4> d = values, c{};
  for (std::size_t order = 1; order < 4; ++order)
    for (std::size_t k = 3; k >= order; --k) d[k] = (d[k] - d[k - 1]) / (Quad(cubic_nodes[k]) - cubic_nodes[k - order]);
  for (std::size_t k = 4; k-- > 0;) {  // c(f) <- c(f) (f - node_k) + d_k
    for (std::size_t j = 3; j > 0; --j) c[j] = c[j - 1] - c[j] * cubic_nodes[k];
    c[0] = d[k] - c[0] * cubic_nodes[k];
  }
  return {rounded_to_float(c[0]), rounded_to_float(c[1]), rounded_to_float(c[2]), rounded_to_float(c[3])};
}

/// Largest error of offset + scale * T, relative to max(value, floor): the definition in DESIGN 1.3.
double measured_error(const TableFit& fit, const Quad& offset, const Quad& scale) {
  const float offset_float = rounded_to_float(offset), scale_float = rounded_to_float(scale);
  const double offset_exact = rounded(offset), scale_exact = rounded(scale);
  const double least = std::fma(scale_exact, fit.floor, offset_exact);
  double worst = 0.0;
  for (std::size_t i = 0; i < fit.exact.size(); ++i) {
    const double exact = std::fma(scale_exact, fit.exact[i], offset_exact);
    const double value = std::fma(scale_float, fit.fitted[i], offset_float);
    const double gap = std::abs(value - exact) / std::max(exact, least);
    worst = gap == gap ? std::max(worst, gap) : std::numeric_limits<double>::infinity();
  }
  return worst;
}

Fitted fit_table(const std::vector<Quad>& values, bool exponential, const Quad& floor) {
  const auto& grid = scores();
  Fitted result;
  result.fit = {exponential, rounded(floor), {}, {}};
  std::array<Quad, 4> at_nodes{};
  std::size_t node = 0;
  for (std::size_t i = 0; i < grid.size(); ++i) {
    if (grid[i].measured) continue;
    Quad y = values[i];
    if (exponential) {
      y = y > 0 ? Quad(log(y)) : Quad(least_exponent);
      y = std::clamp(y, Quad(least_exponent), Quad(greatest_exponent));
    }
    at_nodes[node % 4] = y;
    if (node % 4 == 3) {
      const auto c = cubic_through(at_nodes);
      for (std::size_t k = 0; k < 4; ++k) result.floats[k * table_intervals + node / 4] = c[k];
    }
    ++node;
  }
  for (std::size_t i = 0; i < grid.size(); ++i) {
    const Score& s = grid[i];
    if (!s.measured || s.tails.below < least_probability || s.tails.above < least_probability) continue;
    const float t = table_value(result.floats.data(), rounded_to_float(s.z));
    result.fit.exact.push_back(rounded(values[i]));
    result.fit.fitted.push_back(exponential ? rounded_to_float(exp(Quad(t))) : t);
  }
  result.error = measured_error(result.fit, 0, 1);
  return result;
}

Fitted fit_piece(const Standard& law, const Piece& piece, const Quad& floor) {
  const auto values = piece_quantiles(law, piece);
  Fitted direct = fit_table(values, false, floor);
  if (direct.error <= error_goal) return direct;
  Fitted logarithmic = fit_table(values, true, floor);
  return logarithmic.error < direct.error ? logarithmic : direct;
}

std::string text_of(double x) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), x).ptr;
  return {buffer.data(), end};
}

std::string whole_key_of(const Standard& law) {
  switch (law.family) {
    case Family::uniform: return "uniform";
    case Family::exponential: return "exponential";
    case Family::weibull: return "weibull " + text_of(law.a);
    case Family::gamma: return "gamma " + text_of(law.a);
    case Family::pareto: return "pareto " + text_of(law.a) + " " + text_of(law.b);
    case Family::beta: return "beta " + text_of(law.a) + " " + text_of(law.b);
    case Family::lognormal: return "lognormal " + text_of(law.a);
    case Family::excess: return "excess " + text_of(law.a);
    case Family::fading: return "fading " + text_of(law.a);
    default: return "";
  }
}

std::string key_of(const Standard& law) {
  std::string key = law.residual ? "residual " : "";
  key += whole_key_of(law);
  if (law.from > 0.0) key += " beyond " + text_of(law.from);
  if (law.to < std::numeric_limits<double>::infinity()) key += " until " + text_of(law.to);
  return key;
}

/// Where to cut a piece in two: a beta law at x = 1/2 first, between its spikes at 0 and 1; else in halves.
double cut_of(const Standard& law, const Piece& piece) {
  if (law.family == Family::beta) {
    const double p = std::floor(0x1p20 * rounded(standard_cdf(law, 0.5)) + 0.5) * 0x1p-20;
    if (piece.from < p && p < piece.to) return p;
  }
  return (piece.from + piece.to) / 2;
}

std::uint32_t add_table(TableSet& tables, const std::string& key, Fitted& fitted) {
  tables.keys.push_back(key);
  tables.floats.insert(tables.floats.end(), fitted.floats.begin(), fitted.floats.end());
  tables.fits.push_back(std::move(fitted.fit));
  return static_cast<std::uint32_t>(tables.keys.size() - 1);
}

/// The tables of a standard law, made when first asked for: one if it can reach the goal, else the worst piece is cut
/// in two.
const TableShape& shape_of(const Standard& law, TableSet& tables) {
  const std::string key = key_of(law);
  for (const TableShape& known : tables.shapes)
    if (known.key == key) return known;

  const Tails at_floor{floor_probability, 1 - Quad(floor_probability)};
  const Quad mean = standard_mean(law), at_one_percent = standard_quantile(law, at_floor);
  const bool has_mean = mean < std::numeric_limits<double>::infinity();  // the residual of an excess may have none
  const Quad floor = has_mean ? std::max(at_one_percent, Quad(floor_share * mean)) : at_one_percent;
  struct Candidate {
    Piece piece;
    Fitted fitted;
  };
  std::vector<Candidate> candidates;
  candidates.push_back({{}, fit_piece(law, {}, floor)});
  const auto worse = [](const Candidate& x, const Candidate& y) { return x.fitted.error < y.fitted.error; };
  for (int pieces = 1; pieces < most_pieces; ++pieces) {
    const auto worst = std::max_element(candidates.begin(), candidates.end(), worse);
    if (worst->fitted.error <= error_goal) break;
    const Piece whole = worst->piece, left{whole.from, cut_of(law, whole)}, right{left.to, whole.to};
    *worst = {left, fit_piece(law, left, floor)};
    candidates.insert(std::next(worst), {right, fit_piece(law, right, floor)});
  }

  TableShape shape{key, {}};
  for (Candidate& c : candidates) {
    const bool whole = candidates.size() == 1;
    const std::uint32_t table = add_table(
        tables, whole ? key : key + " from " + text_of(c.piece.from) + " to " + text_of(c.piece.to), c.fitted);
    shape.pieces.push_back({table, c.piece.share()});
  }
  tables.shapes.push_back(std::move(shape));
  return tables.shapes.back();
}

/// The error of offset-free log-normal values as the kernels form them: float scale, float sigma, exp in float.
double lognormal_error(float scale, float sigma, const Part& part, double unit) {
  const Quad exact_scale = part.scale * unit;
  const Quad floor = std::max(Quad(exact_scale * exp(part.standard.a * normal_quantile_quad(floor_probability))),
                              Quad(exact_scale * standard_mean(part.standard) * floor_share));
  double worst = 0.0;
  for (const Score& s : scores()) {
    if (!s.measured || s.tails.below < least_probability || s.tails.above < least_probability) continue;
    const Quad exact = exact_scale * exp(part.standard.a * s.z);
    const float grown = rounded_to_float(exp(Quad(sigma * rounded_to_float(s.z))));
    const Quad gap = abs(Quad(scale * grown) - exact) / std::max(exact, floor);
    worst = std::max(worst, rounded(gap));
  }
  return worst;
}

}  // namespace

// ---------------------------------------------------------------------------------------------- what laws.h offers

namespace {

double quantile_of(const std::vector<Part>& parts, double p) {
  require(p > 0.0 && p < 1.0, "quantile of order 0 or 1, or outside (they may be infinite) ask for p in (0, 1)");
  const Tails tails{p, 1 - Quad(p)};
  double low = std::numeric_limits<double>::infinity(), high = 0.0;
  for (const Part& part : parts) {
    const double q = rounded(part_quantile(part, tails));
    low = std::min(low, q);
    high = std::max(high, q);
  }
  // The quantile of a mixture lies between those of its parts: the least double x with P(X <= x) >= p, but for the unit
  // by which p itself may have been rounded. The order of non-negative doubles is that of their bits.
  const Quad wanted = p - std::min(tails.below, tails.above) * std::numeric_limits<double>::epsilon();
  const auto reached = [&](double x) {
    Quad sum = 0;
    for (const Part& part : parts) sum += part.weight * part_cdf(part, x);
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

double mean_of(const std::vector<Part>& parts) {
  Quad mean = 0;
  for (const Part& part : parts) mean += part.weight * part_mean(part);
  return rounded(mean);
}

CompiledLaw compile_parts(const std::vector<Part>& whole_parts, double unit, TableSet& tables) {
  require(positive(unit), "law in a unit that is not positive (values would change sign) give a unit > 0");
  CompiledLaw compiled;
  Quad cumulated = 0;
  std::uint64_t taken = 0;  // of 2^32
  const auto add = [&](const Quad& weight, Shape shape, std::uint32_t table, float offset, float scale, double error) {
    require(std::isfinite(offset) && std::isfinite(scale),
            "law with a value beyond single precision (a path cannot hold it) give smaller values");
    cumulated += weight;
    const auto until = static_cast<std::uint64_t>(rounded(floor(cumulated * 4294967296.0 + Quad(0.5))));
    if (until <= taken) return;  // less likely than 2^-33: no random word picks it
    taken = until;
    compiled.components.push_back({static_cast<std::uint32_t>(until - 1), shape, table, offset, scale});
    compiled.error = std::max(compiled.error, error);
  };
  std::vector<Part> parts;
  for (const Part& part : whole_parts)
    for (Part& piece : blocks_of(part)) parts.push_back(std::move(piece));
  for (const Part& part : parts) {
    if (part.weight < least_pick && !is_whole(part.standard)) {  // no table for it
      cumulated += part.weight;
      continue;
    }
    compiled.error = std::max(compiled.error, part.error);
    const Quad offset = part.offset * unit, scale = part.scale * unit;
    const float offset_float = rounded_to_float(offset), scale_float = rounded_to_float(scale);
    if (part.scale == 0) {
      const double error = offset == 0 ? 0.0 : rounded(abs(Quad(offset_float) - offset) / offset);
      add(part.weight, Shape::constant, 0, offset_float, 0.0f, error);
    } else if (part.standard.family == Family::lognormal && is_whole(part.standard)) {
      const auto sigma = static_cast<float>(part.standard.a);
      add(part.weight, Shape::lognormal, std::bit_cast<std::uint32_t>(sigma), offset_float, scale_float,
          lognormal_error(scale_float, sigma, part, unit));
    } else {
      for (const TablePiece& piece : shape_of(part.standard, tables).pieces) {
        const TableFit& fit = tables.fits[piece.table];
        add(part.weight * piece.share, fit.exponential ? Shape::exp_table : Shape::table, piece.table, offset_float,
            scale_float, measured_error(fit, offset, scale));
      }
    }
  }
  compiled.components.back().until = 0xffffffffu;
  return compiled;
}

}  // namespace

double law_quantile(const LawSpec& law, double p) { return quantile_of(parts_of(law), p); }
double law_mean(const LawSpec& law) { return mean_of(parts_of(law)); }

CompiledLaw compile_law(const LawSpec& law, double unit, TableSet& tables) {
  CompiledLaw compiled = compile_parts(parts_of(law), unit, tables);
  if (law.kind == LawKind::empirical && law.quantiles.size() > 1) {
    compiled.tail_share = rounded(1 - Quad(law.quantiles.back().first));
  }
  return compiled;
}

double residual_quantile(const LawSpec& duration, double elapsed, double p) {
  return quantile_of(residual_parts_of(duration, elapsed), p);
}

double residual_mean(const LawSpec& duration, double elapsed) { return mean_of(residual_parts_of(duration, elapsed)); }

CompiledLaw compile_residual(const LawSpec& duration, double elapsed, double unit, TableSet& tables) {
  return compile_parts(residual_parts_of(duration, elapsed), unit, tables);
}

namespace {

/// factor / Gamma(shape, 1), which falls with the score.
CompiledLaw compile_inverse_gamma(const std::string& key, double shape, const Quad& factor, TableSet& tables) {
  std::vector<Quad> values = piece_quantiles({Family::gamma, shape}, {});
  for (Quad& v : values) v = factor / v;
  Fitted fitted = fit_table(values, true, 0);
  return {{{0xffffffffu, Shape::exp_table, add_table(tables, key, fitted), 0.0f, 1.0f}}, fitted.error, 0.0};
}

}  // namespace

CompiledLaw compile_mixer(double dof, TableSet& tables) {
  require(dof > 2.0 && dof < 2e5,
          "student_t with a dof that has no variance, or none that differs from normal (tables hold 2 < dof < 200000) "
          "change dof");
  return compile_inverse_gamma("mixer " + text_of(dof), dof / 2, Quad(dof) / 2 - 1, tables);
}

CompiledLaw compile_mixer(const std::vector<std::pair<double, double>>& dofs_and_weights, TableSet& tables) {
  Quad total = 0, cumulated = 0;
  for (const auto& [dof, weight] : dofs_and_weights) {
    require(non_negative(weight),
            "student_t with a dof of negative or non-finite weight (weights are probabilities) give weights in [0, 1]");
    total += weight;
  }
  require(total > 0,
          "student_t without a dof of positive weight (nothing can be drawn from it) give weights that sum to 1");
  CompiledLaw compiled;
  std::uint64_t taken = 0;  // of 2^32
  for (const auto& [dof, weight] : dofs_and_weights) {
    cumulated += weight / total;
    const auto until = static_cast<std::uint64_t>(rounded(floor(cumulated * 4294967296.0 + Quad(0.5))));
    if (until <= taken) continue;
    taken = until;
    const CompiledLaw one = compile_mixer(dof, tables);
    compiled.components.push_back(one.components[0]);
    compiled.components.back().until = static_cast<std::uint32_t>(until - 1);
    compiled.error = std::max(compiled.error, one.error);
  }
  compiled.components.back().until = 0xffffffffu;
  return compiled;
}

CompiledLaw compile_hazard_multiplier(double shape, TableSet& tables) {
  require(shape >= 0.25 && shape <= 1e5,
          "hazard with a gamma law of a wrong shape (tables hold shapes from 0.25 to 100000) change the number of "
          "events that it is known from");
  return compile_inverse_gamma("hazard " + text_of(shape), shape, shape, tables);
}

CompiledLaw compile_copula(double dof, TableSet& tables) {
  require(dof >= 1.0 && dof <= 1e5,
          "Student copula with a wrong dof (its table holds 1 to 100000 degrees of freedom) change dof");
  const Quad n = dof;
  std::vector<Quad> values;
  for (const Score& s : scores()) {
    // F_t(-|t|) = I_x(n/2, 1/2) / 2 with x = n / (n + t^2), and 1 - x needs no cancellation
    const Quad root = s.z * (8 * n + 3) / (8 * n + 1), y = -boost::math::expm1(Quad(-root * root / n));
    if (root == 0) {
      values.emplace_back(0);
      continue;
    }
    const Quad logit = -root * root / n - log(y);
    const Quad tail = Implicit(n / 2, 0.5, true).at(logit).tails.below / 2, score = -normal_quantile_quad(tail);
    values.push_back(s.z < 0 ? Quad(-score) : score);
  }
  Fitted fitted = fit_table(values, false, 1);
  double worst = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Score& s = scores()[i];
    if (!s.measured || abs(values[i]) > 6) continue;
    const Quad gap = table_value(fitted.floats.data(), rounded_to_float(s.z)) - values[i];
    worst = std::max(worst, rounded(abs(gap)));
  }
  return {{{0xffffffffu, Shape::table, add_table(tables, "copula " + text_of(dof), fitted), 0.0f, 1.0f}}, worst, 0.0};
}

void reduce_samples(std::vector<double> samples, LawSpec& law) {
  require(!samples.empty(), "empirical law without samples (nothing is known of it) give a column with numbers");
  for (const double x : samples)
    require(non_negative(x),
            "empirical law with a negative or non-finite sample (delays and fractions are at least 0) remove it");
  std::sort(samples.begin(), samples.end());
  const std::size_t n = samples.size();
  // Hazen's plotting positions; the least sample stands at p = 0, so that no path is quicker than any observation.
  std::vector<std::pair<double, double>> quantiles(n);
  for (std::size_t i = 0; i < n; ++i)
    quantiles[i] = {i == 0 ? 0.0 : (static_cast<double>(i) + 0.5) / static_cast<double>(n), samples[i]};
  reduce_quantiles(quantiles, samples[static_cast<std::size_t>(floor_probability * static_cast<double>(n))], law);
  law.samples = n;
}

void reduce_quantiles(const std::vector<std::pair<double, double>>& quantiles, double floor, LawSpec& law) {
  require(!quantiles.empty(), "empirical law without quantiles (nothing is known of it) give at least one");
  const std::size_t n = quantiles.size();
  const auto order = [&](std::size_t i) { return quantiles[i].first; };
  const auto value = [&](std::size_t i) { return quantiles[i].second; };

  /// Samples [first, last] and the one between them that the straight line misses most.
  struct Segment {
    std::size_t first, last, worst;
    double error;
  };
  const auto segment = [&](std::size_t first, std::size_t last) {
    Segment s{first, last, first, 0.0};
    const double p0 = order(first), v0 = value(first);
    const double slope = (value(last) - v0) / (order(last) - p0);
    for (std::size_t i = first + 1; i < last; ++i) {
      const double gap = std::abs(std::fma(slope, order(i) - p0, v0) - value(i));
      const double scale = std::max(value(i), floor);
      const double error = gap == 0.0 ? 0.0 : gap / scale;  // infinite where zeros would become positive
      if (error > s.error) s.worst = i, s.error = error;
    }
    return s;
  };

  std::vector<Segment> segments;
  if (n > 1) segments.push_back(segment(0, n - 1));
  const auto smaller = [](const Segment& x, const Segment& y) { return x.error < y.error; };
  while (!segments.empty() && segments.size() + 1 < most_knots) {
    const auto worst = std::max_element(segments.begin(), segments.end(), smaller);
    if (worst->error <= reduction_goal) break;
    const Segment right = segment(worst->worst, worst->last);
    *worst = segment(worst->first, worst->worst);
    segments.insert(std::next(worst), right);
  }

  law.kind = LawKind::empirical;
  law.reduction_error = 0.0;
  law.quantiles = {quantiles.front()};
  for (const Segment& s : segments) {
    law.quantiles.emplace_back(order(s.last), value(s.last));
    law.reduction_error = std::max(law.reduction_error, s.error);
  }
}

float table_value(const float* table, float z) {
  const float last = std::nextafter(static_cast<float>(table_intervals), 0.0f);
  const float t = std::clamp(std::fma(z, table_intervals / (2.0f * table_range), table_intervals / 2.0f), 0.0f, last);
  const int i = static_cast<int>(t);
  const float f = t - static_cast<float>(i);
  const float *c0 = table + i, *c1 = c0 + table_intervals, *c2 = c1 + table_intervals, *c3 = c2 + table_intervals;
  return std::fma(f, std::fma(f, std::fma(f, *c3, *c2), *c1), *c0);
}

double host_exp(double x) {
  if (!std::isfinite(x)) return x < 0.0 ? 0.0 : x;
  if (x > 710.0) return std::numeric_limits<double>::infinity();
  return x < -746.0 ? 0.0 : rounded(exp(Quad(x)));
}

double host_log(double x) {
  if (x == 0.0) return -std::numeric_limits<double>::infinity();
  if (!(x > 0.0)) return std::numeric_limits<double>::quiet_NaN();
  return std::isinf(x) ? x : rounded(log(Quad(x)));
}

double host_pow(double base, double exponent) {
  if (exponent == 0.0 || base == 1.0) return 1.0;
  if (base == 0.0 || !std::isfinite(base) || !std::isfinite(exponent))
    return std::pow(base, exponent);  // exact cases only
  if (base < 0.0) return std::numeric_limits<double>::quiet_NaN();
  return rounded(pow(Quad(base), Quad(exponent)));
}

double normal_quantile(double p) {
  if (p == 0.0 || p == 1.0)
    return p == 0.0 ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
  if (!(p > 0.0 && p < 1.0)) return std::numeric_limits<double>::quiet_NaN();
  return rounded(normal_quantile_quad(p));
}

double normal_cdf(double z) {
  if (z != z) return z;
  if (std::abs(z) > 40.0) return z < 0.0 ? 0.0 : 1.0;
  return rounded(tails_of(z).below);
}

}  // namespace proofload
