// Correlations of the recent past: weighted sums by their definition, errors by theory and by repetition, and what a
// section has of both pasts.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "base/parallel.h"
#include "market/fit_prices.h"
#include "tests/market/samples.h"

namespace proofload {
namespace {

namespace fs = std::filesystem;
using std::vector;

const vector<std::string> names{"A", "B", "C", "D"};
constexpr std::int64_t day = 86400;

/// Three assets whose pairs have the correlation `rho` of their bar.
template <typename Rho>
Columns related(std::size_t rows, Generator& g, const Rho& rho) {
  Columns x(3);
  for (std::size_t t = 0; t < rows; ++t) {
    const double common = normal(g);
    for (auto& c : x) c.push_back(std::sqrt(rho(t)) * common + std::sqrt(1.0 - rho(t)) * normal(g));
  }
  return x;
}

TEST(RecentCorrelations, AreTheirDefinition) {
  Generator g(1);
  Columns x = related(1500, g, [](std::size_t) { return 0.6; });
  for (std::size_t t = 0; t < 1500; t += 7) x[1][t] = missing;
  const Correlations c = fit_correlations(x, names, day, 0.5);
  ASSERT_TRUE(c.recent);
  double xy = 0.0, xx = 0.0, yy = 0.0, sum = 0.0, squares = 0.0;
  for (std::size_t t = 0; t < 1500; ++t) {
    if (std::isnan(x[1][t])) continue;
    const double w = std::pow(0.5, double(1499 - t) / 60.0);
    xy += w * x[0][t] * x[1][t], xx += w * x[0][t] * x[0][t], yy += w * x[1][t] * x[1][t];
    sum += w, squares += w * w;
  }
  EXPECT_NEAR(c.recent->sample[0][1], xy / std::sqrt(xx * yy), 1e-12);
  EXPECT_NEAR(c.recent->effective, sum * sum / squares, 1e-6);
  EXPECT_EQ(c.recent->least_overlap, c.whole.least_overlap);
  const CorrelationFit plain = fit_correlation(x, names), equal = fit_correlation(x, names, vector<double>(1500, 0.3));
  EXPECT_EQ(c.whole.matrix, plain.matrix);
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < i; ++j) {
      EXPECT_NEAR(equal.sample[i][j], plain.sample[i][j], 1e-12);  // equal weights are none
      EXPECT_NEAR(equal.error[i][j], plain.error[i][j], 1e-12);
      EXPECT_NEAR(c.written[i][j], 0.5 * (c.whole.matrix[i][j] + c.recent->matrix[i][j]), 5.1e-5);
      EXPECT_EQ(fit_correlations(x, names, day, 0.0).written[i][j], c.whole.matrix[i][j]);
      EXPECT_NEAR(fit_correlations(x, names, day, 1.0).written[i][j], c.recent->matrix[i][j], 1e-12);
    }
}

// Of normal returns an estimate's deviation is (1 - rho^2) / sqrt(effective returns). 400 histories know a deviation to
// 3.5 %: errors that are 12 % off are seen.
TEST(RecentCorrelations, ErrorsAreThoseOfRepetitions) {
  constexpr std::size_t repetitions = 400;
  vector<double> estimate(repetitions), error(repetitions);
  double effective = 0.0;
  for_each_parallel(repetitions, 2, [&](std::size_t i) {
    Generator g(500 + i);
    const Correlations c = fit_correlations(related(1200, g, [](std::size_t) { return 0.6; }), names, day / 4, 0.5);
    estimate[i] = c.recent->sample[0][1];
    error[i] = c.recent->error[0][1];
    EXPECT_NEAR(c.error[0][1], 0.5 * (c.whole.error[0][1] + c.recent->error[0][1]), 1e-12);
    if (i == 0) effective = c.recent->effective;
  });
  const Repeated all = repeated(estimate, error);
  EXPECT_NEAR(all.mean, 0.6, 3.5 * all.error_of_mean + 0.002);  // the ratio's own bias
  EXPECT_NEAR(all.deviation / (0.64 / std::sqrt(effective)), 1.0, 0.12);
  EXPECT_NEAR(all.mean_error / all.deviation, 1.0, 0.12);
}

// A market that came together two years ago: the recent past says so, the whole history half of it.
TEST(RecentCorrelations, SeeWhatHasChanged) {
  Generator g(2);
  const Columns x = related(2000, g, [](std::size_t t) { return t < 1270 ? 0.3 : 0.8; });
  const Correlations c = fit_correlations(x, names, day, 0.5);
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < i; ++j) {
      EXPECT_NEAR(c.recent->matrix[i][j], 0.8, 4.0 * 0.36 / std::sqrt(c.recent->effective));
      EXPECT_LT(c.whole.matrix[i][j], 0.55);
    }
  EXPECT_GT(smallest_eigenvalue(c.written), 1e-3);
}

TEST(RecentCorrelations, FactorsHaveTheirErrors) {
  constexpr std::size_t repetitions = 100;
  vector<double> loading(repetitions), error(repetitions);
  for_each_parallel(repetitions, 2, [&](std::size_t i) {
    Generator g(900 + i);
    const Columns x = related(1500, g, [](std::size_t) { return 0.64; });
    const FactorFit f = fit_factors(x, fit_correlations(x, names, day, 0.5), 1);
    loading[i] = f.loadings[0][0];
    error[i] = f.error[0][0];
  });
  const Repeated all = repeated(loading, error);
  EXPECT_NEAR(all.mean, 0.8, 3.5 * all.error_of_mean + 0.002);
  EXPECT_GT(all.mean_error / all.deviation,
            0.75);  // a batch of late weighs much, and the jackknife has it rather too large
  EXPECT_LT(all.mean_error / all.deviation, 1.6);
}

/// What `fit` says of prices every `bar`, and the section that it writes.
TEST(RecentCorrelations, SectionsSayWhichTheyHave) {
  Generator g(3);
  const fs::path path = fs::temp_directory_path() / fmt::format("proofload-recent-{}.csv", getpid());
  const auto write = [&](std::int64_t bar, std::size_t rows) {
    const Columns x = related(rows, g, [](std::size_t) { return 0.5; });
    std::ofstream out(path);
    out << "timestamp_utc,A,B,C\n";
    double a = 3.0, b = 3.0, c = 3.0;
    for (std::size_t t = 0; t < rows; ++t) {
      out << fmt::format("{},{:.12g},{:.12g},{:.12g}\n", 1200009600 + bar * std::int64_t(t), std::exp(a), std::exp(b),
                         std::exp(c));
      a += 0.02 * x[0][t], b += 0.02 * x[1][t], c += 0.02 * x[2][t];
    }
  };
  FitOptions options;
  options.prices = {path};
  write(day, 900);
  for (const char* kind : {"mixed", "recent", "whole"})
    for (const char* model : {"gjr_garch", "student_t"}) {
      SCOPED_TRACE(fmt::format("{} {}", kind, model));
      options.correlation = kind;
      options.model = model;
      const FittedMarket m = fit_prices(options).market;
      const auto json = fit_json(m)["correlation"][std::string(model) == "gjr_garch" ? "residuals" : "returns"];
      EXPECT_EQ(json["kind"], kind);
      EXPECT_EQ(json["recent"]["half_life_days"], 60.0);
      const double written = json["written"][1][0].get<double>(), whole = json["matrix"][1][0].get<double>(),
                   recent = json["recent"]["matrix"][1][0].get<double>();
      const double share = std::string(kind) == "mixed" ? 0.5 : std::string(kind) == "recent" ? 1.0 : 0.0;
      EXPECT_NEAR(written, whole + share * (recent - whole), 5.1e-5);
      const std::string toml = market_toml(m);
      EXPECT_NE(toml.find(fmt::format("\n  [{:.4f}, 1.0000, ", written)), std::string::npos) << toml;
      EXPECT_EQ(toml.find("of the whole history (") == std::string::npos, share == 1.0);
      EXPECT_EQ(toml.find("whose weights halve in 60 days") == std::string::npos, share == 0.0);
      EXPECT_NE(fit_text(m).find("Whole history beside the recent past"), std::string::npos);
    }
  write(7 * day, 300);  // 60 days are nine bars
  options.correlation = "mixed";
  const FittedMarket m = fit_prices(options).market;
  EXPECT_NE(
      fmt::format("{}", fmt::join(m.notes, "\n")).find("correlation: of the whole history alone, as weights that"),
      std::string::npos);
  EXPECT_EQ(m.correlation.written, m.correlation.whole.matrix);
  EXPECT_TRUE(fit_json(m)["correlation"]["returns"]["recent"].is_null());
  options.correlation = "recent";
  EXPECT_THROW(fit_prices(options), Error);
  options.correlation = "newest";
  EXPECT_THROW(fit_prices(options), Error);
  fs::remove(path);
}

}  // namespace
}  // namespace proofload
