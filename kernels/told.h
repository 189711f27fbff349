/// told.h -- the words that a path tells of itself besides what is counted: for fingerprints, and for those who look at
/// a single path (cpu.h).
///
/// They depend on the path alone, never on the other paths of its pack.
#pragma once
#include <cstdint>

#include "kernels/plan.h"

namespace proofload {

enum class Told {
  stage,   ///< ticks of a term
  delay,   ///< ticks of a route's message, without stalls
  price,   ///< bits of a reading's price over the price at the call
  based,   ///< the same times a token's random basis
  spared,  ///< bits of a collateral's proceeds without failures
  actual,  ///< and as they are
  hit,     ///< 1: its layer failed
  breach,  ///< 1: a grid date up to its sale had a price loss beyond the policy haircut
  least,   ///< bits of the book's least price over the grid dates
  book,    ///< bits of the book's proceeds after sale costs
  told_ends
};

/// How many of each there can be.
struct ToldWords {
  Told what;
  int most;
};
inline constexpr ToldWords told_words[] = {
    {Told::stage, limit::terms},
    {Told::delay, limit::routes},
    {Told::price, limit::readings},
    {Told::based, limit::collaterals},
    {Told::spared, limit::collaterals},
    {Told::actual, limit::collaterals},
    {Told::hit, limit::collaterals},
    {Told::breach, limit::collaterals},
    {Told::least, 1},
    {Told::book, 1},
};

/// The number of the first word of each; of `told_ends`: how many there are.
constexpr std::uint32_t first_told(Told what) {
  std::uint32_t first = 0;
  for (int i = 0; i < int(what); ++i) first += std::uint32_t(told_words[i].most);
  return first;
}
/// The number of a word, which tells it apart from the others of its path.
template <Told what>
constexpr std::uint32_t told(unsigned i = 0) {
  constexpr std::uint32_t first = first_told(what);
  return first + i;
}

constexpr bool told_in_order() {
  int n = 0;
  for (const ToldWords& words : told_words) {
    if (words.what != Told(n++)) return false;
  }
  return n == int(Told::told_ends);
}
static_assert(told_in_order());

}  // namespace proofload
