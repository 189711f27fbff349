/// show.h -- a result for people, and for programs.
#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "run/results.h"

namespace proofload {

/// How much of a result is shown: what a person came for (haircuts, and what their policy would lose), or every table.
enum class Detail { first, all };

/// Tables that fit the screen, UTF-8, with what a reader must know to use them. The haircuts are last.
/// `now`: seconds since 1970 UTC, against which a validity is held; absent: the clock's.
std::string show_table(const Results&, Detail = Detail::first, std::optional<std::int64_t> now = {});

/// The contract of DESIGN 4.2: keys keep their names, order and meaning; additions come last. Absent values are null.
nlohmann::ordered_json show_json(const Results&);

}  // namespace proofload
