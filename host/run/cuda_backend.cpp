#include "run/cuda_backend.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/cuda.h"

namespace proofload {
namespace {

constexpr const char* get_cuda = "install the CUDA Toolkit 12.4 or later and build again";

/// The devices that can be used, and what is to be said of the others.
struct Found {
  std::vector<CudaDevice> devices;
  std::string note;
};

Found look() {
  const CudaSystem system = cuda_system();
  if (system.missing != nullptr) return {{}, fmt::format("{}: {}", system.missing, get_cuda)};
  const auto version = [](int v) { return fmt::format("{}.{}", v / 1000, v % 1000 / 10); };
  Found found{{},
              fmt::format("runtime {}, driver {}", version(system.runtime),
                          system.driver == 0 ? "not found" : version(system.driver))};
  for (int d = 0; d < system.devices; ++d) {
    CudaDevice device;
    if (cuda_device(d, device)) continue;
    if (usable(device)) {
      found.devices.push_back(device);
    } else {
      found.note += fmt::format(", {} is older than sm_80 and not used", device.name);
    }
  }
  return found;
}

void check(const CudaFailure& failure) {
  if (!failure) return;
  if (failure.shared_needed != 0) {
    throw Error(
        fmt::format("the scenario needs {} KiB of shared memory a block ({}) run it with --backend cpu, or split it",
                    failure.shared_needed / 1024, failure.because));
  }
  throw Error(fmt::format("the GPU failed while {} ({}) run with --backend cpu, or look at the driver", failure.doing,
                          failure.because));
}

class CudaBackend final : public Backend {
 public:
  explicit CudaBackend(const CudaDevice& device) : device_(device) { check(cuda_open(device_)); }

  void run(const Compiled& compiled, std::uint64_t seed, PathRange range, Tally& total) override {
    Tally part(layout_of(compiled.plan));
    kernel_seconds_ = count(compiled, seed, range, part, nullptr);
    total += part;
  }

  std::uint64_t fingerprint(const Compiled& compiled, std::uint64_t seed, PathRange range) override {
    Tally unwanted(layout_of(compiled.plan));
    std::uint64_t sum = 0;
    kernel_seconds_ = count(compiled, seed, range, unwanted, &sum);
    return sum;
  }

  /// A quarter of a second of a large book; an ordinary one keeps the GPU busy for a few milliseconds all the same.
  /// A thread for every path that an H200 holds at once, or a part of them: 132 multiprocessors of up to 2048.
  std::uint64_t batch() const override { return std::uint64_t{1} << 17; }
  std::string name() const override { return "cuda"; }
  std::string device() const override { return device_.name; }
  std::optional<double> kernel_seconds() const override { return kernel_seconds_; }

 private:
  /// Counts into an empty tally; the seconds for which the GPU was busy.
  double count(const Compiled& compiled, std::uint64_t seed, PathRange range, Tally& tally,
               std::uint64_t* fingerprint) const {
    const std::vector<float>&floats = compiled.tables.floats, &rows = compiled.rows;
    CudaCounts counts{tally.counts.data(), tally.sums.data(), tally.lowest_non_finite, fingerprint, 0.0};
    check(cuda_run(device_, compiled.plan, {{floats.data(), rows.data()}, floats.size(), rows.size()}, make_key(seed),
                   range.first, range.count, counts));
    tally.lowest_non_finite = counts.lowest_non_finite;
    tally.paths = range.count;
    return counts.seconds;
  }

  CudaDevice device_;
  std::optional<double> kernel_seconds_;
};

}  // namespace

CudaDevices cuda_devices() {
  const Found found = look();
  CudaDevices said{{}, found.note};
  for (const CudaDevice& d : found.devices) {
    said.names.push_back(fmt::format("{} (sm_{}{}, {:.1f} GiB, {} multiprocessors)", d.name, d.major, d.minor,
                                     double(d.memory) / (1024.0 * 1024.0 * 1024.0), d.multiprocessors));
  }
  return said;
}

std::unique_ptr<Backend> make_cuda_backend() {
  if (const char* missing = cuda_system().missing; missing != nullptr)
    throw Error(fmt::format("--backend cuda ({}) {}, or use --backend cpu", missing, get_cuda));
  const Found found = look();
  if (found.devices.empty()) {
    throw Error(fmt::format(
        "--backend cuda (this machine has no usable GPU: {}) use --backend cpu, or install a driver", found.note));
  }
  return std::make_unique<CudaBackend>(found.devices.front());
}

}  // namespace proofload
