/// standard_law.h -- the standard laws in 113-bit arithmetic: quantiles, distribution functions, means.
///
/// Quads are computed with integer instructions: no libm, no contraction and no instruction set can change a digit.
#pragma once
#include <cmath>
#include <limits>
#include <utility>

#include <boost/math/special_functions/erf.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <boost/multiprecision/cpp_bin_float.hpp>

namespace proofload {

using Quad = boost::multiprecision::cpp_bin_float_quad;

// Zeros are always positive: the sign of a zero difference of two Quads is not the same under g++ and clang++.
inline double rounded(const Quad& x) { return x == 0 ? 0.0 : x.convert_to<double>(); }
inline float rounded_to_float(const Quad& x) { return x == 0 ? 0.0f : x.convert_to<float>(); }

/// A probability and its complement: near 1 the complement carries the precision.
template <class T>
struct BasicTails {
  T below, above;
};
using Tails = BasicTails<Quad>;

inline Tails tails_of(const Quad& z) {
  const Quad y = z / sqrt(Quad(2));
  return {erfc(Quad(-y)) / 2, erfc(y) / 2};
}

inline Quad normal_density(const Quad& z) {
  static const Quad root_two_pi = sqrt(2 * boost::math::constants::pi<Quad>());
  return exp(-z * z / 2) / root_two_pi;
}

inline Quad normal_quantile_quad(const Quad& p) {
  const Quad root_two = sqrt(Quad(2));
  return p < 0.5 ? Quad(-root_two * boost::math::erfc_inv(Quad(2 * p)))
                 : Quad(root_two * boost::math::erfc_inv(Quad(2 - 2 * p)));
}

enum class Family {
  constant,
  uniform,
  exponential,
  lognormal,
  weibull,
  pareto,
  gamma,
  beta,
  geometric,
  excess,
  fading
};

/// A law without location and scale; a, b: its shape parameters (unused ones are 0).
///   constant: 0        uniform on (0, 1)             exponential of mean 1     lognormal: exp(a Z)
///   weibull: shape a   pareto: min 1, alpha a, cap b   gamma: shape a          beta (a, b)
///   geometric: K + U, P(K = k) = a (1 - a)^k           excess: generalised Pareto of shape a and scale 1
///   fading: on (0, 1) with a density proportional to 1 - a x
/// The functions of this file are of the whole law; residual_law.h has those of what is left of it.
struct Standard {
  Family family = Family::constant;
  double a = 0.0, b = 0.0;
  double from = 0.0, to = std::numeric_limits<double>::infinity();  ///< X - from, given from < X <= to
  bool residual = false;  ///< of that, the residual of an interval under way at a random time: density (1 - F) / mean
};

inline bool is_whole(const Standard& law) {
  return law.from == 0.0 && law.to == std::numeric_limits<double>::infinity() && !law.residual;
}

/// Relative size of the terms at which series and fractions end. T below is Quad or Portable (portable.h).
template <class T>
inline constexpr double series_end = 1e-32;

/// sum over n >= 0 of x^n / ((a + 1) ... (a + n)): P(a, x) a / (x^a e^-x / Gamma(a)), DLMF 8.11.4.
template <class T>
inline T gamma_series(const T& a, const T& x) {
  T term = 1, sum = 1;
  for (int n = 1; term > sum * series_end<T>; ++n) {
    term *= x / (a + n);
    sum += term;
  }
  return sum;
}

/// b_0 + a_1/(b_1 + a_2/(b_2 + ...)) by Lentz's method; coefficients(n) = {a_n, b_n}.
template <class T, class Coefficients>
inline T continued_fraction(const Coefficients& coefficients) {
  constexpr double tiny = 1e-300;
  T value = coefficients(0).second, c = value, d = 0;
  if (value == 0) value = c = tiny;
  for (int n = 1; n < 100000; ++n) {
    const auto [a, b] = coefficients(n);
    d = b + a * d;
    if (d == 0) d = tiny;
    d = 1 / d;
    c = b + a / c;
    if (c == 0) c = tiny;
    const T change = c * d;
    value *= change;
    if (abs(change - 1) < series_end<T>) break;
  }
  return value;
}

/// Q(a, x) / (x^a e^-x / Gamma(a)), DLMF 8.9.2 in its even part.
template <class T>
inline T gamma_fraction(const T& a, const T& x) {
  return 1 / continued_fraction<T>([&](int n) { return std::pair<T, T>(n * (a - n), x + 2 * n + 1 - a); });
}

/// I_x(a, b) a / (x^a (1 - x)^b / B(a, b)), DLMF 8.17.22; converges fast for x < (a + 1) / (a + b + 2).
template <class T>
inline T beta_fraction(const T& a, const T& b, const T& x) {
  return 1 / continued_fraction<T>([&](int n) -> std::pair<T, T> {
           const int m = n / 2;
           if (n == 0) return {0, 1};
           if (n % 2 == 0) return {m * (b - m) * x / ((a + n - 1) * (a + n)), 1};
           return {-(a + m) * (a + b + m) * x / ((a + n - 1) * (a + n)), 1};
         });
}

/// Gamma and beta laws, whose quantiles have no closed form, in a variable w on the whole line in which both tails are
/// nearly linear: w = ln x (gamma) or ln(x / (1 - x)) (beta). Their distribution functions are written out here because
/// Boost 1.74's overflow for large shapes, and because a tail shares its costly factor with the density.
template <class T>
class BasicImplicit {
 public:
  explicit BasicImplicit(const Standard& law) : BasicImplicit(law.a, law.b, law.family == Family::beta) {}
  BasicImplicit(T a, T b, bool is_beta) : a_(std::move(a)), b_(std::move(b)), is_beta_(is_beta) {
    using boost::math::lgamma;
    ln_norm_ = is_beta_ ? T(lgamma(a_) + lgamma(b_) - lgamma(T(a_ + b_))) : lgamma(a_);
    reach_ = 2 + 1 / (is_beta_ && b_ < a_ ? b_ : a_);
  }

  struct Point {
    BasicTails<T> tails;
    T density, slope;  ///< of w; slope: derivative of ln(density)
  };

  /// The smaller tails that are asked for, down to 1e-12, may be differences from 1: 20 of 34 digits are left then.
  Point at(const T& w) const {
    if (!is_beta_) {
      const T x = exp(w), density = exp(a_ * w - x - ln_norm_);
      if (x < a_ + 10) {
        const T below = density / a_ * gamma_series(a_, x);
        return {{below, 1 - below}, density, a_ - x};
      }
      const T above = density * gamma_fraction(a_, x);
      return {{1 - above, above}, density, a_ - x};
    }
    const T e = exp(-abs(w)), small = e / (1 + e), large = 1 / (1 + e);
    const T x = w < 0 ? small : large, y = w < 0 ? large : small;
    const T ln_large = log(large), ln_small = ln_large - abs(w);
    const T density = exp(a_ * (w < 0 ? ln_small : ln_large) + b_ * (w < 0 ? ln_large : ln_small) - ln_norm_);
    const T slope = a_ * y - b_ * x;
    if (x * (a_ + b_ + 2) < a_ + 1) {
      const T below = density / a_ * beta_fraction(a_, b_, x);
      return {{below, 1 - below}, density, slope};
    }
    const T above = density / b_ * beta_fraction(b_, a_, y);
    return {{1 - above, above}, density, slope};
  }

  T value(const T& w) const { return is_beta_ ? T(1 / (1 + exp(-w))) : T(exp(w)); }

  /// Where a tail would be if it were its leading power of x (or of 1 - x).
  T guess(const BasicTails<T>& p) const {
    if (is_beta_ && p.above < p.below) return -(log(p.above * b_) + ln_norm_) / b_;
    return (log(p.below * a_) + ln_norm_) / a_;
  }

  /// The w whose tails are `wanted`, from a guess: Halley's method on the log of the smaller tail, bisection where
  /// it strays.
  T solve(const BasicTails<T>& wanted, T w) const {
    const bool lower = wanted.below < wanted.above;
    T low = -1e9, high = is_beta_ ? T(1e9) : T(log(2 * a_ + 400));  // Q(a, 2 a + 400) < 1e-100
    Point p;
    for (int i = 0; i < 400; ++i) {
      p = at(w);
      const T tail = lower ? p.tails.below : p.tails.above, target = lower ? wanted.below : wanted.above;
      if (tail == target) return w;
      const bool too_far = (tail > target) == lower;
      (too_far ? high : low) = w;
      bool sound = tail > 0 && p.density > 0;
      T step = 0, slope = 0;
      if (sound) {
        const T rate = p.density / tail;
        slope = lower ? T(p.slope - rate) : T(p.slope + rate);
        const T newton = (lower ? T(log(tail / target)) : T(log(target / tail))) / rate;
        const T halley = 1 - newton * slope / 2;
        step = halley > 0.5 && halley < 2 ? T(newton / halley) : newton;
        // Halley's method is of third order: after a step this short nothing is left that a double could show.
        if (abs(step) * (1 + abs(slope)) < 1e-7) return w - step;
        sound = abs(step) < reach_;
      }
      T next = sound ? T(w - step) : T(too_far ? w - reach_ : w + reach_);
      if (!(next > low && next < high)) next = (low + high) / 2;
      w = next;
    }
    return w;
  }

 private:
  T a_, b_, ln_norm_;
  T reach_;  ///< longest step: the length over which the flatter tail changes by a factor of e, and some
  bool is_beta_;
};

using Implicit = BasicImplicit<Quad>;

/// Of a whole law that is no geometric one, at x inside its support.
template <class T>
inline T density_of(const Standard& law, const T& x) {
  const T a = law.a;
  switch (law.family) {
    case Family::uniform: return 1;
    case Family::exponential: return exp(-x);
    case Family::lognormal: return normal_density(T(log(x) / a)) / (a * x);
    case Family::weibull: {
      const T grown = pow(x, a);
      return grown < 1e300 ? T(a * grown / x * exp(-grown)) : T(0);
    }
    case Family::pareto: return a * pow(x, T(-a - 1)) / (1 - pow(T(law.b), T(-a)));
    case Family::gamma: return BasicImplicit<T>(law).at(log(x)).density / x;
    case Family::beta: return BasicImplicit<T>(law).at(log(x / (1 - x))).density / (x * (1 - x));
    case Family::excess: return pow(T(1 + a * x), T(-1 / a - 1));
    case Family::fading: return 2 * (1 - a * x) / (2 - a);
    default: return 0;
  }
}

/// Of a geometric law, the block in which the survival function falls to `above`, and its value where that block
/// begins.
inline std::pair<Quad, Quad> block_of(const Standard& law, const Quad& above) {
  const Quad ln_q = log(1 - Quad(law.a));
  const Quad k = above < 1 ? Quad(floor(log(above) / ln_q)) : Quad(0);
  return {k, k == 0 ? Quad(1) : Quad(exp(k * ln_q))};
}

/// Quantile of a standard law with a closed form.
inline Quad closed_quantile(const Standard& law, const Tails& p) {
  const Quad a = law.a;
  switch (law.family) {
    case Family::uniform: return p.below;
    case Family::exponential: return -log(p.above);
    case Family::weibull: return pow(Quad(-log(p.above)), Quad(1 / a));
    case Family::lognormal: return exp(law.a * normal_quantile_quad(p.below));
    case Family::pareto: {
      const Quad at_cap = pow(Quad(law.b), Quad(-law.a));  // P(X > cap) of the law that is not truncated
      return pow(Quad(p.above + p.below * at_cap), Quad(-1 / a));
    }
    case Family::geometric: {
      const auto [k, before] = block_of(law, p.above);
      return k == 0 ? Quad(p.below / a) : Quad(k + (1 - p.above / before) / a);
    }
    case Family::excess: return (pow(p.above, Quad(-a)) - 1) / a;
    case Family::fading: {  // the root of x - a x^2 / 2 = p (1 - a / 2), without cancellation
      const Quad root = sqrt(Quad((1 - a) * (1 - a) + a * (2 - a) * p.above));
      return p.below * (2 - a) / (1 + root);
    }
    default: return 0;
  }
}

inline bool is_implicit(const Standard& law) { return law.family == Family::gamma || law.family == Family::beta; }

inline Quad whole_quantile(const Standard& law, const Tails& p) {
  if (!is_implicit(law)) return closed_quantile(law, p);
  const Implicit implicit(law);
  return implicit.value(implicit.solve(p, implicit.guess(p)));
}

/// P(X <= x).
inline Quad whole_cdf(const Standard& law, const Quad& x) {
  if (law.family == Family::constant) return x >= 0 ? 1 : 0;
  if (x <= (law.family == Family::pareto ? 1 : 0)) return 0;
  switch (law.family) {
    case Family::uniform: return x < 1 ? x : Quad(1);
    case Family::exponential: return 1 - exp(-x);
    case Family::weibull: return 1 - exp(-pow(x, Quad(law.a)));
    case Family::lognormal: return tails_of(log(x) / law.a).below;
    case Family::pareto:
      return x >= law.b ? Quad(1) : Quad((1 - pow(x, Quad(-law.a))) / (1 - pow(Quad(law.b), Quad(-law.a))));
    case Family::gamma: return Implicit(law).at(log(x)).tails.below;
    case Family::beta: return x >= 1 ? Quad(1) : Implicit(law).at(log(x / (1 - x))).tails.below;
    case Family::geometric: {
      const Quad k = floor(x), before = pow(Quad(1 - Quad(law.a)), k);
      return 1 - before * (1 - law.a * (x - k));
    }
    case Family::excess: {
      const Quad grown = 1 + law.a * x;
      return grown <= 0 ? Quad(1) : Quad(1 - pow(grown, Quad(-1 / Quad(law.a))));
    }
    case Family::fading: return x >= 1 ? Quad(1) : Quad(x * (2 - law.a * x) / (2 - Quad(law.a)));
    default: return 0;
  }
}

inline Quad whole_mean(const Standard& law) {
  const Quad a = law.a, b = law.b;
  switch (law.family) {
    case Family::uniform: return 0.5;
    case Family::exponential: return 1;
    case Family::lognormal: return exp(a * a / 2);
    case Family::weibull: return boost::math::tgamma(Quad(1 + 1 / a));
    case Family::pareto: {  // integral of x dF over [1, b]
      const Quad inside = law.a == 1.0 ? Quad(log(b)) : Quad((1 - pow(b, Quad(1 - a))) / (a - 1));
      return a * inside / (1 - pow(b, Quad(-a)));
    }
    case Family::gamma: return law.a;
    case Family::beta: return a / (a + b);
    case Family::geometric: return 1 / a - 0.5;
    case Family::excess: return a < 1 ? Quad(1 / (1 - a)) : std::numeric_limits<Quad>::infinity();
    case Family::fading: return (3 - 2 * a) / (6 - 3 * a);
    default: return 0;
  }
}

}  // namespace proofload
