/// show.h -- a result for people, and for programs.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "run/results.h"

namespace proofload {

/// Tables of at most 120 columns, UTF-8, with what a reader must know to use them.
std::string show_table(const Results&);

/// The contract of DESIGN 4.2: keys keep their names, order and meaning; additions come last. Absent values are null.
nlohmann::ordered_json show_json(const Results&);

}  // namespace proofload
