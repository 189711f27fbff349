// available.cpp -- which tables of functions this CPU can run; compiled without their flags.
#include "tests/kernels/functions.h"

namespace proofload {

namespace scalar {
extern const testing::Functions functions;
}
namespace avx2 {
extern const testing::Functions functions;
}
namespace avx512 {
extern const testing::Functions functions;
}

namespace testing {

std::vector<const Functions*> functions() {
  std::vector<const Functions*> found = {&scalar::functions};
#ifdef PROOFLOAD_PACKS
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (avx2) found.push_back(&avx2::functions);
  if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    found.push_back(&avx512::functions);
  }
#endif
  return found;
}

}  // namespace testing
}  // namespace proofload
