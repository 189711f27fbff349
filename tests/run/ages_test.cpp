// Haircuts that stay in force: the ages of a run against theory, ranges of its paths against the whole, files, exports.
#include "run/ages.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "answers/answer.h"
#include "answers/result_file.h"
#include "answers/show.h"
#include "answers/validity.h"
#include "base/error.h"
#include "feed/export.h"
#include "input/times.h"
#include "plan/compile.h"
#include "run/engine.h"
#include "run/explain.h"
#include "scenario/effective.h"
#include "scenario/reader.h"
#include "tests/support.h"

namespace proofload {
namespace {

/// Two assets, sold after a bar each.
std::string scenario(const std::string& model, const std::string& in_force = "1d", std::uint64_t paths = 900'000) {
  return fmt::format(R"(schema = 1
name = "in force"
[run]
paths = {}
confidence = [0.99, 0.999]
{}
[market]
assets = [ {{ name = "A", price = 1.0, volatility = 0.8 }}, {{ name = "B", price = 1.0, volatility = 0.4 }} ]
correlation = [ [1.0, 0.5], [0.5, 1.0] ]
{}
[routes.r]
collateral_chain = "x"
liability_chain = "y"
stages = [ {{ name = "relay", kind = "constant", value = "1h" }} ]
[[collateral]]
name = "a"
asset = "A"
route = "r"
[[collateral]]
name = "b"
asset = "B"
route = "r"
)",
                     paths, in_force.empty() ? "" : "in_force = \"" + in_force + "\"", model);
}
const std::string garch =
    "variance = { kind = \"gjr_garch\", bar = \"1h\", alpha = 0.04, gamma = [0.02, 0.04], beta = 0.9, start = "
    "\"forecast\", forecast = [1.6, 0.2] }";
const std::string heston =
    "variance = { kind = \"heston\", mean_reversion = 200.0, vol_of_vol = [9.0, 4.0], correlation = -0.5, initial = "
    "[1.6, 0.2] }\ngrid = { step = \"15m\" }";

Scenario parsed(const std::string& text) { return parse_scenario(text, "test.toml"); }
Results run(const Scenario& s) { return run_scenario(s, *make_backend({"cpu", "auto", 2})); }

/// Mean of the n-th power of the log price's move on the paths of an age.
double moment(const Results& r, std::size_t age, std::size_t k, int n) {
  double sum = 0.0;
  for (int b = 1; b < loss_bins - 1; ++b) {
    const double middle = 0.5 * (loss_edge(b) + loss_edge(b + 1));
    sum += std::pow(std::log1p(-middle), n) * double(r.ages.at(age, k, std::size_t(b)));
  }
  return sum / double(r.ages.paths[age]);
}

/// The variance at age t is back on its way to the long run by what its model forgets in t: h = l + (h0 - l) p^n after
/// n bars of persistence p. Bins are 1e-5 wide for losses and 1e-3 for gains, 1e-4 of the variance here; a standard
/// error of the second moment is 0.6 %, and one bar too many or too few would move it by 1.6 % and more at first.
TEST(Ages, OfGarchForgetAsItDoes) {
  const Results r = run(parsed(scenario(garch)));
  ASSERT_EQ(r.ages.paths, std::vector<std::uint64_t>(9, 100'000));
  const double hours = 365.0 * 24.0;
  for (std::size_t k = 0; k < 2; ++k) {
    const double long_run = std::pow(k == 0 ? 0.8 : 0.4, 2) / hours, now = std::pow(k == 0 ? 1.6 : 0.2, 2) / hours;
    const double persistence = 0.94 + (k == 0 ? 0.01 : 0.02);
    for (std::size_t age = 0; age < 9; ++age) {
      const double expected = long_run + (now - long_run) * std::pow(persistence, 3.0 * double(age));
      EXPECT_NEAR(moment(r, age, k, 2) / expected, 1.0, 0.025) << k << " " << age;
    }
    const double late = long_run + (now - long_run) * persistence;  // planted: a bar too many
    EXPECT_GT(std::abs(moment(r, 0, k, 2) / late - 1.0), 0.025) << k;
  }
}

/// Heston's variance has a known mean and variance at every time (Cox, Ingersoll, Ross 1985, equation 19). The moves of
/// an hour are short: their second and fourth moments are E[V] T and 3 E[V^2] T^2, up to the reversion and the leverage
/// within the hour (below 1 and 3 %).
TEST(Ages, OfHestonHaveTheVarianceOfItsTime) {
  const Results r = run(parsed(scenario(heston)));
  const double year = 365.0 * 86400.0, hour = 3600.0 / year, kappa = 200.0;
  for (std::size_t k = 0; k < 2; ++k) {
    const double theta = std::pow(k == 0 ? 0.8 : 0.4, 2), v0 = std::pow(k == 0 ? 1.6 : 0.2, 2), xi = k == 0 ? 9.0 : 4.0;
    for (std::size_t age = 0; age < 9; ++age) {
      const double t = double(age) / 8.0 * 86400.0 / year + 0.5 * hour, fall = std::exp(-kappa * t);
      const double mean = theta + (v0 - theta) * fall;
      const double variance =
          v0 * xi * xi / kappa * (fall - fall * fall) + theta * xi * xi / (2.0 * kappa) * (1.0 - fall) * (1.0 - fall);
      EXPECT_NEAR(moment(r, age, k, 2) / (mean * hour), 1.0, 0.03) << k << " " << age;
      EXPECT_NEAR(moment(r, age, k, 4) / (3.0 * (variance + mean * mean) * hour * hour), 1.0, 0.12) << k << " " << age;
    }
  }
}

TEST(Ages, ShareAnyRangeOfPathsAndAddUp) {
  const Scenario s = parsed(scenario(garch, "7d", 20'000));
  const Compiled compiled = compile(s);
  ASSERT_EQ(compiled.ages.size(), 9u);
  EXPECT_EQ(compiled.ages.back(), 168u);
  EXPECT_EQ(compiled.plan.warm_up, 168u);
  const auto backend = make_backend({"cpu", "auto", 2});
  const Results whole = run(s);
  Tally tally(layout_of(compiled.plan));
  AgeLosses ages;
  AgedPaths paths(compiled);
  for (const PathRange range : {PathRange{5, 4}, {0, 1}, {1, 4}, {9, 0}, {9, 12'001}, {12'010, 7'990}})
    paths.run(*backend, s.run.seed, range, tally, &ages);
  EXPECT_TRUE(tally == whole.tally);
  EXPECT_TRUE(ages == whole.ages);
  // Each by itself: the backend's paths of the age's own plan.
  for (std::size_t age = 0; age < 9; ++age) {
    Tally one(tally.layout);
    backend->run(at_age(compiled, age), s.run.seed, {age * age_path_stride, whole.ages.paths[age]}, one);
    for (std::size_t b = 0; b < loss_bins; ++b) ASSERT_EQ(count_with_failures(one, 1, b), whole.ages.at(age, 1, b));
  }
  for (const std::uint64_t p : {std::uint64_t{0}, std::uint64_t{8}, std::uint64_t{9}, std::uint64_t{19'999}}) {
    const AgedPath at = aged_path(compiled, p);
    EXPECT_EQ(at.age, p % 9);
    EXPECT_EQ(at.number, p / 9 + (p % 9) * age_path_stride);
  }
  EXPECT_NE(explain(s, 1, 17).find("the call comes 7d after the haircut was set"), std::string::npos);
}

TEST(Ages, AreWholeStepsNoTwoTheSame) {
  const auto ages = [](const char* in_force) { return compile(parsed(scenario(garch, in_force))).ages; };
  EXPECT_EQ(ages("1h"), (std::vector<std::uint32_t>{0, 1}));
  EXPECT_EQ(ages("80m"), (std::vector<std::uint32_t>{0, 1, 2})) << "the last covers the whole time";
  EXPECT_EQ(ages("8h"), (std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(ages("12h"), (std::vector<std::uint32_t>{0, 2, 3, 5, 6, 8, 9, 11, 12}));
  const Compiled compiled = compile(parsed(scenario(garch, "12h")));
  EXPECT_EQ(seconds_of_ages(compiled)[3], 5 * 3600.0);
}

TEST(Ages, AreOneWhereTheVarianceForgetsNothing) {
  for (const char* model :
       {"variance = { kind = \"constant\" }",
        "variance = { kind = \"gjr_garch\", bar = \"1h\", alpha = 0.05, gamma = 0.0, beta = 0.9 }"}) {
    const Compiled with = compile(parsed(scenario(model))), without = compile(parsed(scenario(model, "")));
    EXPECT_TRUE(with.ages.empty());
    EXPECT_EQ(with.plan_hash, without.plan_hash) << "the same problem";
  }
  EXPECT_NE(compile(parsed(scenario(garch, "1d"))).plan_hash, compile(parsed(scenario(garch, "2d"))).plan_hash);
}

std::string error_of(const std::string& text) {
  try {
    compile(parsed(text));
  } catch (const Error& e) { return e.what(); }
  return "no error";
}

TEST(Ages, RefuseWhatTheyCannotBe) {
  EXPECT_NE(error_of(scenario(garch, "10m")).find("test.toml:6: run.in_force is 10m, and the model steps by 1h"),
            std::string::npos)
      << error_of(scenario(garch, "10m"));
  EXPECT_EQ(error_of(scenario(heston, "366d")), "no error");
  EXPECT_NE(error_of(scenario(garch, "-1d")).find("run.in_force"), std::string::npos);
  EXPECT_NE(error_of(scenario(garch, "0s")).find("run.in_force"), std::string::npos);
  EXPECT_NE(error_of(scenario(garch, "400d")).find("run.in_force"), std::string::npos);
}

struct File {
  std::filesystem::path path;
  explicit File(const char* extension)
      : path(std::filesystem::temp_directory_path() / fmt::format("proofload-ages-{}{}", ::getpid(), extension)) {}
  ~File() { std::filesystem::remove(path); }
};

TEST(Ages, AreReadAsTheyWereWritten) {
  std::string text = scenario(garch, "1d", 90'000);
  text.replace(text.find("[market]\n"), 9, "[market]\nlast_price = \"2026-06-30T23:00:00Z\"\n");
  const Results r = run(parsed(text));
  const File file(".h5"), again(".again.h5");
  write_results(r, file.path);
  const Results back = read_results(file.path);
  EXPECT_TRUE(back.tally == r.tally);
  EXPECT_TRUE(back.ages == r.ages);
  EXPECT_EQ(show_json(back), show_json(r));
  EXPECT_EQ(effective_toml(back.scenario), effective_toml(r.scenario));
  // and are gone on with
  Scenario more = r.scenario;
  more.run.paths = 120'000;
  const auto backend = make_backend({"cpu", "auto", 2});
  const Results continued = run_scenario(more, *backend, {}, back), whole = run_scenario(more, *backend);
  EXPECT_TRUE(continued.tally == whole.tally);
  EXPECT_TRUE(continued.ages == whole.ages);
  // Damage that no checksum would show.
  Results damaged = r;
  std::size_t bin = 0;
  while (damaged.ages.at(3, 1, bin) == 0) ++bin;
  --damaged.ages.at(3, 1, bin);
  ++damaged.ages.at(4, 1, bin);
  write_results(damaged, again.path);
  EXPECT_THROW(read_results(again.path), Error);
  std::filesystem::remove(again.path);
}

TEST(Ages, AreShownAndExportedAtTheirWorst) {
  const Results r = run(parsed(scenario(garch, "1d", 180'000)));
  const auto json = nlohmann::ordered_json::parse(show_json(r).dump());
  EXPECT_EQ(json["in_force"]["seconds"], 86400.0);
  const Answers all = answer(r);
  const auto exported = exported_haircuts(r, venues[0]);
  for (std::size_t k = 0; k < 2; ++k) {
    for (std::size_t c = 0; c < 2; ++c) {
      const HaircutAnswer& h = all.collateral[k].haircuts[c];
      ASSERT_EQ(h.by_age.size(), 9u);
      double most = 0.0, least = 1.0, age = 0.0;
      for (const AgeHaircut& one : h.by_age) {
        if (*one.value > most) most = *one.value, age = one.age;
        least = std::min(least, *one.value);
      }
      EXPECT_EQ(*h.worst_age()->value, most);
      EXPECT_EQ(h.worst_age()->age, age);
      EXPECT_LT(least, *h.value) << "a mixture lies between";
      EXPECT_GT(most, *h.value);
      EXPECT_EQ(exported[2 * k + c].estimate, most);
      for (const AgeHaircut& one : h.by_age) EXPECT_GE(exported[2 * k + c].upper, *one.high) << "it holds at every age";
      EXPECT_EQ(exported[2 * k + c].upper, *h.highest_of_ages());
      const auto& shown = json["collateral"][k]["haircuts"][c];
      EXPECT_EQ(shown["by_age"].size(), 9u);
      EXPECT_NEAR(shown["worst_age"]["value"].get<double>(), most, 1e-9);
    }
  }
  // The one's variance is above its long run when it is set, the other's below.
  EXPECT_EQ(all.collateral[0].haircuts[0].worst_age()->age, 0.0);
  EXPECT_GE(all.collateral[1].haircuts[0].worst_age()->age, 0.75 * 86400.0);
  const std::string first = show_table(r), whole = show_table(r, Detail::all);
  EXPECT_NE(first.find("for a call at any time of"), std::string::npos) << first;
  EXPECT_NE(first.find("which export uses"), std::string::npos);
  EXPECT_NE(whole.find("by the time from setting them to the call"), std::string::npos);
}

TEST(Ages, OfTooFewPathsHaveNoWorst) {
  const Results r = run(parsed(scenario(garch, "1d", 4'500)));  // 500 each: none beyond 99.9 %
  const Answers all = answer(r);
  EXPECT_NE(all.collateral[0].haircuts[0].worst_age(), nullptr);
  EXPECT_EQ(all.collateral[0].haircuts[1].worst_age(), nullptr);
  EXPECT_TRUE(all.collateral[0].haircuts[1].value) << "all together say something";
  EXPECT_THROW(exported_haircuts(r, venues[0]), Error);
}

TEST(Validity, EndsATimeInForceAfterTheLastPrice) {
  const auto with_price = [](std::string text) {
    text.replace(text.find("[market]\n"), 9, "[market]\nlast_price = \"2026-06-30T23:00:00Z\"\n");
    return parsed(text);
  };
  const std::int64_t last = parse_time("2026-06-30T23:00:00Z");
  const auto until = [](const Scenario& s) { return validity_of(s).until; };
  EXPECT_EQ(until(with_price(scenario(garch, "7d"))), last + 7 * 86400);
  EXPECT_EQ(until(with_price(scenario(garch, ""))), last + 3600) << "a bar: the next forecast";
  EXPECT_EQ(until(with_price(scenario(heston, ""))), std::nullopt) << "its steps are those of a scheme, not of news";
  const std::string constant = "variance = { kind = \"constant\" }";
  EXPECT_EQ(until(with_price(scenario(constant, ""))), std::nullopt);
  EXPECT_EQ(until(with_price(scenario(constant, "7d"))), last + 7 * 86400);
  EXPECT_EQ(until(parsed(scenario(garch, "7d"))), std::nullopt);
  EXPECT_NE(validity_text(parsed(scenario(garch, "")), last).find("no price file"), std::string::npos);
  EXPECT_NE(validity_text(parsed(scenario(garch, "7d")), last).find("no price file"), std::string::npos);

  const Results r = run(with_price(scenario(garch, "1d", 90'000)));
  EXPECT_NO_THROW(require_valid(r, last + 86400));
  EXPECT_THROW(require_valid(r, last - 1), Error) << "nobody knew the prices then";
  EXPECT_NE(error_of(scenario("last_price = \"2230-01-01\"\n" + garch)).find("to tomorrow"), std::string::npos);
  try {
    require_valid(r, last + 86401);
    ADD_FAILURE() << "a result past its validity";
  } catch (const Error& e) {
    EXPECT_EQ(std::string(e.what()),
              "the result is past its validity (its prices end at 2026-06-30T23:00:00Z, and it was good until "
              "2026-07-01T23:00:00Z; it is 2026-07-01T23:00:01Z) fit and run it again, or export it all the same with "
              "--expired");
  }
  EXPECT_EQ(show_table(r, Detail::first, last).find("which is past"), std::string::npos);
  EXPECT_NE(show_table(r, Detail::first, last + 100'000).find("which is past"), std::string::npos);
  const auto json = nlohmann::ordered_json::parse(show_json(r).dump());
  EXPECT_EQ(json["last_price"], "2026-06-30T23:00:00Z");
  EXPECT_EQ(json["valid_until"], "2026-07-01T23:00:00Z");
  for (const char* extension : {".json", ".csv"}) {
    const File file(extension);
    export_haircuts(r, "generic", file.path);
    std::ifstream in(file.path);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    for (const char* said : {"2026-06-30T23:00:00Z", "2026-07-01T23:00:00Z", "in_force_seconds", "86400"})
      EXPECT_NE(text.find(said), std::string::npos) << extension << " " << said;
  }
  EXPECT_NE(error_of(scenario("last_price = \"soon\"\n" + garch)).find("market.last_price = \"soon\" is no time"),
            std::string::npos);
}

}  // namespace
}  // namespace proofload
