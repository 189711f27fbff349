/// cuda.h -- the GPU as the host sees it. cuda.cu implements it; cuda_missing.cpp does in a build without CUDA, and says what is missing.
#pragma once
#include <memory>
#include <string>
#include <vector>

namespace proofload {

class Backend;

struct CudaDevices {
  std::vector<std::string> names;  ///< "NVIDIA H200 (sm_90, 139.8 GiB)"
  std::string note;                ///< why there are none, or the driver and runtime versions
  bool usable() const { return !names.empty(); }
};

CudaDevices cuda_devices();

/// Throws Error when this build has no CUDA or the machine no GPU.
std::unique_ptr<Backend> make_cuda_backend();

}  // namespace proofload
