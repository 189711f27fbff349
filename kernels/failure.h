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

/// Draws the failure times of all layers; the lanes with a message that is hit.
template <class F>
PROOFLOAD_FN typename lane<F>::M failures(const Plan& plan, const Paths<F>& paths, const Workspace<F>& work) {
  const auto zero = broadcast_word<F>(0);
  auto struck = less(zero, zero);
  for (unsigned i = 0; i < plan.layers; ++i) work.failure[i] = failure_time(plan, i, paths);
  for (unsigned m = 0; m < plan.messages; ++m) {
    const Message& message = plan.message[m];
    if (message.layer != none) struck = either(struck, is_hit(message, work.failure[message.layer], work.time[m]));
  }
  return struck;
}

/// Times of sale with the stall of a failed layer: `late` is `time` where nothing stands still, and absent beyond the horizon.
template <class F>
PROOFLOAD_FN void stalls(const Plan& plan, const float* tables, const Paths<F>& paths, const Workspace<F>& work) {
  const auto never = broadcast_word<F>(absent), horizon = broadcast_word<F>(plan.horizon);
  for (unsigned m = 0; m < plan.walked; ++m) {
    const Message& message = plan.message[m];
    work.late[m] = work.time[m];
    if (message.layer == none || plan.layer[message.layer].stall.count == 0) continue;
    const Layer& layer = plan.layer[message.layer];
    const auto hit = is_hit(message, work.failure[message.layer], work.time[m]);
    const auto stall = to_ticks(draw_law(plan, tables, paths, Purpose::stall, layer.name, layer.stall), plan.horizon);
    const auto sold = work.time[m] + stall;
    work.late[m] = select(hit, select(less(horizon, sold), never, sold), work.time[m]);
  }
}

}  // namespace proofload
