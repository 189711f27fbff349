// atomics.cu -- how many counters a second a GPU bumps: red.global.add.u32 at random places of arrays of several sizes,
// hot ones too.
//
// The engine's tallies are such counters (kernels/cuda.cu): 404 kB a loss histogram, 1.2 MB for three, 10 MB for the
// multi-chain book. Prints one JSON line; each figure is the median of seven launches, and every launch is checked: no
// count may be lost.
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

constexpr unsigned threads = 256, per_thread = 1024;

void check(cudaError_t status, const char* doing) {
  if (status == cudaSuccess) return;
  std::fprintf(stderr, "atomics: %s failed (%s) look at the driver\n", doing, cudaGetErrorString(status));
  std::exit(2);
}

/// MurmurHash3's finaliser (Appleby): threads start far apart.
__device__ std::uint32_t scatter(std::uint32_t x) {
  x = (x ^ (x >> 16)) * 0x85ebca6bu;
  x = (x ^ (x >> 13)) * 0xc2b2ae35u;
  return x ^ (x >> 16);
}

/// Places from a linear congruential generator: its top bits, scaled to the array, cost three instructions.
__global__ void __launch_bounds__(threads) bump(std::uint32_t* counts, std::uint32_t words) {
  std::uint32_t state = scatter(blockIdx.x * threads + threadIdx.x);
  for (unsigned i = 0; i < per_thread; ++i) {
    state = state * 1664525u + 1013904223u;
    atomicAdd(counts + __umulhi(state, words), 1u);
  }
}

/// Median operations per second over `words` counters.
double rate(std::uint32_t* counts, std::uint32_t words, unsigned blocks) {
  cudaEvent_t begin, end;
  check(cudaEventCreate(&begin), "an event");
  check(cudaEventCreate(&end), "an event");
  const double operations = 1.0 * blocks * threads * per_thread;
  std::vector<std::uint32_t> host(words);
  std::vector<double> rates;
  for (int i = 0; i < 8; ++i) {  // the first warms up
    check(cudaMemset(counts, 0, std::size_t{words} * 4), "clearing");
    check(cudaEventRecord(begin), "an event");
    bump<<<blocks, threads>>>(counts, words);
    check(cudaGetLastError(), "the launch");
    check(cudaEventRecord(end), "an event");
    check(cudaEventSynchronize(end), "the kernel");
    float milliseconds = 0.0f;
    check(cudaEventElapsedTime(&milliseconds, begin, end), "an event");
    check(cudaMemcpy(host.data(), counts, std::size_t{words} * 4, cudaMemcpyDeviceToHost), "copying back");
    double counted = 0.0;
    for (const std::uint32_t c : host) counted += c;
    if (counted != operations) {
      std::fprintf(stderr, "atomics: %.0f counts of %.0f arrived (the GPU lost some) do not trust it\n", counted,
                   operations);
      std::exit(1);
    }
    if (i > 0) rates.push_back(operations / (milliseconds * 1e-3));
  }
  check(cudaEventDestroy(begin), "an event");
  check(cudaEventDestroy(end), "an event");
  std::sort(rates.begin(), rates.end());
  return rates[rates.size() / 2];
}

}  // namespace

int main() {
  cudaDeviceProp device{};
  check(cudaGetDeviceProperties(&device, 0), "finding a GPU");
  const unsigned blocks = 8u * static_cast<unsigned>(device.multiProcessorCount);            // resident at once
  constexpr std::uint32_t sizes[] = {1, 32, 1024, 101'002, 300'000, 2'600'000, 25'000'000};  // counters
  std::uint32_t* counts = nullptr;
  check(cudaMalloc(&counts, std::size_t{sizes[6]} * 4), "allocating");
  std::printf("{\"device\": \"%s\", \"l2_bytes\": %d, \"red_per_s\": {", device.name, device.l2CacheSize);
  for (const std::uint32_t words : sizes) {
    std::printf("%s\"%u\": %.4g", words == sizes[0] ? "" : ", ", words * 4, rate(counts, words, blocks));
    std::fflush(stdout);
  }
  std::printf("}}\n");
  check(cudaFree(counts), "freeing");
  return 0;
}
