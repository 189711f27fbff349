/// functions.h -- the kernels' functions over arrays, one table of them for each instruction set, so that tests can
/// compare the packs with the scalar reference.
///
/// Several inputs or outputs per lane lie in planes: plane k at [k * n, (k + 1) * n). n is a multiple of 64.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/philox.h"

namespace proofload::testing {

inline constexpr int vocabulary_planes = 31;

struct Functions {
  const char* name;
  int width;
  void (*exp)(const float* x, float* y, std::size_t n);
  void (*minus_two_log)(const float* q, float* y, std::size_t n);
  void (*reciprocal)(const float* x, float* y, std::size_t n);
  void (*exponential)(const std::uint32_t* word, float* y, std::size_t n);
  /// Four planes of words to four planes of normals.
  void (*normals)(const std::uint32_t* words, const float* variance, float* z, std::size_t n);
  /// The table is aligned to 64 bytes.
  void (*table_at)(const float* table, const float* z, float* y, std::size_t n);
  /// Four planes of words for paths first, first + 1 ...: no pack of them may lie across a multiple of 2^32.
  void (*draw)(const Key& key, std::uint64_t first, std::uint32_t address, std::uint32_t rank, std::uint32_t* words,
               std::size_t n);
  /// The operations of lane.h on words a and b (vocabulary_planes planes).
  void (*vocabulary)(const std::uint32_t* a, const std::uint32_t* b, std::uint32_t* out, std::size_t n);
};

/// Those that this CPU can run: the scalar reference first, the widest packs last.
std::vector<const Functions*> functions();

}  // namespace proofload::testing
