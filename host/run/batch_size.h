/// batch_size.h -- how many paths a backend is given at a time: so few that one can stop it, so many that its time goes
/// into paths.
#pragma once
#include <cstdint>

namespace proofload {

/// Half a second of them. A batch may cost more than its paths, though (counters of a large book, once for each age of
/// a haircut in force): then it has to grow, however long it takes, or a run would be made of nothing but that. What it
/// is that costs, two batches of different sizes say.
class BatchSize {
 public:
  explicit BatchSize(std::uint64_t first) : next_(first) {}
  std::uint64_t next() const { return next_; }
  /// What the batch that ended now had, and took.
  void took(std::uint64_t paths, double seconds);

 private:
  std::uint64_t next_, least_ = 1;
  bool known_ = false;  ///< that paths are what costs
  std::uint64_t done_ = 0, previous_ = 0;
  double elapsed_ = 0.0, before_ = 0.0;  ///< seconds: of all, and of the previous batch
};

}  // namespace proofload
