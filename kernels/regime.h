/// regime.h -- chains and layers that stand still: outages, halts, pauses, expired clients; and what that adds to messages (DESIGN 1.3).
///
/// An outage is one interval [S, E) a path, drawn once and shared by all messages that pass its owner. It is under way at the call with
/// probability r E[D] / (1 + r E[D]), with the length-biased residual (density (1 - F(t)) / E[D]); otherwise it begins after an
/// exponential time. A second outage of the same owner on one path is left out: at rates of a few a year and delays of hours its
/// probability is of second order.
#pragma once
#include "delay.h"

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

/// Time of every message that has parts: each part in turn, and, where an outage runs over it, the wait for its end.
template <class F>
PROOFLOAD_FN void pass_parts(const Plan& plan, const Workspace<F>& work, bool held) {
  using U = typename lane<F>::U;
  const U late = broadcast_word<F>(plan.horizon + 1), one = broadcast_word<F>(1), zero = broadcast_word<F>(0);
  const unsigned first = plan.messages + plan.readings;
  U now = zero;
  for (unsigned p = 0; p < plan.parts; ++p) {
    const Part& part = plan.part[p];
    if (p == 0 || plan.part[p - 1].message != part.message) now = zero;
    const U arrived = now;
    now = min(now + work.time[first + p], late);
    for (unsigned h = part.first; held && h < unsigned(part.first) + part.count; ++h) {
      const unsigned o = plan.holds[h];
      const U begins = work.outage[2 * o], ends = work.outage[2 * o + 1];
      const U from = select(less(begins, arrived), arrived, begins);
      const auto hit = both(less(begins, now + one), less(from, ends));
      const U wait = min(select(hit, ends - from, zero), broadcast_word<F>(part.cap));
      now = min(now + wait, late);
    }
    work.time[part.message] = now;
  }
}

/// Adds what outages do to the times of messages. When none begins before the last message has arrived on any lane, nobody waits, and
/// how long they last is not drawn.
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
    work.outage[2 * o] = beginning(plan, plan.outage[o], paths, work).at;
    held = either(held, less(work.outage[2 * o], last + broadcast_word<F>(1)));
  }
  if (!sink.any(held)) return;
  for (unsigned o = 0; o < plan.outages; ++o) {
    const Outage& outage = plan.outage[o];
    const Stream<F> stream(paths, static_cast<std::uint32_t>(Purpose::outage) << 16 | outage.name);
    F z[2];
    normals(stream.draw(1), 0, z);
    const U pick = stream.draw(2).word[0];
    const Beginning<F> begins = beginning(plan, outage, paths, work);
    const U whole = to_ticks(law_at(plan, tables, outage.duration, z[0], pick), plan.horizon);
    const U rest = to_ticks(law_at(plan, tables, outage.residual, z[0], pick), plan.horizon);
    work.outage[2 * o + 1] = begins.at + select(begins.under_way, rest, whole);  // at most 2 (horizon + 1) < 2^32
    sink.outage(o, begins.at, work.outage[2 * o + 1]);
  }
  pass_parts(plan, work, true);
}

}  // namespace proofload
