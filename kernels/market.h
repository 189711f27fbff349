/// market.h -- how prices move between two visited times: one struct per Process that walks (factors.h has the other),
/// composed as DESIGN 1.2 says (innovation x variance x jumps). Log prices have no drift here; it is added when one is
/// read (walk.h).
///
/// A market offers: a constructor that starts a path; move() over the dt ticks to a visit; close() where a visit is a
/// grid date; add() for jumps; capture() of what the visit's events need. Draws are addressed by the rank of the visit,
/// and a lane that has no further event moves by dt = 0, which must change nothing.
#pragma once
#include "kernels/delay.h"
#include "kernels/math.h"
#include "kernels/philox.h"
#include "kernels/plan.h"

namespace proofload {

PROOFLOAD_FN std::uint32_t address(Purpose purpose, std::uint32_t name = 0) {
  return static_cast<std::uint32_t>(purpose) << 16 | name;
}

/// A float of a plane at one of Plan's offsets, the same for every lane.
template <class F>
PROOFLOAD_FN F planar(const Tables& tables, std::uint32_t offset, int stride, int plane, int i) {
  return broadcast<F>(tables.floats[offset + static_cast<std::uint32_t>(plane * stride + i)]);
}

/// w += L z for Philox blocks of four normals of this variance: every w[i] adds in ascending k, for every lane type
/// alike.
template <int A, class F>
PROOFLOAD_FN void correlated(const Plan& plan, const Stream<F>& stream, std::uint32_t rank, F variance, F (&w)[A]) {
  PROOFLOAD_UNROLL
  for (int q = 0; q < (A + 3) / 4; ++q) {
    F z[4];
    normals(stream.draw(rank << 4 | static_cast<std::uint32_t>(q)), variance, z);
    PROOFLOAD_UNROLL
    for (int i = 4 * q; i < A; ++i) {
      PROOFLOAD_UNROLL
      for (int k = 0; k < 4; ++k) {
        if (4 * q + k <= i) w[i] = fma(broadcast<F>(plan.cholesky[i * (i + 1) / 2 + 4 * q + k]), z[k], w[i]);
      }
    }
  }
}

/// The mixing variance of Student-t shocks, mean 1: (dof - 2) / chi-square(dof). One for all assets: that makes the
/// tails joint.
template <class F>
PROOFLOAD_FN F mixing_variance(const Plan& plan, const Tables& tables, const Paths<F>& paths, std::uint32_t name,
                               std::uint32_t rank) {
  if (plan.mixer.count == 0) return broadcast<F>(1.0f);
  const Stream<F> stream(paths, address(Purpose::mixer, name));
  F z[2];
  normals(stream.draw(rank), 0, z);
  F dof[2] = {z[0], z[0]};
  if (plan.mixer.count > 1)  // not known for certain: one a path
    normals(Stream<F>(paths, address(Purpose::mixer)).draw(0x80000000u), 0, dof);
  return law_at(plan, tables.floats, plan.mixer, z[0], dof[0]);
}

/// Keeps the log prices that this visit's events ask for: sales, stalled sales, and price-layer times where those are
/// visits.
template <int A, class F>
PROOFLOAD_FN void capture_prices(const Plan& plan, const Workspace<F>& work, typename lane<F>::U now, bool stalled,
                                 const F (&x)[A]) {
  PROOFLOAD_UNROLL
  for (int a = 0; a < A; ++a) {
    for (unsigned l = plan.first_leg[a]; l < plan.first_leg[a + 1]; ++l) {
      const unsigned m = plan.leg[l].message;
      work.price[l] = select(equal(now, work.time[m]), x[a], work.price[l]);
      if (stalled) work.late_price[l] = select(equal(now, work.late[m]), x[a], work.late_price[l]);
    }
    if (plan.bridged != 0) continue;
    for (unsigned p = plan.first_reading[a]; p < plan.first_reading[a + 1]; ++p)
      work.reading[p] = select(equal(now, work.time[plan.messages + p]), x[a], work.reading[p]);
  }
}

/// Constant variance: increments over dt are N(0, Sigma dt), exact in law for any dt, times the path's mixer.
template <int A, class F>
struct Diffusion {
  using U = typename lane<F>::U;
  using M = typename lane<F>::M;
  static constexpr int assets = A;
  F x[A], mixer;
  const Plan& plan;
  const Stream<F> stream;

  PROOFLOAD_FN Diffusion(const Plan& p, const Tables& tables, const Paths<F>& paths)
      : mixer(mixing_variance(p, tables, paths, 0, 0)), plan(p), stream(paths, address(Purpose::price)) {
    PROOFLOAD_UNROLL
    for (int i = 0; i < A; ++i) x[i] = broadcast<F>(0.0f);
  }
  PROOFLOAD_FN void move(std::uint32_t rank, F dt, F) {
    correlated(plan, stream, rank, plan.mixer.count == 0 ? dt : dt * mixer, x);
  }
  PROOFLOAD_FN void close(M) {}
  PROOFLOAD_FN void add(int i, F jump) { x[i] = x[i] + jump; }
  PROOFLOAD_FN void capture(const Workspace<F>& work, U now, bool stalled) const {
    capture_prices(plan, work, now, stalled, x);
  }
};

/// Heston (1993) by the quadratic-exponential scheme of Andersen (2008, J. Comp. Finance 11), section 3.2 and equation
/// (33) with gamma1 = gamma2 = 1/2. The variance is kept relative to its long-run level. With correlated normals w (of
/// prices) and own normals z, the variance's shock is rho w + rho' z and what is left for the price is rho' w - rho z,
/// rho' = sqrt(1 - rho^2): independent of the variance's, with the same correlations between assets as in dW_v = rho
/// dW_S + rho' dZ.
template <int A, class F>
struct Heston {
  using U = typename lane<F>::U;
  using M = typename lane<F>::M;
  static constexpr int assets = A;
  F x[A], u[A], root_mixer;  // u: variance over its long-run level
  const Plan& plan;
  const Tables& tables;
  const Stream<F> stream, own;

  PROOFLOAD_FN Heston(const Plan& p, const Tables& t, const Paths<F>& paths)
      : root_mixer(sqrt(mixing_variance(p, t, paths, 0, 0))),
        plan(p),
        tables(t),
        stream(paths, address(Purpose::price)),
        own(paths, address(Purpose::variance)) {
    PROOFLOAD_UNROLL
    for (int i = 0; i < A; ++i) {
      x[i] = broadcast<F>(0.0f);
      u[i] = parameter(initial, i);
    }
    if (plan.warm_up != 0) run_in(paths);
  }
  PROOFLOAD_FN F parameter(int plane, int i) const {
    return planar<F>(tables, plan.dynamics, limit::walked_assets, plane, i);
  }

  /// Whole steps before the call, of the variance alone: what it may be by a call that comes later than the forecast.
  PROOFLOAD_FN void run_in(const Paths<F>& paths) {
    const F step = to_float(broadcast_word<F>(plan.grid));
    const Stream<F> prices(paths, address(Purpose::price, 1)), variances(paths, address(Purpose::variance, 1));
    for (std::uint32_t rank = 0; rank < plan.warm_up; ++rank) move_by(prices, variances, rank, step);
    PROOFLOAD_UNROLL
    for (int i = 0; i < A; ++i) x[i] = broadcast<F>(0.0f);
  }

  PROOFLOAD_FN void move(std::uint32_t rank, F dt, F) { move_by(stream, own, rank, dt); }
  PROOFLOAD_FN void move_by(const Stream<F>& prices, const Stream<F>& variances, std::uint32_t rank, F dt) {
    const F one = broadcast<F>(1.0f), half = broadcast<F>(0.5f);
    F w[A];
    PROOFLOAD_UNROLL
    for (int i = 0; i < A; ++i) w[i] = broadcast<F>(0.0f);
    correlated(plan, prices, rank, one, w);
    const M moves = less(broadcast<F>(0.0f), dt);
    PROOFLOAD_UNROLL
    for (int q = 0; q < A / 4; ++q) {
      F z[4];
      normals(variances.draw(rank << 4 | static_cast<std::uint32_t>(q)), one, z);
      PROOFLOAD_UNROLL
      for (int j = 0; j < 4; ++j) {
        const int i = 4 * q + j;
        const F shock = fma(parameter(rotation_cos, i), w[i], parameter(rotation_sin, i) * z[j]);
        const F rest = fnma(parameter(rotation_cos, i), z[j], parameter(rotation_sin, i) * w[i]);
        const F pull = parameter(mean_reversion, i) * dt, theta_dt = parameter(variance_rate, i) * dt;
        const F next = variance_after(i, pull, shock), middle = half * (u[i] + next);
        // Equation (33): the leverage is what the variance's own move implies.
        const F implied = (next - u[i]) - pull * (one - middle);
        const F left = parameter(rotation_sin, i);
        const F spread = left * sqrt(theta_dt * middle) * (rest * root_mixer);
        const F drift = fnma(half * theta_dt, middle, spread);
        x[i] = select(moves, x[i] + fma(parameter(leverage, i), implied, drift), x[i]);
        u[i] = select(moves, next, u[i]);
      }
    }
  }

  /// Relative variance after a step with mean reversion times dt = pull. Mean m and variance s2 are Heston's; where psi
  /// = s2 / m^2 is at most 1.5 a squared normal has them, else an atom at 0 and an exponential tail.
  PROOFLOAD_FN F variance_after(int i, F pull, F shock) const {
    const F one = broadcast<F>(1.0f), two = broadcast<F>(2.0f), zero = broadcast<F>(0.0f), half = broadcast<F>(0.5f);
    const F fall = one_minus_exp(pull), m = fma(one - u[i], fall, u[i]);
    const F s2 = parameter(relative_noise, i) * fall * fma(u[i], one - fall, half * fall);
    const F m2 = m * m, psi = s2 * reciprocal(m2);
    const M tail = less(broadcast<F>(1.5f), psi);
    // Quadratic: m (b + z)^2 / (1 + b^2), written as a change of m: for short steps b is large and the sum would lose
    // z.
    const F ratio = two * m2 * reciprocal(select(less(zero, s2), s2, one)), over = ratio - one;
    const F b2 = over + sqrt(select(less(zero, over), ratio * over, zero)), b = sqrt(select(less(zero, b2), b2, zero));
    const F change = fma(two * b, shock, fma(shock, shock, broadcast<F>(-1.0f)));
    const F quadratic = fma(m * reciprocal(one + b2), change, m);
    const F floored = select(less(quadratic, zero), zero, quadratic);  // a square up to rounding
    if (!any(tail)) return floored;
    // Exponential: -ln(1 - Phi(shock)) beyond ln((1 + psi) / 2), with mean m (psi + 1) / 2.
    const F rate = half * (psi + one), standard = law_at(plan, tables.floats, plan.unit_exponential, shock);
    const F beyond = fnma(half, minus_two_log(reciprocal(rate)), standard);
    return select(tail, select(less(zero, beyond), m * rate * beyond, zero), floored);
  }
  PROOFLOAD_FN void close(M) {}
  PROOFLOAD_FN void add(int i, F jump) { x[i] = x[i] + jump; }
  PROOFLOAD_FN void capture(const Workspace<F>& work, U now, bool stalled) const {
    capture_prices(plan, work, now, stalled, x);
  }
};

/// Bars of constant variance. GJR-GARCH (Glosten, Jagannathan, Runkle 1993): h' = omega + (alpha + gamma 1[e < 0]) e^2
/// + beta h, h as variance per tick and e the bar's return without drift and jumps. Shocks of a bar are normal,
/// Student-t by one mixer for all assets, or a row: a bootstrapped one (stationary bootstrap, Politis and Romano 1994),
/// reached by a Brownian bridge inside the bar, or a recorded one, reached in a straight line.
template <int A, class F>
struct Bars {
  using U = typename lane<F>::U;
  using M = typename lane<F>::M;
  static constexpr int assets = A;
  F x[A], open[A], h[A], mixer;  // open: log price at the bar's start
  U row;
  M opens = less(broadcast_word<F>(0), broadcast_word<F>(0));  // lanes whose next move is the first of a new bar
  const Plan& plan;
  const Tables& tables;
  const Paths<F>& paths;

  PROOFLOAD_FN Bars(const Plan& p, const Tables& t, const Paths<F>& ps) : plan(p), tables(t), paths(ps) {
    PROOFLOAD_UNROLL
    for (int i = 0; i < A; ++i) {
      x[i] = open[i] = broadcast<F>(0.0f);
      h[i] = parameter(first_variance, i);
    }
    row = broadcast_word<F>(plan.first_row);
    if (plan.rows != 0 && plan.first_row == absent)
      row = any_row(Stream<F>(paths, address(Purpose::row)).draw(0).word[1]);
    if (plan.warm_up != 0) run_in();
    mixer = mixing_variance(plan, tables, paths, 0, 0);
  }
  PROOFLOAD_FN F parameter(int plane, int i) const {
    return planar<F>(tables, plan.dynamics, limit::walked_assets, plane, i);
  }
  /// floor(word / 2^32 * row_starts)
  PROOFLOAD_FN U any_row(U word) const { return narrow(high(product(widen(word), plan.row_starts))); }

  /// Whole bars before the call: from the long-run variance into the stationary law, or from a forecast to a later
  /// call.
  PROOFLOAD_FN void run_in() {
    const F bar = to_float(broadcast_word<F>(plan.grid));
    const U zero = broadcast_word<F>(0);
    mixer = mixing_variance(plan, tables, paths, 1, 0);
    for (std::uint32_t rank = 0; rank < plan.warm_up; ++rank) {
      move_as(1, rank, bar, bar);
      close_as(equal(zero, zero));
      begin(1, rank + 1);
      PROOFLOAD_UNROLL
      for (int i = 0; i < A; ++i) x[i] = open[i] = broadcast<F>(0.0f);
    }
  }
  PROOFLOAD_FN void move(std::uint32_t rank, F dt, F left) {
    if (any(opens)) begin(0, rank);
    move_as(0, rank, dt, left);
  }
  PROOFLOAD_FN void close(M ends) {
    if (any(ends)) close_as(ends);
  }

  /// `left`: ticks to the end of the bar, at least dt.
  PROOFLOAD_FN void move_as(std::uint32_t name, std::uint32_t rank, F dt, F left) {
    const F zero = broadcast<F>(0.0f), one = broadcast<F>(1.0f);
    F w[A], share = zero, variance = plan.mixer.count == 0 ? dt : dt * mixer;
    PROOFLOAD_UNROLL
    for (int i = 0; i < A; ++i) w[i] = zero;
    if (plan.rows != 0) {
      share = select(less(dt, left), dt * reciprocal(left), one);  // reciprocal() errs below: never more than 1
      variance = dt * (one - share);
    }
    const bool recorded = plan.rows != 0 && plan.new_block == 0;
    // A move to the end of a bootstrapped bar has nothing to bridge: normals of variance 0 would add 0.
    if (!recorded && any(less(zero, variance)))
      correlated(plan, Stream<F>(paths, address(Purpose::price, name)), rank, variance, w);
    const float root_bar = plan.root_bar;
    PROOFLOAD_UNROLL
    for (int i = 0; i < A; ++i) {
      const F deviation = sqrt(h[i]);
      F to = zero;
      if (plan.rows != 0) {
        static_assert(limit::walked_assets == 16);
        const F shock = gather(tables.rows + i, A == 1 ? row : row << 4);
        to = share * (fma(deviation * broadcast<F>(root_bar), shock, open[i]) - x[i]);
      }
      x[i] = x[i] + fma(deviation, w[i], to);
    }
  }
  PROOFLOAD_FN void close_as(M ends) {
    const F zero = broadcast<F>(0.0f);
    PROOFLOAD_UNROLL
    for (int i = 0; i < A; ++i) {
      const F e = x[i] - open[i], news = parameter(alpha, i) + select(less(e, zero), parameter(gamma, i), zero);
      const F next = fma(news, e * e, fma(parameter(beta, i), h[i], parameter(omega, i)));
      h[i] = select(ends, next, h[i]);
      open[i] = select(ends, x[i], open[i]);
    }
    opens = ends;
  }
  /// What a new bar draws, when it begins: after the last sale none does.
  PROOFLOAD_FN void begin(std::uint32_t name, std::uint32_t rank) {
    const M now = opens;
    opens = without(opens, opens);
    if (plan.mixer.count != 0) mixer = select(now, mixing_variance(plan, tables, paths, name, rank), mixer);
    if (plan.rows == 0) return;
    const U last = broadcast_word<F>(plan.rows - 1), one = broadcast_word<F>(1), first = broadcast_word<F>(0);
    U next = row + one;
    if (plan.new_block == 0) {
      next = min(next, last);  // the record is over: its last row is 0
    } else {
      const Words<F> words = Stream<F>(paths, address(Purpose::row, name)).draw(rank);
      next = select(less(last, next), first, next);
      next = select(less(words.word[0], broadcast_word<F>(plan.new_block)), any_row(words.word[1]), next);
    }
    row = select(now, next, row);
  }
  PROOFLOAD_FN void add(int i, F jump) {
    x[i] = x[i] + jump;
    open[i] = open[i] + jump;  // a jump is no news for the variance
  }
  PROOFLOAD_FN void capture(const Workspace<F>& work, U now, bool stalled) const {
    capture_prices(plan, work, now, stalled, x);
  }
};

/// The price of one asset at time s, given driftless log price x at time t > 0 (Brownian bridge; beyond t the path goes
/// on). `volatility` per square root of a tick, z a standard normal of its own. Exact for the law of this asset's pair
/// of times.
template <class F>
PROOFLOAD_FN F bridge(F x, F t, F s, F volatility, F z) {
  const F one = broadcast<F>(1.0f), zero = broadcast<F>(0.0f);
  const auto inside = less(s, t);
  const F ratio = select(inside, s * reciprocal(t), one);  // weight of x
  const F variance = select(inside, s * (one - ratio), s - t);
  const F safe = select(less(variance, zero), zero, variance);
  return fma(volatility * sqrt(safe), z, ratio * x);
}

}  // namespace proofload
