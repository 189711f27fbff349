// fake_cuda.cpp -- as much of the CUDA runtime as our host code uses. Kernels are what translate.py made of their PTX;
// a launch runs its blocks one after another, and the threads of a block as fibers that take turns at barriers. Refuses
// what a driver refuses: too much shared memory, more threads than the kernel was made for, too many parameters.
//
// PTX_KERNELS=k=a.so:l=b.so   translated kernels by mangled name; of two with one name the later counts
// PTX_ORDER=forward           which thread and block comes first: forward, backward, or a seed for any order
// PTX_COVERAGE=FILE           basic blocks, a line each: kernel, line of the PTX, instructions, how often it was run
#include "fake_cuda.h"

#include <cuda_runtime_api.h>
#include <dlfcn.h>
#include <ucontext.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <set>
#include <sstream>
#include <utility>

#include "machine.h"

std::vector<Range> device_memory;

namespace fake_cuda {

std::uint64_t violations = 0;
std::vector<int> devices = {90};
std::size_t shared_memory_of_block = 227 * 1024, shared_memory_launched = 0;
int calls_before_failure = -1;
std::string failing_call;

namespace {

constexpr int multiprocessors = 3;
constexpr std::size_t default_shared_memory = 48 * 1024, reserved_shared_memory = 1024;
constexpr std::size_t most_parameter_bytes = 32'764, stack_bytes = 192 * 1024;

cudaError_t last = cudaSuccess;
int current = 0;
std::set<cudaEvent_t> events;
std::map<const void*, std::size_t> shared_allowed;

std::string variable(const char* name, const char* otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? text : otherwise;
}

cudaError_t failed(cudaError_t e) { return last = e; }

/// The failure that a test has planned for this call.
cudaError_t planned(const char* call) {
  if (calls_before_failure-- == 0) return failed(cudaErrorMemoryAllocation);
  if (failing_call != call) return cudaSuccess;
  failing_call.clear();
  return failed(cudaErrorDevicesUnavailable);
}

// ---- kernels

std::map<std::string, const Kernel*> load_kernels() {
  std::map<std::string, const Kernel*> all;
  std::istringstream entries(variable("PTX_KERNELS", ""));
  for (std::string entry; std::getline(entries, entry, ':');) {
    const std::size_t equals = entry.find('=');
    void* library = dlopen(entry.substr(equals + 1).c_str(), RTLD_NOW | RTLD_LOCAL);
    auto* kernel = library == nullptr ? nullptr : static_cast<Kernel*>(dlsym(library, "ptx_kernel"));
    if (kernel == nullptr) {
      std::fprintf(stderr, "fake_cuda: %s\n", dlerror());
      std::exit(2);
    }
    const auto known = all.insert_or_assign(entry.substr(0, equals), kernel).first;
    kernel->name = known->first.c_str();
  }
  return all;
}

/// Asked for before main(), and before the globals of this file are made.
const std::map<std::string, const Kernel*>& kernels() {
  static const std::map<std::string, const Kernel*> all = load_kernels();
  return all;
}

/// By the address that stands for it in the host's code.
std::map<const void*, const Kernel*>& registered() {
  static std::map<const void*, const Kernel*> all;
  return all;
}

const Kernel* find(const void* function) {
  const auto found = registered().find(function);
  return found == registered().end() || devices[std::size_t(current)] < 80 ? nullptr : found->second;
}

struct WriteCoverage {
  WriteCoverage() { kernels(); }  // which must outlive it
  ~WriteCoverage() {
    const std::string file = variable("PTX_COVERAGE", "");
    if (file.empty()) return;
    std::ofstream out(file);
    for (const auto& [name, k] : kernels()) {
      for (u32 b = 0; b < k->blocks; ++b)
        out << name << ' ' << k->lines[b] << ' ' << k->counts[b] << ' ' << k->covered[b] << '\n';
    }
  }
} const write_coverage;

// ---- fibers

struct Fiber {
  ucontext_t context;
  Ctx c;
  int waits = 0;  ///< the PTX line of its barrier
  bool done = false;
};
struct Team {
  ucontext_t scheduler;
  std::vector<Fiber> fibers;
  std::unique_ptr<char[]> stacks;
  const Kernel* kernel;
  Fiber* now;
} team;

void start() {
  team.kernel->run(team.now->c);
  team.now->done = true;
  swapcontext(&team.now->context, &team.scheduler);
}

std::vector<unsigned> order_of(unsigned n, unsigned salt) {
  static const std::string how = variable("PTX_ORDER", "forward");
  std::vector<unsigned> order(n);
  std::iota(order.begin(), order.end(), 0u);
  if (how == "backward") {
    std::reverse(order.begin(), order.end());
  } else if (how != "forward") {
    std::shuffle(order.begin(), order.end(), std::mt19937(unsigned(std::atoi(how.c_str())) + 7919 * salt));
  }
  return order;
}

void run_block(const Kernel& kernel, const Ctx& form, unsigned threads) {
  team.kernel = &kernel;
  if (team.fibers.size() < threads) {
    team.fibers = std::vector<Fiber>(threads);
    team.stacks = std::make_unique_for_overwrite<char[]>(threads * stack_bytes);
  }
  for (unsigned t = 0; t < threads; ++t) {
    Fiber& f = team.fibers[t];
    f.c = form;
    f.c.tid = t;
    f.done = false;
    getcontext(&f.context);
    f.context.uc_stack.ss_sp = team.stacks.get() + t * stack_bytes;
    f.context.uc_stack.ss_size = stack_bytes;
    f.context.uc_link = nullptr;
    makecontext(&f.context, start, 0);
  }
  for (unsigned phase = 1;; ++phase) {
    int alive = 0, line = 0;
    for (const unsigned t : order_of(threads, phase)) {
      Fiber& f = team.fibers[t];
      if (f.done) continue;
      f.c.epoch = form.epoch + phase;
      team.now = &f;
      swapcontext(&team.scheduler, &f.context);
      if (f.done) continue;
      ++alive;
      if (line != 0 && line != f.waits) violation(f.c, "threads of a block wait at different barriers", 0, f.waits);
      line = f.waits;
    }
    if (alive == 0) return;
  }
}

cudaError_t launch(const void* function, dim3 grid, dim3 block, void** arguments, std::size_t shared) {
  const Kernel* kernel = find(function);
  if (kernel == nullptr) return failed(cudaErrorNoKernelImageForDevice);
  const bool flat = grid.x > 0 && block.x > 0 && grid.y * grid.z * block.y * block.z == 1;
  if (!flat || int(block.x) > kernel->max_threads) return failed(cudaErrorInvalidConfiguration);
  const std::size_t allowed = std::max(default_shared_memory, shared_allowed[function]);
  if (shared > std::min(allowed, shared_memory_of_block) || kernel->param_size > most_parameter_bytes)
    return failed(cudaErrorInvalidValue);
  shared_memory_launched = std::max(shared_memory_launched, shared);
  std::vector<u64> parameters(kernel->param_size / 8 + 2, 0xa5a5a5a5a5a5a5a5ull);
  for (int i = 0; i < kernel->params; ++i) {
    const auto [at, size] = kernel->param[i];
    std::memcpy(reinterpret_cast<char*>(parameters.data()) + at, arguments[i], size);
  }
  std::vector<u64> memory((SHARED_BASE + shared) / 8 + 2);
  std::vector<Shadow> shadow(shared / 4 + 1);
  Ctx c{reinterpret_cast<u64>(parameters.data()),
        kernel->param_size,
        0,
        block.x,
        0,
        grid.x,
        reinterpret_cast<u8*>(memory.data()),
        static_cast<u32>(SHARED_BASE + shared),
        0,
        shadow.data(),
        kernel->name};
  for (const unsigned b : order_of(grid.x, 0)) {
    std::fill(memory.begin(), memory.end(), 0xc7c7c7c7c7c7c7c7ull);  // what another block left behind
    std::fill(shadow.begin(), shadow.end(), Shadow{});
    c.ctaid = b;
    run_block(*kernel, c, block.x);
  }
  return cudaSuccess;
}

bool on_device(const void* p, std::size_t n) {
  const u64 at = reinterpret_cast<u64>(p);
  return std::any_of(device_memory.begin(), device_memory.end(),
                     [&](const Range& r) { return at >= r.first && at + n <= r.last; });
}

double milliseconds_now() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::milli>(now).count();
}

}  // namespace

std::size_t alive() { return device_memory.size() + events.size(); }

}  // namespace fake_cuda

void violation(const Ctx& c, const char* what, u64 address, int line) {
  if (++fake_cuda::violations > 20) return;
  std::fprintf(stderr, "violation: %s: address %llu, block %u, thread %u, PTX line %d, %.120s\n", what,
               static_cast<unsigned long long>(address), c.ctaid, c.tid, line, c.kernel);
}

void barrier(Ctx&, int line) {
  auto* me = fake_cuda::team.now;
  me->waits = line;
  swapcontext(&me->context, &fake_cuda::team.scheduler);
}

using namespace fake_cuda;

extern "C" {

// ---- what nvcc's host code calls

void** __cudaRegisterFatBinary(void*) {
  static void* handle = nullptr;
  return &handle;
}
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}
void __cudaRegisterVar(void**, char*, char*, const char*, int, size_t, int, int) {}
void __cudaRegisterFunction(void**, const char* host, char*, const char* name, int, uint3*, uint3*, dim3*, dim3*,
                            int*) {
  const auto found = kernels().find(name);
  if (found != kernels().end()) registered()[host] = found->second;
}

namespace {
struct {
  dim3 grid, block;
  std::size_t shared;
  cudaStream_t stream;
} configured;
}  // namespace

unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared, CUstream_st* stream) {
  configured = {grid, block, shared, stream};
  return 0;
}
cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, size_t* shared, void* stream) {
  *grid = configured.grid;
  *block = configured.block;
  *shared = configured.shared;
  *static_cast<cudaStream_t*>(stream) = configured.stream;
  return cudaSuccess;
}
cudaError_t __cudaGetKernel(cudaKernel_t* kernel, const void* host) {
  *kernel = reinterpret_cast<cudaKernel_t>(const_cast<void*>(host));
  return cudaSuccess;
}
cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void** arguments, size_t shared,
                               cudaStream_t) {
  const cudaError_t e = planned("launch");
  return e != cudaSuccess ? e : launch(kernel, grid, block, arguments, shared);
}
cudaError_t cudaLaunchKernel(const void* host, dim3 grid, dim3 block, void** arguments, size_t shared, cudaStream_t) {
  const cudaError_t e = planned("launch");
  return e != cudaSuccess ? e : launch(host, grid, block, arguments, shared);
}

// ---- memory

cudaError_t cudaMalloc(void** to, size_t bytes) {
  if (const cudaError_t e = planned("cudaMalloc"); e != cudaSuccess) return e;
  *to = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  std::memset(*to, 0xcd, bytes);
  device_memory.push_back({reinterpret_cast<u64>(*to), reinterpret_cast<u64>(*to) + bytes});
  return cudaSuccess;
}
cudaError_t cudaFree(void* p) {
  if (p == nullptr) return cudaSuccess;
  const auto at = std::find_if(device_memory.begin(), device_memory.end(),
                               [&](const Range& r) { return r.first == reinterpret_cast<u64>(p); });
  if (at == device_memory.end()) return failed(cudaErrorInvalidValue);
  device_memory.erase(at);
  std::free(p);
  return cudaSuccess;
}
/// Stricter than the runtime, which lets nothing be copied from nowhere.
cudaError_t cudaMemcpy(void* to, const void* from, size_t n, cudaMemcpyKind kind) {
  if (const cudaError_t e = planned("cudaMemcpy"); e != cudaSuccess) return e;
  const bool up = kind == cudaMemcpyHostToDevice && on_device(to, n) && !on_device(from, n);
  const bool down = kind == cudaMemcpyDeviceToHost && on_device(from, n) && !on_device(to, n);
  if (to == nullptr || from == nullptr || n == 0 || !(up || down)) return failed(cudaErrorInvalidValue);
  std::memcpy(to, from, n);
  return cudaSuccess;
}
cudaError_t cudaMemset(void* p, int byte, size_t n) {
  if (const cudaError_t e = planned("cudaMemset"); e != cudaSuccess) return e;
  if (!on_device(p, n)) return failed(cudaErrorInvalidValue);
  std::memset(p, byte, n);
  return cudaSuccess;
}

// ---- devices

cudaError_t cudaGetDeviceCount(int* n) {
  if (const cudaError_t e = planned("cudaGetDeviceCount"); e != cudaSuccess) return e;
  *n = int(devices.size());
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int d) {
  if (const cudaError_t e = planned("cudaSetDevice"); e != cudaSuccess) return e;
  if (d < 0 || d >= int(devices.size())) return failed(cudaErrorInvalidDevice);
  current = d;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* d) {
  *d = current;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int d) {
  if (const cudaError_t e = planned("cudaGetDeviceProperties"); e != cudaSuccess) return e;
  *p = {};
  std::snprintf(p->name, sizeof p->name, "fake sm_%d", devices[std::size_t(d)]);
  p->major = devices[std::size_t(d)] / 10;
  p->minor = devices[std::size_t(d)] % 10;
  p->totalGlobalMem = std::size_t{8} << 30;
  p->multiProcessorCount = multiprocessors;
  p->sharedMemPerBlockOptin = shared_memory_of_block;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr a, int d) {
  const std::map<cudaDeviceAttr, int> known = {
      {cudaDevAttrComputeCapabilityMajor, devices[std::size_t(d)] / 10},
      {cudaDevAttrComputeCapabilityMinor, devices[std::size_t(d)] % 10},
      {cudaDevAttrMultiProcessorCount, multiprocessors},
      {cudaDevAttrMaxSharedMemoryPerBlock, int(default_shared_memory)},
      {cudaDevAttrMaxSharedMemoryPerBlockOptin, int(shared_memory_of_block)},
      {cudaDevAttrMaxGridDimX, 2147483647},
  };
  const auto found = known.find(a);
  if (found == known.end()) return failed(cudaErrorInvalidValue);
  *value = found->second;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* v) {
  *v = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* v) {
  *v = CUDART_VERSION;
  return cudaSuccess;
}

// ---- functions

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* a, const void* function) {
  if (const cudaError_t e = planned("cudaFuncGetAttributes"); e != cudaSuccess) return e;
  *a = {};
  a->ptxVersion = a->binaryVersion = devices[std::size_t(current)];
  a->maxThreadsPerBlock = 1024;
  return find(function) == nullptr && registered().count(function) != 0 ? failed(cudaErrorNoKernelImageForDevice)
                                                                        : cudaSuccess;
}
cudaError_t cudaFuncSetAttribute(const void* function, cudaFuncAttribute a, int value) {
  if (const cudaError_t e = planned("cudaFuncSetAttribute"); e != cudaSuccess) return e;
  if (find(function) == nullptr) return failed(cudaErrorNoKernelImageForDevice);
  if (a == cudaFuncAttributePreferredSharedMemoryCarveout && value >= -1 && value <= 100) return cudaSuccess;
  if (a != cudaFuncAttributeMaxDynamicSharedMemorySize || value < 0 || std::size_t(value) > shared_memory_of_block)
    return failed(cudaErrorInvalidValue);
  shared_allowed[function] = std::size_t(value);
  return cudaSuccess;
}
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, const void* function, int threads,
                                                                   size_t shared, unsigned) {
  if (const cudaError_t e = planned("occupancy"); e != cudaSuccess) return e;
  const Kernel* k = find(function);
  if (k == nullptr) return failed(cudaErrorNoKernelImageForDevice);
  const std::size_t registers = k->min_blocks == 1 ? 255 : 128, of_multiprocessor = shared_memory_of_block + 1024;
  *blocks = int(std::min({std::size_t{32}, std::size_t(2048 / threads), 65536 / (registers * std::size_t(threads)),
                          of_multiprocessor / (shared + reserved_shared_memory)}));
  return cudaSuccess;
}

// ---- errors, streams, events

cudaError_t cudaGetLastError() { return std::exchange(last, cudaSuccess); }
cudaError_t cudaPeekAtLastError() { return last; }
const char* cudaGetErrorString(cudaError_t e) { return e == cudaSuccess ? "no error" : "an error of the fake runtime"; }
const char* cudaGetErrorName(cudaError_t e) { return cudaGetErrorString(e); }
cudaError_t cudaStreamSynchronize(cudaStream_t) { return planned("cudaStreamSynchronize"); }
cudaError_t cudaEventCreate(cudaEvent_t* e) {
  if (const cudaError_t f = planned("cudaEventCreate"); f != cudaSuccess) return f;
  *e = reinterpret_cast<cudaEvent_t>(new double(0.0));
  events.insert(*e);
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t e) {
  if (events.erase(e) == 0) return failed(cudaErrorInvalidValue);
  delete reinterpret_cast<double*>(e);
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t) {
  if (const cudaError_t f = planned("cudaEventRecord"); f != cudaSuccess) return f;
  *reinterpret_cast<double*>(e) = milliseconds_now();
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t) { return planned("cudaEventSynchronize"); }
cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t begin, cudaEvent_t end) {
  if (const cudaError_t f = planned("cudaEventElapsedTime"); f != cudaSuccess) return f;
  *ms = static_cast<float>(*reinterpret_cast<double*>(end) - *reinterpret_cast<double*>(begin));
  return cudaSuccess;
}
}
