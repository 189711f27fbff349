#include "laws/whole_law.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <tuple>

namespace proofload {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Where a standard law begins and ends.
std::pair<double, double> support_of(const Standard& law) {
  double low = 0.0, high = infinity;
  switch (law.family) {
    case Family::uniform:
    case Family::beta:
    case Family::fading: high = 1.0; break;
    case Family::pareto:
      low = 1.0;
      high = law.b;
      break;
    case Family::excess: high = law.a < 0.0 ? -1.0 / law.a : infinity; break;
    default: break;
  }
  high = std::min(high, law.to) - law.from;
  low = std::max(low - law.from, 0.0);
  return {law.residual ? 0.0 : low, high};
}

/// A part with where it begins and ends, as doubles.
struct Placed {
  LawPart part;
  double offset, scale, weight, low, high;
  bool atom() const { return low == high; }
  auto order() const {
    const Standard& s = part.standard;
    return std::tie(offset, scale, s.family, s.a, s.b, s.from, s.to, s.residual, weight);
  }
};

std::vector<Placed> placed(const std::vector<LawPart>& parts) {
  std::vector<Placed> list;
  for (const LawPart& part : parts) {
    Placed p{part, rounded(part.offset), rounded(part.scale), rounded(part.weight), 0.0, 0.0};
    if (!(p.weight > 0.0)) continue;
    p.low = p.high = p.offset;
    if (part.scale != 0) {
      const auto [low, high] = support_of(part.standard);
      p.low = rounded(part.offset + part.scale * low);
      p.high = high < infinity ? rounded(part.offset + part.scale * high) : infinity;
    }
    list.push_back(std::move(p));
  }
  std::sort(list.begin(), list.end(), [](const Placed& x, const Placed& y) { return x.order() < y.order(); });
  return list;
}

/// The values at which a part begins or ends, ascending. Ends that differ by a rounding are one.
std::vector<double> cuts_of(std::vector<Placed>& parts) {
  std::vector<double> cuts;
  for (const Placed& p : parts) cuts.insert(cuts.end(), {p.low, p.high});
  std::sort(cuts.begin(), cuts.end());
  const auto same = [](double x, double y) { return x == y || (y < infinity && y - x <= 1e-13 * std::abs(y)); };
  cuts.erase(std::unique(cuts.begin(), cuts.end(), same), cuts.end());
  const auto snapped = [&](double x) {
    const auto next = std::upper_bound(cuts.begin(), cuts.end(), x);
    return *std::prev(next);  // the first of those that are the same, which is the least
  };
  for (Placed& p : parts) {
    const bool atom = p.atom();
    p.low = snapped(p.low);
    p.high = snapped(p.high);
    if (!atom && p.low == p.high) p.part.scale = 0;  // too narrow for a double
  }
  return cuts;
}

/// Tails of the whole law at `x`; an atom there counts as below it or not.
struct Sum {
  const std::vector<Placed>& parts;
  const std::vector<StandardFunction>& functions;
  BasicTails<Portable> operator()(double x, bool with_atoms) const {
    BasicTails<Portable> sum{0.0, 0.0};
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const Placed& p = parts[i];
      if (p.atom() ? p.low < x || (with_atoms && p.low == x) : p.high <= x) {
        sum.below += p.weight;
      } else if (p.low >= x) {
        sum.above += p.weight;
      } else {
        const auto tails = functions[i].tails((x - p.offset) / p.scale);
        sum.below += p.weight * tails.below;
        sum.above += p.weight * tails.above;
      }
    }
    return sum;
  }
};

std::string key_of(const Standard& s) {
  std::string key = std::to_string(static_cast<int>(s.family));
  for (const double x : {s.a, s.b, s.from, s.to}) key += ' ' + text_of(x);
  return s.residual ? key + " residual" : key;
}

/// The piece between two neighbouring cuts, in which `active` parts have values.
LawPiece between(const std::vector<Placed>& parts, std::vector<std::size_t> active,
                 const std::vector<StandardFunction>& functions, double low, double high) {
  LawPiece piece{};
  piece.low = low;
  piece.high = high;
  for (const Placed& p : parts) {
    if (p.high <= low) piece.below += p.weight;
    if (p.low >= high) piece.above += p.weight;
  }
  const bool uniform = std::all_of(active.begin(), active.end(), [&](std::size_t i) {
    return parts[i].part.standard.family == Family::uniform && is_whole(parts[i].part.standard);
  });
  const bool all = piece.below == 0.0 && piece.above == 0.0;
  if (uniform && !(all && active.size() == 1)) {
    piece.kind = LawPiece::Kind::straight;
    for (const std::size_t i : active) piece.share += parts[i].weight * (high - low) / parts[i].scale;
    return piece;
  }
  piece.kind = LawPiece::Kind::smooth;
  const Placed& first = parts[active[0]];
  piece.origin = first.offset;
  piece.unit = first.scale;
  Standard alone = first.part.standard;
  Portable weight = first.weight;
  // Up to where it is cut, a law that is the least of all has the quantiles of the law that is not cut.
  if (active.size() == 1 && piece.below == 0.0 && alone.from == 0.0 && !alone.residual) {
    const Standard whole{alone.family, alone.a, alone.b};
    const Portable kept = is_whole(alone) ? Portable(1.0) : StandardFunction(whole).tails(alone.to).below;
    if (abs(weight - kept) <= 1e-13) {
      alone = whole;
      weight = 1.0;
      piece.above = 0.0;
      if (alone.family == Family::lognormal) piece.sigma = alone.a;
    }
  }
  for (const std::size_t i : active) {
    const Placed& p = parts[i];
    const Standard& standard = active.size() == 1 ? alone : p.part.standard;
    const double start = rounded((p.part.offset - first.part.offset) / first.part.scale);
    const double scale = rounded(p.part.scale / first.part.scale);
    const Portable share = active.size() == 1 ? weight : Portable(p.weight);
    piece.active.push_back({share, start, scale, active.size() == 1 ? StandardFunction(standard) : functions[i]});
    piece.key += text_of(share.v) + ' ' + text_of(start) + ' ' + text_of(scale) + ' ' + key_of(standard) + ", ";
  }
  piece.key += text_of(piece.below.v) + ' ' + text_of(piece.above.v);
  return piece;
}

}  // namespace

std::string text_of(double x) {
  std::array<char, 32> buffer{};
  return {buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), x).ptr};
}

StandardFunction::StandardFunction(const Standard& law) : law_(law) {
  if (is_implicit(law) && is_whole(law)) implicit_.emplace(law);
  if (is_whole(law)) return;
  cut_.emplace(law);
  require(cut_->kept() > 0.0,
          "law of which nothing is left (its values beyond a time have no probability that a number can hold) give a "
          "law with longer values, or a shorter time");
}

BasicTails<Portable> StandardFunction::tails(Portable x) const {
  const auto [low, high] = support_of(law_);
  if (x <= low) return {0.0, 1.0};
  if (x >= high) return {1.0, 0.0};
  if (law_.residual) return cut_->residual_at(x).first;
  if (cut_) return cut_->tails(x);
  if (implicit_) return implicit_->at(law_.family == Family::gamma ? log(x) : log(x / (1.0 - x))).tails;
  if (law_.family == Family::exponential && x > 1e-3) {
    const Portable above = exp(-x);
    return {1.0 - above, above};
  }
  if (law_.family == Family::fading) {
    const Portable below = x * (2.0 - law_.a * x) / (2.0 - law_.a);
    return {below, 1.0 - below};
  }
  return partial_moment<Portable>(law_, 0, x);
}

Portable StandardFunction::density(Portable x) const {
  const auto [low, high] = support_of(law_);
  if (x < low || x > high) return 0.0;
  if (law_.residual) return cut_->residual_at(x).second / cut_->mean();
  if (cut_) return density_of<Portable>({law_.family, law_.a, law_.b}, x + law_.from) / cut_->kept();
  return density_of(law_, x);
}

std::vector<LawPiece> pieces_of(const std::vector<LawPart>& whole_parts) {
  std::vector<Placed> parts = placed(whole_parts);
  const std::vector<double> cuts = cuts_of(parts);
  std::vector<StandardFunction> functions;
  for (const Placed& p : parts) functions.emplace_back(p.atom() ? Standard{Family::uniform} : p.part.standard);
  const Sum sum{parts, functions};
  std::vector<LawPiece> pieces;
  const auto add = [&](LawPiece piece, const BasicTails<Portable>& before, const BasicTails<Portable>& after) {
    piece.from = pieces.empty() ? -infinity : normal_score(before).v;
    piece.to = after.above > 0.0 ? normal_score(after).v : infinity;
    require(piece.from == piece.from && piece.to == piece.to,
            "law whose distribution cannot be computed (it is not a number somewhere) give less extreme parameters");
    if (piece.from < piece.to) pieces.push_back(std::move(piece));
  };
  for (std::size_t c = 0; c < cuts.size(); ++c) {
    const double here = cuts[c];
    if (here == infinity) break;
    const auto before = sum(here, false), after = sum(here, true);
    if (std::any_of(parts.begin(), parts.end(), [&](const Placed& p) { return p.atom() && p.low == here; })) {
      LawPiece atom{};
      atom.kind = LawPiece::Kind::atom;
      atom.value = atom.low = atom.high = here;
      add(std::move(atom), before, after);
    }
    if (c + 1 == cuts.size()) break;
    std::vector<std::size_t> active;
    for (std::size_t i = 0; i < parts.size(); ++i)
      if (!parts[i].atom() && parts[i].low <= here && parts[i].high >= cuts[c + 1]) active.push_back(i);
    if (active.empty()) continue;
    const auto until = cuts[c + 1] == infinity ? BasicTails<Portable>{1.0, 0.0} : sum(cuts[c + 1], false);
    LawPiece piece = between(parts, active, functions, here, cuts[c + 1]);
    if (piece.kind == LawPiece::Kind::straight) {
      piece.below = after.below;
      piece.above = until.above;
    }
    add(std::move(piece), after, until);
  }
  if (!pieces.empty()) pieces.back().to = infinity;
  return pieces;
}

double value_at(const std::vector<LawPiece>& pieces, double z) {
  for (const LawPiece& piece : pieces) {
    if (!(z < piece.to)) continue;
    if (piece.kind == LawPiece::Kind::atom) return piece.value;
    if (piece.kind == LawPiece::Kind::smooth) return piece.origin + piece.unit * PieceQuantile(piece)(z).value;
    const Portable p = tails_of(Portable(z)).below;
    return piece.low + (piece.high - piece.low) * std::clamp(((p - piece.below) / piece.share).v, 0.0, 1.0);
  }
  return pieces.back().high;
}

PieceQuantile::PieceQuantile(const LawPiece& piece)
    : piece_(piece),
      first_((piece.low - piece.origin) / piece.unit),
      last_(piece.high < infinity ? (piece.high - piece.origin) / piece.unit : infinity) {}

PieceQuantile::Sums PieceQuantile::sums(Portable y) const {
  Sums s{{0.0, 0.0}, 0.0};
  for (const ActivePart& a : piece_.active) {
    const Portable x = (y - a.start) / a.scale;
    const auto tails = a.function.tails(x);
    s.tails.below += a.weight * tails.below;
    s.tails.above += a.weight * tails.above;
    s.density += a.weight * a.function.density(x) / a.scale;
  }
  return s;
}

/// Newton's method on the logarithm of the smaller of the two sums over ln(y - first), bisection where it strays.
PieceQuantile::Point PieceQuantile::operator()(double z) {
  const auto p = tails_of(Portable(z));
  const Portable below = p.below - piece_.below, above = p.above - piece_.above;
  const Portable steep = normal_density(Portable(z));
  if (!(below > 0.0)) return {first_.v, infinity};
  if (!(above > 0.0)) return {last_.v, infinity};
  const bool lower = below < above;
  Portable low = -600.0, high = last_.v < infinity ? log(last_ - first_) : Portable(700.0);
  const auto aim = [&](Portable w, Portable step) {
    return w + step > low && w + step < high ? w + step : (low + high) / 2.0;
  };
  Portable w = known_ ? aim(w_, slope_ * (z - z_)) : aim(0.0, 0.0);
  Portable y = first_, density = 0.0;
  for (int i = 0; i < 200; ++i) {
    const Portable rise = exp(w);
    y = first_ + rise;
    const Sums s = sums(y);
    density = s.density;
    const Portable tail = lower ? s.tails.below : s.tails.above, target = lower ? below : above;
    if (tail == target) break;
    const bool too_far = (tail > target) == lower;
    (too_far ? high : low) = w;
    Portable next = low;
    if (tail > 0.0 && density > 0.0) {
      const Portable step = (lower ? log(target / tail) : log(tail / target)) * tail / (density * rise);
      if (abs(step) < 1e-13) break;
      next = w + step;
    }
    if (!(next > low && next < high)) next = (low + high) / 2.0;
    if (next == w || next == low || next == high) break;
    w = next;
  }
  const Portable slope = density > 0.0 ? steep / density : Portable(0.0);  // dy/dz
  w_ = w;
  z_ = z;
  slope_ = slope / exp(w);
  if (!(abs(slope_) < 1e3)) slope_ = 0.0;
  known_ = true;
  return {y.v, slope.v};
}

}  // namespace proofload
