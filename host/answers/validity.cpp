#include "answers/validity.h"

#include <fmt/format.h>

#include <cmath>
#include <ctime>

#include "base/words.h"
#include "input/times.h"

namespace proofload {

Validity validity_of(const Scenario& scenario) {
  Validity v{scenario.market.last_price, {}};
  const VarianceSpec& variance = scenario.market.variance;
  const bool forecast = !variance.forecast.empty() && !scenario.stress.replay;
  const double good = scenario.run.in_force > 0.0 ? scenario.run.in_force : forecast ? variance.bar : 0.0;
  if (v.last_price && good > 0.0) v.until = *v.last_price + static_cast<std::int64_t>(std::floor(good));
  return v;
}

std::string validity_text(const Scenario& scenario, std::int64_t now) {
  const Validity v = validity_of(scenario);
  const double in_force = scenario.run.in_force;
  const std::string time = in_force > 0.0 ? fmt::format("for {} in force", duration_text(in_force)) : "";
  if (!v.last_price)
    return (time.empty() ? "" : time + "; ") +
           "no price file is behind it (market.last_price), so that no date ends it";
  const std::string prices = fmt::format("prices to {}", time_text(*v.last_price));
  if (!v.until) return prices + "; no time in force, so that no date ends it";
  return fmt::format("{}, {}: until {}{}", prices, time.empty() ? "for calls until the next forecast" : time,
                     time_text(*v.until), v.is_over(now) ? fmt::format(", which is past at {}", time_text(now)) : "");
}

std::int64_t seconds_now() { return static_cast<std::int64_t>(std::time(nullptr)); }

}  // namespace proofload
