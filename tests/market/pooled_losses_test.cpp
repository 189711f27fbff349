// The pooled tail against its definition, worked out loss by loss, and against what may be known.
#include "market/pooled_losses.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>

#include "market/backtest_statistics.h"

namespace proofload {
namespace {

constexpr std::int64_t hour = 3600;

/// Three assets with hourly prices, one of them younger, two with gaps.
PriceHistory history(std::size_t rows) {
  PriceHistory h;
  h.start = 1577836800 + 5 * hour;  // 05:00 UTC: days do not begin with the rows
  h.bar = hour;
  Draws draws{17};
  for (int a = 0; a < 3; ++a) {
    h.assets.push_back("A" + std::to_string(a));
    std::vector<double> price;
    double x = 100.0, s = 0.01;
    for (std::size_t i = 0; i < rows; ++i) {
      s = 0.01 + 0.95 * (s - 0.01) + 0.002 * draws.uniform();
      x *= std::exp(s * boost::math::quantile(boost::math::normal(), draws.uniform()));
      price.push_back(a == 1 && i < 500 ? NAN : x);
    }
    if (a != 0) price[900] = price[1200] = price[1201] = NAN;
    h.price.push_back(price);
  }
  return h;
}

/// The same from the words of the header: every loss and every age, sorted anew for each question.
struct ByHand {
  const PriceHistory& h;
  int bars;
  std::size_t in_force;
  std::vector<double> times{}, weights{};

  ByHand(const PriceHistory& history, int length, std::size_t force) : h(history), bars(length), in_force(force) {
    const double shortest = bars * std::pow(1.0 + double(in_force) / bars, 0.25);
    double sum = 0.0;
    for (double t = shortest; t <= 512.0 * 24.0; t *= std::sqrt(2.0)) {
      times.push_back(t);
      weights.push_back(1.0 - std::log(t / shortest) / std::log(1560.0 * 24.0 / shortest));
      sum += weights.back();
    }
    for (double& w : weights) w /= sum;
  }
  double deviation(std::size_t a, std::size_t row) const {
    double variance = 0.0;
    for (std::size_t k = 0; k < times.size(); ++k) {
      double square = 0.0, norm = 0.0, back = 0.0;  // known bars since
      for (std::size_t i = row; i >= 1; --i) {
        const double r = std::log(h.price[a][i] / h.price[a][i - 1]);
        if (!std::isfinite(r)) continue;
        square += std::exp(-back / times[k]) * r * r * (r < 0.0 ? 1.3 : 0.7);
        norm += std::exp(-back / times[k]);
        back += 1.0;
      }
      if (norm > 0.0) variance += weights[k] * square / norm;
    }
    return std::sqrt(variance * bars);
  }
  /// Losses over their deviations that are known at `row`, largest first; `scale[a][i]` are the deviations.
  std::vector<double> sample(const std::vector<std::vector<double>>& scale, std::size_t row,
                             const std::vector<std::size_t>& ages) const {
    std::vector<double> z;
    for (std::size_t a = 0; a < h.assets.size(); ++a) {
      std::size_t first = 0;
      while (!std::isfinite(h.price[a][first])) ++first;
      for (const std::size_t age : ages) {
        for (std::size_t i = first + 30 * 24 + age; i + std::size_t(bars) <= row; ++i) {
          bool known = true;
          for (int k = 0; k <= bars; ++k) known = known && std::isfinite(h.price[a][i + std::size_t(k)]);
          if (known) z.push_back(std::log(h.price[a][i] / h.price[a][i + std::size_t(bars)]) / scale[a][i - age]);
        }
      }
    }
    std::sort(z.rbegin(), z.rend());
    return z;
  }
};

void compare(const PriceHistory& h, int bars, std::size_t in_force, const std::vector<std::size_t>& ages) {
  const std::vector<double> confidence = {0.9, 0.99, 0.9999};
  const PooledLosses pool(h, {{{bars}, {1.0}}, in_force, 86400, confidence, 30 * 24});
  const ByHand hand(h, bars, in_force);
  std::vector<std::vector<double>> scale(h.assets.size());
  for (std::size_t a = 0; a < h.assets.size(); ++a)
    for (std::size_t i = 0; i < h.rows(); ++i) scale[a].push_back(pool.deviation(a, i));
  for (const std::size_t row : {40u, 760u, 901u, 1300u, 1399u})
    for (std::size_t a = 0; a < 3; ++a) {
      const double expected = hand.deviation(a, row);
      EXPECT_NEAR(scale[a][row], expected, 1e-11 * std::max(expected, 1e-9)) << a << " " << row;
    }
  for (const std::size_t row : {810u, 1000u, 1018u, 1019u, 1399u}) {
    const std::size_t midnight = row - (row + 5) % 24;  // the first row is 05:00
    const auto z = hand.sample(scale, midnight, ages);
    ASSERT_GT(z.size(), 10u);
    const TailForecast& tail = pool.tail(row);
    for (std::size_t c = 0; c < confidence.size(); ++c) {
      const double n = double(z.size());
      const double place =
          std::max(0.0, (1.0 - confidence[c]) * n - confidence[c] * double(bars) * double(ages.size()));
      const auto k = std::size_t(place);
      const double q = z[k] + (place - double(k)) * (z[k + 1] - z[k]);
      EXPECT_NEAR(tail.quantile[c], q, 1e-12 * std::abs(q)) << row << " " << confidence[c];
      double sum = 0.0;
      for (std::size_t i = 0; i < k; ++i) sum += z[i];
      EXPECT_NEAR(tail.shortfall[c], k > 0 ? sum / double(k) : q, 1e-9) << row << " " << confidence[c];
    }
  }
}

TEST(PooledLosses, AreTheirDefinition) {
  const PriceHistory h = history(1400);
  compare(h, 1, 0, {0});
  compare(h, 1, 3, {0, 1, 2});
  compare(h, 3, 0, {0});
  compare(h, 3, 24 * 7, {9, 30, 51, 72, 93, 114, 135, 156});  // 56 lengths: 3 * floor((i + 1/2) * 7)
}

TEST(PooledLosses, SayNothingBeforeALossIsKnown) {
  const PriceHistory h = history(1400);
  const PooledLosses pool(h, {{{1}, {1.0}}, 24, 86400, {0.99}, 30 * 24});
  EXPECT_TRUE(pool.tail(0).quantile.empty());
  EXPECT_TRUE(pool.tail(30 * 24).quantile.empty());  // 30 days of the oldest asset, and the age of a haircut
  EXPECT_FALSE(pool.tail(32 * 24).quantile.empty());
}

/// Other assets are part of what is known, and only their past.
TEST(PooledLosses, DoNotSeeTheFutureOfAnyAsset) {
  const PriceHistory before = history(1400);
  PriceHistory after = before;
  const std::size_t cut = 1200;
  for (auto& price : after.price)
    for (std::size_t i = cut + 1; i < price.size(); ++i) price[i] *= i % 2 == 0 ? 3.0 : 0.4;
  const PoolSettings s{{{1, 5}, {0.5, 0.5}}, 48, 86400, {0.99, 0.999}, 30 * 24};
  const PooledLosses a(before, s), b(after, s);
  for (std::size_t row = 0; row < 1400; ++row) {
    const bool same = a.tail(row).quantile == b.tail(row).quantile && a.tail(row).shortfall == b.tail(row).shortfall;
    if (row <= cut) {
      ASSERT_TRUE(same) << row;
      ASSERT_EQ(a.deviation(2, row), b.deviation(2, row)) << row;
    }
    if (row == 1399) { EXPECT_FALSE(same); }
  }
  PriceHistory other = before;  // what another asset does counts
  for (std::size_t i = 1000; i < 1400; ++i) other.price[1][i] *= i % 2 == 0 ? 1.5 : 0.7;
  EXPECT_NE(PooledLosses(other, s).tail(1399).quantile, a.tail(1399).quantile);
}

}  // namespace
}  // namespace proofload
