// laws.cpp -- the parts of a law (parts.h) as components of a plan: each standard law in them is tabulated once.
#include "laws/laws.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "laws/parts.h"

namespace proofload {
namespace {

constexpr double error_goal = 1e-4;         ///< DESIGN 1.3
constexpr double floor_probability = 0.01;  ///< errors are relative to max(Q(p), Q(0.01), 1e-9 mean)
constexpr double floor_share = 1e-9;        ///< of the mean: laws with a spike at 0 have Q(0.01) of 1e-40 and less
constexpr double least_pick = 0x1p-33;      ///< what is less likely is picked by no random word
constexpr int most_pieces = 4;          ///< a law that no table can hold is split at quantiles into at most this many
constexpr std::size_t most_knots = 64;  ///< of an empirical law made from samples
/// The reduction of samples stops here: the median of a million samples is known no better.
constexpr double reduction_goal = 1e-3;
constexpr double least_exponent = -80.0, greatest_exponent = 80.0;  ///< exp_table: exp(T) stays a normal float

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
double lognormal_error(float scale, float sigma, const LawPart& part, double unit) {
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

CompiledLaw compile_parts(const std::vector<LawPart>& whole_parts, double unit, TableSet& tables) {
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
  std::vector<LawPart> parts;
  for (const LawPart& part : whole_parts)
    for (LawPart& piece : blocks_of(part)) parts.push_back(std::move(piece));
  for (const LawPart& part : parts) {
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
