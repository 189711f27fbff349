// laws.cpp -- the parts of a law (parts.h) as components of a plan: each standard law in them is tabulated once.
#include "laws/laws.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cfenv>
#include <cmath>
#include <functional>
#include <limits>

#include "base/error.h"
#include "laws/whole_law.h"

namespace proofload {
namespace {

constexpr double error_goal = 1e-4;         ///< DESIGN 1.3
constexpr double floor_probability = 0.01;  ///< errors are relative to max(Q(p), Q(0.01), 1e-9 mean)
constexpr double floor_share = 1e-9;        ///< of the mean: laws with a spike at 0 have Q(0.01) of 1e-40 and less
constexpr double exact_score = 2e-6;        ///< a score on a path is not known better: Q may be read that far away
constexpr std::size_t most_tables = 32;     ///< of a piece
constexpr double least_width = 2e-6;        ///< of a table, in scores
constexpr float least_piece = 1e-7f;        ///< in scores
constexpr std::size_t most_knots = 64;      ///< of an empirical law made from samples
/// The reduction of samples stops here: the median of a million samples is known no better.
constexpr double reduction_goal = 1e-3;
constexpr double least_exponent = -80.0, greatest_exponent = 80.0;  ///< exp_table: exp(T) stays a normal float
constexpr double boundless = std::numeric_limits<double>::infinity();
constexpr double greatest_measured = 4.753424308822899;  ///< the score of least_probability

// ---------------------------------------------------------------------------------------------- tables

/// Chebyshev's nodes on [0, 1], (1 - cos((2 k + 1) pi / 8)) / 2: the cubic through them is within a few percent of the
/// best one, and farthest from the curve near (1 - cos(k pi / 4)) / 2.
constexpr std::array<double, 4> cubic_nodes = {0.03806023374435663, 0.3086582838174551, 0.6913417161825449,
                                               0.9619397662556434};
constexpr std::array<double, 4> measured_nodes = {0.0, 0.14644660940672624, 0.5, 0.8535533905932737};

/// Rounding is to nearest here whatever the caller has set: a table may not depend on it.
class RoundToNearest {
 public:
  RoundToNearest() { std::fesetround(FE_TONEAREST); }
  ~RoundToNearest() { std::fesetround(before_); }
  RoundToNearest(const RoundToNearest&) = delete;
  RoundToNearest& operator=(const RoundToNearest&) = delete;

 private:
  int before_ = std::fegetround();
};

using Point = PieceQuantile::Point;
using Curve = std::function<Point(double z)>;  ///< asked at rising scores

/// A table of a range of scores, with what is needed to state its error.
struct Fitted {
  TableFit fit;
  double from = 0.0, to = 0.0;
  std::array<float, table_floats> floats{};
  double error = 0.0;
  std::size_t worst = 0;  ///< interval
  bool whole = false;     ///< it cannot be cut further
};

/// The cubic through four values at cubic_nodes, by divided differences, as monomials rounded once.
std::array<float, 4> cubic_through(const std::array<double, 4>& values) {
  std::array<double, 4> d = values, c{};
  for (std::size_t order = 1; order < 4; ++order)
    for (std::size_t k = 3; k >= order; --k) d[k] = (d[k] - d[k - 1]) / (cubic_nodes[k] - cubic_nodes[k - order]);
  for (std::size_t k = 4; k-- > 0;) {  // c(f) <- c(f) (f - node_k) + d_k
    for (std::size_t j = 3; j > 0; --j) c[j] = c[j - 1] - c[j] * cubic_nodes[k];
    c[0] = d[k] - c[0] * cubic_nodes[k];
  }
  return {static_cast<float>(c[0]), static_cast<float>(c[1]), static_cast<float>(c[2]), static_cast<float>(c[3])};
}

/// How far a value that a path reads is from the truth, relative to the truth or to `least`: nothing within `low` and
/// `high`, which a score that is as exact as scores are could have given.
double gap_of(double value, double exact, double low, double high, double least) {
  if (low <= value && value <= high) return 0.0;
  const double error = std::abs(value - exact) / std::max(exact, least);
  return error == error ? error : boundless;
}

/// Largest error of offset + scale * T, relative to max(value, floor): the definition in DESIGN 1.3.
double measured_error(const TableFit& fit, double offset, double scale, double law_floor = 0.0,
                      std::size_t* worst = nullptr) {
  const auto offset_float = static_cast<float>(offset), scale_float = static_cast<float>(scale);
  const double least = std::max(std::fma(scale, fit.floor, offset), law_floor);
  double most = 0.0;
  for (const TableFit::At& at : fit.at) {
    const auto valued = [&](double y) { return std::fma(scale, y, offset); };
    const double error = gap_of(std::fma(scale_float, at.fitted, offset_float), valued(at.exact), valued(at.low),
                                valued(at.high), least);
    if (!(error > most)) continue;
    most = error;
    if (worst != nullptr) *worst = at.interval;
  }
  return most;
}

struct Scores {
  float per, shift;  ///< t = per z + shift, as the kernels compute it
  double at(double t) const { return (t - shift) / per; }
};

/// Tables of y and of ln y from the same points; the better one. A logarithm is not taken where there is none.
Fitted fit_table(const Curve& curve, double from, double to, double floor, bool must_be_exponential = false) {
  const double per = table_intervals / (to - from);
  const Scores scores{static_cast<float>(per), static_cast<float>(-from * per)};
  struct Exact {
    double value, low, high;
    float z;
    std::size_t interval;
  };
  std::array<Fitted, 2> fitted;  // of y, of ln y
  std::vector<Exact> exact;
  for (std::size_t i = 0; i < table_intervals; ++i) {
    std::array<double, 4> direct{}, logarithm{};
    for (std::size_t k = 0; k < 4; ++k) {
      const auto z = static_cast<float>(scores.at(static_cast<double>(i) + measured_nodes[k]));
      const Point at = curve(z);
      const double near = exact_score * std::abs(at.slope);
      exact.push_back({at.value, at.value - near, at.value + near, z, i});
      const double y = curve(scores.at(static_cast<double>(i) + cubic_nodes[k])).value;
      direct[k] = y;
      logarithm[k] = std::clamp(log(Portable(std::max(y, 0.0))).v, least_exponent, greatest_exponent);
    }
    for (const bool exponential : {false, true}) {
      const auto c = cubic_through(exponential ? logarithm : direct);
      for (std::size_t k = 0; k < 4; ++k) fitted[exponential].floats[k * table_intervals + i] = c[k];
    }
  }
  for (const bool exponential : {false, true}) {
    Fitted& f = fitted[exponential];
    f.from = from;
    f.to = to;
    f.floats[table_scale] = scores.per;
    f.floats[table_shift] = scores.shift;
    f.fit.exponential = exponential;
    f.fit.floor = floor;
    for (const Exact& e : exact) {
      if (std::abs(e.z) > greatest_measured) continue;
      const float t = table_value(f.floats.data(), e.z);
      const float y = exponential ? static_cast<float>(exp(Portable(double{t})).v) : t;
      f.fit.at.push_back({e.value, e.low, e.high, e.z, y, e.interval});
    }
    // Where a straight line does not tell what the scores next to one give: ask them.
    for (TableFit::At& at : f.fit.at) {
      if (gap_of(at.fitted, at.exact, at.low, at.high, floor) <= error_goal) continue;
      const double one = curve(at.z - exact_score).value, other = curve(at.z + exact_score).value;
      at.low = std::min(one, other);
      at.high = std::max(one, other);
    }
    f.error = measured_error(f.fit, 0.0, 1.0, 0.0, &f.worst);
  }
  const bool exponential = must_be_exponential || (fitted[0].error > error_goal && fitted[1].error < fitted[0].error);
  return std::move(fitted[exponential]);
}

std::uint32_t add_table(TableSet& tables, const std::string& key, Fitted& fitted) {
  tables.keys.push_back(key);
  tables.floats.insert(tables.floats.end(), fitted.floats.begin(), fitted.floats.end());
  tables.fits.push_back(std::move(fitted.fit));
  return static_cast<std::uint32_t>(tables.keys.size() - 1);
}

/// One table of the whole range of scores, made when first asked for.
std::uint32_t whole_table(const std::string& key, TableSet& tables, const Curve& curve, double floor,
                          bool exponential) {
  for (std::size_t t = 0; t < tables.keys.size(); ++t)
    if (tables.keys[t] == key) return static_cast<std::uint32_t>(t);
  Fitted fitted = fit_table(curve, -table_range, table_range, floor, exponential);
  return add_table(tables, key, fitted);
}

/// ln Phi(-|z|): what every straight line reads.
std::uint32_t tail_table(TableSet& tables) {
  return whole_table(
      "tail", tables,
      [](double z) {
        const auto p = tails_of(Portable(z));
        return Point{std::min(p.below, p.above).v, normal_density(Portable(z)).v};
      },
      0.0, true);
}

/// What errors in a smooth piece are relative to at least: y at the first hundredth of its probability, and 1e-9 of its
/// mean where it has one.
double floor_of(const LawPiece& piece, double from, double to) {
  constexpr int steps = 64;
  PieceQuantile quantile(piece);
  const double below = tails_of(Portable(from)).below.v, above = tails_of(Portable(to)).above.v;
  const double share = 1.0 - below - above;
  double mean = 0.0, weight = 0.0, low = 0.0;
  bool found = false;
  for (int i = 0; i < steps; ++i) {
    const double z = from + (to - from) * (i + 0.5) / steps, y = quantile(z).value;
    const double density = normal_density(Portable(z)).v;
    mean += density * y;
    weight += density;
    if (!found && tails_of(Portable(z)).below.v - below >= floor_probability * share) {
      low = y;
      found = true;
    }
  }
  const bool has_mean = std::all_of(piece.active.begin(), piece.active.end(),
                                    [](const ActivePart& part) { return part.function.has_mean(); });
  return has_mean ? std::max(low, floor_share * mean / weight) : low;
}

/// Where to cut a range whose table is not exact enough. Next to an end if it is steep there, so that tables become
/// shorter towards it; at a jump if there is one (two parts with nothing to speak of between them); else in the middle.
double cut_of(const LawPiece& piece, const Fitted& bad) {
  double low = bad.from, high = bad.to;
  const auto between = [&](double share) { return static_cast<float>(low + share * (high - low)); };
  if (bad.worst == 0) return between(1.0 / 16);
  if (bad.worst + 1 == table_intervals) return between(15.0 / 16);
  PieceQuantile quantile(piece);
  double at_low = quantile(low).value, at_high = quantile(high).value;
  while (high - low > exact_score) {
    const double middle = (low + high) / 2.0, y = quantile(middle).value;
    const bool right = at_high * at_low > y * y;  // the larger step of the logarithm
    (right ? low : high) = middle;
    (right ? at_low : at_high) = y;
  }
  const auto jump = static_cast<float>(low);
  if (at_high > 1.1 * at_low && jump > bad.from && jump < bad.to) return jump;
  low = bad.from;
  high = bad.to;
  return between(0.5);
}

/// The tables of a smooth piece, made when first asked for: as many as it needs. What is not exact enough is cut in
/// two, near the end where it is steep.
const TableShape& shape_of(const LawPiece& piece, TableSet& tables) {
  const double range = table_range;
  const double from = std::max(piece.from, -range), to = std::min(piece.to, range);
  // The same function over another range has tables of its own: those of a shorter one end where it ends.
  const std::string key = piece.key + " of " + text_of(from) + " to " + text_of(to);
  for (const TableShape& known : tables.shapes)
    if (known.key == key) return known;
  const double floor = floor_of(piece, from, to);
  const auto fitted = [&](double low, double high) {
    PieceQuantile quantile(piece);
    return fit_table([&](double z) { return quantile(z); }, low, high, floor);
  };
  std::vector<Fitted> list;
  list.push_back(fitted(from, to));
  while (list.size() < most_tables) {
    const auto bad = std::find_if(list.begin(), list.end(), [](const Fitted& f) {
      return f.error > error_goal && !f.whole && f.to - f.from > least_width;
    });
    if (bad == list.end()) break;
    const double low = bad->from, high = bad->to, cut = cut_of(piece, *bad);
    if (!(low < cut && cut < high)) {  // scores are no finer
      bad->whole = true;
      continue;
    }
    *bad = fitted(low, cut);
    list.insert(std::next(bad), fitted(cut, high));
  }
  TableShape shape{key, {}};
  for (Fitted& f : list) {
    const double until = f.to < range ? f.to : boundless;
    const std::uint32_t table = add_table(tables, piece.key + " from " + text_of(f.from) + " to " + text_of(f.to), f);
    shape.tables.push_back({table, until});
  }
  tables.shapes.push_back(std::move(shape));
  return tables.shapes.back();
}

/// The error of offset-free log-normal values as the kernels form them: float scale, float sigma, exp in float.
double lognormal_error(double scale, double sigma, double to) {
  const auto scale_float = static_cast<float>(scale), sigma_float = static_cast<float>(sigma);
  const double floor = std::max(exp(Portable(sigma * normal_quantile(floor_probability))).v,
                                floor_share * exp(Portable(sigma * sigma / 2.0)).v);
  double worst = 0.0;
  for (int i = -95; i <= 95; ++i) {
    const auto z = static_cast<float>(0.05 * i);
    if (z > to) break;
    const double exact = scale * exp(Portable(sigma * z)).v;
    const auto grown = static_cast<float>(exp(Portable(double{sigma_float * z})).v);
    worst = std::max(worst, gap_of(scale_float * grown, exact, exact * (1.0 - sigma * exact_score),
                                   exact * (1.0 + sigma * exact_score), scale * floor));
  }
  return worst;
}

/// The half of a straight piece on one side of z = 0, where the smaller tail is read: low + (high - low) (p - below) /
/// share, p = Phi(-|z|) or 1 - Phi(-|z|).
struct Line {
  float offset, scale;
  double error;
};
Line line_of(const LawPiece& piece, bool lower, double unit, double from, double to, double least, const float* table) {
  const double rise = unit * (piece.high - piece.low) / piece.share;
  const double offset = lower ? unit * piece.low - rise * piece.below.v : unit * piece.high + rise * piece.above.v;
  const double scale = lower ? rise : -rise;
  Line line{static_cast<float>(offset), static_cast<float>(scale), 0.0};
  constexpr int points = 8;
  for (int i = 0; i <= points; ++i) {
    const auto z = static_cast<float>(from + (to - from) * i / points);
    if (!(std::abs(z) <= greatest_measured)) continue;
    const auto p = tails_of(Portable(double{z}));
    const double exact = lower ? unit * piece.low + rise * (p.below - piece.below).v
                               : unit * piece.high - rise * (p.above - piece.above).v;
    const auto tail = static_cast<float>(exp(Portable(double{table_value(table, z)})).v);
    const double near = exact_score * rise * normal_density(Portable(double{z})).v;
    line.error =
        std::max(line.error, gap_of(std::fma(line.scale, tail, line.offset), exact, exact - near, exact + near, least));
  }
  return line;
}

// ---------------------------------------------------------------------------------------------- laws

CompiledLaw compile_parts(const std::vector<LawPart>& whole_parts, double unit, TableSet& tables) {
  require(positive(unit), "law in a unit that is not positive (values would change sign) give a unit > 0");
  const RoundToNearest rounding;
  CompiledLaw compiled;
  std::vector<LawPart> parts;
  for (const LawPart& part : whole_parts) {
    for (LawPart& block : blocks_of(part)) parts.push_back(std::move(block));
  }
  float before = -std::numeric_limits<float>::infinity();
  const auto add = [&](double until, Shape shape, std::uint32_t table, float offset, float scale, double error) {
    require(std::isfinite(offset) && std::isfinite(scale),
            "law with a value beyond single precision (a path cannot hold it) give smaller values");
    const auto z = until < table_range ? static_cast<float>(until) : std::numeric_limits<float>::infinity();
    if (z < -table_range || !(z > before + least_piece)) return;  // no score lies there, or none that is exact enough
    before = z;
    compiled.components.push_back({z, shape, table, offset, scale});
    compiled.error = std::max(compiled.error, error);
  };
  for (const LawPart& part : parts) compiled.error = std::max(compiled.error, part.error);
  const double mean = mean_of(parts);
  const std::vector<LawPiece> pieces = pieces_of(parts);
  const double least = unit * std::max(value_at(pieces, normal_quantile(floor_probability)),
                                       mean < boundless ? floor_share * mean : 0.0);
  for (const LawPiece& piece : pieces) {
    // No score lies there, or none that is exact enough.
    if (!(piece.to > -table_range && piece.from < table_range && piece.to - piece.from > least_piece)) continue;
    switch (piece.kind) {
      case LawPiece::Kind::atom: {
        const double exact = piece.value * unit;
        const auto value = static_cast<float>(exact);
        add(piece.to, Shape::constant, 0, value, 0.0f, exact == 0.0 ? 0.0 : std::abs(value - exact) / exact);
        break;
      }
      case LawPiece::Kind::straight: {
        const std::uint32_t table = tail_table(tables);
        const float* floats = tables.floats.data() + std::size_t{table} * table_floats;
        for (const bool lower : {true, false}) {
          const double from = lower ? piece.from : std::max(piece.from, 0.0);
          const double to = lower ? std::min(piece.to, 0.0) : piece.to;
          if (!(from < to)) continue;
          const Line line = line_of(piece, lower, unit, std::max(from, -greatest_measured),
                                    std::min(to, greatest_measured), least, floats);
          add(to, Shape::exp_table, table, line.offset, line.scale, line.error);
        }
        break;
      }
      case LawPiece::Kind::smooth: {
        const double offset = piece.origin * unit, scale = piece.unit * unit;
        const auto offset_float = static_cast<float>(offset), scale_float = static_cast<float>(scale);
        if (piece.sigma > 0.0) {
          const auto sigma = static_cast<float>(piece.sigma);
          add(piece.to, Shape::lognormal, std::bit_cast<std::uint32_t>(sigma), offset_float, scale_float,
              lognormal_error(scale, piece.sigma, piece.to));
          break;
        }
        for (const TableShape::Range& range : shape_of(piece, tables).tables) {
          const TableFit& fit = tables.fits[range.table];
          add(std::min(range.until, piece.to), fit.exponential ? Shape::exp_table : Shape::table, range.table,
              offset_float, scale_float, measured_error(fit, offset, scale, least));
        }
        break;
      }
    }
  }
  compiled.components.back().until = std::numeric_limits<float>::infinity();
  return compiled;
}

}  // namespace

// ---------------------------------------------------------------------------------------------- what laws.h offers

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
CompiledLaw compile_inverse_gamma(const std::string& key, double shape, double factor, TableSet& tables) {
  const RoundToNearest rounding;
  LawPart gamma;
  gamma.standard = {Family::gamma, shape};
  const std::vector<LawPiece> pieces = pieces_of({gamma});
  PieceQuantile quantile(pieces.at(0));
  const std::uint32_t table = whole_table(
      key, tables,
      [&](double z) {
        const Point at = quantile(z);
        return Point{factor / at.value, -factor * at.slope / (at.value * at.value)};
      },
      0.0, true);
  return {{{std::numeric_limits<float>::infinity(), Shape::exp_table, table, 0.0f, 1.0f}},
          measured_error(tables.fits[table], 0.0, 1.0),
          0.0};
}

}  // namespace

CompiledLaw compile_mixer(double dof, TableSet& tables) {
  require(dof > 2.0 && dof < 2e5,
          "student_t with a dof that has no variance, or none that differs from normal (tables hold 2 < dof < 200000) "
          "change dof");
  return compile_inverse_gamma("mixer " + text_of(dof), dof / 2.0, dof / 2.0 - 1.0, tables);
}

CompiledLaw compile_mixer(const std::vector<std::pair<double, double>>& dofs_and_weights, TableSet& tables) {
  double total = 0.0, cumulated = 0.0;
  for (const auto& [dof, weight] : dofs_and_weights) {
    require(non_negative(weight),
            "student_t with a dof of negative or non-finite weight (weights are probabilities) give weights in [0, 1]");
    total += weight;
  }
  require(total > 0.0,
          "student_t without a dof of positive weight (nothing can be drawn from it) give weights that sum to 1");
  const RoundToNearest rounding;
  CompiledLaw compiled;
  for (const auto& [dof, weight] : dofs_and_weights) {
    if (weight == 0.0) continue;
    cumulated += weight;
    const CompiledLaw one = compile_mixer(dof, tables);
    compiled.components.push_back(one.components[0]);
    compiled.components.back().until =
        static_cast<float>(normal_score({cumulated / total, (total - cumulated) / total}).v);
    compiled.error = std::max(compiled.error, one.error);
  }
  compiled.components.back().until = std::numeric_limits<float>::infinity();
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
  const RoundToNearest rounding;
  const Portable n = dof;
  const BasicImplicit<Portable> beta(n / 2.0, 0.5, true);
  const auto score = [&](double z) {
    // F_t(-|t|) = I_x(n/2, 1/2) / 2 with x = n / (n + t^2), and 1 - x needs no cancellation
    const Portable root = z * (8.0 * n + 3.0) / (8.0 * n + 1.0), q = root * root / n;
    if (q == 0.0) return Point{0.0, 1.0};
    const Portable y = q < 1e-5 ? q * (1.0 - q / 2.0 * (1.0 - q / 3.0)) : 1.0 - exp(-q);  // -expm1(-q)
    const Portable tail = beta.at(-q - log(y)).tails.below / 2.0;
    const double size = -normal_score({tail, 1.0 - tail}).v;
    return Point{z < 0.0 ? -size : size, 1.0};
  };
  const std::uint32_t table = whole_table("copula " + text_of(dof), tables, score, 1.0, false);
  const float* floats = tables.floats.data() + std::size_t{table} * table_floats;
  double worst = 0.0;
  for (int i = -675; i <= 675; ++i) {
    const float z = 0.01f * static_cast<float>(i);
    const double exact = score(z).value;
    if (std::abs(exact) <= 6.0) worst = std::max(worst, std::abs(table_value(floats, z) - exact));
  }
  return {{{std::numeric_limits<float>::infinity(), Shape::table, table, 0.0f, 1.0f}}, worst, 0.0};
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
  const float t = std::clamp(std::fma(z, table[table_scale], table[table_shift]), 0.0f, last);
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
  return rounded(tails_of(Quad(z)).below);
}

}  // namespace proofload
