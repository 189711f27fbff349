/// backtest_show.h -- a backtest's verdict for people, for programs, and window by window.
#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "market/backtest_verdict.h"

namespace proofload {

/// For terminals: `head` are the lines that say what was tested; `bar` in seconds.
std::string verdict_table(const Verdict&, const std::string& head, std::int64_t bar);
nlohmann::ordered_json verdict_json(const Verdict&);

inline constexpr std::string_view windows_mark = "start,collateral,asset,";  ///< how windows_csv() begins

/// CSV, a row for each window and model, phase after phase: start, collateral, asset, minutes of the delay, model,
/// loss, and for each confidence the haircut in force, whether it was hit (1 or 0), the forecast shortfall of the log
/// loss and, where haircuts stay set, the haircut that was asked for then and the seconds since that in force was set
/// (under a policy: since it changed). What the tests need to be done again. `bar` in seconds.
std::string windows_csv(const std::vector<std::vector<SubjectHistory>>& phases, const std::vector<double>& confidence,
                        std::int64_t bar);

}  // namespace proofload
