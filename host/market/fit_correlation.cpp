// Correlations of the whole history and of the recent past (fit_market.h).
#include <cmath>

#include "market/fit_market.h"

namespace proofload {

Correlations fit_correlations(const Columns& columns, const std::vector<std::string>& names, std::int64_t bar,
                              double share) {
  const std::size_t n = columns.size();
  Correlations out;
  out.whole = fit_correlation(columns, names);
  out.written = out.whole.matrix;
  out.error = out.whole.error;
  if (n < 2) return out;
  const double bars = recent_half_life * 86400.0 / static_cast<double>(bar), rows = double(columns[0].size());
  for (std::size_t t = 0; t < columns[0].size(); ++t) out.weights.push_back(std::exp2((double(t) + 1.0 - rows) / bars));
  CorrelationFit recent = fit_correlation(columns, names, out.weights);
  if (recent.effective < double(least_returns)) return out;
  out.share = share;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      out.written[i][j] += share * (recent.matrix[i][j] - out.whole.matrix[i][j]);
      out.written[i][j] = std::round(out.written[i][j] * 1e4) / 1e4 + 0.0;
      out.error[i][j] += share * (recent.error[i][j] - out.whole.error[i][j]);
    }
  out.recent = std::move(recent);
  return out;
}

}  // namespace proofload
