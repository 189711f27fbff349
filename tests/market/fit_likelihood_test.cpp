// Log-likelihoods that are compared are of the same returns: by their definitions, and where one law becomes another.
#include "market/fit_likelihood.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "market/fit_prices.h"
#include "tests/market/samples.h"

namespace proofload {
namespace {

namespace fs = std::filesystem;
using std::vector;

double normal_log_density(double x, double mean, double variance) {
  return -0.5 * std::log(2.0 * M_PI * variance) - 0.5 * (x - mean) * (x - mean) / variance;
}

MertonFit merton(double volatility, double intensity, double mean, double stdev, double location) {
  MertonFit fit;
  fit.volatility.value = volatility;
  fit.intensity.value = intensity;
  fit.mean.value = mean;
  fit.stdev.value = stdev;
  fit.location = location;
  fit.bars_per_year = hours;
  return fit;
}

TEST(Likelihoods, MertonWithoutJumpsIsNormal) {
  Generator g(1);
  vector<double> x;
  for (int t = 0; t < 3000; ++t) x.push_back(t % 9 == 4 ? nothing : 0.001 + 0.01 * normal(g));
  double n = 0.0, mean = 0.0, variance = 0.0, sum = 0.0;
  for (const double r : x)
    if (!std::isnan(r)) n += 1.0, mean += r;
  mean /= n;
  for (const double r : x)
    if (!std::isnan(r)) variance += (r - mean) * (r - mean) / n;
  for (const double r : x)
    if (!std::isnan(r)) sum += normal_log_density(r, mean, variance);
  const double gaussian = gaussian_log_likelihood(x);
  EXPECT_NEAR(gaussian, sum, 1e-11 * std::fabs(sum));
  const double volatility = std::sqrt(variance * hours);
  for (const double rate : {0.0, 1e-13, 1e-10}) {
    const double m =
        merton_log_likelihood(x, merton(volatility, rate, -0.5, 0.3, mean), merton(0.0, rate, 0.4, 0.2, 0.0), 1.3);
    EXPECT_NEAR(m, gaussian, 1e-11 * std::fabs(gaussian)) << rate;
  }
  EXPECT_LT(merton_log_likelihood(x, merton(volatility, 3000.0, -0.5, 0.3, mean), {}, 0.0), gaussian - 100.0);
}

// The density of one return has mass 1, and the mean and variance of diffusion, own and common jumps.
TEST(Likelihoods, MertonsDensityHasTheMomentsOfItsParts) {
  for (const double rate : {0.003, 0.4, 2.0}) {
    const MertonFit own = merton(0.9, rate * hours, 0.03, 0.02, 0.001),
                    common = merton(0.0, 0.5 * rate * hours, -0.05, 0.04, 0.0);
    const double loading = 0.7;
    double mass = 0.0, mean = 0.0, square = 0.0;
    const double step = 2e-4;
    for (double r = -3.0; r < 3.0; r += step) {
      const double p = step * std::exp(merton_log_likelihood(vector<double>{r}, own, common, loading));
      mass += p, mean += p * r, square += p * r * r;
    }
    const double true_mean = 0.001 + rate * 0.03 - 0.5 * rate * loading * 0.05;
    const double true_variance =
        0.81 / hours + rate * (0.03 * 0.03 + 0.02 * 0.02) + 0.5 * rate * 0.49 * (0.05 * 0.05 + 0.04 * 0.04);
    EXPECT_NEAR(mass, 1.0, 1e-9) << rate;
    EXPECT_NEAR(mean, true_mean, 1e-9) << rate;
    EXPECT_NEAR(square - mean * mean, true_variance, 1e-9) << rate;
  }
}

/// Hourly prices of assets that jump together and alone, the last one of them young and with gaps.
fs::path jumping_prices(std::size_t assets, Columns& returns) {
  Generator g(7);
  const fs::path path = fs::temp_directory_path() / fmt::format("proofload-likelihood-{}.csv", getpid());
  std::ofstream out(path);
  vector<double> log_price(assets, 3.0);
  returns.assign(assets, {});
  out << "timestamp_utc";
  for (std::size_t i = 0; i < assets; ++i) out << ",X" << i;
  for (std::size_t t = 0; t < 2500; ++t) {
    out << "\n" << 1600002000 + 3600 * t;
    const double jump = g() % 30 == 0 ? -0.03 + 0.03 * normal(g) : 0.0, common = normal(g);
    for (std::size_t i = 0; i < assets; ++i) {
      const bool absent = i + 1 == assets && i > 0 && (t < 500 || t % 50 == 3);
      out << ',' << (absent ? "" : fmt::format("{:.17g}", std::exp(log_price[i])));
      const double own = g() % 60 == 0 ? 0.04 * normal(g) : 0.0;
      log_price[i] += (0.6 + 0.3 * double(i)) * jump + own + 0.005 * (0.7 * common + 0.7 * normal(g));
    }
  }
  out.close();
  const PriceHistory h = read_prices({path});
  for (std::size_t i = 0; i < assets; ++i) returns[i] = h.log_returns(i);
  return path;
}

// Every log-likelihood of the report, by its definition over all returns of the asset: none is of a part of them, or of
// what is left of them.
TEST(Likelihoods, AllAreOfTheSameReturns) {
  for (const std::size_t assets : {1u, 3u}) {
    Columns returns;
    FitOptions options;
    options.prices = {jumping_prices(assets, returns)};
    const FittedMarket m = fit_prices(options).market;
    fs::remove(options.prices[0].file);
    const auto json = fit_json(m);
    for (std::size_t i = 0; i < assets; ++i) {
      SCOPED_TRACE(fmt::format("{} of {}", i, assets));
      const auto& a = m.assets[i];
      const auto said = [&](const char* model) { return json["assets"][i][model]["log_likelihood"].get<double>(); };
      double t = 0.0, merton_sum = 0.0, n = 0.0;
      const auto& own = m.jumps.own[i];
      const double dof = a.student.dof.value, scale = a.student.stdev.value * std::sqrt((dof - 2.0) / dof);
      const double loading = assets > 1 ? m.jumps.loadings[i].value : 0.0,
                   common = assets > 1 ? m.jumps.basket.intensity.value / hours : 0.0;
      for (const double r : returns[i]) {
        if (std::isnan(r)) continue;
        n += 1.0;
        const double x = (r - a.student.location.value) / scale;
        t += std::lgamma(0.5 * dof + 0.5) - std::lgamma(0.5 * dof) - 0.5 * std::log(dof * M_PI) - std::log(scale) -
             0.5 * (dof + 1.0) * std::log1p(x * x / dof);
        double density = 0.0;
        for (int j = 0; j < 12; ++j)
          for (int k = 0; k < 12; ++k) {
            const double rate = own.intensity.value / hours;
            const double weight = std::exp(-rate - common) * std::pow(rate, j) / std::tgamma(j + 1.0) *
                                  std::pow(common, k) / std::tgamma(k + 1.0);
            density += weight *
                       std::exp(normal_log_density(
                           r, own.location + j * own.mean.value + k * loading * m.jumps.basket.mean.value,
                           own.volatility.value * own.volatility.value / hours + j * own.stdev.value * own.stdev.value +
                               k * std::pow(loading * m.jumps.basket.stdev.value, 2.0)));
          }
        merton_sum += std::log(density);
      }
      EXPECT_EQ(double(a.returns), n);
      EXPECT_NEAR(said("gaussian"), gaussian_log_likelihood(returns[i]), 1e-9 * std::fabs(t));
      EXPECT_NEAR(said("student_t"), t, 1e-9 * std::fabs(t));
      EXPECT_NEAR(said("merton"), merton_sum, 1e-9 * std::fabs(t));
      EXPECT_NEAR(said("gjr_garch"), a.garch.log_likelihood, 1e-9 * std::fabs(t));  // that one: GarchFits
      if (assets == 1) { EXPECT_NEAR(said("merton"), own.log_likelihood, 1e-9 * std::fabs(t)); }
      EXPECT_GT(said("merton"), said("gaussian"));  // they do jump
      EXPECT_NE(fit_text(m).find(fmt::format("{:.1f}", said("merton") - said("gaussian"))), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace proofload
