// cuda.cu -- one thread, one path: simulate() with F = float, counters by integer atomics. Nothing of the model stands here.
#include <cuda_runtime.h>
#include <thrust/device_ptr.h>
#include <thrust/execution_policy.h>
#include <thrust/transform.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "kernels/count.h"
#include "kernels/cuda.h"
#include "kernels/fingerprint.h"
#include "run/backend.h"

namespace proofload {
namespace {

/// Threads of a block, by what its shared memory has room for: large books run too, in smaller blocks.
constexpr unsigned block_threads[] = {256, 128, 64, 32};
constexpr std::uint64_t launch_paths = std::uint64_t{1} << 30;  // what the 32-bit counters can take between two flushes

/// Shared memory of a block, in 32-bit words: the slots of its threads, the tables, and delay histograms if they fit beside them.
struct SharedLayout {
  Sizes at;  // where each member of a Workspace begins
  unsigned threads, tables, delays, words;
  bool delays_shared;
};

SharedLayout shared_layout(const Plan& plan, std::size_t table_words, unsigned threads, std::size_t most_bytes) {
  SharedLayout s{};
  s.threads = threads;
  unsigned at = 0;
  const auto column = [&](unsigned n) {
    const unsigned begin = at;
    at += n * threads;
    return begin;
  };
  const Sizes n = sizes_of(plan);
  s.at = {column(n.time),    column(n.late), column(n.outage), column(n.failure), column(n.price), column(n.late_price),
          column(n.reading), column(n.low),  column(n.factor), column(n.visit),   column(n.order), column(n.condition)};
  s.tables = at;
  at += static_cast<unsigned>(table_words);
  s.delays = at;
  const unsigned delay_words = plan.routes * delay_bins;
  s.delays_shared = (at + delay_words) * std::size_t{4} <= std::min(std::size_t{112} * 1024, most_bytes);  // two blocks
  if (s.delays_shared) at += delay_words;
  s.words = at;
  return s;
}

__device__ Workspace<float> workspace(const SharedLayout& s, std::uint32_t* shared) {
  const unsigned t = threadIdx.x;
  float* reals = reinterpret_cast<float*>(shared);
  return {{shared + s.at.time + t},   {shared + s.at.late + t},  {shared + s.at.outage + t},
          {reals + s.at.failure + t}, {reals + s.at.price + t},  {reals + s.at.late_price + t},
          {reals + s.at.reading + t}, {reals + s.at.low + t},    {reals + s.at.factor + t},
          {shared + s.at.visit + t},  {shared + s.at.order + t}, {reals + s.at.condition + t}};
}

/// The `Counters` of count.h on one GPU thread.
struct Atomics {
  std::uint32_t* counts;
  unsigned long long* sums;
  unsigned long long* lowest_path;
  std::uint32_t* delays;  // in shared memory, or null
  std::size_t delays_at;
  unsigned long long* fingerprint;  // or null
  std::uint64_t path;
  std::uint64_t under_mask;

  __device__ bool any(bool m) const { return m; }
  __device__ void raw(std::uint32_t what, std::uint32_t word) const {
    if (fingerprint != nullptr) atomicAdd(fingerprint, static_cast<unsigned long long>(outcome_hash(path, what, word)));
  }
  __device__ void bin(std::size_t where, int, std::uint32_t b) {
    if (delays != nullptr && where >= delays_at) {
      atomicAdd(delays + (where - delays_at) + b, 1u);
    } else {
      atomicAdd(counts + where + b, 1u);
    }
  }
  __device__ void scatter(std::size_t where, std::uint32_t b, bool m) {
    if (m) atomicAdd(counts + where + b, 1u);
  }
  __device__ void count(std::size_t where, bool m) {
    if (m) atomicAdd(counts + where, 1u);
  }
  __device__ void under(unsigned k, bool m) { under_mask |= static_cast<std::uint64_t>(m) << k; }
  __device__ void sum(std::size_t where, std::uint32_t units, bool m) {
    if (m) atomicAdd(sums + where, static_cast<unsigned long long>(units));
  }
  __device__ void lowest(bool m) {
    if (m) atomicMin(lowest_path, static_cast<unsigned long long>(path));
  }
  /// Counts the pairs of the path's under-collateralised holdings.
  __device__ void pairs(const TallyLayout& layout) {
    for (std::uint64_t rows = under_mask; rows != 0; rows &= rows - 1) {
      const int i = __ffsll(static_cast<long long>(rows)) - 1;
      for (std::uint64_t columns = rows; columns != 0; columns &= columns - 1) {
        atomicAdd(counts + layout.under(i, __ffsll(static_cast<long long>(columns)) - 1), 1u);
        if (layout.joint == 0) break;
      }
    }
    under_mask = 0;
  }
};

/// Blocks that a multiprocessor must hold: two leave 128 registers a thread, which 16 assets with bars and variances do not fit.
template <Process process, int N>
constexpr int resident_blocks = process == Process::bars&& N == 16 ? 1 : 2;

template <Process process, int N>
__global__ void __launch_bounds__(block_threads[0], resident_blocks<process, N>)
    count_paths(const __grid_constant__ Plan plan, const __grid_constant__ Key key,
                const __grid_constant__ SharedLayout where, const Tables tables, unsigned table_words,
                std::uint64_t first, std::uint64_t paths, std::uint32_t* counts, unsigned long long* sums,
                unsigned long long* lowest, unsigned long long* fingerprint) {
  extern __shared__ std::uint32_t shared[];
  float* shared_tables = reinterpret_cast<float*>(shared + where.tables);
  for (unsigned i = threadIdx.x; i < table_words; i += blockDim.x) shared_tables[i] = tables.floats[i];
  const unsigned delay_words = where.delays_shared ? plan.routes * delay_bins : 0;
  for (unsigned i = threadIdx.x; i < delay_words; i += blockDim.x) shared[where.delays + i] = 0;
  __syncthreads();
  Atomics atomics{
      counts,      sums, lowest, where.delays_shared ? shared + where.delays : nullptr, layout_of(plan).delay(0),
      fingerprint, 0,    0};
  Count<float, Atomics> sink(plan, atomics);
  const Workspace<float> work = workspace(where, shared);
  const std::uint64_t stride = std::uint64_t{gridDim.x} * blockDim.x;
  for (std::uint64_t i = std::uint64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < paths; i += stride) {
    atomics.path = first + i;
    simulate<process, N>(plan, {shared_tables, tables.rows}, key, first + i, work, sink);
    atomics.pairs(sink.layout);
  }
  __syncthreads();
  for (unsigned i = threadIdx.x; i < delay_words; i += blockDim.x) {
    if (shared[where.delays + i] != 0) atomicAdd(counts + sink.layout.delay(0) + i, shared[where.delays + i]);
  }
}

void check(cudaError_t status, const char* doing) {
  if (status == cudaSuccess) return;
  throw Error(std::string("the GPU failed while ") + doing + " (" + cudaGetErrorString(status) +
              ") run with --backend cpu, or look at the driver");
}

/// Device memory with an owner.
template <class T>
struct DeviceArray {
  explicit DeviceArray(std::size_t n) : size(n) {
    check(cudaMalloc(&data, std::max<std::size_t>(n, 1) * sizeof(T)), "allocating counters");
    check(cudaMemset(data, 0, std::max<std::size_t>(n, 1) * sizeof(T)), "clearing counters");
  }
  ~DeviceArray() { cudaFree(data); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  T* data = nullptr;
  std::size_t size;
};

/// Time on the GPU's own clock, from here to where seconds() is called, which waits.
class GpuTimer {
 public:
  GpuTimer() {
    check(cudaEventCreate(&begin_), "starting its clock");
    check(cudaEventCreate(&end_), "starting its clock");
    check(cudaEventRecord(begin_), "starting its clock");
  }
  ~GpuTimer() {
    cudaEventDestroy(begin_);
    cudaEventDestroy(end_);
  }
  GpuTimer(const GpuTimer&) = delete;
  GpuTimer& operator=(const GpuTimer&) = delete;
  double seconds() {
    float milliseconds = 0.0f;
    check(cudaEventRecord(end_), "reading its clock");
    check(cudaEventSynchronize(end_), "simulating");
    check(cudaEventElapsedTime(&milliseconds, begin_, end_), "reading its clock");
    return milliseconds * 1e-3;
  }

 private:
  cudaEvent_t begin_ = nullptr, end_ = nullptr;
};

struct AddWide {
  __host__ __device__ std::uint64_t operator()(std::uint32_t part, std::uint64_t total) const { return total + part; }
};

class CudaBackend final : public Backend {
 public:
  explicit CudaBackend(int device) {
    check(cudaSetDevice(device), "choosing the device");
    check(cudaGetDeviceProperties(&properties_, device), "reading its properties");
  }

  void run(const Compiled& compiled, std::uint64_t seed, PathRange range, Tally& total) override {
    with_market(compiled.plan, [&]<Process process, int N>() { count<process, N>(compiled, seed, range, total); });
  }

  std::uint64_t fingerprint(const Compiled& compiled, std::uint64_t seed, PathRange range) override {
    const DeviceArray<unsigned long long> sum(1);
    Tally scratch(layout_of(compiled.plan));
    with_market(compiled.plan,
                [&]<Process process, int N>() { count<process, N>(compiled, seed, range, scratch, sum.data); });
    std::uint64_t result = 0;
    check(cudaMemcpy(&result, sum.data, 8, cudaMemcpyDeviceToHost), "copying the fingerprint back");
    return result;
  }

  std::uint64_t batch() const override { return std::uint64_t{1} << 24; }
  std::string name() const override { return "cuda"; }
  std::string device() const override { return properties_.name; }
  std::optional<double> kernel_seconds() const override { return kernel_seconds_; }

 private:
  /// Tables on the device, and a launch shape that fills it.
  struct Prepared {
    std::unique_ptr<DeviceArray<float>> tables, rows;
    SharedLayout shared;
    unsigned blocks;
  };

  template <class Kernel>
  Prepared prepare(const Compiled& compiled, Kernel kernel) {
    const auto& floats = compiled.tables.floats;
    Prepared p{std::make_unique<DeviceArray<float>>(floats.size()),
               std::make_unique<DeviceArray<float>>(compiled.rows.size()),
               {},
               0};
    check(cudaMemcpy(p.tables->data, floats.data(), floats.size() * sizeof(float), cudaMemcpyHostToDevice),
          "copying tables");
    check(cudaMemcpy(p.rows->data, compiled.rows.data(), compiled.rows.size() * sizeof(float), cudaMemcpyHostToDevice),
          "copying rows");
    // Of the blocks that fit, the one of which most threads are resident; a large book has a few warps a multiprocessor.
    const std::size_t most_bytes = properties_.sharedMemPerBlockOptin - 1024;  // a kernel has a little of its own
    std::size_t least_bytes = 0;
    unsigned most_threads = 0;
    const auto reserve = [&](std::size_t bytes) {
      check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)),
            "reserving shared memory");
    };
    for (const unsigned threads : block_threads) {
      const SharedLayout layout = shared_layout(compiled.plan, floats.size(), threads, most_bytes);
      least_bytes = layout.words * std::size_t{4};
      if (least_bytes > most_bytes) continue;
      reserve(least_bytes);
      int resident = 0;
      check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&resident, kernel, static_cast<int>(threads), least_bytes),
            "planning the launch");
      if (static_cast<unsigned>(resident) * threads <= most_threads) continue;
      most_threads = static_cast<unsigned>(resident) * threads;
      p.shared = layout;
      p.blocks = static_cast<unsigned>(resident * properties_.multiProcessorCount);
    }
    if (most_threads == 0) {
      throw Error("the scenario needs " + std::to_string(least_bytes / 1024) +
                  " KiB of shared memory a block (more than this GPU has) run it with --backend cpu, or split it");
    }
    reserve(p.shared.words * std::size_t{4});
    return p;
  }

  template <Process process, int N>
  void count(const Compiled& compiled, std::uint64_t seed, PathRange range, Tally& total,
             unsigned long long* fingerprint = nullptr) {
    const Prepared p = prepare(compiled, count_paths<process, N>);
    const DeviceArray<std::uint32_t> counts(total.counts.size());
    const DeviceArray<std::uint64_t> wide(total.counts.size());
    const DeviceArray<unsigned long long> sums(total.sums.size());
    const DeviceArray<unsigned long long> lowest(1);
    check(cudaMemset(lowest.data, 0xff, sizeof(unsigned long long)), "clearing counters");
    GpuTimer timer;
    for (std::uint64_t done = 0; done < range.count; done += launch_paths) {
      const std::uint64_t paths = std::min(launch_paths, range.count - done);
      count_paths<process, N><<<p.blocks, p.shared.threads, p.shared.words * 4u>>>(
          compiled.plan, make_key(seed), p.shared, Tables{p.tables->data, p.rows->data},
          static_cast<unsigned>(p.tables->size), range.first + done, paths, counts.data, sums.data, lowest.data,
          fingerprint);
      check(cudaGetLastError(), "starting the simulation");
      const auto from = thrust::device_pointer_cast(counts.data);
      const auto to = thrust::device_pointer_cast(wide.data);
      thrust::transform(thrust::device, from, from + static_cast<std::ptrdiff_t>(counts.size), to, to, AddWide{});
      check(cudaMemset(counts.data, 0, counts.size * sizeof(std::uint32_t)), "clearing counters");
    }
    kernel_seconds_ = timer.seconds();
    std::vector<std::uint64_t> host(counts.size), host_sums(std::max<std::size_t>(1, sums.size));
    std::uint64_t host_lowest = 0;
    check(cudaMemcpy(host.data(), wide.data, host.size() * 8, cudaMemcpyDeviceToHost), "copying counters back");
    check(cudaMemcpy(host_sums.data(), sums.data, sums.size * 8, cudaMemcpyDeviceToHost), "copying sums back");
    check(cudaMemcpy(&host_lowest, lowest.data, 8, cudaMemcpyDeviceToHost), "copying counters back");
    for (std::size_t i = 0; i < host.size(); ++i) total.counts[i] += host[i];
    for (std::size_t i = 0; i < sums.size; ++i) total.sums[i] += host_sums[i];
    total.lowest_non_finite = std::min(total.lowest_non_finite, host_lowest);
    total.paths += range.count;
  }

  cudaDeviceProp properties_{};
  std::optional<double> kernel_seconds_;
};

}  // namespace

CudaDevices cuda_devices() {
  CudaDevices found;
  int runtime = 0, driver = 0, count = 0;
  cudaRuntimeGetVersion(&runtime);
  cudaDriverGetVersion(&driver);
  const auto version = [](int v) { return std::to_string(v / 1000) + "." + std::to_string(v % 1000 / 10); };
  found.note = "runtime " + version(runtime) + ", driver " + (driver == 0 ? std::string("not found") : version(driver));
  if (cudaGetDeviceCount(&count) != cudaSuccess) {
    cudaGetLastError();  // a machine without a GPU is no error
    return found;
  }
  for (int d = 0; d < count; ++d) {
    cudaDeviceProp p{};
    if (cudaGetDeviceProperties(&p, d) != cudaSuccess) continue;
    if (p.major < 8) {
      found.note += std::string(", ") + p.name + " is older than sm_80 and not used";
      continue;
    }
    char text[400];
    std::snprintf(text, sizeof text, "%s (sm_%d%d, %.1f GiB, %d multiprocessors)", p.name, p.major, p.minor,
                  static_cast<double>(p.totalGlobalMem) / (1024.0 * 1024.0 * 1024.0), p.multiProcessorCount);
    found.names.emplace_back(text);
  }
  return found;
}

std::unique_ptr<Backend> make_cuda_backend() {
  const CudaDevices devices = cuda_devices();
  if (!devices.usable()) {
    throw Error("--backend cuda (this machine has no usable GPU: " + devices.note +
                ") use --backend cpu, or install a driver");
  }
  return std::make_unique<CudaBackend>(0);
}

}  // namespace proofload
