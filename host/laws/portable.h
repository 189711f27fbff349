/// portable.h -- a double whose exp, log, pow and normal distribution are the same on every host.
///
/// Sums, products, quotients and square roots of doubles are rounded alike everywhere (contraction is off in the
/// build); libm's functions are not. To about 1e-15, and far quicker than a Quad (an exponential a hundred times), for
/// what is computed at ten thousands of scores: the quantile tables. A type of its own, so that no function of libm is
/// taken by mistake.
#pragma once
#include <array>
#include <cmath>
#include <compare>

#include "laws/standard_law.h"

namespace proofload {

struct Portable {
  double v = 0.0;

  Portable() = default;
  Portable(double x) : v(x) {}  // NOLINT(google-explicit-constructor): numbers are numbers
  Portable(int x) : v(x) {}     // NOLINT(google-explicit-constructor)
  explicit Portable(const Quad& x) : v(rounded(x)) {}

  Portable operator-() const { return -v; }
  Portable& operator+=(Portable x) { return v += x.v, *this; }
  Portable& operator-=(Portable x) { return v -= x.v, *this; }
  Portable& operator*=(Portable x) { return v *= x.v, *this; }
  Portable& operator/=(Portable x) { return v /= x.v, *this; }
  friend Portable operator+(Portable x, Portable y) { return x.v + y.v; }
  friend Portable operator-(Portable x, Portable y) { return x.v - y.v; }
  friend Portable operator*(Portable x, Portable y) { return x.v * y.v; }
  friend Portable operator/(Portable x, Portable y) { return x.v / y.v; }
  friend bool operator==(Portable x, Portable y) { return x.v == y.v; }
  friend std::partial_ordering operator<=>(Portable x, Portable y) { return x.v <=> y.v; }
};

// Exact, or rounded correctly, everywhere.
inline Portable abs(Portable x) { return std::abs(x.v); }
inline Portable floor(Portable x) { return std::floor(x.v); }
inline Portable sqrt(Portable x) { return std::sqrt(x.v); }

/// By Taylor's series after the powers of two: 1e-16.
inline Portable exp(Portable x) {
  if (!(x.v > -745.0)) return x.v == x.v ? 0.0 : x.v;
  if (x.v > 709.7) return std::numeric_limits<double>::infinity();
  constexpr double ln2_high = 0x1.62e42fee00000p-1, ln2_low = 0x1.a39ef35793c76p-33;  // of 32 bits, so k high is exact
  const double k = std::floor(x.v * 1.4426950408889634 + 0.5), r = (x.v - k * ln2_high) - k * ln2_low;
  double sum = 1.0;
  for (int n = 13; n > 0; --n) sum = 1.0 + sum * r / n;
  return std::ldexp(sum, static_cast<int>(k));
}

/// By the series of 2 artanh((m - 1) / (m + 1)), m in [sqrt(1/2), sqrt(2)): 1e-16 absolute, relative near 1.
inline Portable log(Portable x) {
  if (!(x.v > 0.0)) return x.v == 0.0 ? -std::numeric_limits<double>::infinity() : std::nan("");
  if (x.v > std::numeric_limits<double>::max()) return x;
  int k = 0;
  double m = std::frexp(x.v, &k);
  if (m < 0.7071067811865476) m *= 2.0, --k;
  const double f = (m - 1.0) / (m + 1.0), s = f * f;
  double sum = 0.0;
  for (int n = 23; n > 0; n -= 2) sum = 1.0 / n + sum * s;
  return k * 0x1.62e42fee00000p-1 + (2.0 * f * sum + k * 0x1.a39ef35793c76p-33);
}

inline Portable pow(Portable x, Portable y) {
  if (y.v == 0.0 || x.v == 1.0) return 1.0;
  if (x.v == 0.0) return y.v > 0.0 ? 0.0 : std::numeric_limits<double>::infinity();
  return y.v == 1.0 ? x : exp(y * log(x));
}

/// Stirling's series (DLMF 5.11.1) above 12, where it is good to 1e-16; from below by Gamma(x + 1) = x Gamma(x).
inline Portable lgamma(Portable x) {
  Portable product = 1.0, y = x;
  for (; y.v < 12.0; y += 1.0) product *= y;
  const Portable i = 1.0 / y, s = i * i;
  constexpr double c[] = {1.0 / 12, -1.0 / 360, 1.0 / 1260, -1.0 / 1680, 1.0 / 1188, -691.0 / 360360, 1.0 / 156};
  Portable sum = 0.0;
  for (int n = 6; n >= 0; --n) sum = c[n] + sum * s;
  constexpr double half_ln_two_pi = 0.91893853320467274178;
  return (y - 0.5) * log(y) - y + half_ln_two_pi + sum * i - log(product);
}
inline Portable tgamma(Portable x) { return exp(lgamma(x)); }

template <>
inline constexpr double series_end<Portable> = 4e-16;

inline Portable normal_density(Portable z) { return 0.39894228040143267794 * exp(-0.5 * z * z); }

/// Phi(z) and 1 - Phi(z), each to 1e-15 of itself: Taylor's series about the nearest of a grid of Quads; beyond it the
/// continued fraction of Mills' ratio (DLMF 7.9.1).
inline BasicTails<Portable> tails_of(Portable z) {
  static constexpr int per_unit = 32, last = 9 * per_unit;
  static const std::array<double, last + 1> grid = [] {
    std::array<double, last + 1> above{};
    for (int k = 0; k <= last; ++k) above[static_cast<std::size_t>(k)] = rounded(tails_of(Quad(k) / per_unit).above);
    return above;
  }();
  const double size = std::abs(z.v);
  Portable tail;
  if (size * per_unit < last) {
    const double k = std::floor(size * per_unit + 0.5), at = k / per_unit, h = size - at;
    // The derivatives of the density are Hermite's polynomials: He_n+1 = z He_n - n He_n-1.
    double before = 0.0, hermite = 1.0, power = h, sum = 0.0;
    for (int n = 1; n <= 12; ++n) {
      sum += hermite * power;
      const double next = at * hermite - (n - 1) * before;
      before = hermite;
      hermite = next;
      power *= -h / (n + 1);
    }
    tail = grid[static_cast<std::size_t>(k)] - normal_density(Portable(at)).v * sum;
  } else {
    const Portable y = size;
    tail = normal_density(y) / continued_fraction<Portable>([&](int n) { return std::pair<Portable, Portable>(n, y); });
  }
  return z.v < 0.0 ? BasicTails<Portable>{tail, 1.0 - tail} : BasicTails<Portable>{1.0 - tail, tail};
}

/// The score whose tails these are: Abramowitz and Stegun 26.2.23, then Newton's method on the logarithm of the smaller
/// one.
inline Portable normal_score(const BasicTails<Portable>& p) {
  const bool lower = p.below < p.above;
  const Portable tail = lower ? p.below : p.above;
  if (!(tail > 0.0)) return lower ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
  const Portable t = sqrt(-2.0 * log(tail));
  Portable z = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
  for (int i = 0; i < 3; ++i) {
    const Portable above = tails_of(z).above;
    z += log(above / tail) * above / normal_density(z);
  }
  return lower ? -z : z;
}

}  // namespace proofload
