/// fit_prices.h -- price files in, a [market] section, a file of residuals and a report out; with transfers a
/// [systemic] section too.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "input/prices.h"
#include "market/fit_report.h"
#include "market/transfers.h"

namespace proofload {

struct FitOptions {
  std::vector<PriceSource> prices;
  bool any_time = false, opening = false;  ///< as PriceOptions
  std::vector<std::string> assets;         ///< empty: all
  std::string model = "gjr_garch";         ///< gaussian, student_t, gjr_garch, bootstrap, merton or heston
  std::optional<std::int64_t> from, to;    ///< seconds since 1970 UTC
  std::int64_t bar = 0, horizon = 0;       ///< seconds; 0: the files' bar; the bar
  std::int64_t in_force = 0;               ///< seconds for which haircuts are to stay set; 0: not said
  std::size_t factors = 0;                 ///< 0: the full correlation
  std::string correlation = "mixed";       ///< one of correlation_kinds
  std::vector<double> weights;             ///< of the index, one per asset; empty: equal
  std::string residual_file;               ///< name of the residuals beside the section; empty: none
  int threads = 2;
  std::filesystem::path latencies;  ///< of transfers, from which the stress factor's loadings are fitted; empty: none
  TransferColumns latency_columns;
  std::int64_t volatility_window = 0;           ///< seconds; 0: usual_window
  std::optional<std::int64_t> trailing_window;  ///< seconds, 0: none; absent: what goes with the model
};

/// The section, the report's contents, and the rows of residuals as CSV (empty without residual_file).
struct FitOutput {
  FittedMarket market;
  std::string residuals;
};

/// Throws Error for prices and options that cannot be used.
FitOutput fit_prices(const FitOptions&);

}  // namespace proofload
