#include "run/results.h"

namespace proofload {

Results::Results() = default;
Results::Results(const Results&) = default;
Results::Results(Results&&) noexcept = default;
Results& Results::operator=(const Results&) = default;
Results& Results::operator=(Results&&) noexcept = default;
Results::~Results() = default;

}  // namespace proofload
