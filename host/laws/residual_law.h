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
inline Tails gamma_tails(const Quad& shape, const Quad& x) { return Implicit(shape, 0, false).at(log(x)).tails; }
inline Tails beta_tails(const Quad& a, const Quad& b, const Quad& x) {
  return Implicit(a, b, true).at(log(x / (1 - x))).tails;
}

inline Tails scaled(const Tails& tails, const Quad& factor) { return {tails.below * factor, tails.above * factor}; }

/// The integral of t^n dF(t) below x and above it, n = 0, 1 or 2, of a whole law that is no fading one. An infinite
/// moment is not asked for.
inline Tails partial_moment(const Standard& law, int n, const Quad& x) {
  const Quad a = law.a;
  switch (law.family) {
    case Family::uniform: {
      const Quad total = Quad(1) / (n + 1), below = x <= 0 ? Quad(0) : x >= 1 ? total : Quad(pow(x, n + 1) * total);
      return {below, total - below};
    }
    case Family::exponential: {
      const Quad total = n == 2 ? 2 : 1;
      return x <= 0 ? Tails{0, total} : scaled(gamma_tails(Quad(n + 1), x), total);
    }
    case Family::weibull: {
      const Quad shape = 1 + n / a, total = boost::math::tgamma(shape);
      return x <= 0 ? Tails{0, total} : scaled(gamma_tails(shape, pow(x, a)), total);
    }
    case Family::gamma: {
      const Quad total = n == 0 ? Quad(1) : n == 1 ? a : Quad(a * (a + 1));
      return x <= 0 ? Tails{0, total} : scaled(gamma_tails(a + n, x), total);
    }
    case Family::beta: {
      const Quad sum = a + law.b, mean = a / sum;
      const Quad total = n == 0 ? Quad(1) : n == 1 ? mean : Quad(mean * (a + 1) / (sum + 1));
      if (x <= 0) return {0, total};
      return x >= 1 ? Tails{total, 0} : scaled(beta_tails(a + n, law.b, x), total);
    }
    case Family::lognormal: {
      const Quad total = exp(n * n * a * a / 2);
      return x <= 0 ? Tails{0, total} : scaled(tails_of(log(x) / a - n * a), total);
    }
    case Family::pareto: {  // of a t^(n - a - 1) / (1 - b^-a) on (1, b)
      const Quad power = n - a, factor = a / (1 - pow(Quad(law.b), Quad(-a)));
      const Quad at = std::clamp(x, Quad(1), Quad(law.b));
      const auto between = [&](const Quad& low, const Quad& high) {
        return power == 0 ? Quad(factor * log(high / low))
                          : Quad(factor * (pow(high, power) - pow(low, power)) / power);
      };
      return {between(1, at), between(at, law.b)};
    }
    case Family::geometric: {
      const Quad q = 1 - a, k = x <= 0 ? Quad(0) : Quad(floor(x)), f = x <= 0 ? Quad(0) : Quad(x - k);
      const Quad mean = 1 / a - 0.5, square = q * (1 + q) / (a * a) + q / a + Quad(1) / 3, at_k = pow(q, k);
      const auto from = [&](const Quad& j) {  // E (j + K + U)^n
        return n == 0 ? Quad(1) : n == 1 ? Quad(j + mean) : Quad(j * j + 2 * j * mean + square);
      };
      const Quad inside = a * at_k * (pow(Quad(k + f), n + 1) - pow(k, n + 1)) / (n + 1);
      const Quad above = at_k * from(k) - inside;
      return {k == 0 ? inside : Quad(from(0) - above), above};
    }
    case Family::excess: {  // with v = P(X > x), the integral of ((s^-a - 1) / a)^n over s in (0, v)
      const auto above_of = [&](const Quad& v) {
        if (v == 0) return Quad(0);
        const Quad first = pow(v, Quad(1 - a)) / (1 - a);
        if (n == 0) return v;
        if (n == 1) return Quad((first - v) / a);
        return Quad((pow(v, Quad(1 - 2 * a)) / (1 - 2 * a) - 2 * first + v) / (a * a));
      };
      const Quad grown = 1 + a * std::max(x, Quad(0));
      const Quad v = grown <= 0 ? Quad(0) : Quad(pow(grown, Quad(-1 / a)));
      return {above_of(1) - above_of(v), above_of(v)};
    }
    default: return {0, 0};
  }
}

/// X' = X - from, given from < X <= to.
class Cut {
 public:
  explicit Cut(const Standard& law) : whole_{law.family, law.a, law.b}, from_(law.from), to_(law.to) {
    for (int n = 0; n < 2; ++n) {
      low_[n] = partial_moment(whole_, n, from_);
      high_[n] = at(n, to_);
    }
    kept_ = low_[0].above - high_[0].above;
    mean_ = (low_[1].above - high_[1].above) / kept_ - from_;
  }

  const Quad& kept() const { return kept_; }  ///< P(from < X <= to)
  const Quad& mean() const { return mean_; }

  /// E X'^2.
  Quad square() const {
    const Quad sum = partial_moment(whole_, 2, from_).above - at(2, to_).above;
    return sum / kept_ - 2 * from_ * mean_ - from_ * from_;
  }

  Quad quantile(const Tails& p) const {
    const Quad value =
        whole_quantile(whole_, {low_[0].below + kept_ * p.below, high_[0].above + kept_ * p.above}) - from_;
    return value > 0 ? value : Quad(0);
  }

  Tails tails(const Quad& t) const {
    const Quad y = from_ + t;
    if (t <= 0) return {0, 1};
    if (y >= to_) return {1, 0};
    const Tails m = at(0, y);
    return {(m.below - low_[0].below) / kept_, (m.above - high_[0].above) / kept_};
  }

  /// The law of the residual, density P(X' > t) / E X': its tails at t > 0, and P(X' > t).
  std::pair<Tails, Quad> residual_at(const Quad& t) const {
    const Quad y = from_ + t;
    if (y >= to_) return {{1, 0}, 0};
    const Tails m0 = at(0, y), m1 = at(1, y);
    const Quad survives = (m0.above - high_[0].above) / kept_;
    const Quad below = (m1.below - low_[1].below - from_ * (m0.below - low_[0].below)) / kept_;
    const Quad above = (m1.above - high_[1].above) / kept_ - from_ * survives;
    return {{(t * survives + below) / mean_, (above - t * survives) / mean_}, survives};
  }

 private:
  Tails at(int n, const Quad& x) const {
    if (x < std::numeric_limits<double>::infinity()) return partial_moment(whole_, n, x);
    const Tails all = partial_moment(whole_, n, 0);
    return {all.above + all.below, 0};
  }

  Standard whole_;
  Quad from_, to_, kept_, mean_;
  Tails low_[2], high_[2];  ///< partial moments of order 0 and 1 at `from` and `to`
};

/// The residual of X' where it has no closed form, in w = ln t: its lower tail is a straight line in t.
class Residual {
 public:
  explicit Residual(const Standard& law)
      : cut_(law), longest_(law.to == infinite ? Quad(2e3) : Quad(log(Quad(law.to) - law.from))) {}

  struct Root {
    Quad w, density;  ///< ln t; density of w there
  };

  /// The w whose tails are `wanted`, from a guess: Newton's method on the log of the smaller tail, bisection where it
  /// strays.
  Root solve(const Tails& wanted, Quad w) const {
    const bool lower = wanted.below < wanted.above;
    Quad low = -2e3, high = longest_, density = 0;
    if (!(w < high)) w = high - 1e-3;
    for (int i = 0; i < 400; ++i) {
      const Quad t = exp(w);
      const auto [tails, survives] = cut_.residual_at(t);
      density = t * survives / cut_.mean();
      const Quad tail = lower ? tails.below : tails.above, target = lower ? wanted.below : wanted.above;
      const bool too_far = (tail > target) == lower;
      (too_far ? high : low) = w;
      Quad next = too_far ? w - 2 : w + 2;
      if (tail > 0 && density > 0) {
        const Quad step = (lower ? Quad(log(tail / target)) : Quad(log(target / tail))) * tail / density;
        // Newton's method is of second order: after this step nothing is left that a double could show.
        if (abs(step) < 1e-13) return {w - step, density};
        if (abs(step) < 4) next = w - step;
      }
      if (!(next > low && next < high)) next = (low + high) / 2;
      if (next == w) break;
      w = next;
    }
    return {w, density};
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
  return exp(residual.solve(p, residual.guess(p)).w);
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
