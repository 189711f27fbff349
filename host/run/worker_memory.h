/// worker_memory.h -- memory for one thread of CPU lanes (kernels/cpu.h), and how what it counted leaves it.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <vector>

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
  std::uint64_t paths = 0;  ///< that were counted
  Worker worker() { return {counts.data, sums.data, buffer.data, planes.data, ~std::uint64_t{0}, nullptr}; }
};

/// Adds n counters to others and leaves them 0; they hold `all` counts at most. A short run hits few of a histogram's
/// bins: lines that it did not hit are passed by, and beyond the last count nothing is looked at.
inline void drain(std::uint32_t* from, std::uint64_t* to, std::size_t n, std::uint64_t all) {
  constexpr std::size_t line = 64;
  static constexpr std::uint32_t zeros[line] = {};
  for (std::size_t i = 0; i < n && all > 0;) {
    const std::size_t end = std::min(n, i + line);
    if (std::equal(from + i, from + end, zeros)) {  // the library's memcmp, as wide as the machine
      i = end;
      continue;
    }
    for (; i < end; ++i) {
      to[i] += from[i];
      all -= from[i];
      from[i] = 0;
    }
  }
}

/// The same of a worker's counters first .. last - 1, whatever they are.
inline void drain(WorkerMemory& from, const TallyLayout& layout, std::size_t first, std::size_t last,
                  std::vector<std::uint64_t>& to) {
  for (const Section& s : sections) {
    if (s.kind == Kind::sum || (s.kind == Kind::loss_of_some && layout.layers == 0)) continue;  // nothing has failed
    const bool histograms = is_buffered(s.kind);  // every path counts once in each
    const std::size_t size = histograms ? static_cast<std::size_t>(bins_of(s.kind)) : layout.size(s);
    std::size_t at = layout.begin(s);
    for (const std::size_t after = at + layout.size(s); at < after; at += size) {
      const std::size_t begin = std::max(first, at), end = std::min(last, at + size);
      if (begin >= end) continue;
      drain(from.counts.data + begin, to.data() + begin, end - begin, histograms ? from.paths : ~std::uint64_t{0});
    }
  }
}

}  // namespace proofload
