/// ieee_rounding.h -- the arithmetic that kernels are written for, whatever else is in the process.
#pragma once
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace proofload {

/// A library built with -ffast-math sets flush-to-zero for the whole process: who runs a kernel has the IEEE default as
/// long as this lives.
class IeeeRounding {
#if defined(__x86_64__)
 public:
  IeeeRounding() { _mm_setcsr(0x1f80); }
  ~IeeeRounding() { _mm_setcsr(before_); }
  IeeeRounding(const IeeeRounding&) = delete;
  IeeeRounding& operator=(const IeeeRounding&) = delete;

 private:
  unsigned before_ = _mm_getcsr();
#endif
};

}  // namespace proofload
