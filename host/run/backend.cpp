#include "run/backend.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <new>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/parallel.h"
#include "base/tell.h"
#include "base/words.h"
#include "kernels/cpu.h"
#include "run/cuda_backend.h"
#include "run/ieee_rounding.h"
#include "run/quota.h"
#include "run/worker_memory.h"

namespace proofload {
namespace {

struct AlignedFloats {
  explicit AlignedFloats(const std::vector<float>& from)
      : data(static_cast<float*>(
            ::operator new (std::max<std::size_t>(from.size(), 16) * sizeof(float), std::align_val_t{64}))) {
    std::copy(from.begin(), from.end(), data);
  }
  ~AlignedFloats() { ::operator delete (data, std::align_val_t{64}); }
  AlignedFloats(const AlignedFloats&) = delete;
  AlignedFloats& operator=(const AlignedFloats&) = delete;
  float* data;
};

/// Chunks of a range of paths, taken by whoever is free.
class Chunks {
 public:
  explicit Chunks(PathRange range) : range_(range), next_(range.first / chunk_paths) {}
  /// The next chunk, empty when there is none left.
  PathRange take() {
    const std::uint64_t chunk = next_.fetch_add(1), end = range_.first + range_.count;
    if (chunk * chunk_paths >= end) return {};
    const std::uint64_t first = std::max(chunk * chunk_paths, range_.first);
    return {first, std::min((chunk + 1) * chunk_paths, end) - first};
  }
  /// Nobody gets another one: something went wrong.
  void stop() { next_ = (range_.first + range_.count) / chunk_paths + 1; }

 private:
  PathRange range_;
  std::atomic<std::uint64_t> next_;
};

class CpuBackend final : public Backend {
 public:
  CpuBackend(const Lanes& lanes, int threads) : lanes_(lanes), threads_(threads) {}

  void run(const Compiled& compiled, std::uint64_t seed, PathRange range, Tally& total) override {
    constexpr std::uint64_t most = std::uint64_t{1} << 31;  // what a worker's 32-bit counters can take
    for (std::uint64_t done = 0; done < range.count; done += most) {
      run_part(compiled, seed, {range.first + done, std::min(most, range.count - done)}, total);
    }
  }

  std::uint64_t fingerprint(const Compiled& compiled, std::uint64_t seed, PathRange range) override {
    Tally scratch;  // without counters: nobody wants the counts
    scratch.layout = layout_of(compiled.plan);
    std::uint64_t sum = 0;
    run_part(compiled, seed, range, scratch, &sum);
    return sum;
  }

  std::string name() const override { return "cpu"; }
  std::string device() const override {
    return fmt::format("{} lanes of {}, {}", lanes_.name, counted(lanes_.width, "path"),
                       counted(static_cast<std::uint64_t>(threads_), "thread"));
  }

 private:
  void run_part(const Compiled& compiled, std::uint64_t seed, PathRange range, Tally& total,
                std::uint64_t* fingerprint = nullptr) {
    const AlignedFloats floats(compiled.tables.floats);
    const Tables tables{floats.data, compiled.lane_rows()};
    const Key key = make_key(seed);
    const TallyLayout& layout = total.layout;
    const int threads = fitting_threads(layout);
    std::vector<std::unique_ptr<WorkerMemory>> memory;  // ours until all has gone well: what is kept is all 0
    if (kept_layout_ == layout) memory.swap(kept_);
    memory.resize(static_cast<std::size_t>(threads));
    std::vector<std::uint64_t> lowest(memory.size(), ~std::uint64_t{0}), hashes(memory.size(), 0);
    Chunks chunks(range);
    on_threads(threads, [&](int t) {
      [[maybe_unused]] const IeeeRounding rounding{};
      PathRange c = chunks.take();
      if (c.count == 0) return;
      try {
        auto& mine = memory[static_cast<std::size_t>(t)];
        if (!mine) mine = std::make_unique<WorkerMemory>(layout);  // on the thread that will use it
        Listener listener{};
        Worker worker = mine->worker();
        if (fingerprint != nullptr) worker.listener = &listener;
        for (; c.count != 0; c = chunks.take()) {
          lanes_.run(compiled.plan, tables, key, c.first, static_cast<std::uint32_t>(c.count), worker);
          mine->paths += c.count;
        }
        lowest[static_cast<std::size_t>(t)] = worker.lowest_non_finite;
        hashes[static_cast<std::size_t>(t)] = listener.fingerprint;
      } catch (...) {
        chunks.stop();
        throw;
      }
    });
    if (fingerprint != nullptr) {
      for (const std::uint64_t h : hashes) *fingerprint += h;
      return;  // nobody wants the counts
    }
    // Merging is a sum over millions of counters for every worker: each thread takes a share of the counters.
    on_threads(threads, [&](int t) {
      const std::size_t n = total.counts.size(), share = n / static_cast<std::size_t>(threads) + 1;
      const std::size_t first = std::min(n, static_cast<std::size_t>(t) * share), last = std::min(n, first + share);
      for (const auto& part : memory) {
        if (part) drain(*part, layout, first, last, total.counts);
      }
    });
    for (std::size_t t = 0; t < memory.size(); ++t) {
      total.lowest_non_finite = std::min(total.lowest_non_finite, lowest[t]);
      if (!memory[t]) continue;
      for (std::size_t i = 0; i < total.sums.size(); ++i) total.sums[i] += std::exchange(memory[t]->sums.data[i], 0);
      memory[t]->paths = 0;
    }
    if (WorkerMemory::size(layout) * static_cast<std::uint64_t>(threads) < small) {
      kept_.swap(memory);
      kept_layout_ = layout;
    }
    total.paths += range.count;
  }

  /// As many threads as have room for their counters in what a container leaves us: beyond it a process is not told
  /// that there is no memory, but killed.
  int fitting_threads(const TallyLayout& layout) {
    const std::uint64_t each = WorkerMemory::size(layout);
    if (each * static_cast<std::uint64_t>(threads_) < small) return threads_;
    const auto left = memory_left();
    const int fitting = threads_with_room(threads_, each, left);
    if (fitting == threads_) return threads_;
    if (fitting == 0) {
      throw Error(fmt::format("the counters of one thread take {} MiB ({} MiB are left to this process) use fewer "
                              "collaterals, or give it more memory",
                              each >> 20, *left >> 20),
                  Cause::machine);
    }
    if (!std::exchange(said_, true))
      tell(
          fmt::format("running on {} of {} threads: the counters of each take {} MiB, and {} MiB are left to this "
                      "process\n",
                      fitting, threads_, each >> 20, *left >> 20));
    return fitting;
  }
  static constexpr std::uint64_t small = std::uint64_t{64} << 20;

  const Lanes& lanes_;
  int threads_;
  bool said_ = false;
  /// Of the last run: a run of a millisecond would spend it on zeroing counters.
  std::vector<std::unique_ptr<WorkerMemory>> kept_;
  TallyLayout kept_layout_{};
};

bool has_avx2() {
#ifdef PROOFLOAD_PACKS
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return false;
#endif
}

bool has_avx512() {
#ifdef PROOFLOAD_PACKS
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#else
  return false;
#endif
}

const Lanes& pick_lanes(const std::string& wanted) {
#ifdef PROOFLOAD_PACKS
  if (wanted == "avx512" || (wanted == "auto" && has_avx512())) {
    if (!has_avx512()) throw Error("--lanes avx512 (this CPU has no AVX-512) use --lanes auto");
    return avx512::lanes;
  }
  if (wanted == "avx2" || (wanted == "auto" && has_avx2())) {
    if (!has_avx2()) throw Error("--lanes avx2 (this CPU has no AVX2 with FMA) use --lanes auto");
    return avx2::lanes;
  }
#endif
  if (wanted == "auto" || wanted == "scalar") return scalar::lanes;
  throw Error(fmt::format("--lanes {} (this build has no such lanes, or the CPU) use auto or one of {}", wanted,
                          fmt::join(usable_lanes(), ", ")));
}

}  // namespace

int usable_threads() {
  int cores = static_cast<int>(std::thread::hardware_concurrency());
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) cores = CPU_COUNT(&set);
  // more threads than a quota of CPU time has room for are stopped in the middle of their work
  if (const auto quota = quota_of_process().cores) cores = static_cast<int>(std::min<double>(cores, std::ceil(*quota)));
  return std::max(1, cores);
}

std::vector<std::string> usable_lanes() {
  std::vector<std::string> names{"scalar"};
  if (has_avx2()) names.emplace_back("avx2");
  if (has_avx512()) names.emplace_back("avx512");
  return names;
}

std::unique_ptr<Backend> make_backend(const BackendOptions& options) {
  if (options.threads < 0 || options.threads > 4096) {
    throw Error(
        fmt::format("--threads {} (a thread count is 1 to 4096) leave it out to use every core", options.threads));
  }
  if (options.backend == "cuda") return make_cuda_backend();
  if (options.backend != "auto" && options.backend != "cpu") {
    throw Error(fmt::format("--backend {} (no such backend) use auto, cpu or cuda", options.backend));
  }
  if (options.backend == "auto" && options.lanes == "auto" && options.threads == 0 && cuda_devices().usable()) {
    try {
      return make_cuda_backend();
    } catch (const Error& e) { tell(fmt::format("running on the CPU: {}\n", e.what())); }
  }
  return std::make_unique<CpuBackend>(pick_lanes(options.lanes),
                                      options.threads == 0 ? usable_threads() : options.threads);
}

}  // namespace proofload
