// cuda_missing.cpp -- stands in for cuda.cu in a build without CUDA: callers need no #ifdef, users get a reason.
#include "kernels/cuda.h"

namespace proofload {
namespace {

constexpr const char* missing = "this build of proofload has no CUDA";
constexpr CudaFailure nothing_to_run_on = {"looking for one", missing, 0};

}  // namespace

CudaSystem cuda_system() {
  CudaSystem system;
  system.missing = missing;
  return system;
}

CudaFailure cuda_device(int, CudaDevice&) { return nothing_to_run_on; }

CudaFailure cuda_open(const CudaDevice&) { return nothing_to_run_on; }

CudaFailure cuda_run(const CudaDevice&, const Plan&, const CudaTables&, const Key&, std::uint64_t, std::uint64_t,
                     CudaCounts&) {
  return nothing_to_run_on;
}

}  // namespace proofload
