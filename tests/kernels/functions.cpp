// functions.cpp -- built once per ISA with PROOFLOAD_ISA = scalar, avx2 or avx512, with the flags of kernels/cpu.cpp.
#include "tests/kernels/functions.h"

#include "kernels/math.h"
#include "kernels/pack.h"

namespace proofload::PROOFLOAD_ISA {
extern const testing::Functions functions;

namespace {

using Real = F;  // this ISA's
using Word = lane<Real>::U;
using Mask = lane<Real>::M;
constexpr int width = lane<Real>::width;

PROOFLOAD_FN Real load(const float* from) {
  Real a;
  std::memcpy(&a, from, sizeof a);
  return a;
}
PROOFLOAD_FN Word load(const std::uint32_t* from) {
  Word a;
  std::memcpy(&a, from, sizeof a);
  return a;
}
PROOFLOAD_FN void put(float* to, Real a) { std::memcpy(to, &a, sizeof a); }

void exp_of(const float* x, float* y, std::size_t n) {
  for (std::size_t i = 0; i < n; i += width) put(y + i, exp(load(x + i)));
}
void minus_two_log_of(const float* q, float* y, std::size_t n) {
  for (std::size_t i = 0; i < n; i += width) put(y + i, minus_two_log(load(q + i)));
}
void reciprocal_of(const float* x, float* y, std::size_t n) {
  for (std::size_t i = 0; i < n; i += width) put(y + i, reciprocal(load(x + i)));
}
void exponential_of(const std::uint32_t* word, float* y, std::size_t n) {
  for (std::size_t i = 0; i < n; i += width) put(y + i, exponential<Real>(load(word + i)));
}
void table_of(const float* table, const float* z, float* y, std::size_t n) {
  for (std::size_t i = 0; i < n; i += width) put(y + i, table_at(table, load(z + i)));
}

void normals_of(const std::uint32_t* words, const float* variance, float* z, std::size_t n) {
  for (std::size_t i = 0; i < n; i += width) {
    Words<Real> block;
    Real out[4];
    for (std::size_t k = 0; k < 4; ++k) block.word[k] = load(words + k * n + i);
    normals(block, load(variance + i), out);
    for (std::size_t k = 0; k < 4; ++k) put(z + k * n + i, out[k]);
  }
}

void draw_of(const Key& key, std::uint64_t first, std::uint32_t address, std::uint32_t rank, std::uint32_t* words,
             std::size_t n) {
  for (std::size_t i = 0; i < n; i += width) {
    const Paths<Real> paths(key, first + i);
    const Stream<Real> stream(paths, address);
    const Words<Real> block = stream.draw(rank);
    for (std::size_t k = 0; k < 4; ++k) store(words + k * n + i, block.word[k]);
  }
}

void vocabulary_of(const std::uint32_t* as, const std::uint32_t* bs, std::uint32_t* out, std::size_t n) {
  for (std::size_t i = 0; i < n; i += width) {
    const Word a = load(as + i), b = load(bs + i), none = broadcast_word<Real>(0u), all = broadcast_word<Real>(~0u);
    const Real x = one_to_two(a), y = flip_sign(one_to_two(b), a);
    const auto mask_word = [&](Mask m) { return select(m, all, none); };
    const auto wide = widen(a);
    const auto wide_product = product(wide, 0xd2511f53u);
    const Mask small = less(a, b), odd = has_bit(a, 1u);
    std::uint32_t each_word[width];
    float each_float[width];
    for (int l = 0; l < width; ++l) {
      each_word[l] = get(a, l);
      each_float[l] = get(y, l);
    }
    int plane = 0;
    const auto emit = [&](Word w) { store(out + n * plane++ + i, w); };
    emit(a + b);
    emit(a - b);
    emit(a & b);
    emit(a ^ b);
    emit(a << 7);
    emit(a >> 7);
    emit(min(a, b));
    emit(mask_word(small));
    emit(mask_word(less(y, x)));
    emit(mask_word(equal(a, b)));
    emit(mask_word(has_bit(a, 0x80000000u)));
    emit(mask_word(both(small, odd)));
    emit(mask_word(either(small, odd)));
    emit(mask_word(without(small, odd)));
    emit(mask_word(mask_from_bits<Real>(mask_bits(small))));
    emit(mask_word(mask_from_bits<Real>(any(small) ? ~0u : mask_bits(small))) & mask_word(small));
    emit(load(each_word));
    emit(bits(load(each_float)));
    emit(lane_index<Real>() + broadcast_word<Real>(static_cast<std::uint32_t>(i)));
    emit(narrow(wide));
    emit(narrow(high(wide_product)));
    emit(narrow(low(wide_product)));
    emit(narrow(exclusive_or(high(wide_product), low(wide_product), 0x9e3779b9u)));
    emit(narrow(exclusive_or(wide, 0xbb67ae85u, 0x9e3779b9u)));
    emit(bits(to_float(a)));
    emit(bits(to_float_unsigned(a)));
    emit(bits(fma(x, y, to_float(b))));
    emit(bits(fnma(x, y, to_float(b))));
    emit(bits(sqrt(to_float_unsigned(a))));
    emit(truncate(to_float_unsigned(a >> 7)));
    emit(bits(select(small, x * y, x - y + broadcast<Real>(3.0f))));
  }
}

#define PROOFLOAD_TEXT(x) #x
#define PROOFLOAD_NAME(x) PROOFLOAD_TEXT(x)
}  // namespace

const testing::Functions functions = {
    PROOFLOAD_NAME(PROOFLOAD_ISA),
    width,
    exp_of,
    minus_two_log_of,
    reciprocal_of,
    exponential_of,
    normals_of,
    table_of,
    draw_of,
    vocabulary_of,
};

}  // namespace proofload::PROOFLOAD_ISA
