// Oracles that are pushed when the price has moved, against theory: the first passage of the price through 1 -+ the
// deviation at the dates of the grid, or the heartbeat. checks.h says what a check is and how it proves that it would
// see an error.
#include <algorithm>
#include <map>

#include "tests/model/outages.h"

namespace proofload {
namespace {

using namespace testing;  // NOLINT: the vocabulary of checks

constexpr std::uint64_t n = 1'000'000;
constexpr double sigma = 0.8, deviation = 0.005, heartbeat = hour, step = minute;

/// A log price without drift that is looked at every `dt` and stopped where the price is beyond the fraction `b` of
/// what it was, up or down, at a date: the density of those that go on, carried from date to date by Gauss-Legendre
/// quadrature.
class Watched {
 public:
  Watched(double volatility, double b, double dt)
      : s_(volatility * std::sqrt(dt / year)), down_(std::log1p(-b)), up_(std::log1p(b)) {
    using Rule = boost::math::quadrature::gauss<double, 20>;
    const int panels = std::max(1, int(std::ceil((up_ - down_) / (3.0 * s_))));
    const double width = (up_ - down_) / panels;
    for (int p = 0; p < panels; ++p) {
      for (std::size_t i = 0; i < Rule::abscissa().size(); ++i) {
        for (const double sign : {-1.0, 1.0}) {
          at_.push_back(down_ + width * (p + 0.5 + 0.5 * sign * Rule::abscissa()[i]));
          weight_.push_back(0.5 * width * Rule::weights()[i]);
        }
      }
    }
    for (const double y : at_) now_.push_back(density(y));
  }
  /// Calls f(y, weight) for where the walk is at date k; f(0, 1) at the call. Dates are asked for in order.
  template <class F>
  double over(int k, const F& f) {
    if (k == 0) return f(0.0);
    for (; date_ < k; ++date_) advance();
    double sum = 0.0;
    for (std::size_t i = 0; i < at_.size(); ++i) sum += weight_[i] * now_[i] * f(at_[i]);
    return sum;
  }
  double goes_on(int k) {
    return over(k, [](double) { return 1.0; });
  }
  /// Mean of f(v) over the next date's place v beyond the deviation, from y.
  template <class F>
  double leaving(double y, const F& f) const {
    const auto g = [&](double v) { return density(v - y) * f(v); };
    return integral(g, up_, up_ + 9.0 * s_, 3) + integral(g, down_ - 9.0 * s_, down_, 3);
  }

 private:
  double density(double x) const {
    return std::exp(-0.5 * x * x / (s_ * s_)) / (s_ * std::sqrt(2.0 * std::numbers::pi));
  }
  void advance() {
    std::vector<double> next(at_.size());
    for (std::size_t i = 0; i < at_.size(); ++i) {
      for (std::size_t j = 0; j < at_.size(); ++j) next[i] += weight_[j] * now_[j] * density(at_[i] - at_[j]);
    }
    now_.swap(next);
  }
  double s_, down_, up_;
  std::vector<double> at_, weight_, now_;
  int date_ = 1;
};

/// P(the oracle takes t or longer): no date before has a price beyond the deviation, and the heartbeat is not yet due.
double waits(double volatility, double b, double beat, double t) {
  if (t >= beat) return 0.0;
  return (1.0 - t / beat) * Watched(volatility, b, step).goes_on(int(std::ceil(t / step)) - 1);
}

/// P(x < a) `after` seconds after the oracle's time.
double below(double volatility, double b, double beat, double after, double a) {
  Watched walk(volatility, b, step);
  const int dates = int(std::lround(beat / step));
  const auto from = [&](double y, double t) { return normal((a - y) / (volatility * std::sqrt(t / year))); };
  double sum = 0.0;
  for (int k = 0; k < dates; ++k) {
    const double beats =
        integral([&](double u) { return walk.over(k, [&](double y) { return from(y, u + after); }); }, 0.0, step);
    const double moves =
        walk.over(k, [&](double y) { return walk.leaving(y, [&](double v) { return from(v, after); }); });
    sum += beats / beat + (1.0 - (k + 1) * step / beat) * moves;
  }
  return sum;
}

/// Mean of f over the oracle's time.
template <class F>
double over_update(double volatility, double b, double beat, const F& f) {
  Watched walk(volatility, b, step);
  double sum = 0.0;
  for (int k = 0; k < int(std::lround(beat / step)); ++k) {
    const double now = walk.goes_on(k), next = walk.goes_on(k + 1), date = (k + 1) * step;
    sum += now / beat * integral([&](double u) { return f(k * step + u); }, 0.0, step) +
           (1.0 - date / beat) * (now - next) * f(date);
  }
  return sum;
}

std::string oracle(double b, double beat, double latency) {
  return fmt::format(
      "{{ name = \"oracle\", kind = \"deviation\", heartbeat = {}, deviation = {:.17g}, latency = {{ kind = "
      "\"constant\", value = {} }} }}",
      seconds(beat), b, seconds(latency));
}
/// One asset whose log price has no drift, on a grid of a minute.
std::string market(double volatility, const std::string& more = "") {
  return one_asset(volatility,
                   fmt::format("drift = {:.17g}\ngrid = {{ step = \"1m\" }}\n", 0.5 * volatility * volatility) + more);
}

void rows_of_delays(std::vector<Row>& rows) {
  const double latency = 90.0;
  const auto check = [=](double at, Knob knob) {
    const double t = edge_at(at);
    return probability(
        fmt::format("P(delay > {:.0f} s)", t), n,
        [=](const World& w) {
          return waits(sigma * w.volatility, deviation * w.size, heartbeat * w.delay, t - latency);
        },
        knob, later(0, t));
  };
  rows.push_back({"first_passage_or_heartbeat",
                  n,
                  [=](const World& w) {
                    return market(sigma * w.volatility) +
                           route("r", oracle(deviation * w.size, heartbeat * w.delay, latency)) +
                           collateral("k", "X", "r", 0.01);
                  },
                  {check(5 * minute, &World::volatility), check(10 * minute, &World::size),
                   check(20 * minute, &World::volatility), check(40 * minute, &World::delay)}});
  // A price that hardly moves: the heartbeat alone, uniform to its end.
  const double t = edge_at(50 * minute);
  rows.push_back({"heartbeat",
                  n,
                  [=](const World& w) {
                    return market(0.01) + route("r", oracle(0.05, heartbeat * w.delay, 0.0)) +
                           collateral("k", "X", "r", 0.01);
                  },
                  {probability(
                      "P(delay > 50 min)", n, [=](const World& w) { return 1.0 - t / (heartbeat * w.delay); },
                      &World::delay, later(0, t))}});
  // Student-t shocks, one mixer a path: a volatile path is pushed early.
  const double s = edge_at(30 * minute);
  rows.push_back({"first_passage_student_t",
                  n,
                  [=](const World& w) {
                    return market(sigma * w.volatility, student_t(4.0)) +
                           route("r", oracle(deviation, heartbeat, 0.0)) + collateral("k", "X", "r", 0.01);
                  },
                  {probability(
                      "P(delay > 30 min)", n,
                      [=](const World& w) {
                        return over_mixer(4.0, [&](double v) {
                          const double path = sigma * w.volatility * std::sqrt(v);
                          if (path > 5.0) return 0.0;  // ten minutes of it are far beyond the deviation
                          return waits(path, deviation, heartbeat, s);
                        });
                      },
                      &World::volatility, later(0, s))}});
}

/// The price at the sale: what moved the oracle is in it, overshoot and all (error: the price of a time that does not
/// depend on it). And at the price layer, oracle + one block.
void rows_of_prices(std::vector<Row>& rows) {
  const double latency = 60.0, relay = 4 * minute, block = 5 * minute, h = 0.009, hp = 0.011;
  rows.push_back(
      {"prices_at_an_update",
       n,
       [=](const World& w) {
         return fmt::format("[chains.a]\nblock_time = {}\n", seconds(block)) + market(sigma * w.volatility) +
                route("r", oracle(deviation * w.size, heartbeat, latency) + ", " + constant("relay", relay)) +
                collateral("k", "X", "r", h);
       },
       {probability(
            "P(L > 0.9 %)", n,
            [=](const World& w) {
              return below(sigma * w.volatility, deviation * w.size, heartbeat, latency + relay, std::log1p(-h));
            },
            &World::size, under(0)),
        probability(
            "P(L > 1.1 %) at the price layer", n,
            [=](const World& w) {
              return below(sigma * w.volatility, deviation * w.size, heartbeat, latency + block, std::log1p(-hp));
            },
            &World::volatility,
            [=](const Results& r, const Answers&) {
              return counted(beyond(r, r.tally.layout.price(r.compiled.reading_of[0]), hp), r.tally.paths);
            })}});
}

/// An outage of the chain where the message arrives is met when the message is there, oracle and all (error: it is met
/// as if the message had left at the call). Outages are short and frequent here, so that a few minutes matter.
void rows_of_outages(std::vector<Row>& rows) {
  constexpr double part = 32.0;
  const auto outage = [](const World& w) {
    return Standstill{5000.0 * w.size, exponential_time(20 * minute * w.shape)};
  };
  const auto check = [=](double at, Knob knob) {  // `at` less the part is a date of the grid
    return probability(
        fmt::format("P(delay > {:.0f} s)", at), n,
        [=](const World& w) {
          const Standstill o = outage(w);
          return over_update(sigma * w.volatility, deviation, heartbeat, [&](double t) {
            const double x = at - part - t;
            return x <= 1e-9 ? 1.0 : o.waits(x, t, part);
          });
        },
        knob, later(0, at));
  };
  rows.push_back({"outages_after_an_update",
                  n,
                  [=](const World& w) {
                    return chain_with("a", {outage(w)}) + market(sigma * w.volatility) +
                           route("r",
                                 oracle(deviation, heartbeat, 0.0) + ", " + constant("destination_inclusion", part)) +
                           collateral("k", "X", "r", 0.01);
                  },
                  {check(2432.0, &World::volatility), check(4352.0, &World::shape), check(6272.0, &World::size)}});
}

const std::vector<Row>& rows() {
  static const std::vector<Row> all = [] {
    std::vector<Row> r;
    for (const auto add : {rows_of_delays, rows_of_prices, rows_of_outages}) add(r);
    return r;
  }();
  return all;
}

class Triggers : public ::testing::TestWithParam<const Row*> {};
TEST_P(Triggers, LieInTheIntervalOfTheProgram) { lies_in_the_interval(*GetParam()); }
INSTANTIATE_TEST_SUITE_P(Quick, Triggers, ::testing::ValuesIn(rows_that_run(rows(), false)), row_name);
class TriggersError : public ::testing::TestWithParam<const Row*> {};
TEST_P(TriggersError, IsSeen) { rejects_a_planted_error(*GetParam()); }
INSTANTIATE_TEST_SUITE_P(Quick, TriggersError, ::testing::ValuesIn(errors_that_run(rows(), false)), row_name);
TEST(TriggersRows, AreSound) { are_sound(rows(), 0.06); }

/// The theory above against the literature: a walk that is looked at now and then is stopped like one that is watched
/// all the time with a barrier that is 0.5826 deviations of a step further away (Broadie, Glasserman and Kou 1997).
TEST(FirstPassage, IsThatOfAShiftedBarrier) {
  const double dt = 10.0, shift = 0.5826 * sigma * std::sqrt(dt / year);
  const auto watched_always = [&](double b, double t) {  // series of the heat equation between absorbing walls
    double sum = 0.0;
    for (int k = 0; k < 50; ++k) {
      const double m = 2.0 * k + 1.0;
      sum += (k % 2 ? -1.0 : 1.0) / m *
             std::exp(-m * m * std::numbers::pi * std::numbers::pi * sigma * sigma * t / year / (8.0 * b * b));
    }
    return 4.0 / std::numbers::pi * sum;
  };
  Watched walk(sigma, deviation, dt);
  for (const int k : {30, 60, 120}) {
    const double exact = walk.goes_on(k), corrected = watched_always(deviation + shift, k * dt);
    EXPECT_NEAR(corrected / exact, 1.0, 0.005) << k << " dates";
    EXPECT_GT(std::abs(watched_always(deviation, k * dt) / exact - 1.0), 0.015) << "without the shift";
  }
}

// ---- who shares an update -------------------------------------------------------------------------------------------

/// Routes to chains `one` and `two`, an asset for each; unresolved at `horizon` means that the oracle took longer.
Results two_routes(const std::string& one, const std::string& two, double horizon, const std::string& more = "") {
  const auto to = [](const std::string& name, const std::string& chain) {
    return fmt::format("[routes.{}]\ncollateral_chain = \"a\"\nliability_chain = \"{}\"\nstages = [ {} ]\n", name,
                       chain, oracle(deviation, heartbeat, 0.0));
  };
  return run_text(
      fmt::format("schema = 1\nname = \"t\"\n[run]\npaths = 400000\nseed = 5\ninterval = {}\nhorizon = {}\n", level,
                  seconds(horizon)) +
      market(sigma) + to("r", one) + to("q", two) + collateral("k", "X", "r", 0.01) + collateral("l", "X", "q", 0.01) +
      more);
}

/// Routes to one chain wait for one update of an asset's price; on two chains the heartbeats differ, and the price is
/// the same.
TEST(Oracles, AreSharedByTheRoutesToAChain) {
  const double horizon = 30 * minute + 30.0;
  const auto late = [](const Results& r, int k) { return r.tally.counts[r.tally.layout.late(k)]; };
  const auto any = [](const Results& r) { return r.tally.counts[r.tally.layout.unresolved()]; };
  const Results same = two_routes("b", "b", horizon), other = two_routes("b", "c", horizon);
  EXPECT_EQ(late(same, 0), late(same, 1));
  EXPECT_EQ(late(same, 0), any(same));
  EXPECT_NE(late(other, 0), any(other));
  const double moved = Watched(sigma, deviation, step).goes_on(30), due = horizon / heartbeat;
  EXPECT_TRUE(agrees(counted(late(other, 0), other.tally.paths), moved * (1.0 - due)));
  const std::uint64_t both = late(other, 0) + late(other, 1) - any(other);
  EXPECT_TRUE(agrees(counted(both, other.tally.paths), moved * (1.0 - due) * (1.0 - due)));
  EXPECT_FALSE(agrees(counted(both, other.tally.paths), std::pow(moved * (1.0 - due), 2)))
      << "as if they watched two prices";
}

/// A chain that is known to be down until then holds a message up until then, however late the oracle was within that
/// time: the wait is for the end of the outage, not for as long as the outage lasts from the call.
TEST(Oracles, DoNotPostponeTheEndOfAnOutage) {
  const double part = 600.0, left = 19 * hour;
  const Results r = run_text(std::string("schema = 1\nname = \"t\"\n[run]\npaths = 4000\nseed = 5\n") +
                             clocks({part + left, part + left + 1.0}) + "grid = { step = \"1m\" }\n" +
                             chain_with("a", {Standstill{1.0, lasting(day)}}) +
                             route("r", oracle(0.05, heartbeat, 0.0) + ", " + constant("destination_inclusion", part)) +
                             watch(0, "r") + watch(1, "r") + "[state]\nhalted.a = \"5h\"\n");
  EXPECT_EQ(r.tally.counts[r.tally.layout.under(0, 0)], r.tally.paths);
  EXPECT_EQ(r.tally.counts[r.tally.layout.under(1, 1)], 0u) << "an end is postponed";
}

/// A sudden fall pushes the oracle at the next date, and not before.
TEST(Oracles, AreSuddenlyPushedByAShock) {
  const auto run = [](double size) {
    return run_text(std::string("schema = 1\nname = \"t\"\n[run]\npaths = 20000\nseed = 5\n") +
                    one_asset(0.0, "grid = { step = \"1m\" }\n") + route("r", oracle(0.05, 10 * hour, 0.0)) +
                    collateral("k", "X", "r", 0.01) +
                    fmt::format("[stress]\nshocks = [ {{ asset = \"X\", at = \"4096s\", size = {} }} ]\n", size));
  };
  const auto from = [](const Results& r, double t) { return later(0, t)(r, {}).estimate; };
  const Results pushed = run(-0.06), not_enough = run(-0.04);
  EXPECT_EQ(from(pushed, 4096.0), from(not_enough, 4096.0));
  EXPECT_EQ(edge_at(4224.0), 4224.0);  // the next edge; the next date is at 4140 s
  EXPECT_EQ(from(pushed, 4224.0), 0.0);
  EXPECT_GT(from(not_enough, 4224.0), 0.85);
}

/// A deviation is a fraction of the price, as feeds have it, and not of its logarithm: a fall of 19 % does not push an
/// oracle whose deviation is 20 % (its logarithm has moved by 0.211), a rise of 21 % does (by 0.191).
TEST(Oracles, MeasureAFractionOfThePrice) {
  const auto waits_on = [](double size) {  // after the shock, with a heartbeat that is far away
    const Results r =
        run_text(std::string("schema = 1\nname = \"t\"\n[run]\npaths = 4000\nseed = 5\n") +
                 one_asset(0.0, "grid = { step = \"1m\" }\n") + route("r", oracle(0.2, 1000 * hour, 0.0)) +
                 collateral("k", "X", "r", 0.01) +
                 fmt::format("[stress]\nshocks = [ {{ asset = \"X\", at = \"4096s\", size = {} }} ]\n", size));
    return later(0, 4224.0)(r, {}).estimate > 0.5;
  };
  EXPECT_TRUE(waits_on(-0.19));
  EXPECT_FALSE(waits_on(-0.21));
  EXPECT_TRUE(waits_on(0.19));
  EXPECT_FALSE(waits_on(0.21));
}

}  // namespace
}  // namespace proofload
