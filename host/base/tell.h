/// tell.h -- what is said to people beside the answer, on standard error.
#pragma once
#include <string_view>

namespace proofload {

/// The text as it is, at once. Nothing depends on whether it could be said: a full log disk or a closed standard error
/// ends no run.
void tell(std::string_view text);

}  // namespace proofload
