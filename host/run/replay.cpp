#include "run/replay.h"

#include "run/ieee_rounding.h"

namespace proofload {
namespace {

Tables tables_of(const Compiled& compiled) { return {compiled.tables.floats.data(), compiled.lane_rows()}; }

}  // namespace

Replay::Replay(const Compiled& compiled, std::uint64_t seed)
    : compiled_(compiled), key_(make_key(seed)), memory_(layout_of(compiled.plan)) {}

const PathRecord& Replay::path(std::uint64_t path) {
  [[maybe_unused]] const IeeeRounding rounding{};
  Listener listener{0, &record_.recording};
  Worker worker = memory_.worker();
  worker.listener = &listener;
  scalar::lanes.run(compiled_.plan, tables_of(compiled_), key_, path, 1, worker);
  record_.finite = worker.lowest_non_finite != path;
  return record_;
}

PathRecord replay(const Compiled& compiled, std::uint64_t seed, std::uint64_t path) {
  return Replay(compiled, seed).path(path);
}

std::vector<std::uint32_t> route_delays(const Compiled& compiled, std::uint64_t seed, PathRange range) {
  [[maybe_unused]] const IeeeRounding rounding{};
  std::vector<std::uint32_t> ticks(static_cast<std::size_t>(range.count) * compiled.plan.routes);
  scalar::lanes.delays(compiled.plan, tables_of(compiled), make_key(seed), range.first,
                       static_cast<std::uint32_t>(range.count), ticks.data());
  return ticks;
}

}  // namespace proofload
