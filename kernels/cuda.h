/// cuda.h -- the GPU as the host sees it; what fails comes back as a value. cuda.cu implements it; cuda_missing.cpp
/// does in a build without CUDA, and says what is missing.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/philox.h"
#include "kernels/plan.h"

namespace proofload {

/// What failed, if anything did.
struct CudaFailure {
  const char* doing = nullptr;    ///< "allocating counters"; null: nothing failed
  const char* because = nullptr;  ///< in the driver's words
  std::size_t shared_needed = 0;  ///< not 0: bytes for the smallest block, more than the GPU has
  explicit operator bool() const { return doing != nullptr; }
};

/// What can be known without touching a GPU.
struct CudaSystem {
  const char* missing = nullptr;  ///< why this build can use no GPU; null: it can
  int runtime = 0, driver = 0;    ///< versions, 13000 for 13.0; driver 0: none was found
  int devices = 0;                ///< however old they are
};
CudaSystem cuda_system();

/// One of them.
struct CudaDevice {
  int index = 0;
  char name[256] = "";
  int major = 0, minor = 0;  ///< 9, 0 for sm_90
  std::uint64_t memory = 0;  ///< bytes
  int multiprocessors = 0;
  std::size_t shared_memory = 0;  ///< the most bytes that a block may have
};
CudaFailure cuda_device(int index, CudaDevice&);

/// Kernels are compiled for nothing older than sm_80.
constexpr bool usable(const CudaDevice& device) { return device.major >= 8; }

/// Whether it lets this process in, has memory left, and takes the code of this build.
CudaFailure cuda_open(const CudaDevice&);

/// Tables on the host, and how many floats they hold.
struct CudaTables {
  Tables at;
  std::size_t floats, rows;
};

/// What the paths of one call come to; the host owns the memory, and may read it when nothing failed.
struct CudaCounts {
  std::uint64_t* counts;  ///< TallyLayout::counters()
  std::uint64_t* sums;    ///< TallyLayout::sums()
  std::uint64_t lowest_non_finite;
  std::uint64_t* fingerprint;  ///< sum of the outcomes' hashes (fingerprint.h); null: not wanted
  double seconds;  ///< for which the GPU was busy, by its own clock: launches and flushes of counters, no copies
};
CudaFailure cuda_run(const CudaDevice&, const Plan&, const CudaTables&, const Key&, std::uint64_t first,
                     std::uint64_t count, CudaCounts&);

}  // namespace proofload
