/// residual_law.h -- what is left of a standard law: cut at both ends, or the residual of an interval that is under
/// way.
///
/// All of it follows from the partial moments of the whole law, which have closed forms up to incomplete gamma and beta
/// functions (Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions).
#pragma once
#include <algorithm>

#include "laws/standard_law.h"

namespace proofload {

/// Tails of Gamma(shape, 1) and of Beta(a, b) at x.
template <class T>
inline BasicTails<T> gamma_tails(const T& shape, const T& x) {
  return BasicImplicit<T>(shape, 0, false).at(log(x)).tails;
}
template <class T>
inline BasicTails<T> beta_tails(const T& a, const T& b, const T& x) {
  return BasicImplicit<T>(a, b, true).at(log(x / (1 - x))).tails;
}

template <class T>
inline BasicTails<T> scaled(const BasicTails<T>& tails, const T& factor) {
  return {tails.below * factor, tails.above * factor};
}

/// The integral of t^n dF(t) below x and above it, n = 0, 1 or 2, of a whole law that is no fading one. An infinite
/// moment is not asked for.
template <class T>
inline BasicTails<T> partial_moment(const Standard& law, int n, const T& x) {
  const T a = law.a;
  switch (law.family) {
    case Family::uniform: {
      const T total = T(1) / (n + 1), below = x <= 0 ? T(0) : x >= 1 ? total : T(pow(x, n + 1) * total);
      return {below, total - below};
    }
    case Family::exponential: {
      const T total = n == 2 ? 2 : 1;
      return x <= 0 ? BasicTails<T>{0, total} : scaled<T>(gamma_tails<T>(T(n + 1), x), total);
    }
    case Family::weibull: {
      using boost::math::tgamma;
      const T shape = 1 + n / a, total = tgamma(shape);
      if (x <= 0) return {0, total};
      const T grown = pow(x, a);  // of doubles it may be infinite
      return grown < 1e300 ? scaled<T>(gamma_tails<T>(shape, grown), total) : BasicTails<T>{total, 0};
    }
    case Family::gamma: {
      const T total = n == 0 ? T(1) : n == 1 ? a : T(a * (a + 1));
      return x <= 0 ? BasicTails<T>{0, total} : scaled<T>(gamma_tails<T>(a + n, x), total);
    }
    case Family::beta: {
      const T sum = a + law.b, mean = a / sum;
      const T total = n == 0 ? T(1) : n == 1 ? mean : T(mean * (a + 1) / (sum + 1));
      if (x <= 0) return {0, total};
      return x >= 1 ? BasicTails<T>{total, 0} : scaled<T>(beta_tails<T>(a + n, law.b, x), total);
    }
    case Family::lognormal: {
      const T total = exp(n * n * a * a / 2);
      return x <= 0 ? BasicTails<T>{0, total} : scaled<T>(tails_of(log(x) / a - n * a), total);
    }
    case Family::pareto: {  // of a t^(n - a - 1) / (1 - b^-a) on (1, b)
      const T power = n - a, factor = a / (1 - pow(T(law.b), T(-a)));
      const T at = std::clamp(x, T(1), T(law.b));
      const auto between = [&](const T& low, const T& high) {
        return power == 0 ? T(factor * log(high / low)) : T(factor * (pow(high, power) - pow(low, power)) / power);
      };
      return {between(1, at), between(at, law.b)};
    }
    case Family::geometric: {
      const T q = 1 - a, k = x <= 0 ? T(0) : T(floor(x)), f = x <= 0 ? T(0) : T(x - k);
      const T mean = 1 / a - 0.5, square = q * (1 + q) / (a * a) + q / a + T(1) / 3, at_k = pow(q, k);
      const auto from = [&](const T& j) {  // E (j + K + U)^n
        return n == 0 ? T(1) : n == 1 ? T(j + mean) : T(j * j + 2 * j * mean + square);
      };
      const T inside = a * at_k * (pow(T(k + f), n + 1) - pow(k, n + 1)) / (n + 1);
      const T above = at_k * from(k) - inside;
      return {k == 0 ? inside : T(from(0) - above), above};
    }
    case Family::excess: {  // with v = P(X > x), the integral of ((s^-a - 1) / a)^n over s in (0, v)
      const auto above_of = [&](const T& v) {
        if (v == 0 || n == 0) return v;
        const T first = pow(v, T(1 - a)) / (1 - a);
        if (n == 1) return T((first - v) / a);
        return T((pow(v, T(1 - 2 * a)) / (1 - 2 * a) - 2 * first + v) / (a * a));
      };
      const T grown = 1 + a * std::max(x, T(0));
      const T v = grown <= 0 ? T(0) : T(pow(grown, T(-1 / a)));
      return {above_of(1) - above_of(v), above_of(v)};
    }
    default: return {0, 0};
  }
}

/// X' = X - from, given from < X <= to.
template <class T>
class BasicCut {
 public:
  explicit BasicCut(const Standard& law) : whole_{law.family, law.a, law.b}, from_(law.from), to_(law.to) {
    for (int n = 0; n < 2; ++n) {
      low_[n] = partial_moment<T>(whole_, n, from_);
      high_[n] = at(n, to_);
    }
    kept_ = low_[0].above - high_[0].above;
    mean_ = (low_[1].above - high_[1].above) / kept_ - from_;
  }

  const T& kept() const { return kept_; }  ///< P(from < X <= to)
  const T& mean() const { return mean_; }

  /// E X'^2.
  T square() const {
    const T sum = partial_moment<T>(whole_, 2, from_).above - at(2, to_).above;
    return sum / kept_ - 2 * from_ * mean_ - from_ * from_;
  }

  T quantile(const BasicTails<T>& p) const {
    const T value = whole_quantile(whole_, {low_[0].below + kept_ * p.below, high_[0].above + kept_ * p.above}) - from_;
    return value > 0 ? value : T(0);
  }

  BasicTails<T> tails(const T& t) const {
    const T y = from_ + t;
    if (t <= 0) return {0, 1};
    if (y >= to_) return {1, 0};
    const BasicTails<T> m = at(0, y);
    return {between(low_[0], m) / kept_, (m.above - high_[0].above) / kept_};
  }

  /// The law of the residual, density P(X' > t) / E X': its tails at t > 0, and P(X' > t).
  std::pair<BasicTails<T>, T> residual_at(const T& t) const {
    const T y = from_ + t;
    if (y >= to_) return {{1, 0}, 0};
    const BasicTails<T> m0 = at(0, y), m1 = at(1, y);
    const T survives = (m0.above - high_[0].above) / kept_;
    const T below = (between(low_[1], m1) - from_ * between(low_[0], m0)) / kept_;
    const T above = (m1.above - high_[1].above) / kept_ - from_ * survives;
    return {{(t * survives + below) / mean_, (above - t * survives) / mean_}, survives};
  }

 private:
  /// What lies between two points, from the smaller tails: a difference of the greater ones has no digits left.
  static T between(const BasicTails<T>& low, const BasicTails<T>& high) {
    return low.below < low.above ? T(high.below - low.below) : T(low.above - high.above);
  }
  BasicTails<T> at(int n, const T& x) const {
    if (x < std::numeric_limits<double>::infinity()) return partial_moment<T>(whole_, n, x);
    const BasicTails<T> all = partial_moment<T>(whole_, n, 0);
    return {all.above + all.below, 0};
  }

  Standard whole_;
  T from_, to_, kept_, mean_;
  BasicTails<T> low_[2], high_[2];  ///< partial moments of order 0 and 1 at `from` and `to`
};

using Cut = BasicCut<Quad>;

/// The residual of X' where it has no closed form, in w = ln t: its lower tail is a straight line in t.
class Residual {
 public:
  explicit Residual(const Standard& law)
      : cut_(law), longest_(law.to == infinite ? Quad(2e3) : Quad(log(Quad(law.to) - law.from))) {}

  /// The w whose tails are `wanted`, from a guess: Newton's method on the log of the smaller tail, bisection where it
  /// strays.
  Quad solve(const Tails& wanted, Quad w) const {
    const bool lower = wanted.below < wanted.above;
    Quad low = -2e3, high = longest_;
    if (!(w < high)) w = high - 1e-3;
    for (int i = 0; i < 400; ++i) {
      const Quad t = exp(w);
      const auto [tails, survives] = cut_.residual_at(t);
      const Quad density = t * survives / cut_.mean();
      const Quad tail = lower ? tails.below : tails.above, target = lower ? wanted.below : wanted.above;
      const bool too_far = (tail > target) == lower;
      (too_far ? high : low) = w;
      Quad next = too_far ? w - 2 : w + 2;
      if (tail > 0 && density > 0) {
        const Quad step = (lower ? Quad(log(tail / target)) : Quad(log(target / tail))) * tail / density;
        // Newton's method is of second order: after this step nothing is left that a double could show.
        if (abs(step) < 1e-13) return w - step;
        if (abs(step) < 4) next = w - step;
      }
      if (!(next > low && next < high)) next = (low + high) / 2;
      if (next == w) break;
      w = next;
    }
    return w;
  }

  Quad guess(const Tails& p) const { return log(std::min(p.below, Quad(0.5)) * cut_.mean()); }
  Quad mean() const { return cut_.square() / (2 * cut_.mean()); }
  Quad cdf(const Quad& t) const { return t <= 0 ? Quad(0) : cut_.residual_at(t).first.below; }

 private:
  static constexpr double infinite = std::numeric_limits<double>::infinity();
  Cut cut_;
  Quad longest_;
};

/// The residual of a geometric law is K + V: the block is the same, and in it V fades.
inline Standard fading_of(const Standard& geometric) { return {Family::fading, geometric.a}; }

inline Quad standard_quantile(const Standard& law, const Tails& p) {
  if (is_whole(law)) return whole_quantile(law, p);
  if (!law.residual) return Cut(law).quantile(p);
  if (law.family == Family::geometric) {
    const auto [k, before] = block_of(law, p.above);
    const Quad below = (k == 0 ? p.below : Quad(1 - p.above / before)) / law.a;
    return k + closed_quantile(fading_of(law), {below, 1 - below});
  }
  const Residual residual(law);
  return exp(residual.solve(p, residual.guess(p)));
}

/// P(X <= x).
inline Quad standard_cdf(const Standard& law, const Quad& x) {
  if (is_whole(law)) return whole_cdf(law, x);
  if (!law.residual) return Cut(law).tails(x).below;
  if (law.family == Family::geometric) {
    const Quad k = x > 0 ? Quad(floor(x)) : Quad(0), before = pow(Quad(1 - Quad(law.a)), k);
    return x <= 0 ? Quad(0) : Quad(1 - before * (1 - law.a * whole_cdf(fading_of(law), x - k)));
  }
  return Residual(law).cdf(x);
}

/// Infinite where the residual's is: an excess whose shape is 1/2 or more.
inline Quad standard_mean(const Standard& law) {
  if (is_whole(law)) return whole_mean(law);
  if (!law.residual) return Cut(law).mean();
  if (law.family == Family::geometric) return whole_mean(law) - 0.5 + whole_mean(fading_of(law));
  return Residual(law).mean();
}

}  // namespace proofload
