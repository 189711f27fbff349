/// version.h -- which program this is.
#pragma once
#include <string>

namespace proofload {

std::string engine_version();  ///< "proofload X.Y.Z"
std::string engine_commit();   ///< of the checkout it was built from, "-dirty" with changes; "unknown" outside of one

}  // namespace proofload
