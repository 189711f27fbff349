/// backtest_show.h -- a backtest's verdict for people, for programs, and window by window.
#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "market/backtest_verdict.h"

namespace proofload {

/// For terminals: `head` are the lines that say what was tested; `bar` in seconds.
std::string verdict_table(const Verdict&, const std::string& head, std::int64_t bar);
nlohmann::ordered_json verdict_json(const Verdict&);

/// CSV, a row for each window and model: start, collateral, asset, minutes of the delay, model, loss, seconds since the
/// haircut was set (where haircuts stay set), and for each confidence the haircut in force and whether it was hit (1 or
/// 0). `bar` in seconds.
std::string windows_csv(const std::vector<SubjectHistory>&, const std::vector<double>& confidence, std::int64_t bar);

}  // namespace proofload
