/// failure.h -- when messaging layers fail, and which messages that hits (DESIGN 1.4).
#pragma once
#include "delay.h"

namespace proofload {

/// min(T_own, T_common) of a layer, in ticks (a float: years fit, and it is only compared). Marshall and Olkin (1967).
template <class F>
PROOFLOAD_FN F failure_time(const Plan& plan, unsigned layer, const Paths<F>& paths) {
  const Layer& l = plan.layer[layer];
  F time = broadcast<F>(3.0e38f);
  if (l.own_mean > 0.0f) {
    const Stream<F> stream(paths, static_cast<std::uint32_t>(Purpose::layer) << 16 | l.name);
    time = exponential<F>(stream.draw(0).word[0]) * broadcast<F>(l.own_mean);
  }
  if (l.common_mean > 0.0f) {
    const Stream<F> stream(paths, static_cast<std::uint32_t>(Purpose::network) << 16 | l.network);
    const F common = exponential<F>(stream.draw(0).word[0]) * broadcast<F>(l.common_mean);
    time = select(less(common, time), common, time);
  }
  return time;
}

/// Whether the failure of its layer hits a message: the layer fails within max(exposure, delay).
template <class F>
PROOFLOAD_FN typename lane<F>::M is_hit(const Message& message, F failure, typename lane<F>::U delay) {
  const F least = broadcast<F>(message.exposure), taken = to_float(delay);
  return less(failure, select(less(taken, least), least, taken));
}

}  // namespace proofload
