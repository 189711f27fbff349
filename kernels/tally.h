/// tally.h -- what is counted: integers only, so that any split, order, thread count or backend merges to the same
/// tally.
///
/// A tally is a flat array of counters and one of sums, laid out by TallyLayout; merging two is adding them element by
/// element (the lowest non-finite path excepted).
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/plan.h"

namespace proofload {

/// Loss bins: [below -1) | 1,000 bins of 1e-3 on [-1, 0) | 100,000 bins of 1e-5 on [0, 1) | [1, ..] (a loss is at most
/// 1: nothing is left).
inline constexpr int loss_gain_bins = 1000, loss_fine_bins = 100'000;
inline constexpr int loss_bins = 1 + loss_gain_bins + loss_fine_bins + 1;

/// Lower edge of a loss bin; `loss_edge(b + 1)` is its upper edge. The last bin is the single point 1.
constexpr double loss_edge(int bin) {
  if (bin <= 0) return -1e300;
  if (bin <= 1 + loss_gain_bins) return (bin - 1 - loss_gain_bins) / 1000.0;
  const int fine = bin - 1 - loss_gain_bins;
  return fine >= loss_fine_bins ? 1.0 : fine / 100'000.0;
}

/// Delay bins: 32 an octave, of the delay in ticks; bin 0 holds delays below one tick. The last bin holds unresolved
/// legs.
inline constexpr int delay_bins_per_octave = 32, delay_octaves = 31;
inline constexpr int delay_bins = 1 + delay_octaves * delay_bins_per_octave + 1;

/// Lower edge of a delay bin in ticks (bin in 0 .. delay_bins - 2).
constexpr double delay_edge(int bin) {
  if (bin <= 0) return 0.0;
  const int octave = (bin - 1) / delay_bins_per_octave, step = (bin - 1) % delay_bins_per_octave;
  return static_cast<double>(1ull << octave) * (1.0 + step / 32.0);
}

/// Shortfalls are summed in units of 2^-24 of the collateral's value.
inline constexpr double shortfall_unit = 1.0 / 16777216.0;

/// What is counted: the sections of a tally, in the order in which they lie in it.
enum class Counted {
  price,
  basis,
  latency,
  spared,
  struck,
  book,
  least,
  delay,
  under,
  under_alone,
  failed,
  hit,
  late,
  breach,
  book_under,
  unresolved,
  non_finite,
  shortfall,
  shortfall_spared,
  shortfall_struck
};

/// How a section is counted.
enum class Kind {
  loss,          ///< histograms of losses in which every path counts once
  loss_of_some,  ///< histograms of losses of few paths
  delay,         ///< histograms of delays in which every path counts once
  counter,       ///< numbers of paths
  sum            ///< of shortfalls over paths, 64-bit from the start; all else fits 32 bits per worker
};
constexpr int bins_of(Kind kind) {
  if (kind == Kind::loss || kind == Kind::loss_of_some) return loss_bins;
  return kind == Kind::delay ? delay_bins : 1;
}
/// Every path counts once: such histograms have an order of their own, for buffers.
constexpr bool is_buffered(Kind kind) { return kind == Kind::loss || kind == Kind::delay; }

/// What the counters of a section go by, a factor each of how many there are. The last ones are 0 or 1: whether there
/// are any.
enum class Extent { one, readings, based, collaterals, routes, layers, portfolio, lowest, breaches, joint, alone };

struct Section {
  Counted what;
  Kind kind;
  Extent by[3];
  const char *name, *long_name;  ///< in a result file (results/README.md)
};

/// All there is to know of every section: the layout below, the lanes' buffers and the datasets of a result file follow
/// from it. A new output is a row here with its enumerator above, and what bumps it in count.h.
inline constexpr Section sections[] = {
    {Counted::price,
     Kind::loss,
     {Extent::readings},
     "loss_price_count",
     "paths by price loss, had seizure taken oracle and one block"},
    {Counted::basis,
     Kind::loss,
     {Extent::based},
     "loss_basis_count",
     "paths by loss of the token with its random basis, had seizure taken oracle and one block"},
    {Counted::latency,
     Kind::loss,
     {Extent::collaterals},
     "loss_latency_count",
     "paths by loss before sale costs, real delays, no failures"},
    {Counted::spared,
     Kind::loss_of_some,
     {Extent::collaterals},
     "loss_spared_count",
     "paths whose layer failed, by loss without that failure"},
    {Counted::struck,
     Kind::loss_of_some,
     {Extent::collaterals},
     "loss_struck_count",
     "paths whose layer failed, by loss before sale costs with it"},
    {Counted::book,
     Kind::loss,
     {Extent::portfolio},
     "loss_book_count",
     "paths by loss of the weighted book after sale costs"},
    {Counted::least,
     Kind::loss,
     {Extent::lowest},
     "loss_least_count",
     "paths by loss of the weighted book's price at its worst grid date"},
    {Counted::delay,
     Kind::delay,
     {Extent::routes},
     "delay_count",
     "paths by delay of the message; the last bin: beyond the horizon"},
    {Counted::under,
     Kind::counter,
     {Extent::collaterals, Extent::collaterals, Extent::joint},
     "under_count",
     "paths on which both are under-collateralised (upper triangle)"},
    {Counted::under_alone,
     Kind::counter,
     {Extent::collaterals, Extent::alone},
     "under_count",
     "paths on which it is under-collateralised"},
    {Counted::failed,
     Kind::counter,
     {Extent::layers, Extent::layers},
     "failed_count",
     "paths on which both layers fail (upper triangle)"},
    {Counted::hit, Kind::counter, {Extent::collaterals}, "hit_count", "paths on which the collateral's layer fails"},
    {Counted::late,
     Kind::counter,
     {Extent::collaterals},
     "late_count",
     "paths on which the collateral is not sold within the horizon"},
    {Counted::breach,
     Kind::counter,
     {Extent::collaterals, Extent::breaches},
     "breach_count",
     "paths on which the price alone lost more than the haircut in force at a grid date up to the sale"},
    {Counted::book_under, Kind::counter, {}, "book_under_count", "paths on which the book is under-collateralised"},
    {Counted::unresolved,
     Kind::counter,
     {},
     "unresolved_count",
     "paths on which a message takes longer than the horizon"},
    {Counted::non_finite, Kind::counter, {}, "non_finite_count", "paths with an outcome that is not a number"},
    {Counted::shortfall,
     Kind::sum,
     {Extent::collaterals},
     "shortfall_sum",
     "shortfall against the policy haircut before sale costs, summed over paths"},
    {Counted::shortfall_spared, Kind::sum, {Extent::collaterals}, "shortfall_spared_sum", "the same without failures"},
    {Counted::shortfall_struck,
     Kind::sum,
     {Extent::collaterals},
     "shortfall_struck_sum",
     "the same over failed paths only, with the failure"},
};
inline constexpr int section_count = sizeof(sections) / sizeof(sections[0]);

/// Rows in the order of the enumerators, sums behind counters.
constexpr bool sections_in_order() {
  for (int i = 0; i < section_count; ++i) {
    if (sections[i].what != Counted(i)) return false;
    if (i > 0 && sections[i - 1].kind == Kind::sum && sections[i].kind != Kind::sum) return false;
  }
  return true;
}
static_assert(sections_in_order());

constexpr const Section& section(Counted what) { return sections[int(what)]; }

/// How much of each there is, and with it where each counter lies: counters and sums in an array each, sections one
/// after the other.
struct TallyLayout {
  std::uint32_t readings, collaterals, routes, layers, portfolio, breaches, lowest;
  std::uint32_t joint;  ///< 1: pairs (i, j) of under-collateralised tokens are counted; 0: each alone
  std::uint32_t based;  ///< collaterals with a random basis

  constexpr bool operator==(const TallyLayout&) const = default;

  constexpr std::uint32_t extent(Extent e) const {
    switch (e) {
      case Extent::readings: return readings;
      case Extent::based: return based;
      case Extent::collaterals: return collaterals;
      case Extent::routes: return routes;
      case Extent::layers: return layers;
      case Extent::portfolio: return portfolio;
      case Extent::lowest: return lowest;
      case Extent::breaches: return breaches;
      case Extent::joint: return joint;
      case Extent::alone: return joint == 0 ? 1 : 0;
      case Extent::one: break;
    }
    return 1;
  }

  /// Takes a section off that kernels of before did not count, with all that is counted together with it; others
  /// stay. What a new output goes by is an extent of its own here, or older results could not say so.
  constexpr void leave_out(const Section& s) {
    for (const Extent by : s.by) {
      if (by == Extent::breaches) breaches = 0;
      if (by == Extent::lowest) lowest = 0;
      if (by == Extent::based) based = 0;
    }
  }

  // Of any section, for those who go through all of them.
  /// Its histograms, or what it has instead of them.
  constexpr std::size_t rows(const Section& s) const { return extent(s.by[0]) * extent(s.by[1]) * extent(s.by[2]); }
  constexpr std::size_t size(const Section& s) const { return rows(s) * std::size_t(bins_of(s.kind)); }
  /// Where it begins in its array.
  constexpr std::size_t begin(const Section& s) const {
    std::size_t at = 0;
    for (const Section& before : sections) {
      if (before.what == s.what) break;
      if ((before.kind == Kind::sum) == (s.kind == Kind::sum)) at += size(before);
    }
    return at;
  }
  constexpr std::size_t counters() const { return total(false); }
  constexpr std::size_t sums() const { return total(true); }
  constexpr std::size_t total(bool of_sums) const {
    std::size_t all = 0;
    for (const Section& s : sections) all += (s.kind == Kind::sum) == of_sums ? size(s) : 0;
    return all;
  }
  /// Histograms in which every path counts once.
  constexpr int histograms() const {
    std::size_t all = 0;
    for (const Section& s : sections) all += is_buffered(s.kind) ? rows(s) : 0;
    return int(all);
  }

  // Of one that is named where it is counted, the same unrolled: a GPU cannot go through a table of the host's, and has
  // no registers to spare for 64-bit offsets.
  template <Counted what>
  constexpr std::uint32_t rows() const {
    constexpr Extent i = sections[int(what)].by[0], j = sections[int(what)].by[1], k = sections[int(what)].by[2];
    return extent(i) * extent(j) * extent(k);
  }
  template <Counted what>
  constexpr std::uint32_t begin() const {
    constexpr int n = int(what);
    if constexpr (n == 0 || (sections[n].kind == Kind::sum) != (sections[n > 0 ? n - 1 : 0].kind == Kind::sum)) {
      return 0;
    } else {
      constexpr std::uint32_t bins = std::uint32_t(bins_of(sections[n - 1].kind));
      return begin<Counted(n - 1)>() + rows<Counted(n - 1)>() * bins;
    }
  }
  /// Where the counter (the histogram) of reading, collateral or route i lies.
  template <Counted what>
  constexpr std::size_t at(int i = 0) const {
    constexpr std::uint32_t bins = std::uint32_t(bins_of(sections[int(what)].kind));
    return begin<what>() + std::uint32_t(i) * bins;
  }
  /// Its place among the histograms in which every path counts once.
  template <Counted what>
  constexpr int order(int i = 0) const {
    static_assert(is_buffered(sections[int(what)].kind));
    return int(buffered_before<int(what)>()) + i;
  }
  template <int n>
  constexpr std::uint32_t buffered_before() const {
    if constexpr (n == 0) {
      return 0;
    } else {
      constexpr std::uint32_t counts = is_buffered(sections[n - 1].kind) ? 1 : 0;
      return buffered_before<n - 1>() + counts * rows<Counted(n - 1)>();
    }
  }

  // histograms, `loss_bins` each
  constexpr std::size_t price(int reading) const { return at<Counted::price>(reading); }
  constexpr std::size_t basis(int i) const { return at<Counted::basis>(i); }  ///< of Plan::based_at[i]
  constexpr std::size_t latency(int k) const { return at<Counted::latency>(k); }
  constexpr std::size_t spared(int k) const { return at<Counted::spared>(k); }
  constexpr std::size_t struck(int k) const { return at<Counted::struck>(k); }
  constexpr std::size_t book() const { return at<Counted::book>(); }
  constexpr std::size_t least() const { return at<Counted::least>(); }
  /// `delay_bins` each
  constexpr std::size_t delay(int route) const { return at<Counted::delay>(route); }
  /// i <= j only; i == j without `joint`
  constexpr std::size_t under(int i, int j) const { return at<Counted::under>(i * int(joint * collaterals) + j); }
  /// layers; i <= j only
  constexpr std::size_t failed(int i, int j) const { return at<Counted::failed>(i * int(layers) + j); }
  constexpr std::size_t hit(int k) const { return at<Counted::hit>(k); }
  constexpr std::size_t late(int k) const { return at<Counted::late>(k); }
  constexpr std::size_t breach(int k) const { return at<Counted::breach>(k); }
  constexpr std::size_t book_under() const { return at<Counted::book_under>(); }
  constexpr std::size_t unresolved() const { return at<Counted::unresolved>(); }
  constexpr std::size_t non_finite() const { return at<Counted::non_finite>(); }
  constexpr std::size_t shortfall(int k) const { return at<Counted::shortfall>(k); }
  constexpr std::size_t shortfall_spared(int k) const { return at<Counted::shortfall_spared>(k); }
  constexpr std::size_t shortfall_struck(int k) const { return at<Counted::shortfall_struck>(k); }
};

static_assert(TallyLayout{limit::readings, limit::collaterals, limit::routes, limit::layers, 1, 1, 1, 1,
                          limit::collaterals}
                  .counters() < 0xffffffffu);

constexpr TallyLayout layout_of(const Plan& plan) {
  return {plan.readings, plan.collaterals, plan.routes, plan.layers, plan.portfolio,
          plan.breaches, plan.lowest,      plan.joint,  plan.based};
}

}  // namespace proofload
