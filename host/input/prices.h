/// prices.h -- price histories from CSV files: one timestamp column, one column per asset. Gaps, different spans,
/// duplicate times and bad cells are repaired where the repair is safe, and reported either way.
#pragma once
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "input/times.h"

namespace proofload {

/// Prices on a regular grid of bars. A missing price is NaN; nothing is filled in.
struct PriceHistory {
  std::vector<std::string> assets;
  std::int64_t start = 0;  ///< time of row 0 as the file gives it (PriceOptions), seconds since 1970 UTC
  std::int64_t bar = 0;    ///< seconds between rows
  std::vector<std::vector<double>> price;  ///< [asset][row], in the file's quote currency; NaN where there is none
  /// what was found and done about it, for people: "3 rows repeat a time (the last was kept)"
  std::vector<std::string> repairs;

  std::size_t rows() const { return price.empty() ? 0 : price.front().size(); }
  std::int64_t time(std::size_t row) const { return start + static_cast<std::int64_t>(row) * bar; }
  /// log(price[row] / price[row - bars]); NaN when either is missing.
  double log_return(std::size_t asset, std::size_t row, std::size_t bars = 1) const;
  /// All log returns over `bars` bars that end at rows bars, bars + 1, ... (they overlap when bars > 1); rows() - bars
  /// of them.
  std::vector<double> log_returns(std::size_t asset, std::size_t bars = 1) const;
};

/// A file of prices, as a command line names it.
struct PriceSource {
  PriceSource() = default;
  PriceSource(std::filesystem::path path) : file(std::move(path)) {}  // NOLINT(google-explicit-constructor)

  std::filesystem::path file;               ///< "-": the standard input
  std::string name;                         ///< of the one asset in it; "": its columns are assets
  std::string column;                       ///< that holds the price; "": all that are prices
  std::shared_ptr<const std::string> text;  ///< what is in the file, where it has been read already
};

/// "file", "NAME=file", "file:column" or "NAME=file:column"; a file of exactly this name comes first.
PriceSource price_source(const std::string& text);

struct PriceOptions {
  bool any_time = false;                       ///< prices before 1990 and after tomorrow too
  std::string_view unless = "say --any-time";  ///< how to ask for them
  bool opening = false;  ///< times in the file are those at which bars open; in the history they are those of prices
  /// What is found outside of [from, to) is not said. The prices are all there all the same: `between` cuts them.
  std::int64_t from = std::numeric_limits<std::int64_t>::min(), to = std::numeric_limits<std::int64_t>::max();
};

/// Reads and merges files (input/csv.h). `assets` empty: all columns that are prices; what exports have beside them
/// (volumes, capitalisations, counters, candles besides their close, times again) is left out and said. Columns of
/// several files with equal names are one asset, if its price goes on from one to the other: the first file wins where
/// both have a price. Throws Error naming file and line for what cannot be used: no timestamp column, text, prices that
/// are zero, negative or not finite, fewer than two rows, a column that never moves, ...
PriceHistory read_prices(const std::vector<PriceSource>& files, const std::vector<std::string>& assets = {},
                         const PriceOptions& options = {});

/// The rows with from <= time < to. Throws Error when fewer than two are left.
PriceHistory between(const PriceHistory&, std::int64_t from, std::int64_t to);
/// Every row whose time is a multiple of `bar` seconds; throws Error when `bar` is not a multiple of the history's own.
PriceHistory resample(const PriceHistory&, std::int64_t bar);

}  // namespace proofload
