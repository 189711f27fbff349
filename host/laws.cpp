// laws.cpp -- a law is a mixture of parts offset + scale * X, X one of eight standard laws (standard_law.h); each X is
// tabulated once.
#include "laws.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

#include "standard_law.h"

namespace proofload {
namespace {

constexpr double error_goal = 1e-4;         ///< DESIGN 1.3
constexpr double floor_probability = 0.01;  ///< errors are relative to max(Q(p), Q(0.01), 1e-9 mean)
constexpr double floor_share = 1e-9;        ///< of the mean: laws with a spike at 0 have Q(0.01) of 1e-40 and less
constexpr double least_probability = 1e-6;  ///< and measured for p in [this, 1 - this]
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
    default:
      throw Error(
          "a mixture or an empirical law inside a mixture (their parts are not smooth laws) write its parts as parts "
          "of the outer mixture");
  }
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
  if (last_p < 1.0) {
    const auto [previous_p, previous] = knots[knots.size() - 2];
    const Quad beyond = 1 - Quad(last_p), theta = (Quad(last) - previous) / log((1 - Quad(previous_p)) / beyond);
    parts.push_back(theta == 0 ? constant_part(beyond, last) : Part{beyond, last, theta, {Family::exponential}});
  }
  return parts;
}

std::vector<Part> parts_of(const LawSpec& law) {
  if (law.kind == LawKind::empirical) return empirical_parts(law);
  if (law.kind != LawKind::mixture) return {simple_part(law)};
  std::vector<Part> parts;
  Quad total = 0;
  for (const LawSpec& inner : law.of) {
    require(non_negative(inner.weight),
            "mixture with a negative or non-finite weight (weights are probabilities) give `weight` in [0, 1]");
    Part part = simple_part(inner);
    part.weight = inner.weight;
    total += part.weight;
    if (part.weight > 0) parts.push_back(part);
  }
  require(!parts.empty(),
          "mixture without a part of positive weight (nothing can be drawn from it) give parts whose weights sum to 1");
  for (Part& part : parts) part.weight /= total;
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
  if (!is_implicit(law)) {
    for (std::size_t i = 0; i < grid.size(); ++i) values[i] = closed_quantile(law, piece.tails(grid[i].tails));
    return values;
  }
  // March outwards from the middle: dw/dz = share phi(z) / density(w) gives each start from the point before, to third
  // order.
  const Implicit implicit(law);
  const std::size_t middle = grid.size() / 2;
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

std::string key_of(const Standard& law) {
  switch (law.family) {
    case Family::uniform: return "uniform";
    case Family::exponential: return "exponential";
    case Family::weibull: return "weibull " + text_of(law.a);
    case Family::gamma: return "gamma " + text_of(law.a);
    case Family::pareto: return "pareto " + text_of(law.a) + " " + text_of(law.b);
    case Family::beta: return "beta " + text_of(law.a) + " " + text_of(law.b);
    default: return "";
  }
}

/// Where to cut a piece in two: a beta law at x = 1/2 first, between its spikes at 0 and 1; else in halves.
double cut_of(const Standard& law, const Piece& piece) {
  if (law.family == Family::beta) {
    const double p = std::floor(0x1p20 * rounded(standard_cdf(law, 0.5)) + 0.5) * 0x1p-20;
    if (piece.from < p && p < piece.to) return p;
  }
  return (piece.from + piece.to) / 2;
}

/// The tables of a standard law, made when first asked for: one if it can reach the goal, else the worst piece is cut
/// in two.
const TableShape& shape_of(const Standard& law, TableSet& tables) {
  const std::string key = key_of(law);
  for (const TableShape& known : tables.shapes)
    if (known.key == key) return known;

  const Tails at_floor{floor_probability, 1 - Quad(floor_probability)};
  const Quad floor = std::max(standard_quantile(law, at_floor), Quad(floor_share * standard_mean(law)));
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
    shape.pieces.push_back({static_cast<std::uint32_t>(tables.keys.size()), c.piece.share()});
    const bool whole = candidates.size() == 1;
    tables.keys.push_back(whole ? key : key + " from " + text_of(c.piece.from) + " to " + text_of(c.piece.to));
    tables.floats.insert(tables.floats.end(), c.fitted.floats.begin(), c.fitted.floats.end());
    tables.fits.push_back(std::move(c.fitted.fit));
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

double law_quantile(const LawSpec& law, double p) {
  require(p > 0.0 && p < 1.0, "quantile of order 0 or 1, or outside (they may be infinite) ask for p in (0, 1)");
  const std::vector<Part> parts = parts_of(law);
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

double law_mean(const LawSpec& law) {
  Quad mean = 0;
  for (const Part& part : parts_of(law))
    mean +=
        part.weight * (part.scale == 0 ? part.offset : Quad(part.offset + part.scale * standard_mean(part.standard)));
  return rounded(mean);
}

CompiledLaw compile_law(const LawSpec& law, double unit, TableSet& tables) {
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
  for (const Part& part : parts_of(law)) {
    const Quad offset = part.offset * unit, scale = part.scale * unit;
    const float offset_float = rounded_to_float(offset), scale_float = rounded_to_float(scale);
    if (part.scale == 0) {
      const double error = offset == 0 ? 0.0 : rounded(abs(Quad(offset_float) - offset) / offset);
      add(part.weight, Shape::constant, 0, offset_float, 0.0f, error);
    } else if (part.standard.family == Family::lognormal) {
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
  if (law.kind == LawKind::empirical && law.quantiles.size() > 1) {
    compiled.tail_share = rounded(1 - Quad(law.quantiles.back().first));
  }
  return compiled;
}

CompiledLaw compile_mixer(double dof, TableSet& tables) {
  require(dof > 2.0 && dof < 2e5,
          "student_t with a dof that has no variance, or none that differs from normal (tables hold 2 < dof < 200000) "
          "change dof");
  std::vector<Quad> values = piece_quantiles({Family::gamma, dof / 2}, {});
  for (Quad& v : values) v = (Quad(dof) / 2 - 1) / v;
  Fitted fitted = fit_table(values, true, 0);
  const auto table = static_cast<std::uint32_t>(tables.keys.size());
  tables.keys.push_back("mixer " + text_of(dof));
  tables.floats.insert(tables.floats.end(), fitted.floats.begin(), fitted.floats.end());
  tables.fits.push_back(std::move(fitted.fit));
  return {{{0xffffffffu, Shape::exp_table, table, 0.0f, 1.0f}}, fitted.error, 0.0};
}

void reduce_samples(std::vector<double> samples, LawSpec& law) {
  require(!samples.empty(), "empirical law without samples (nothing is known of it) give a column with numbers");
  for (const double x : samples)
    require(non_negative(x),
            "empirical law with a negative or non-finite sample (delays and fractions are at least 0) remove it");
  std::sort(samples.begin(), samples.end());
  const std::size_t n = samples.size();
  const double floor = samples[static_cast<std::size_t>(floor_probability * static_cast<double>(n))];
  // Hazen's plotting positions; the least sample stands at p = 0, so that no path is quicker than any observation.
  const auto order = [n](std::size_t i) {
    return i == 0 ? 0.0 : (static_cast<double>(i) + 0.5) / static_cast<double>(n);
  };

  /// Samples [first, last] and the one between them that the straight line misses most.
  struct Segment {
    std::size_t first, last, worst;
    double error;
  };
  const auto segment = [&](std::size_t first, std::size_t last) {
    Segment s{first, last, first, 0.0};
    const double p0 = order(first), v0 = samples[first];
    const double slope = (samples[last] - v0) / (order(last) - p0);
    for (std::size_t i = first + 1; i < last; ++i) {
      const double gap = std::abs(std::fma(slope, order(i) - p0, v0) - samples[i]);
      const double scale = std::max(samples[i], floor);
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
  law.samples = n;
  law.reduction_error = 0.0;
  law.quantiles = {{0.0, samples.front()}};
  for (const Segment& s : segments) {
    law.quantiles.emplace_back(order(s.last), samples[s.last]);
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
