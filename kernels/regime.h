/// regime.h -- chains and layers that stand still: outages, halts, pauses, expired clients; and what that adds to
/// messages (DESIGN 1.3).
///
/// An outage is one interval [S, E) a path, drawn once and shared by all messages that pass its owner. It is under way
/// at the call with probability r E[D] / (1 + r E[D]), with the length-biased residual (density (1 - F(t)) / E[D]);
/// otherwise it begins after an exponential time. A second outage of the same owner on one path is left out: at rates
/// of a few a year and delays of hours its probability is of second order.
#pragma once
#include "kernels/delay.h"

namespace proofload {

/// When the outage begins, in ticks (0: it is under way at the call), and the lanes on which it is.
template <class F>
struct Beginning {
  typename lane<F>::U at;
  typename lane<F>::M under_way;
};
template <class F>
PROOFLOAD_FN Beginning<F> beginning(const Plan& plan, const Outage& outage, const Paths<F>& paths,
                                    const Workspace<F>& work) {
  const auto zero = broadcast_word<F>(0);
  const Words<F> words = Stream<F>(paths, static_cast<std::uint32_t>(Purpose::outage) << 16 | outage.name).draw(0);
  F rate_scale = broadcast<F>(1.0f);
  if (plan.conditioned != 0) rate_scale = work.condition[outage_scale];
  const F odds = broadcast<F>(outage.share) * rate_scale, v = uniform<F>(words.word[0]);
  auto under_way = less(v, odds * reciprocal(broadcast<F>(1.0f) + odds));
  if (outage.known == Known::under_way) under_way = equal(zero, zero);
  if (outage.known == Known::running) under_way = less(zero, zero);
  const F waits = exponential<F>(words.word[1]) * broadcast<F>(outage.up_mean) * reciprocal(rate_scale);
  return {select(under_way, zero, to_ticks(waits, plan.horizon)), under_way};
}

/// When a part is done that is reached at `arrived` and takes `duration` while its owner runs. Outages are met in the
/// order in which they begin, each once, so that those at the same time are one wait: from the beginning of the first
/// to the end of the last.
template <class F>
PROOFLOAD_FN typename lane<F>::U passed(const Plan& plan, const Workspace<F>& work, const Part& part,
                                        typename lane<F>::U arrived, typename lane<F>::U duration) {
  using U = typename lane<F>::U;
  const U late = broadcast_word<F>(plan.horizon + 1), one = broadcast_word<F>(1), never = broadcast_word<F>(absent);
  U now = arrived, left = duration;
  for (unsigned round = 0; round < part.count; ++round) {
    U stop = never, go = never;
    for (unsigned h = part.first; h < unsigned(part.first) + part.count; ++h) {
      const unsigned o = plan.holds[h];
      const U begins = work.outage[2 * o], ends = work.outage[2 * o + 1];
      const U from = select(less(begins, now), now, begins);
      const auto next = both(both(less(from, now + left + one), less(from, ends)), less(from, stop));
      stop = select(next, from, stop);
      go = select(next, ends, go);
    }
    const auto met = less(stop, never);
    left = select(met, left - (stop - now), left);
    now = select(met, min(go, late), now);
  }
  const U waited = now + left - arrived - duration;
  return min(arrived + duration + min(waited, broadcast_word<F>(part.cap)), late);
}

/// Time of every message that has parts: from the heartbeat of the trigger that it waits for, or from the call, each
/// part in turn, and, where outages run over it, the wait for their end.
template <class F>
PROOFLOAD_FN void pass_parts(const Plan& plan, const Workspace<F>& work, bool held) {
  using U = typename lane<F>::U;
  const U late = broadcast_word<F>(plan.horizon + 1), zero = broadcast_word<F>(0);
  const unsigned first = plan.messages + plan.readings, heartbeats = first + plan.parts;
  U now = zero;
  for (unsigned p = 0; p < plan.parts; ++p) {
    const Part& part = plan.part[p];
    if (p == 0 || plan.part[p - 1].message != part.message)
      now = part.trigger == 0 ? zero : min(work.time[heartbeats + part.trigger - 1], late);
    const U taken = work.time[first + p];
    now = held && part.count != 0 ? passed(plan, work, part, now, taken) : min(now + taken, late);
    work.time[part.message] = now;
  }
}

/// Adds what outages do to the times of messages. When none begins before the last message has arrived on any lane,
/// nobody waits, and how long they last is not drawn.
template <class F, class Sink>
PROOFLOAD_FN void regimes(const Plan& plan, const float* tables, const Paths<F>& paths, const Workspace<F>& work,
                          Sink& sink) {
  using U = typename lane<F>::U;
  if (plan.parts == 0) return;
  pass_parts(plan, work, false);
  const U zero = broadcast_word<F>(0);
  U last = zero;
  for (unsigned p = 0; p < plan.parts; ++p) {
    const U at = work.time[plan.part[p].message];
    last = select(less(last, at), at, last);
  }
  auto held = less(zero, zero);
  for (unsigned o = 0; o < plan.outages; ++o) {
    work.outage[2 * o] = work.outage[2 * o + 1] = beginning(plan, plan.outage[o], paths, work).at;
    held = either(held, less(work.outage[2 * o], last + broadcast_word<F>(1)));
  }
  if (!sink.any(held)) return;
  for (unsigned o = 0; o < plan.outages; ++o) {
    const Outage& outage = plan.outage[o];
    const Stream<F> stream(paths, static_cast<std::uint32_t>(Purpose::outage) << 16 | outage.name);
    F z[2];
    normals(stream.draw(1), 0, z);
    const Beginning<F> begins = beginning(plan, outage, paths, work);
    const U whole = to_ticks(law_at(plan, tables, outage.duration, z[0]), plan.horizon);
    const U rest = to_ticks(law_at(plan, tables, outage.residual, z[0]), plan.horizon);
    work.outage[2 * o + 1] = begins.at + select(begins.under_way, rest, whole);  // at most 2 (horizon + 1) < 2^32
  }
  pass_parts(plan, work, true);
}

}  // namespace proofload
