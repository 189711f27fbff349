/// memories.h -- a variance that remembers: exponentially weighted averages of squared returns, with one memory or
/// many.
#pragma once
#include <vector>

namespace proofload {

struct Memory {
  double time, weight;  ///< bars until 1 / e is left; weights sum to 1
};

/// RiskMetrics 2006 (Zumbach 2007): memories from `shortest` bars to 512 days, each sqrt(2) times the one before, with
/// weights that fall with the logarithm of the memory, to zero at 1560 days. Nothing is estimated. `day`: bars of one.
std::vector<Memory> long_memories(double shortest, double day);

class Averages {
 public:
  /// `tilt`: falls count 1 + tilt times, rises 1 - tilt times.
  explicit Averages(const std::vector<Memory>&, double tilt = 0.0);
  void add(double log_return);  ///< of the next bar; NaN: unknown, and left out
  double deviation() const;     ///< of a bar's log return; 0 before the first

 private:
  std::vector<Memory> memories_;
  double tilt_;
  std::vector<double> keep_, sums_, norms_;
};

}  // namespace proofload
