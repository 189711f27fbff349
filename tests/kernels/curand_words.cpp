// curand_words.cpp -- cuRAND's Philox4x32-10, compiled for the host. Apart from Random123: both define a global
// mulhilo32.
#define QUALIFIERS static inline __host__ __device__
#include <cuda_runtime.h>
#include <curand_kernel.h>

#include <cstdint>

namespace proofload::testing {

/// The stateless function.
void curand_words(const std::uint32_t (&counter)[4], const std::uint32_t (&key)[2], std::uint32_t (&out)[4]) {
  const uint4 c = {counter[0], counter[1], counter[2], counter[3]};
  const uint2 k = {key[0], key[1]};
  const uint4 w = curand_Philox4x32_10(c, k);
  out[0] = w.x, out[1] = w.y, out[2] = w.z, out[3] = w.w;
}

/// The first four words of the generator with this seed, subsequence and offset.
void curand_generator(std::uint64_t seed, std::uint64_t subsequence, std::uint64_t offset, std::uint32_t (&out)[4]) {
  curandStatePhilox4_32_10_t state;
  curand_init(seed, subsequence, offset, &state);
  const uint4 w = curand4(&state);
  out[0] = w.x, out[1] = w.y, out[2] = w.z, out[3] = w.w;
}

}  // namespace proofload::testing
