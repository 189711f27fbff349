// cuda_missing.cpp -- stands in for cuda.cu in a build without CUDA: callers need no #ifdef, users get a reason.
#include "kernels/cuda.h"
#include "run/backend.h"

namespace proofload {

CudaDevices cuda_devices() {
  return {{}, "this build has no CUDA: install the CUDA Toolkit 12.4 or later and build again"};
}

std::unique_ptr<Backend> make_cuda_backend() {
  throw Error(
      "--backend cuda (this build of proofload has no CUDA) install the CUDA Toolkit 12.4 or later and build again, or "
      "use --backend cpu");
}

}  // namespace proofload
