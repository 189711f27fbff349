/// cuda_backend.h -- the GPU as a Backend, and as `doctor` describes it.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "run/backend.h"

namespace proofload {

struct CudaDevices {
  std::vector<std::string> names;  ///< "NVIDIA H200 (sm_90, 139.8 GiB, 132 multiprocessors)"; the first is used
  std::string note;                ///< why there are none, or the driver and runtime versions
  bool usable() const { return !names.empty(); }
};

CudaDevices cuda_devices();

/// Throws Error when this build has no CUDA, the machine no GPU, or the GPU does not let us in.
std::unique_ptr<Backend> make_cuda_backend();

}  // namespace proofload
