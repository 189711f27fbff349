#include "base/version.h"

#ifndef PROOFLOAD_COMMIT
#define PROOFLOAD_COMMIT "unknown"
#endif

namespace proofload {

std::string engine_version() { return "proofload " PROOFLOAD_VERSION; }
std::string engine_commit() { return PROOFLOAD_COMMIT; }

}  // namespace proofload
