// A process in which a library set flush-to-zero: kernels compute as everywhere, and nothing of it is undone.
#include "run/ieee_rounding.h"

#include <gtest/gtest.h>

#include "plan/compile.h"
#include "run/backend.h"
#include "run/replay.h"
#include "tests/kernels/markets.h"

#if defined(__x86_64__)

namespace proofload {
namespace {

constexpr unsigned flush_to_zero = 0x9fc0;  // with denormals-are-zero

struct Flushing {
  unsigned before = _mm_getcsr();
  Flushing() { _mm_setcsr(flush_to_zero); }
  ~Flushing() { _mm_setcsr(before); }
};

TEST(IeeeRounding, LastsAsLongAsItLives) {
  const Flushing flushing;
  volatile float small = 1.5e-38f;
  EXPECT_EQ(small * 0.1f, 0.0f);
  {
    const IeeeRounding rounding;
    EXPECT_GT(small * 0.1f, 0.0f);
  }
  EXPECT_EQ(small * 0.1f, 0.0f);
}

// One thread runs on the caller's, whose arithmetic is not ours to change. (That a kernel has its own while it runs no
// tally can say: none of its numbers is so small.)
TEST(IeeeRounding, IsUndoneByWhoeverRunsAKernel) {
  const Compiled compiled = compile(markets().begin()->second);
  const auto backend = make_backend({"cpu", "auto", 1});
  const Flushing flushing;
  const auto kept = [] { return (_mm_getcsr() & 0xffc0u) == flush_to_zero; };  // flags of what happened may differ
  backend->fingerprint(compiled, 7, {0, 500});
  EXPECT_TRUE(kept());
  route_delays(compiled, 7, {0, 50});
  EXPECT_TRUE(kept());
  replay(compiled, 7, 3);
  EXPECT_TRUE(kept());
}

}  // namespace
}  // namespace proofload

#endif
