// cpu.cpp -- packs of paths on one CPU thread. Built once per ISA with PROOFLOAD_ISA = scalar, avx2 or avx512.
#include "kernels/cpu.h"

#include <cstring>

#include "kernels/count.h"
#include "kernels/fingerprint.h"
#include "kernels/pack.h"

namespace proofload::PROOFLOAD_ISA {
namespace {

using Real = F;  // this ISA's
using Word = lane<Real>::U;
using Mask = lane<Real>::M;
constexpr unsigned width = lane<Real>::width;
constexpr std::uint32_t all_lanes = 0xffffffffu >> (32 - width);

/// Bins go to buffers, a histogram a row, and are counted row by row: one histogram at a time stays in L2.
struct Buffered {
  Worker& worker;
  std::uint64_t path = 0;            // of lane 0
  std::uint32_t active = all_lanes;  // lanes inside the range
  unsigned filled = 0;               // paths buffered so far
  unsigned lane0 = 0;                // of this pack, within the chunk

  explicit Buffered(Worker& w) : worker(w) {}

  PROOFLOAD_FN bool any(Mask m) const { return (mask_bits(m) & active) != 0; }
  PROOFLOAD_FN void bin(std::size_t, int order, Word bins) {
    std::uint32_t* row = worker.buffer + static_cast<std::size_t>(order) * buffer_row + filled;
    if (active == all_lanes) {
      store(row, bins);
    } else {
      for (unsigned i = 0; i < width; ++i) {
        if ((active >> i & 1u) != 0) *row++ = get(bins, static_cast<int>(i));
      }
    }
  }
  PROOFLOAD_FN void scatter(std::size_t where, Word bins, Mask m) {
    const std::uint32_t lanes = mask_bits(m) & active;
    for (unsigned i = 0; i < width; ++i) {
      if ((lanes >> i & 1u) != 0) ++worker.counts[where + get(bins, static_cast<int>(i))];
    }
  }
  PROOFLOAD_FN void count(std::size_t where, Mask m) {
    worker.counts[where] += static_cast<std::uint32_t>(__builtin_popcount(mask_bits(m) & active));
  }
  PROOFLOAD_FN void under(unsigned k, Mask m) {
    const std::uint64_t lanes = mask_bits(m) & active;
    worker.planes[k * (chunk_paths / 64) + lane0 / 64] |= lanes << (lane0 % 64);
  }
  PROOFLOAD_FN void sum(std::size_t where, Word units, Mask m) {
    const std::uint32_t lanes = mask_bits(m) & active;
    for (unsigned i = 0; i < width; ++i) {
      if ((lanes >> i & 1u) != 0) worker.sums[where] += get(units, static_cast<int>(i));
    }
  }
  PROOFLOAD_FN void raw(std::uint32_t what, Word word) {
    if (worker.listener != nullptr) [[unlikely]]
      tell(what, word);
  }
  __attribute__((noinline)) void tell(std::uint32_t what, Word word) {
    Listener& to = *worker.listener;
    for (unsigned i = 0; i < width; ++i) {
      if ((active >> i & 1u) != 0) to.fingerprint += outcome_hash(path + i, what, get(word, static_cast<int>(i)));
    }
    if (to.recording != nullptr) to.recording->words[what] = get(word, 0);
  }
  void lowest(Mask m) {
    const std::uint64_t path_of_first = path + static_cast<std::uint64_t>(__builtin_ctz(mask_bits(m) & active));
    if (path_of_first < worker.lowest_non_finite) worker.lowest_non_finite = path_of_first;
  }
};

void flush(const TallyLayout& layout, Worker& worker, unsigned filled) {
  const std::uint32_t* row = worker.buffer;
  for (const Section& s : sections) {
    if (!is_buffered(s.kind)) continue;
    std::uint32_t* counts = worker.counts + layout.begin(s);
    for (std::size_t left = layout.rows(s); left > 0; --left, row += buffer_row, counts += bins_of(s.kind))
      for (unsigned i = 0; i < filled; ++i) ++counts[row[i]];
  }
  constexpr unsigned words = chunk_paths / 64;
  for (unsigned i = 0; i < layout.collaterals; ++i) {
    const std::uint64_t* a = worker.planes + i * words;
    const unsigned last = layout.joint != 0 ? layout.collaterals : i + 1;
    for (unsigned j = i; j < last; ++j) {
      const std::uint64_t* b = worker.planes + j * words;
      std::uint32_t pairs = 0;
      for (unsigned w = 0; w < words; ++w) pairs += static_cast<std::uint32_t>(__builtin_popcountll(a[w] & b[w]));
      worker.counts[layout.under(int(i), int(j))] += pairs;
    }
  }
  for (unsigned i = 0; i < layout.collaterals * words; ++i) worker.planes[i] = 0;
}

/// Calls pack(first path of the pack, active lanes) for the packs that cover the range.
template <class Pack>
PROOFLOAD_FN void for_packs(std::uint64_t first, std::uint32_t count, Pack pack) {
  const std::uint64_t end = first + count;
  for (std::uint64_t p = first - first % width; p < end; p += width) {
    std::uint32_t active = all_lanes;
    if (p < first) active &= all_lanes << (first - p);
    if (end - p < width) active &= (1u << (end - p)) - 1u;
    pack(p, active);
  }
}

/// What lane 0 is kept in: scalar lanes have no other.
Recording* recording_of(const Worker& worker) {
  return width == 1 && worker.listener != nullptr ? worker.listener->recording : nullptr;
}

template <Process process, int N>
void run_market(const Plan& plan, const Tables& tables, const Key& key, std::uint64_t first, std::uint32_t count,
                Worker& worker) {
  Arrays<Real> arrays;
  Recording* const recording = recording_of(worker);
  if (recording != nullptr) std::memset(&arrays, 0, sizeof arrays);
  const Workspace<Real> work = arrays.workspace();
  Buffered counters(worker);
  Count<Real, Buffered> sink(plan, counters);
  for_packs(first, count, [&](std::uint64_t p, std::uint32_t active) {
    counters.path = p;
    counters.active = active;
    counters.lane0 = static_cast<unsigned>(p % chunk_paths);
    simulate<process, N>(plan, tables, key, p, work, sink);
    counters.filled += static_cast<unsigned>(__builtin_popcount(active));
  });
  flush(sink.layout, worker, counters.filled);
  if (recording != nullptr) std::memcpy(&recording->arrays, &arrays, sizeof recording->arrays);
}

void run(const Plan& plan, const Tables& tables, const Key& key, std::uint64_t first, std::uint32_t count,
         Worker& worker) {
  // Forecasts walk one asset, a backtest hundreds of thousands of times: without the work for three more.
  if (plan.process == Process::bars && plan.assets == 1)
    return run_market<Process::bars, 1>(plan, tables, key, first, count, worker);
  with_market(plan, [&]<Process process, int N>() { run_market<process, N>(plan, tables, key, first, count, worker); });
}

void delays_of_routes(const Plan& plan, const Tables& tables, const Key& key, std::uint64_t first, std::uint32_t count,
                      std::uint32_t* to) {
  Arrays<Real> arrays;
  const Workspace<Real> work = arrays.workspace();
  Worker nobody{};
  Buffered counters(nobody);
  Count<Real, Buffered> sink(plan, counters);
  for_packs(first, count, [&](std::uint64_t p, std::uint32_t active) {
    counters.path = p;
    counters.active = active;
    arrivals(plan, tables, Paths<Real>(key, p), work, sink);
    for (unsigned i = 0; i < width; ++i) {
      if ((active >> i & 1u) == 0) continue;
      for (unsigned r = 0; r < plan.routes; ++r) *to++ = get(work.time[plan.route_message[r]], static_cast<int>(i));
    }
  });
}

#define PROOFLOAD_TEXT(x) #x
#define PROOFLOAD_NAME(x) PROOFLOAD_TEXT(x)
}  // namespace

const Lanes lanes = {PROOFLOAD_NAME(PROOFLOAD_ISA), static_cast<int>(width), run, delays_of_routes};

}  // namespace proofload::PROOFLOAD_ISA
