/// crises_test.cpp -- scenarios/crises against the records that they replay: quantiles, counts and the worst path,
/// computed here straight from the price files. Without those (they are not given away) what needs them is skipped.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "plan/compile.h"
#include "run/explain.h"
#include "scenario/effective.h"
#include "scenario/reader.h"
#include "tests/support.h"

namespace proofload {
namespace {

namespace fs = std::filesystem;
using std::string, std::vector;

constexpr std::uint64_t paths = 20'000;
constexpr double bin = 1e-5, rounding = 2e-6;  // of a haircut (kernels/tally.h); of single precision on the path

/// What the test knows of a crisis by itself. `stride`: rows of the file to a bar of the replay.
struct Crisis {
  string name, prices, column;
  double bar;
  std::size_t stride;
};
void PrintTo(const Crisis& c, std::ostream* out) { *out << c.name; }

const vector<Crisis> crises = {
    {"black-thursday-2020", "2020-03_black_thursday_1h.csv", "ETH", 3600.0, 1},
    {"may-2021", "2021-05_crash_5m.csv", "ETH", 300.0, 1},
    {"terra-2022", "2022-05_terra_luna_1h.csv", "LUNA_CLASSIC", 3600.0, 1},
    {"ftx-2022", "2022-11_ftx_1h.csv", "ETH", 3600.0, 1},
    {"usdc-depeg-2023", "2023-03_usdc_depeg_implied_1m_DERIVED.csv", "USDC_USD_implied", 900.0, 15},
};

const fs::path scenarios = "scenarios/crises", records = "../shared/data/stress";
fs::path scenario_of(const Crisis& c) { return scenarios / (c.name + ".toml"); }

/// A column of a price file as the file's own words: times as text, which sort as they are. Nothing of
/// host/input/prices.h.
std::map<string, string> column_of(const fs::path& file, const string& name) {
  std::ifstream in(file);
  std::map<string, string> rows;
  string line, cell;
  std::size_t column = 0, at = 0;
  std::getline(in, line);
  for (std::istringstream header(line); std::getline(header, cell, ','); ++at)
    if (cell == name) column = at;
  while (std::getline(in, line)) {
    std::istringstream cells(line);
    string time, price;
    std::getline(cells, time, ',');
    for (at = 0; at < column; ++at) price.clear(), std::getline(cells, price, ',');
    rows[time] = price;
  }
  return rows;
}

/// Minutes since midnight of "2023-03-11T02:15:00Z".
int minute_of(const string& time) { return std::stoi(time.substr(11, 2)) * 60 + std::stoi(time.substr(14, 2)); }

/// The replayed window: prices at the closes of its bars, and how many of them a call may come at.
struct Record {
  vector<double> price;
  vector<string> time;
  std::size_t calls = 0;

  Record(const Crisis& c, const Scenario& s) {
    const ReplaySpec& replay = *s.stress.replay;
    for (const auto& [when, text] : column_of(records / c.prices, c.column)) {
      if (when < replay.from || when >= replay.to) continue;
      if (c.stride > 1 && minute_of(when) % int(c.stride) != 0) continue;
      price.push_back(text.empty() ? 0.0 : std::stod(text));
      time.push_back(when);
    }
    calls = price.size() - static_cast<std::size_t>(std::ceil(s.run.horizon / c.bar));
  }

  /// What is lost by a sale `bars` bars after call r; within a bar the log price goes in a straight line.
  double loss(std::size_t r, double bars) const {
    const double whole = std::floor(bars), part = bars - whole;
    const std::size_t at = r + static_cast<std::size_t>(whole);
    const double after = part > 0.0 ? std::pow(price[at + 1] / price[at], part) : 1.0;
    return 1.0 - price[at] / price[r] * after;
  }
  vector<double> losses(double bars) const {
    vector<double> all;
    for (std::size_t r = 0; r < calls; ++r) all.push_back(loss(r, bars));
    std::sort(all.begin(), all.end());
    return all;
  }
};

/// inf{h : P(L <= h) >= p}, L uniform over sorted losses.
double quantile(const vector<double>& sorted, double p) {
  const double n = static_cast<double>(sorted.size()), rank = std::ceil(std::clamp(p, 0.0, 1.0) * n - 1e-9);
  return sorted[static_cast<std::size_t>(std::clamp(rank, 1.0, n)) - 1];
}

class Crises : public ::testing::TestWithParam<Crisis> {
 protected:
  void SetUp() override {
    if (!fs::exists(prices())) GTEST_SKIP() << "no " << prices() << ": price files are not given away with the program";
  }
  fs::path prices() const { return records / GetParam().prices; }
  Scenario shipped() const { return read_scenario(scenario_of(GetParam()), {paths, {}, prices()}); }

  /// The asset that is read from the column.
  string asset(const Scenario& s) const {
    for (const auto& [name, column] : s.stress.replay->columns)
      if (column == GetParam().column) return name;
    throw std::logic_error("no asset has the column " + GetParam().column);
  }
  /// The crisis with further routes of constant delays, over which the asset is sold for its price. `haircuts`: one for
  /// each delay.
  Scenario with_constant_delays(const vector<double>& seconds, const vector<double>& haircuts) const {
    const Crisis& c = GetParam();
    string text = fmt::format(
        "schema = 1\nname = \"{}\"\ninclude = [\"{}\"]\n[run]\nconfidence = [0.9, 0.99, 0.999]\ninterval = 0.999999\n",
        c.name, fs::absolute(scenario_of(c)).string());
    const string sold = asset(shipped());
    for (std::size_t i = 0; i < seconds.size(); ++i) {
      text += fmt::format(
          "[routes.constant-{}]\ncollateral_chain = \"ethereum\"\nliability_chain = \"arbitrum\"\nstages = [ {} ]\n", i,
          testing::constant("relay", seconds[i]));
      text += testing::collateral(fmt::format("test {}", i), sold, fmt::format("constant-{}", i), haircuts[i]);
    }
    return parse_scenario(text, "test.toml", ".", {paths, {}, prices()});
  }
};

const CollateralAnswer& named(const Answers& a, const string& name) {
  const auto at = std::find_if(a.collateral.begin(), a.collateral.end(), [&](const auto& c) { return c.name == name; });
  if (at == a.collateral.end()) throw std::logic_error("no collateral " + name);
  return *at;
}

TEST_P(Crises, AreReadWithAPriceFileOfOnesOwn) {
  const Scenario s = shipped();
  EXPECT_EQ(s.name, GetParam().name);
  ASSERT_TRUE(s.stress.replay);
  EXPECT_TRUE(s.stress.replay->random);
  EXPECT_EQ(fs::path(s.stress.replay->file), prices().lexically_normal());
  EXPECT_EQ(s.stress.replay->bar, GetParam().bar);
  const Record record(GetParam(), s);
  EXPECT_EQ(s.stress.replay->calls, record.calls);
  EXPECT_EQ(s.stress.replay->returns.size() + 1, record.price.size());
  EXPECT_GE(record.calls, 20u);
  EXPECT_EQ(effective_toml(parse_scenario(effective_toml(s), "effective")), effective_toml(s));
}

/// As shipped: every haircut has an answer, slower routes are not cheaper, and no delay leaves the record.
TEST_P(Crises, RunAsShipped) {
  const Results r = run_scenario(shipped(), *testing::cpu());
  const Answers a = answer(r);
  EXPECT_EQ(r.tally.paths, paths);
  EXPECT_LE(a.unresolved, 2u);
  for (const auto& c : a.collateral) {
    ASSERT_EQ(c.haircuts.size(), 3u);
    ASSERT_TRUE(c.policy_haircut) << c.name;
    for (const auto& h : c.haircuts) EXPECT_TRUE(h.value) << c.name << " at " << h.confidence;
    EXPECT_GT(c.p_under.estimate, 0.0) << c.name << ": not a crisis for it";
  }
  const auto most = [&](const string& route) {
    double value = -1.0;
    for (const auto& c : a.collateral)
      if (c.route == route && c.asset == r.scenario.market.assets.front().name) value = *c.haircuts[1].value;
    return value;
  };
  EXPECT_GT(most("ccip"), most("relayer"));
  if (GetParam().name != "usdc-depeg-2023") { EXPECT_GT(most("queue"), most("ccip")); }
}

/// A constant delay from a call that is uniform over rows: quantiles and counts are those of the file.
TEST_P(Crises, ConstantDelaysHaveTheRecordsQuantiles) {
  const Crisis& c = GetParam();
  const Record record(c, shipped());
  ASSERT_EQ(std::count(record.price.begin(), record.price.end(), 0.0), 0) << "a price is missing in the window";
  const vector<double> delays = {1200.0, c.bar, 4000.0};  // inside a bar, at its end, and inside a later one
  vector<double> haircuts;
  for (const double d : delays) {
    const auto losses = record.losses(d / c.bar);
    double policy = 0.5 * (quantile(losses, 0.8) + quantile(losses, 0.95));
    for (const double x : losses)
      if (std::fabs(x - policy) < rounding) policy += 2.0 * rounding;  // no loss is within rounding of the policy
    haircuts.push_back(std::max(policy, 0.0));
  }
  const Results r = run_scenario(with_constant_delays(delays, haircuts), *testing::cpu());
  const Answers a = answer(r);
  for (std::size_t i = 0; i < delays.size(); ++i) {
    const auto losses = record.losses(delays[i] / c.bar);
    const CollateralAnswer& got = named(a, fmt::format("test {}", i));
    for (const HaircutAnswer& h : got.haircuts) {
      const double p = h.confidence, error = 5.0 * std::sqrt(p * (1.0 - p) / double(paths)),
                   exact = quantile(losses, p);
      const double low = quantile(losses, p - error), high = quantile(losses, p + error);
      EXPECT_GE(*h.value, low - rounding) << delays[i] << " s at " << p;
      EXPECT_LE(*h.value, high + (high < 0.0 ? 1e-3 : bin) + rounding) << delays[i] << " s at " << p;
      if (h.low && h.high) {
        EXPECT_LE(*h.low, exact + rounding) << delays[i] << " s at " << p;
        EXPECT_GE(*h.high, exact - rounding) << delays[i] << " s at " << p;
      }
      std::cout << fmt::format("{:<20} {:>6} s at {:<6} {:.6f} of {} calls, estimated {:.6f}\n", c.name, delays[i], p,
                               exact, losses.size(), *h.value);
    }
    // Up to a thousand calls the worst is above 99.9 %: nothing is left to chance.
    if (record.calls < 300) { EXPECT_NEAR(*got.haircuts[2].value, losses.back() + 0.5 * bin, 0.5 * bin + rounding); }
    const auto under = std::count_if(losses.begin(), losses.end(), [&](double x) { return x > haircuts[i]; });
    const double exact = double(under) / double(losses.size());
    EXPECT_LE(got.p_under.low, exact);
    EXPECT_GE(got.p_under.high, exact);
  }
}

/// The path that begins at the worst row, found among the paths by its being under-collateralised, loses what the file
/// says.
TEST_P(Crises, TheWorstPathIsTheRecords) {
  const Crisis& c = GetParam();
  const Record record(c, shipped());
  const double delay = 3600.0, bars = delay / c.bar;
  std::size_t worst = 0;
  for (std::size_t r = 1; r < record.calls; ++r)
    if (record.loss(r, bars) > record.loss(worst, bars)) worst = r;
  const double loss = record.loss(worst, bars);
  const Scenario s = with_constant_delays({delay}, {loss - 5e-6});
  const Compiled compiled = compile(s);
  const auto one_thread = testing::cpu(1);
  Tally tally(layout_of(compiled.plan));
  const int k = static_cast<int>(s.collateral.size()) - 1;
  std::uint64_t path = 0;
  while (path < paths && tally.counts[tally.layout.under(k, k)] == 0)
    one_thread->run(compiled, s.run.seed, {path++, 1}, tally);
  ASSERT_EQ(tally.counts[tally.layout.under(k, k)], 1u) << "no path begins at " << record.time[worst];
  const string text = explain(s, s.run.seed, path - 1);
  const auto line = text.find("  test 0 ", text.find("Proceeds per unit"));
  ASSERT_NE(line, string::npos) << text;
  // Its row: without failures, as it is, after sale costs, the loss.
  std::istringstream row(text.substr(line + 9, text.find('\n', line) - line - 9));
  double figure = 0.0;
  for (int column = 0; column < 4; ++column) ASSERT_TRUE(row >> figure) << text;
  EXPECT_NEAR(figure, loss, rounding) << text;
  std::cout << fmt::format("{:<20} worst hour from {} on: loss {:.6f}, path {}\n", c.name, record.time[worst], loss,
                           path - 1);
}

TEST_P(Crises, RunFromTheCommandLine) {
  const char* program = std::getenv("PROOFLOAD");
  if (program == nullptr || !fs::exists(program)) GTEST_SKIP() << "PROOFLOAD names no program";
  string folder = (fs::temp_directory_path() / "proofload-crises-XXXXXX").string();
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const auto call = [&](const string& arguments) {
    const fs::path out = fs::path(folder) / "out";
    const string command =
        fmt::format("'{}' {} --prices '{}' > '{}' 2>/dev/null", program, arguments, prices().string(), out.string());
    const int status = std::system(command.c_str());
    std::ostringstream text;
    text << std::ifstream(out).rdbuf();
    EXPECT_EQ(status, 0) << command << "\n" << text.str();
    return text.str();
  };
  const string file = scenario_of(GetParam()).string();
  const auto shown = nlohmann::json::parse(call(fmt::format("run {} --paths {} --json --backend cpu", file, paths)));
  const Answers a = answer(run_scenario(shipped(), *testing::cpu()));
  ASSERT_EQ(shown.at("collateral").size(), a.collateral.size());
  for (std::size_t k = 0; k < a.collateral.size(); ++k)
    EXPECT_NEAR(shown["collateral"][k]["haircuts"][2]["value"].get<double>(), *a.collateral[k].haircuts[2].value,
                1e-12);
  Scenario whole = read_scenario(scenario_of(GetParam()), {{}, {}, prices()});
  EXPECT_EQ(call("validate " + file).find(effective_toml(whole)), 0u);
  EXPECT_NE(call("explain " + file + " --path 3").find(explain(whole, whole.run.seed, 3)), string::npos);
  fs::remove_all(folder);
}

string test_name(const ::testing::TestParamInfo<Crisis>& crisis) {
  string name = crisis.param.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(All, Crises, ::testing::ValuesIn(crises), test_name);

// ------------------------------------------------------------------------------------------- a file that is not there

vector<Problem> problems_of(const fs::path& file, const Overrides& overrides) {
  try {
    read_scenario(file, overrides);
  } catch (const Error& e) { return e.problems; }
  return {};
}
void expect_says(const vector<Problem>& found, const vector<string>& words) {
  ASSERT_EQ(found.size(), 1u) << Error::to_text(found);
  for (const auto& word : words)
    EXPECT_NE(found[0].text.find(word), string::npos) << "no \"" << word << "\" in: " << found[0].text;
  const auto why = found[0].text.find(" ("), what = found[0].text.rfind(") ");
  EXPECT_TRUE(why != string::npos && what != string::npos && what > why) << found[0].text;
}

TEST(CrisesWithoutPrices, SayWhatToDo) {
  string folder = (fs::temp_directory_path() / "proofload-crises-XXXXXX").string();
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  fs::copy("scenarios", fs::path(folder) / "scenarios", fs::copy_options::recursive);
  for (const Crisis& c : crises) {
    const fs::path copy = fs::path(folder) / scenario_of(c);
    fs::remove_all(copy.parent_path() / "prices");  // a user's own
    const auto found = problems_of(copy, {});
    expect_says(found, {c.prices, "does not exist", "a price file", "put yours there", "--prices FILE"});
    EXPECT_EQ(found.at(0).file, copy.string());
    EXPECT_GT(found.at(0).line, 0);
    const auto named = problems_of(copy, {{}, {}, "nowhere.csv"});
    expect_says(named, {"\"nowhere.csv\" does not exist", "a price file"});
    EXPECT_EQ(named.at(0).file, "--prices");
    expect_says(problems_of(copy, {{}, {}, folder}), {"is a directory"});
  }
  fs::remove_all(folder);
}

TEST(CrisesWithoutPrices, PricesAreForAReplay) {
  const auto found = problems_of("scenarios/single-chain.toml", {{}, {}, "my.csv"});
  expect_says(found, {"\"my.csv\" is given", "no stress.replay", "take it out"});
  EXPECT_EQ(found.at(0).file, "--prices");
}

}  // namespace
}  // namespace proofload
