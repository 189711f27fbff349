/// venue.h -- the engines that haircuts are exported to, a row each: what they call the number, in which integers, how
/// it is rounded.
#pragma once
#include <cstdint>
#include <string>

namespace proofload {

/// The side on which a fraction becomes an integer of the venue.
enum class Rounding { up, down };

struct Venue {
  const char* name;          ///< as --venue takes it
  const char* field;         ///< of the file that is written
  const char* unit;          ///< for people
  double scale;              ///< units of 1
  Rounding rounding;         ///< such that collateral never counts for more than 1 - the upper bound
  std::int64_t least, most;  ///< what the field may hold: values beyond are clamped
};

inline constexpr Venue venues[] = {
    {"generic", "haircut_bps", "basis points of the collateral's value", 1e4, Rounding::up, 0, 10'000},
};

/// Throws Error when there is no venue of that name.
const Venue& venue_named(const std::string& name);

/// A haircut in the venue's integers, on the venue's side of it: a product that is whole but for the rounding of a
/// double counts as whole.
std::int64_t venue_units(const Venue&, double haircut);

}  // namespace proofload
