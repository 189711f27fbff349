// The words of kernels/philox.h are those of Random123 and of cuRAND, in every lane of every pack.
#include "kernels/philox.h"

#include <gtest/gtest.h>

#include <Random123/philox.h>
#include <array>
#include <random>
#include <vector>

#include "tests/kernels/functions.h"

namespace proofload {
namespace testing {
// curand_words.cpp, linked when cuRAND's headers are there (PROOFLOAD_HAS_CURAND)
void curand_words(const std::uint32_t (&counter)[4], const std::uint32_t (&key)[2], std::uint32_t (&out)[4]);
void curand_generator(std::uint64_t seed, std::uint64_t subsequence, std::uint64_t offset, std::uint32_t (&out)[4]);
}  // namespace testing

namespace {

using testing::Functions;
using Block = std::array<std::uint32_t, 4>;

/// One draw: which four words are meant.
struct Draw {
  std::uint64_t seed, path;
  std::uint32_t address, rank;
};
std::ostream& operator<<(std::ostream& os, const Draw& d) {
  return os << "seed " << d.seed << " path " << d.path << " address " << d.address << " rank " << d.rank;
}

/// All combinations of edge values, then random draws.
std::vector<Draw> draws(int random_ones) {
  std::vector<Draw> all;
  const std::uint64_t longs[] = {0, 1, 0x7fffffffu, 0x80000000u, 0xffffffffu, 0x100000000u, 0x8000000000000000u, ~0ull};
  const std::uint32_t words[] = {0, 1, 0xffffu, 0x10000u, 0x80000000u, 0xfffffffeu, 0xffffffffu};
  for (const std::uint64_t seed : longs) {
    for (const std::uint64_t path : longs) {
      for (const std::uint32_t address : words) {
        for (const std::uint32_t rank : words) all.push_back({seed, path, address, rank});
      }
    }
  }
  std::mt19937_64 random(1);
  for (int i = 0; i < random_ones; ++i) {
    const std::uint64_t seed = random(), path = random(), rest = random();
    all.push_back({seed, path >> i % 64, static_cast<std::uint32_t>(rest), static_cast<std::uint32_t>(rest >> 32)});
  }
  return all;
}

Block proofload_words(const Draw& d) {
  const Key key = make_key(d.seed);
  const Stream<float> stream(Paths<float>(key, d.path), d.address);
  const Words<float> words = stream.draw(d.rank);
  return {words.word[0], words.word[1], words.word[2], words.word[3]};
}

Block random123_words(const Draw& d) {
  const r123::Philox4x32_R<10>::ctr_type counter = {
      {d.rank, d.address, static_cast<std::uint32_t>(d.path), static_cast<std::uint32_t>(d.path >> 32)}};
  const r123::Philox4x32_R<10>::key_type key = {
      {static_cast<std::uint32_t>(d.seed), static_cast<std::uint32_t>(d.seed >> 32)}};
  const auto w = r123::Philox4x32_R<10>()(counter, key);
  return {w[0], w[1], w[2], w[3]};
}

TEST(Philox, HasThePublishedWords) {  // kat_vectors of Random123, philox4x32 10
  const Block zeros = {0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u};
  const Block ones = {0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu};
  const Block digits_of_pi = {0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u};
  EXPECT_EQ(proofload_words({0, 0, 0, 0}), zeros);
  EXPECT_EQ(proofload_words({~0ull, ~0ull, ~0u, ~0u}), ones);
  EXPECT_EQ(proofload_words({0x299f31d0a4093822u, 0x0370734413198a2eu, 0x85a308d3u, 0x243f6a88u}), digits_of_pi);
}

TEST(Philox, IsRandom123s) {
  for (const Draw& d : draws(1 << 20)) ASSERT_EQ(proofload_words(d), random123_words(d)) << d;
}

TEST(Philox, IsRandom123sInEveryLane) {
  constexpr std::size_t n = 64;  // paths: whole packs of each width
  for (const Functions* f : testing::functions()) {
    std::vector<std::uint32_t> words(4 * n);
    for (Draw d : draws(1 << 13)) {
      // A pack never lies across a multiple of 2^32: step back from it.
      if (static_cast<std::uint32_t>(d.path) > 0u - static_cast<std::uint32_t>(n)) d.path &= ~0xffull;
      f->draw(make_key(d.seed), d.path, d.address, d.rank, words.data(), n);
      for (std::size_t i = 0; i < n; ++i) {
        const Draw one = {d.seed, d.path + i, d.address, d.rank};
        const Block got = {words[i], words[n + i], words[2 * n + i], words[3 * n + i]};
        ASSERT_EQ(got, random123_words(one))
            << f->name << ", lane " << i % static_cast<unsigned>(f->width) << ": " << one;
      }
    }
  }
}

TEST(Philox, CountsPathsUpToTheLastOfAHighWord) {
  constexpr std::size_t n = 64;
  for (const Functions* f : testing::functions()) {
    for (const std::uint64_t high : {0ull, 1ull, 0xffffffffull}) {
      const Draw d = {20261122, high << 32 | (0u - static_cast<std::uint32_t>(n)), 7, 3};
      std::uint32_t words[4 * n];
      f->draw(make_key(d.seed), d.path, d.address, d.rank, words, n);
      for (std::size_t i = 0; i < n; ++i) {
        const Block got = {words[i], words[n + i], words[2 * n + i], words[3 * n + i]};
        EXPECT_EQ(got, random123_words({d.seed, d.path + i, d.address, d.rank})) << f->name << ", path " << d.path + i;
      }
    }
  }
}

TEST(Philox, IsCurands) {
#ifdef PROOFLOAD_HAS_CURAND
  for (const Draw& d : draws(1 << 20)) {
    const std::uint32_t counter[4] = {d.rank, d.address, static_cast<std::uint32_t>(d.path),
                                      static_cast<std::uint32_t>(d.path >> 32)};
    const std::uint32_t key[2] = {static_cast<std::uint32_t>(d.seed), static_cast<std::uint32_t>(d.seed >> 32)};
    std::uint32_t out[4];
    testing::curand_words(counter, key, out);
    const Block block = proofload_words(d);
    ASSERT_TRUE(std::equal(block.begin(), block.end(), out)) << d;
  }
#else
  GTEST_SKIP() << "cuRAND's headers were not found when this was built: its Philox was not compared";
#endif
}

/// A path is a subsequence of cuRAND's generator; address and rank are the place in it, four words a block.
TEST(Philox, IsASubsequenceOfCurandsGenerator) {
#ifdef PROOFLOAD_HAS_CURAND
  for (const Draw& d : draws(1 << 20)) {
    if (d.address >= 1u << 30) continue;  // cuRAND counts the offset in words, in 64 bits
    std::uint32_t out[4];
    testing::curand_generator(d.seed, d.path, (std::uint64_t{d.address} << 32 | d.rank) * 4, out);
    const Block block = proofload_words(d);
    ASSERT_TRUE(std::equal(block.begin(), block.end(), out)) << d;
  }
#else
  GTEST_SKIP() << "cuRAND's headers were not found when this was built: its generator was not compared";
#endif
}

}  // namespace
}  // namespace proofload
