/// price_columns.h -- what the columns of a price file are: times, prices, and what exports have beside them.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "input/csv.h"

namespace proofload {

/// "nan", "null", "n/a", "-" and the like.
bool says_missing(std::string_view cell);

/// A first line of values is no header: candles of Binance get one, others are refused. Throws Error.
void name_header(input::Csv&, std::vector<std::string>& repairs);

struct PriceColumns {
  std::size_t times;  ///< the column of times, or of days
  std::vector<std::size_t> prices;
  std::optional<std::size_t> symbol;  ///< says of which asset a row is
  std::optional<std::size_t> clock;   ///< the time of day, where it has a column of its own
};
/// By names and by what the first rows hold. `wanted`: the names of prices, empty for all that are prices; what is left
/// out is said in `repairs`.
PriceColumns price_columns(input::Csv&, const std::vector<std::string>& wanted, std::vector<Problem>& problems,
                           std::vector<std::string>& repairs);

}  // namespace proofload
