#include "feed/venue.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/rows.h"
#include "base/suggestion.h"

namespace proofload {

const Venue& venue_named(const std::string& name) {
  if (const Venue* venue = row_named(venues, name)) return *venue;
  throw Error(fmt::format("there is no venue {} (haircuts are written in a venue's own units) {}", in_quotes(name),
                          suggestion(name, names_of(venues), "venue")));
}

std::int64_t venue_units(const Venue& venue, double haircut) {
  // 0.0512 * 1e4 is 512.00000000000006: the allowance is a thousand times the rounding of such a product, and 1e-13 of
  // the value; but never a whole unit, which a scale of 1e18 would make of it.
  const double units = haircut * venue.scale, allowance = std::min(1e-13 * venue.scale, 0.5);
  const double whole = venue.rounding == Rounding::up ? std::ceil(units - allowance) : std::floor(units + allowance);
  return static_cast<std::int64_t>(std::clamp(whole, double(venue.least), double(venue.most)));
}

}  // namespace proofload
