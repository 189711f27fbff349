/// worker_memory.h -- memory for one thread of CPU lanes (kernels/cpu.h).
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "kernels/cpu.h"

namespace proofload {

/// Calloc'd so that the pages of counters that nothing hits are never touched before they are merged.
template <class T>
struct Zeroed {
  explicit Zeroed(std::size_t n) : data(static_cast<T*>(std::calloc(std::max<std::size_t>(n, 1), sizeof(T)))) {
    if (data == nullptr) throw std::bad_alloc();
  }
  ~Zeroed() { std::free(data); }
  Zeroed(const Zeroed&) = delete;
  Zeroed& operator=(const Zeroed&) = delete;
  T* data;
};

/// What a Worker counts into.
struct WorkerMemory {
  explicit WorkerMemory(const TallyLayout& l)
      : counts(l.counters()),
        sums(l.sums()),
        buffer(std::size_t(l.histograms()) * buffer_row),
        planes(std::size_t(l.collaterals) * (chunk_paths / 64)) {}
  /// Bytes of one.
  static std::uint64_t size(const TallyLayout& l) {
    return 4 * (std::uint64_t(l.counters()) + std::uint64_t(l.histograms()) * buffer_row) +
           8 * std::uint64_t(l.sums()) + 8 * std::uint64_t(l.collaterals) * (chunk_paths / 64);
  }
  Zeroed<std::uint32_t> counts;
  Zeroed<std::uint64_t> sums;
  Zeroed<std::uint32_t> buffer;
  Zeroed<std::uint64_t> planes;
  Worker worker() { return {counts.data, sums.data, buffer.data, planes.data, ~std::uint64_t{0}, nullptr}; }
};

}  // namespace proofload
