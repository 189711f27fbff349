/// failure.h -- when messaging layers fail, and which messages that hits (DESIGN 1.4).
#pragma once
#include "kernels/delay.h"

namespace proofload {

/// One value of a law for a named object (a layer's recovery or stall, a token's basis).
template <class F>
PROOFLOAD_FN F draw_law(const Plan& plan, const float* tables, const Paths<F>& paths, Purpose purpose,
                        std::uint32_t name, Law law) {
  const Stream<F> stream(paths, static_cast<std::uint32_t>(purpose) << 16 | name);
  F z[2];
  normals(stream.draw(0), 0, z);
  return law_at(plan, tables, law, z[0]);
}

/// An exponential time of this mean that everything with the name shares.
template <class F>
PROOFLOAD_FN F shared_time(const Paths<F>& paths, Purpose purpose, std::uint32_t name, float mean) {
  const Stream<F> stream(paths, static_cast<std::uint32_t>(purpose) << 16 | name);
  return exponential<F>(stream.draw(0).word[0]) * broadcast<F>(mean);
}

/// The least of a layer's own, its network's and its verifiers' times, in ticks (a float: years fit, and it is only
/// compared). Marshall and Olkin (1967). What is not known of its own hazard stretches its own time; the stress factor
/// all of them.
template <class F>
PROOFLOAD_FN F failure_time(const Plan& plan, const float* tables, unsigned layer, const Paths<F>& paths,
                            const Workspace<F>& work) {
  const Layer& l = plan.layer[layer];
  const F never = broadcast<F>(3.0e38f);
  F time = never;
  if (l.own_mean > 0.0f) {
    time = shared_time(paths, Purpose::layer, l.name, l.own_mean);
    if (l.doubt.count != 0) time = time * draw_law(plan, tables, paths, Purpose::uncertainty, l.doubt_name, l.doubt);
  }
  if (l.common_mean > 0.0f) {
    const F common = shared_time(paths, Purpose::network, l.network, l.common_mean);
    time = select(less(common, time), common, time);
  }
  if (l.verifier_mean > 0.0f) {
    const F common = shared_time(paths, Purpose::verifiers, l.verifiers, l.verifier_mean);
    time = select(less(common, time), common, time);
  }
  if (plan.conditioned != 0) time = time * work.condition[failure_scale];
  return select(less(never, time), never, time);  // not the other way round, which nvcc writes as a min
}

/// Whether the failure of its layer hits a message: the layer fails within max(exposure, delay).
template <class F>
PROOFLOAD_FN typename lane<F>::M is_hit(const Message& message, F failure, typename lane<F>::U delay) {
  const F least = broadcast<F>(message.exposure), taken = to_float(delay);
  return less(failure, select(less(taken, least), least, taken));
}

/// Draws the failure times of all layers; the lanes with a message that is hit.
template <class F>
PROOFLOAD_ONCE typename lane<F>::M failures(const Plan& plan, const float* tables, const Paths<F>& paths,
                                            const Workspace<F>& work) {
  const auto zero = broadcast_word<F>(0);
  auto struck = less(zero, zero);
  for (unsigned i = 0; i < plan.layers; ++i) work.failure[i] = failure_time(plan, tables, i, paths, work);
  for (unsigned m = 0; m < plan.messages; ++m) {
    const Message& message = plan.message[m];
    if (message.layer != none) struck = either(struck, is_hit(message, work.failure[message.layer], work.time[m]));
  }
  return struck;
}

/// Times of sale with the stall of a failed layer: `late` is `time` where nothing stands still, and absent beyond the
/// horizon. Where a trigger may still bring a sale forward, only what waits beyond the horizon even so is given up
/// here.
template <class F>
PROOFLOAD_ONCE void stalls(const Plan& plan, const float* tables, const Paths<F>& paths, const Workspace<F>& work) {
  const auto never = broadcast_word<F>(absent), horizon = broadcast_word<F>(plan.horizon);
  for (unsigned m = 0; m < plan.walked; ++m) {
    const Message& message = plan.message[m];
    work.late[m] = work.time[m];
    if (message.layer == none || plan.layer[message.layer].stall.count == 0) continue;
    const Layer& layer = plan.layer[message.layer];
    const auto hit = is_hit(message, work.failure[message.layer], work.time[m]);
    const auto stall = to_ticks(draw_law(plan, tables, paths, Purpose::stall, layer.name, layer.stall), plan.horizon);
    const auto sold = work.time[m] + stall;
    const auto over = plan.triggers != 0 ? less(horizon, work.time[m]) : less(horizon, sold);
    work.late[m] = select(hit, select(over, never, sold), work.time[m]);
  }
}

}  // namespace proofload
