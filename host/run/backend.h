/// backend.h -- who counts the paths: CPU lanes or a GPU, behind one interface.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "plan/compiled.h"
#include "run/tally.h"

namespace proofload {

/// Of one caller at a time.
class Backend {
 public:
  virtual ~Backend() = default;
  /// Adds the paths of `range` to `total`. Blocks until done; may be called again and again.
  virtual void run(const Compiled&, std::uint64_t seed, PathRange range, Tally& total) = 0;
  /// Sum over the paths of a hash of every raw delay and proceeds (kernels/fingerprint.h): sees a difference of one
  /// ulp.
  virtual std::uint64_t fingerprint(const Compiled&, std::uint64_t seed, PathRange range) = 0;
  /// Paths of a first run(): few, since a path may cost a microsecond or a second, and nobody can interrupt it.
  virtual std::uint64_t batch() const { return 64; }
  virtual std::string name() const = 0;    ///< "cpu" or "cuda"
  virtual std::string device() const = 0;  ///< "AVX-512, 2 threads", "NVIDIA H200"
  /// Seconds for which the last run() kept a GPU busy, by the GPU's clock: launches and flushes of counters, no copies
  /// to the host.
  virtual std::optional<double> kernel_seconds() const { return {}; }
};

struct BackendOptions {
  std::string backend = "auto", lanes = "auto";  ///< auto|cpu|cuda, auto|scalar|avx2|avx512
  int threads = 0;                               ///< 0: all the process may use
};

/// Cores this process may use, by its affinity and by the quota of its container; lane types this CPU has, scalar
/// first.
int usable_threads();
std::vector<std::string> usable_lanes();

/// Throws Error when what is asked for is not built in, or the machine lacks it.
std::unique_ptr<Backend> make_backend(const BackendOptions&);

}  // namespace proofload
