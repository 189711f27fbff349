#include "run/batch_size.h"

#include <algorithm>
#include <cmath>

namespace proofload {

void BatchSize::took(std::uint64_t paths, double seconds) {
  constexpr double wanted_seconds = 0.5;
  constexpr double flat = 0.3;  // a batch's time grows by less than this, over that of its paths: they are not the cost
  constexpr std::uint64_t granule = 65536, most_growth = 16, flat_growth = 4;
  const bool warm = done_ > 0;  // the first batch has to fetch its memory as well
  if (!known_ && previous_ > 0 && std::max(paths, previous_) >= 2 * std::min(paths, previous_)) {
    const bool more = paths > previous_;
    const double growth = more ? double(paths) / double(previous_) : double(previous_) / double(paths);
    const double slower = more ? seconds / std::max(before_, 1e-9) : before_ / std::max(seconds, 1e-9);
    if (slower - 1.0 < flat * (growth - 1.0)) {
      least_ = flat_growth * std::max(paths, previous_);
    } else {
      known_ = true;
    }
  }
  previous_ = warm ? paths : 0;
  before_ = seconds;
  done_ += paths;
  elapsed_ += seconds;
  const double rate = static_cast<double>(done_) / std::max(elapsed_, 1e-6);
  next_ = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(std::min(rate * wanted_seconds, 1e9)), 1,
                                    most_growth * next_);
  next_ = std::max(next_, least_);
  if (!known_ && previous_ > 0 && next_ < 2 * previous_ && 2 * next_ > previous_)
    next_ = previous_ > 1 ? previous_ / 2 : 2;
  if (next_ > granule) next_ = next_ / granule * granule;
}

}  // namespace proofload
