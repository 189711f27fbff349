// cuda.cu -- one thread, one path: simulate() with F = float, counters by integer atomics. The model is elsewhere.
#include <cuda_runtime.h>
#include <thrust/device_ptr.h>
#include <thrust/execution_policy.h>
#include <thrust/system_error.h>
#include <thrust/transform.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>

#include "kernels/count.h"
#include "kernels/cuda.h"
#include "kernels/fingerprint.h"

namespace proofload {
namespace {

/// Threads of a block, by what its shared memory has room for: large books run too, in smaller blocks.
constexpr unsigned block_threads[] = {256, 128, 64, 32};
/// What the 32-bit counters can take between two flushes.
constexpr std::uint64_t launch_paths = std::uint64_t{1} << 30;

/// Shared memory of a block, in 32-bit words: the slots of its threads, the tables, and delay histograms if they fit.
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

/// Blocks that a multiprocessor must hold: two leave 128 registers a thread, too few for bars of 16 assets.
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

/// Calls of the runtime, one after another until one fails: `calls.went("clearing counters", cudaMemset(...)) && ...`
struct Calls {
  CudaFailure failure;

  /// The runtime must forget a failure: the call may have done no harm, and the next run would take it for its own.
  bool went(const char* doing, cudaError_t status) {
    if (status == cudaSuccess) return true;
    cudaGetLastError();
    failure = {doing, cudaGetErrorString(status), 0};
    return false;
  }
};

/// Device memory with an owner.
template <class T>
struct DeviceArray {
  DeviceArray() = default;
  ~DeviceArray() { cudaFree(data); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  cudaError_t allocate(std::size_t n) {
    size = n;
    return cudaMalloc(&data, std::max<std::size_t>(n, 1) * sizeof(T));
  }
  cudaError_t allocate_filled(std::size_t n, int byte) {
    const cudaError_t allocated = allocate(n);
    return allocated == cudaSuccess ? fill(byte) : allocated;
  }
  cudaError_t fill(int byte) { return size == 0 ? cudaSuccess : cudaMemset(data, byte, size * sizeof(T)); }
  cudaError_t write(const void* from) {
    return size == 0 ? cudaSuccess : cudaMemcpy(data, from, size * sizeof(T), cudaMemcpyHostToDevice);
  }
  cudaError_t read(void* to) const {
    return size == 0 ? cudaSuccess : cudaMemcpy(to, data, size * sizeof(T), cudaMemcpyDeviceToHost);
  }

  T* data = nullptr;
  std::size_t size = 0;
};

/// A moment on the GPU's own clock.
class Event {
 public:
  Event() = default;
  ~Event() {
    if (event_ != nullptr) cudaEventDestroy(event_);
  }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  cudaError_t record() {
    const cudaError_t made = event_ == nullptr ? cudaEventCreate(&event_) : cudaSuccess;
    return made == cudaSuccess ? cudaEventRecord(event_) : made;
  }
  cudaError_t wait() const { return cudaEventSynchronize(event_); }
  cudaError_t seconds_since(const Event& begin, double& seconds) const {
    float milliseconds = 0.0f;
    const cudaError_t status = cudaEventElapsedTime(&milliseconds, begin.event_, event_);
    seconds = milliseconds * 1e-3;
    return status;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

struct AddWide {
  __host__ __device__ std::uint64_t operator()(std::uint32_t part, std::uint64_t total) const { return total + part; }
};

/// Adds the 32-bit counters to the 64-bit ones, and begins again at 0.
cudaError_t flush(DeviceArray<std::uint32_t>& counts, DeviceArray<std::uint64_t>& wide) {
  try {
    const auto from = thrust::device_pointer_cast(counts.data);
    const auto to = thrust::device_pointer_cast(wide.data);
    thrust::transform(thrust::device, from, from + static_cast<std::ptrdiff_t>(counts.size), to, to, AddWide{});
  } catch (const thrust::system_error& e) { return static_cast<cudaError_t>(e.code().value()); }
  return counts.fill(0);
}

/// A launch shape that fills the device.
struct LaunchShape {
  SharedLayout shared;
  unsigned blocks;
};

template <class Kernel>
bool shape_launch(const CudaDevice& device, const Plan& plan, std::size_t table_words, Kernel kernel, Calls& calls,
                  LaunchShape& shape) {
  const auto reserve = [&](std::size_t bytes) {
    return calls.went("reserving shared memory",
                      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, int(bytes)));
  };
  // The number of resident blocks is counted as if all memory that can be shared were: the driver must not guess less.
  if (!calls.went("reserving shared memory",
                  cudaFuncSetAttribute(kernel, cudaFuncAttributePreferredSharedMemoryCarveout,
                                       cudaSharedmemCarveoutMaxShared))) {
    return false;
  }
  // Of the blocks that fit, the one of which most threads are resident; a large book has a few warps a multiprocessor.
  std::size_t least_bytes = 0;
  unsigned most_threads = 0;
  for (const unsigned threads : block_threads) {
    const SharedLayout layout = shared_layout(plan, table_words, threads, device.shared_memory);
    least_bytes = layout.words * std::size_t{4};
    if (least_bytes > device.shared_memory) continue;
    int resident = 0;
    if (!reserve(least_bytes) ||
        !calls.went("planning the launch",
                    cudaOccupancyMaxActiveBlocksPerMultiprocessor(&resident, kernel, int(threads), least_bytes))) {
      return false;
    }
    if (unsigned(resident) * threads <= most_threads) continue;
    most_threads = unsigned(resident) * threads;
    shape = {layout, unsigned(resident * device.multiprocessors)};
  }
  if (most_threads == 0) {
    calls.failure = {"planning the launch", "more shared memory than this GPU has", least_bytes};
    return false;
  }
  return reserve(shape.shared.words * std::size_t{4});
}

template <Process process, int N>
CudaFailure run_market(const CudaDevice& device, const Plan& plan, const CudaTables& from, const Key& key,
                       std::uint64_t first, std::uint64_t count, CudaCounts& to) {
  Calls calls;
  LaunchShape shape{};
  if (!shape_launch(device, plan, from.floats, count_paths<process, N>, calls, shape)) return calls.failure;

  const TallyLayout layout = layout_of(plan);
  DeviceArray<float> floats, rows;
  DeviceArray<std::uint32_t> counts;
  DeviceArray<std::uint64_t> wide;
  DeviceArray<unsigned long long> sums, lowest, fingerprint;
  if (!(calls.went("allocating tables", floats.allocate(from.floats)) &&
        calls.went("allocating tables", rows.allocate(from.rows)) &&
        calls.went("copying tables", floats.write(from.at.floats)) &&
        calls.went("copying tables", rows.write(from.at.rows)) &&
        calls.went("allocating counters", counts.allocate_filled(layout.counters(), 0)) &&
        calls.went("allocating counters", wide.allocate_filled(layout.counters(), 0)) &&
        calls.went("allocating counters", sums.allocate_filled(layout.sums(), 0)) &&
        calls.went("allocating counters", lowest.allocate_filled(1, 0xff)) &&
        calls.went("allocating counters", fingerprint.allocate_filled(1, 0)))) {
    return calls.failure;
  }

  Event begin, end;
  if (!calls.went("starting its clock", begin.record())) return calls.failure;
  for (std::uint64_t done = 0; done < count; done += launch_paths) {
    count_paths<process, N><<<shape.blocks, shape.shared.threads, shape.shared.words * 4u>>>(
        plan, key, shape.shared, Tables{floats.data, rows.data}, static_cast<unsigned>(floats.size), first + done,
        std::min(launch_paths, count - done), counts.data, sums.data, lowest.data,
        to.fingerprint != nullptr ? fingerprint.data : nullptr);
    if (!calls.went("starting the simulation", cudaGetLastError()) ||
        !calls.went("adding up counters", flush(counts, wide))) {
      return calls.failure;
    }
  }
  calls.went("reading its clock", end.record()) && calls.went("simulating", end.wait()) &&
      calls.went("reading its clock", end.seconds_since(begin, to.seconds)) &&
      calls.went("copying counters back", wide.read(to.counts)) &&
      calls.went("copying sums back", sums.read(to.sums)) &&
      calls.went("copying counters back", lowest.read(&to.lowest_non_finite)) &&
      (to.fingerprint == nullptr || calls.went("copying the fingerprint back", fingerprint.read(to.fingerprint)));
  return calls.failure;
}

}  // namespace

CudaSystem cuda_system() {
  CudaSystem system;
  cudaRuntimeGetVersion(&system.runtime);
  cudaDriverGetVersion(&system.driver);
  if (cudaGetDeviceCount(&system.devices) != cudaSuccess) system.devices = 0;
  cudaGetLastError();  // a machine without a GPU is no error
  return system;
}

CudaFailure cuda_device(int index, CudaDevice& device) {
  Calls calls;
  cudaDeviceProp p{};
  if (!calls.went("reading its properties", cudaGetDeviceProperties(&p, index))) return calls.failure;
  device.index = index;
  std::snprintf(device.name, sizeof device.name, "%s", p.name);
  device.major = p.major;
  device.minor = p.minor;
  device.memory = p.totalGlobalMem;
  device.multiprocessors = p.multiProcessorCount;
  device.shared_memory = p.sharedMemPerBlockOptin;
  return {};
}

CudaFailure cuda_open(const CudaDevice& device) {
  Calls calls;
  cudaFuncAttributes loaded{};
  calls.went("opening the device", cudaSetDevice(device.index)) &&
      calls.went("loading the simulation", cudaFuncGetAttributes(&loaded, count_paths<Process::diffusion, 4>));
  return calls.failure;
}

CudaFailure cuda_run(const CudaDevice& device, const Plan& plan, const CudaTables& tables, const Key& key,
                     std::uint64_t first, std::uint64_t count, CudaCounts& counts) {
  Calls calls;
  if (!calls.went("choosing the device", cudaSetDevice(device.index))) return calls.failure;
  return with_market(plan, [&]<Process process, int N>() {
    return run_market<process, N>(device, plan, tables, key, first, count, counts);
  });
}

}  // namespace proofload
