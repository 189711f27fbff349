// Errors of kernels/math.h against a more precise reference, the law of its normals, and the same bits from every pack.
#include "kernels/math.h"
#include "kernels/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/multiprecision/cpp_bin_float.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <random>
#include <string>

#include "tests/kernels/functions.h"

namespace proofload {
namespace {

using testing::Functions;
using Quad = boost::multiprecision::cpp_bin_float_quad;
using Word = std::uint32_t;

// ---- errors ---------------------------------------------------------------------------------------------------------
// The reference is the C library in long double: on x86 2^40 times finer than float, anywhere at least 2^29 times
// (Reference.AgreesWithQuadruplePrecision). A bound is the largest error seen over the inputs of its test, rounded up;
// expect_worst also wants a quarter of it to be reached, so that a test that measures nothing fails.

constexpr long double pi = 3.14159265358979323846264338327950288L;

struct Worst {
  long double error = 0, at = 0;
  void see(long double e, long double where) {
    if (!(e <= error)) error = e, at = where;  // a NaN is the worst
  }
};

void expect_worst(const Worst& worst, double bound) {
  EXPECT_LE(worst.error, bound) << "at " << static_cast<double>(worst.at);
  EXPECT_GE(worst.error, bound / 4) << "a bound that far above the largest error cannot fail";
}

long double relative(float got, long double exact) { return std::fabs(got / exact - 1); }
long double ulps(float got, long double exact) {
  return std::fabs(got - exact) / std::ldexp(1.0L, std::ilogb(exact) - 23);
}

/// 0, 1, 2, 3, 0xffffffff, ..., powers of two and their neighbours.
std::vector<Word> special_words() {
  std::vector<Word> words;
  for (int k = 0; k < 32; ++k) {
    for (Word d = 0; d < 5; ++d) words.push_back((Word{1} << k) + d - 2);
  }
  return words;
}

long double exact_log(float q) { return -2 * std::log(static_cast<long double>(q)); }
long double exact_exponential(Word word) { return -std::log1p(-(word + 0.5L) * 0x1p-32L); }
long double exact_radius(Word word) { return std::sqrt(-2 * std::log((word + 0.5L) * 0x1p-32L)); }

TEST(Reference, AgreesWithQuadruplePrecision) {
  std::mt19937 random(1);
  const auto off = [](long double got, const Quad& exact) {
    return static_cast<double>(boost::multiprecision::abs(Quad(got) / exact - 1));
  };
  for (int i = 0; i < 2000; ++i) {
    const Word word = static_cast<Word>(random()) >> i % 32;
    const float q = from_bits(0x3f800000u - (word >> 4)), x = static_cast<float>(word) * 0x1p-25f - 64;
    const Quad v = (Quad(word) + 0.5) * Quad(0x1p-32L), angle = boost::math::constants::half_pi<Quad>() * v;
    EXPECT_LT(off(exact_exponential(word), -boost::multiprecision::log1p(Quad(-v))), 0x1p-50);
    EXPECT_LT(off(exact_radius(word), sqrt(Quad(-2 * log(v)))), 0x1p-50);
    EXPECT_LT(off(std::exp(static_cast<long double>(x)), exp(Quad(x))), 0x1p-50);
    EXPECT_LT(off(std::sin(pi / 2 * ((word + 0.5L) * 0x1p-32L)), sin(angle)), 0x1p-50);
    EXPECT_LT(off(std::cos(pi / 2 * ((word + 0.5L) * 0x1p-32L)), cos(angle)),
              0x1p-45);  // the angle's own error, near pi/2
    if (q < 1) { EXPECT_LT(off(exact_log(q), -2 * log(Quad(q))), 0x1p-50); }
  }
}

TEST(Math, ExpIsGoodToTwoUlp) {
  Worst last_place, rel;
  for (const Word sign : {0u, 0x80000000u}) {
    for (Word u = 0; u < bits(88.0f); u += 499) {
      const float x = from_bits(u | sign);
      if (x < -87) break;
      const long double exact = std::exp(static_cast<long double>(x));
      last_place.see(ulps(exp(x), exact), x);
      rel.see(relative(exp(x), exact), x);
    }
  }
  expect_worst(last_place, 2.0);
  expect_worst(rel, 1.6e-7);
  EXPECT_EQ(exp(0.0f), 1.0f);
  EXPECT_EQ(exp(-0.0f), 1.0f);
  for (const float x : {-87.0f, -87.5f, -1000.0f, -3e38f, -std::numeric_limits<float>::infinity()}) {
    EXPECT_GT(exp(x), 0.0f);
    EXPECT_LT(exp(x), 1.7e-38f);  // e^-87 = 1.65e-38
  }
}

TEST(Math, MinusTwoLogIsGoodToMillionths) {
  Worst all, near_one;
  for (Word u = bits(0x1p-33f); u < bits(1.0f); u += u < bits(0.96875f) ? 97 : 1) {
    const float q = from_bits(u), y = minus_two_log(q);
    ASSERT_GT(y, 0.0f) << q;
    const long double error = relative(y, exact_log(q));
    all.see(error, q);
    if (q > 0.999f) near_one.see(error, q);
  }
  expect_worst(all, 1.25e-6);       // the polynomial's 1.1e-6 and its rounding
  expect_worst(near_one, 1.25e-7);  // where the polynomial is exact: its rounding
  EXPECT_EQ(minus_two_log(1.0f), 0.0f);
}

TEST(Math, ExponentialIsGoodToMillionthsFromTheFirstWord) {
  Worst hazards, all;
  const auto see = [&](Word word) {
    const long double exact = exact_exponential(word), error = relative(exponential<float>(word), exact);
    if (word < 1u << 24) hazards.see(error, word);
    all.see(error, word);
  };
  for (Word word = 0; word < 1u << 20; ++word) see(word);
  for (Word word = ~0u; word > ~0u - (1u << 16); --word) see(word);
  for (const Word word : special_words()) see(word);
  std::mt19937 random(2);
  for (int i = 0; i < 1 << 21; ++i) see(static_cast<Word>(random()) >> i % 16);
  expect_worst(hazards, 4e-7);  // v < 1/256
  expect_worst(all, 1.4e-6);    // the polynomial of minus_two_log
  EXPECT_EQ(exponential<float>(0u), 0x1p-33f);
  for (Word word = 1; word < 1u << 20; ++word) {
    ASSERT_GE(exponential<float>(word), exponential<float>(word - 1)) << word;
  }
}

/// Box and Muller's four numbers of a block, exactly: radius from words 0 and 2, angle and signs from words 1 and 3.
void exact_normals(const Words<float>& words, long double (&z)[4]) {
  for (int k = 0; k < 4; k += 2) {
    const long double angle = pi / 2 * static_cast<long double>(words.word[k + 1] & 0x7fffffu) * 0x1p-23L;
    const long double radius = exact_radius(words.word[k]);
    z[k] = radius * std::cos(angle) * ((words.word[k + 1] >> 31) != 0 ? -1 : 1);
    z[k + 1] = radius * std::sin(angle) * ((words.word[k + 1] >> 30 & 1u) != 0 ? -1 : 1);
  }
}

TEST(Math, NormalsAreThoseOfBoxAndMuller) {
  Worst small, middle, tail, largest;
  const auto see = [&](Word radius_word, Word angle) {
    const Words<float> words{{radius_word, angle, radius_word, angle}};
    long double exact[4];
    float z[4];
    exact_normals(words, exact);
    normals(words, 1.0f, z);
    const long double error = std::max(std::fabs(z[0] - exact[0]), std::fabs(z[1] - exact[1]));
    ASSERT_EQ(bits(z[0]), bits(z[2]));
    ASSERT_EQ(bits(z[1]), bits(z[3]));
    const long double radius = exact_radius(radius_word);
    // q is a float: near 1 it is off by up to 2^-25, the square of the radius by 6e-8, and the radius by 6e-8 / radius.
    if (radius < 0.03L) {
      small.see(error - 6e-8L / radius, radius);
      largest.see(error, radius);
    } else {
      (radius < 4 ? middle : tail).see(error, radius);
    }
  };
  std::mt19937 random(3);
  const auto next = [&random] { return static_cast<Word>(random()); };
  for (const Word radius : special_words()) {
    for (const Word angle : special_words()) see(radius, angle);
  }
  for (Word word = 0; word < 1u << 17; ++word) {
    see(word, next());
    see(~word, next());
  }
  for (int i = 0; i < 1 << 20; ++i) {
    see(next(), next());
    see(next() >> i % 32, next());
    see(~(next() >> i % 32), next());
  }
  expect_worst(middle, 1e-6);    // radius 0.03 .. 4
  expect_worst(tail, 1.2e-6);    // radius 4 .. 6.76
  EXPECT_LE(small.error, 1e-7);  // beyond 6e-8 / radius
  expect_worst(largest, 2.5e-4);
  float z[4];
  normals(Words<float>{{0u, 0u, ~0u, ~0u}}, 1.0f, z);
  EXPECT_NEAR(z[0], 6.7637, 1e-4);  // sqrt(66 ln 2): the largest there is
  EXPECT_EQ(z[2], 0.0f);
  EXPECT_EQ(z[3], 0.0f);
}

TEST(Math, NormalsHaveTheVarianceAskedFor) {
  std::mt19937 random(4);
  Worst worst;
  for (int i = 0; i < 1 << 20; ++i) {
    const auto next = [&random] { return static_cast<Word>(random()); };
    const Words<float> words{{next(), next(), next(), next()}};
    const float variance = static_cast<float>(next() >> i % 32);  // up to 2^32 ticks, and none
    float unit[4], z[4];
    normals(words, 1.0f, unit);
    normals(words, variance, z);
    const long double scale = std::sqrt(static_cast<long double>(variance));
    for (int k = 0; k < 4; ++k) {
      // The same polynomials: what differs is the rounding of the radius and of the sum c -+ s, which may cancel.
      const long double radius = std::max(1e-3L, std::hypot(unit[k & 2], unit[k | 1]) * scale);
      worst.see(std::fabs(z[k] - unit[k] * scale) / radius, variance);
    }
    if (variance == 0) { EXPECT_TRUE(z[0] == 0 && z[1] == 0 && z[2] == 0 && z[3] == 0); }
  }
  expect_worst(worst, 3e-7);
}

TEST(Math, ReciprocalIsGoodToOneUlp) {
  std::mt19937 random(5);
  Worst worst;
  for (int i = 0; i < 1 << 22; ++i) {
    const Word exponent = 27 + static_cast<Word>(i) % 200;  // 2^-100 .. 2^100
    const float x = from_bits(exponent << 23 | (static_cast<Word>(random()) & 0x7fffffu));
    worst.see(relative(reciprocal(x), 1.0L / x), x);
  }
  expect_worst(worst, 1.3e-7);
}

/// The table of a cubic T(z) = a0 + a1 z + a2 z^2 + a3 z^3: exact up to the rounding of its coefficients.
struct Cubic {
  long double a[4];
  alignas(64) float table[table_floats];

  explicit Cubic(long double a0, long double a1, long double a2, long double a3) : a{a0, a1, a2, a3}, table{} {
    const long double h = 13.5L / 64;
    for (int i = 0; i < 64; ++i) {
      const long double z = -6.75L + h * i;
      table[i] = static_cast<float>(at(z));
      table[64 + i] = static_cast<float>((a[1] + z * (2 * a[2] + z * 3 * a[3])) * h);
      table[128 + i] = static_cast<float>((a[2] + z * 3 * a[3]) * h * h);
      table[192 + i] = static_cast<float>(a[3] * h * h * h);
    }
    table[table_scale] = 64.0f / 13.5f;
    table[table_shift] = 32.0f;
  }
  long double at(long double z) const { return a[0] + z * (a[1] + z * (a[2] + z * a[3])); }
};

TEST(Math, TableIsReadWhereTheScoreSays) {
  // An error of the position is an error of z: at most half a unit in the last place of t near 64, 4e-7, and the
  // rounding of the factor 64 / 13.5. A table that rises by 1 per unit of z shows it as it is.
  const Cubic line(0, 1, 0, 0), cubic(2, 0.5L, 0.125L, 0.0625L);
  Worst position, value;
  for (int i = 0; i <= 1 << 20; ++i) {
    const float z = static_cast<float>(-6.75 + 13.5 * 0x1p-20 * i);
    position.see(std::fabs(table_at(line.table, z) - line.at(z)), z);
    value.see(std::fabs(table_at(cubic.table, z) - cubic.at(z)) / std::max(1.0L, std::fabs(cubic.at(z))), z);
  }
  expect_worst(position, 1e-6);  // at the upper end, which is one float below 64
  expect_worst(value, 5e-7);
  // Beyond its ends a table stays what it is there.
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float z : {6.75f, 6.76f, 7.0f, 1e30f, infinity}) {
    EXPECT_NEAR(table_at(line.table, z), 6.75, 2e-6);
    EXPECT_EQ(table_at(line.table, -z), -6.75f);
  }
}

// ---- the same bits from every pack ----------------------------------------------------------------------------------

constexpr std::size_t many = 1 << 20;

/// `planes` planes of special values, all their pairs in two neighbouring planes, then random ones.
std::vector<Word> many_words(std::size_t planes, unsigned seed) {
  std::vector<Word> words(planes * many);
  std::mt19937 random(seed);
  for (Word& w : words) w = static_cast<Word>(random());
  const std::vector<Word> special = special_words();
  for (std::size_t k = 0; k < planes; ++k) {
    for (std::size_t i = 0; i < special.size() * special.size(); ++i) {
      words[k * many + i] = special[k % 2 == 0 ? i % special.size() : i / special.size()];
    }
  }
  return words;
}
/// Floats whose bits are evenly spread from `low` to `high`, both included; the sign is theirs.
std::vector<float> many_floats(float low, float high, unsigned seed) {
  std::vector<float> x(many);
  std::mt19937 random(seed);
  std::uniform_int_distribution<Word> spread(bits(low), bits(high));
  for (float& a : x) a = from_bits(spread(random));
  x[0] = low;
  x[1] = high;
  return x;
}

/// Runs `call` on each instruction set and compares every bit with the scalar reference.
template <class T>
void expect_same_bits(std::size_t planes, const std::function<void(const Functions&, T*)>& call) {
  const std::vector<const Functions*> sets = testing::functions();
  if (sets.size() == 1) GTEST_SKIP() << "this CPU has no AVX2: nothing to compare the scalar reference with";
  std::vector<T> expected(planes * many);
  call(*sets[0], expected.data());
  for (std::size_t s = 1; s < sets.size(); ++s) {
    std::vector<T> got(planes * many);
    call(*sets[s], got.data());
    std::size_t differ = 0, first = 0;
    for (std::size_t i = got.size(); i-- > 0;) {
      if (std::memcmp(&got[i], &expected[i], sizeof(T)) != 0) ++differ, first = i;
    }
    EXPECT_EQ(differ, 0u) << sets[s]->name << ": first in plane " << first / many << " at " << first % many << ", "
                          << got[first] << " is not " << expected[first];
  }
}

TEST(Packs, HaveTheVocabularyOfTheScalarReference) {
  const std::vector<Word> ab = many_words(2, 11);
  expect_same_bits<Word>(testing::vocabulary_planes,
                         [&](const Functions& f, Word* out) { f.vocabulary(ab.data(), ab.data() + many, out, many); });
}

TEST(Packs, HaveTheScalarExp) {
  std::vector<float> up = many_floats(0.0f, 88.0f, 12), down = many_floats(-0.0f, -120.0f, 13);
  down[2] = -std::numeric_limits<float>::infinity();
  for (const auto* x : {&up, &down}) {
    expect_same_bits<float>(1, [&](const Functions& f, float* y) { f.exp(x->data(), y, many); });
  }
}

TEST(Packs, HaveTheScalarLogarithms) {
  const std::vector<float> q = many_floats(0x1p-33f, 1.0f, 14), high = many_floats(0.96875f, 1.0f, 15);
  for (const auto* x : {&q, &high}) {
    expect_same_bits<float>(1, [&](const Functions& f, float* y) { f.minus_two_log(x->data(), y, many); });
  }
  std::vector<Word> words = many_words(1, 16);
  expect_same_bits<float>(1, [&](const Functions& f, float* y) { f.exponential(words.data(), y, many); });
  for (std::size_t i = 0; i < many; ++i) words[i] = static_cast<Word>(i < many / 2 ? i : 0 - (many - i));
  expect_same_bits<float>(1, [&](const Functions& f, float* y) { f.exponential(words.data(), y, many); });
}

TEST(Packs, HaveTheScalarReciprocal) {
  const std::vector<float> x = many_floats(0x1p-120f, 0x1p120f, 17);
  expect_same_bits<float>(1, [&](const Functions& f, float* y) { f.reciprocal(x.data(), y, many); });
}

TEST(Packs, HaveTheScalarNormals) {
  const std::vector<Word> words = many_words(4, 18);
  std::vector<float> variance = many_floats(0x1p-20f, 0x1p32f, 19);
  for (std::size_t i = 0; i < many; i += 3) variance[i] = 1.0f;
  variance[2] = 0.0f;
  expect_same_bits<float>(4, [&](const Functions& f, float* z) { f.normals(words.data(), variance.data(), z, many); });
}

TEST(Packs, HaveTheScalarTables) {
  const Cubic cubic(2, 0.5L, 0.125L, 0.0625L);
  std::vector<float> z(many);
  for (std::size_t i = 0; i < many; ++i) z[i] = static_cast<float>(-7.5 + 15.0 * static_cast<double>(i) / many);
  for (std::size_t i = 0; i < 65; ++i)
    z[i] = static_cast<float>(-6.75 + 13.5 / 64 * static_cast<double>(i));  // the knots
  z[65] = std::numeric_limits<float>::infinity();
  z[66] = -z[65];
  expect_same_bits<float>(1, [&](const Functions& f, float* y) { f.table_at(cubic.table, z.data(), y, many); });
}

// ---- the law of the normals -----------------------------------------------------------------------------------------
// Every statistic is an error in units of its own standard error for N standard normals. At 4.9 (one fair sample in a
// million) a sample fails; an error of 8 units is found in 999 samples of 1000. For N = 2^26 that is an error of 1.0e-3
// in the mean, 7e-4 in the scale, 2.4e-3 in the skewness, 4.8e-3 in the kurtosis, 2e-3 in a correlation, of 1/8 in
// the mass beyond 4 and of the whole mass beyond 5, and, by Kolmogorov and Smirnov at the same level (2.69), of 5e-4 in
// a probability.

constexpr double limit_units = 4.9, limit_kolmogorov = 2.69;
constexpr std::size_t batch = 4096;  // paths of one rank

class NormalSample {
 public:
  /// Four planes of `batch` normals: the block of one rank for consecutive paths.
  void add(const float* z) {
    for (std::size_t i = 0; i < 4 * batch; ++i) {
      const double x = z[i], xx = x * x;
      power_[0] += x;
      power_[1] += xx;
      power_[2] += xx * x;
      power_[3] += xx * xx;
      beyond_4_ += xx > 16;
      beyond_5_ += xx > 25;
      ++histogram_[static_cast<std::size_t>(std::clamp((x + 8) * 1024, 0.0, 16383.0))];
    }
    for (std::size_t i = 0; i < batch; ++i) {
      double x[4], s[4];
      for (std::size_t k = 0; k < 4; ++k) {
        x[k] = z[k * batch + i];
        s[k] = (x[k] * x[k] - 1) / std::sqrt(2.0);
      }
      for (std::size_t k = 0, pair = 0; k < 4; ++k) {
        for (std::size_t j = 0; j < k; ++j, ++pair) {
          product_[pair] += x[j] * x[k];
          square_product_[pair] += s[j] * s[k];
        }
      }
      next_path_ += x[3] * z[i + 1 < batch ? i + 1 : 0];
      next_rank_ += x[3] * previous_[i];
      previous_[i] = z[i];
    }
    count_ += 4 * batch;
  }

  /// By name, in standard errors.
  std::map<std::string, double> units() const {
    const double n = static_cast<double>(count_), blocks = n / 4;
    std::map<std::string, double> u;
    u["mean"] = power_[0] / n * std::sqrt(n);
    u["variance"] = (power_[1] / n - 1) * std::sqrt(n / 2);
    u["skewness"] = (power_[2] - 3 * power_[0]) / n * std::sqrt(n / 6);         // Hermite polynomials: E He_3 = 0,
    u["kurtosis"] = ((power_[3] - 6 * power_[1]) / n + 3) * std::sqrt(n / 24);  // E He_4 = 0, variances 3! and 4!
    u["beyond 4"] = tail(beyond_4_, 4);
    u["beyond 5"] = tail(beyond_5_, 5);
    for (std::size_t pair = 0; pair < 6; ++pair) {
      u["pair " + std::to_string(pair)] = product_[pair] / std::sqrt(blocks);
      u["squares " + std::to_string(pair)] = square_product_[pair] / std::sqrt(blocks);
    }
    u["next path"] = next_path_ / std::sqrt(blocks);
    u["next rank"] = next_rank_ / std::sqrt(blocks);
    return u;
  }

  /// sqrt(N) times the largest distance of the distribution functions, at 2^14 places.
  double kolmogorov() const {
    const double n = static_cast<double>(count_);
    double below = 0, distance = 0;
    for (std::size_t i = 0; i < histogram_.size(); ++i) {
      const double edge = static_cast<double>(i) / 1024 - 8;
      distance = std::max(distance, std::fabs(below / n - std::erfc(-edge / std::sqrt(2.0)) / 2));
      below += static_cast<double>(histogram_[i]);
    }
    return distance * std::sqrt(n);
  }

 private:
  double tail(std::uint64_t seen, double x) const {
    const double expected = static_cast<double>(count_) * std::erfc(x / std::sqrt(2.0));
    return (static_cast<double>(seen) - expected) / std::sqrt(expected);
  }

  std::uint64_t count_ = 0, beyond_4_ = 0, beyond_5_ = 0;
  double power_[4] = {}, product_[6] = {}, square_product_[6] = {}, next_path_ = 0, next_rank_ = 0;
  std::vector<float> previous_ = std::vector<float>(batch);
  std::vector<std::uint64_t> histogram_ = std::vector<std::uint64_t>(16384);
};

/// 4 * batch * ranks normals, spoiled by `plant`.
NormalSample sample_of(
    std::uint32_t ranks, const std::function<void(float*)>& plant = [](float*) {}) {
  const Functions& f = *testing::functions().back();  // the same bits as the scalar reference, sooner
  const Key key = make_key(20261122);
  const std::vector<float> variance(batch, 1.0f);
  std::vector<Word> words(4 * batch);
  std::vector<float> z(4 * batch);
  NormalSample sample;
  for (std::uint32_t rank = 0; rank < ranks; ++rank) {
    f.draw(key, 0, 1u << 16, rank, words.data(), batch);
    f.normals(words.data(), variance.data(), z.data(), batch);
    plant(z.data());
    sample.add(z.data());
  }
  return sample;
}

constexpr std::uint32_t full = 4096, quick = 256;  // ranks: N = 2^26, 2^22

TEST(Normals, HaveTheirLaw) {
  const NormalSample sample = sample_of(full);
  for (const auto& [name, units] : sample.units()) EXPECT_LT(std::fabs(units), limit_units) << name;
  EXPECT_LT(sample.kolmogorov(), limit_kolmogorov);
  EXPECT_GT(sample.kolmogorov(), 0.2);  // one fair sample in 1e12 is closer than that: too good to be random
}

/// A scale of 1.001, and no tail.
TEST(Normals, OfAWrongScaleOrTailWouldBeFound) {
  const NormalSample scaled = sample_of(full, [](float* z) {
    for (std::size_t i = 0; i < 4 * batch; ++i) z[i] *= 1.001f;
  });
  EXPECT_GT(scaled.units()["variance"], limit_units);
  const NormalSample cut = sample_of(full, [](float* z) {
    for (std::size_t i = 0; i < 4 * batch; ++i) z[i] = std::clamp(z[i], -5.0f, 5.0f);
  });
  EXPECT_LT(cut.units()["beyond 5"], -limit_units);
}

/// Each statistic finds an error of ten standard errors of its own kind.
TEST(Normals, WithAPlantedErrorWouldBeFound) {
  const double n = 4.0 * batch * quick;
  const auto found = [](const std::string& name, const std::function<void(float*)>& plant) {
    return sample_of(quick, plant).units()[name] > limit_units;
  };
  const auto each = [](const std::function<double(double)>& map) {
    return [map](float* z) {
      for (std::size_t i = 0; i < 4 * batch; ++i) z[i] = static_cast<float>(map(z[i]));
    };
  };
  EXPECT_TRUE(found("mean", each([=](double x) { return x + 10 / std::sqrt(n); })));
  EXPECT_TRUE(found("variance", each([=](double x) { return x * (1 + 10 / std::sqrt(2 * n)); })));
  EXPECT_TRUE(found("skewness", each([=](double x) { return x + 10 / std::sqrt(6 * n) * (x * x - 1); })));
  EXPECT_TRUE(found("kurtosis", each([=](double x) { return x + 10 / std::sqrt(24 * n) * (x * x * x - 3 * x); })));
  EXPECT_TRUE(found("beyond 4", each([](double x) { return std::fabs(x) > 3.8 ? x * 4 / 3.8 : x; })));

  const double part = 10 / std::sqrt(n / 4);
  EXPECT_TRUE(found("pair 0", [=](float* z) {
    for (std::size_t i = 0; i < batch; ++i) z[batch + i] += static_cast<float>(part * z[i]);
  }));
  EXPECT_TRUE(found("squares 5", [=](float* z) {
    for (std::size_t i = 3 * batch; i < 4 * batch; ++i) {
      z[i] *= static_cast<float>(1 + part / 2 * (z[i - batch] * z[i - batch] - 1));
    }
  }));
  EXPECT_TRUE(found("next path", [=](float* z) {
    for (std::size_t i = 1; i < batch; ++i) z[i] += static_cast<float>(part * z[3 * batch + i - 1]);
  }));
  std::vector<float> before(batch);
  EXPECT_TRUE(found("next rank", [&](float* z) {
    for (std::size_t i = 0; i < batch; ++i) {
      z[3 * batch + i] += static_cast<float>(part * before[i]);
      before[i] = z[i];
    }
  }));
  const auto coarse = each([](double x) { return std::floor(x * 64) / 64 + 0x1p-7; });  // moments hardly notice
  EXPECT_GT(sample_of(quick, coarse).kolmogorov(), limit_kolmogorov);
}

}  // namespace
}  // namespace proofload
