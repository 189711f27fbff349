// Price files as people have them: what is read, what is repaired and said, what is refused and how.
#include "input/prices.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <random>
#include <set>

namespace proofload {
namespace {

namespace fs = std::filesystem;

class Prices : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("proofload-prices-{}", getpid());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path file(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return folder_ / name;
  }
  PriceHistory read(const std::string& text, const std::vector<std::string>& assets = {}) const {
    return read_prices({file("p.csv", text)}, assets);
  }
  /// What reading the text is refused with; empty when it is not.
  std::string refusal(const std::string& text, const std::vector<std::string>& assets = {}) const {
    try {
      read(text, assets);
      return "";
    } catch (const Error& e) { return e.what(); }
  }
  fs::path folder_;
};

void expect_says(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is not in:\n" << text;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const auto& line : lines) out += line + "\n";
  return out;
}

TEST(Times, EveryFormIsTheSameSecond) {
  const std::int64_t t = 1583992800;  // 2020-03-12 06:00 UTC, by `date -u -d`
  for (const char* text : {"2020-03-12T06:00:00Z",
                           "2020-03-12T06:00Z",
                           "2020-03-12 06:00:00+00:00",
                           "2020-03-12 06:00:00",
                           "2020-03-12 08:00:00+02:00",
                           "2020-03-12T01:00:00-0500",
                           "2020-03-12 06:00:00 UTC",
                           "2020-03-12T06:00:00.000Z",
                           "1583992800",
                           "1583992800000",
                           "1583992800000000",
                           "1583992800000000000",
                           "1583992800.0",
                           "2020031206",
                           "202003120600",
                           "20200312T060000Z",
                           "20200312T0600Z",
                           "20200312 060000",
                           "20200312_0600",
                           "2020-03-12 0600",
                           "20200312060000",
                           "20200312060000000",
                           "2020/03/12 06:00",
                           "12.03.2020 06:00",
                           "2020-03-12 06-AM",
                           "2020-03-12 06:00 AM",
                           "2020-03-12 06:00:00UTC",
                           "2020-03-12 06:00:00 GMT"}) {
    EXPECT_EQ(parse_time(text), t) << text;
  }
  EXPECT_EQ(parse_time("2020-02-29"), 1582934400);
  EXPECT_EQ(parse_time("20200229"), 1582934400);
  EXPECT_EQ(parse_time("2020-02"), 1580515200);           // its first day
  EXPECT_EQ(parse_time("1704067200"), 1704067200);        // 1704 is no year of a stamp of hours
  EXPECT_EQ(parse_time("2020-03-12 12-AM"), 1583971200);  // midnight
  EXPECT_EQ(parse_time("2020-03-12 12:30 PM"), 1583971200 + 12 * 3600 + 1800);
  EXPECT_FALSE(problem_of_time(parse_time("1989-12-31")).empty());
  EXPECT_FALSE(problem_of_time(parse_time("2124-01-01")).empty());
  EXPECT_TRUE(problem_of_time(t).empty());
  EXPECT_EQ(time_text(t), "2020-03-12T06:00:00Z");
  EXPECT_EQ(time_text(parse_time("2100-03-01T23:59:59Z")), "2100-03-01T23:59:59Z");
}

TEST(Times, WhatIsNoTimeIsRefused) {
  for (const char* text : {"", "2021-02-29", "2020-13-01", "2020-03-12T24:00", "12/03/2020", "2020", "1e9",
                           "2020-03-12T06:00:00X", "nan", "-1583992800", "2020-03-12T06"}) {
    EXPECT_THROW(parse_time(text), Error) << text;
  }
}

TEST_F(Prices, GapsAndDifferentSpansStayMissing) {
  const auto h = read(
      "timestamp_utc,A,B\n"
      "2020-01-01T00:00:00Z,1.5,\n"
      "2020-01-01T01:00:00Z,3,\n"
      "2020-01-01T03:00:00Z,6,10\n"
      "2020-01-01T04:00:00Z,,20\n");
  ASSERT_EQ(h.assets, (std::vector<std::string>{"A", "B"}));
  EXPECT_EQ(h.bar, 3600);
  ASSERT_EQ(h.rows(), 5u);
  EXPECT_EQ(h.time(4), parse_time("2020-01-01T04:00:00Z"));
  EXPECT_TRUE(std::isnan(h.price[0][2]) && std::isnan(h.price[1][2]) && std::isnan(h.price[0][4]) &&
              std::isnan(h.price[1][0]));
  EXPECT_DOUBLE_EQ(h.log_return(0, 1), std::log(2.0));
  EXPECT_TRUE(std::isnan(h.log_return(0, 3)));
  EXPECT_TRUE(std::isnan(h.log_return(0, 0)));
  EXPECT_DOUBLE_EQ(h.log_return(0, 3, 2), std::log(2.0));
  EXPECT_EQ(h.log_returns(0).size(), 4u);
  expect_says(joined(h.repairs), "A: 1 gap of 1 bar without a price, the longest 1h from 2020-01-01T02:00:00Z");
}

TEST_F(Prices, TimeColumnGoesByNameElseTheFirst) {
  EXPECT_EQ(read("A,Date\n1,2020-01-01\n2,2020-01-02\n").assets, std::vector<std::string>{"A"});
  EXPECT_EQ(read("when,A\n1583992800,1\n1583996400,2\n").bar, 3600);
  EXPECT_EQ(read("\xef\xbb\xbf\"timestamp\";\"A\"\r\n\"2020-01-01\";\"1\"\r\n\"2020-01-02\";\"2\"\r\n").price[0][1],
            2.0);
}

TEST_F(Prices, UnsortedAndRepeatedRowsAreRepairedAndSaid) {
  const auto h = read(
      "time,A\n"
      "2020-01-03,3\n"
      "2020-01-01,1\n"
      "2020-01-02,2\n"
      "2020-01-02,2.5\n"
      "2020-01-03,3\n");
  EXPECT_EQ(h.price[0], (std::vector<double>{1.0, 2.5, 3.0}));
  expect_says(joined(h.repairs),
              "p.csv: 1 row lies before the row above, the first at line 3 (all rows were sorted by time)");
  expect_says(joined(h.repairs),
              "2 rows repeat the time of another, the first at line 5 (the last was kept; 1 has other prices)");
}

TEST_F(Prices, WordsForNothingAreMissing) {
  const auto h = read("time,A\n2020-01-01,1\n2020-01-02,NaN\n2020-01-03,null\n2020-01-04,2\n");
  EXPECT_TRUE(std::isnan(h.price[0][1]) && std::isnan(h.price[0][2]));
  expect_says(joined(h.repairs), "2 cells say NaN or a word for nothing, the first at line 3 (taken as missing)");
}

TEST_F(Prices, EveryBadCellIsNamedWithItsLine) {
  const std::string text = refusal(
      "time,A,B\n2020-01-01,1,1\n2020-01-02,0,1\n2020-01-03,-3,1\n2020-01-04,1,abc\n2020-01-05,inf,1\n2020-01-06,1,"
      "1e400\n");
  expect_says(text, "p.csv:3: A is 0 (a price is positive");
  expect_says(text, "p.csv:4: A is -3 (a price is positive)");
  expect_says(text, "p.csv:5: B is 'abc' (a price is a number)");
  expect_says(text, "p.csv:6: A is 'inf' (it is not a finite price)");
  expect_says(text, "p.csv:7: B is '1e400'");
  EXPECT_EQ(refusal("time,A,B\n2020-01-01,1,x\n2020-01-02,2,0\n", {"A"}), "")
      << "a column that is not wanted may hold anything";
}

TEST_F(Prices, WhatCannotBeUsedIsRefusedWithTheReason) {
  expect_says(refusal(""), "is empty");
  expect_says(refusal("time,A\n"), "has 0 rows (a return needs two)");
  expect_says(refusal("time,A\n2020-01-01,1\n"), "has 1 row (a return needs two)");
  expect_says(refusal("time,A\n2020-01-01,1\n2020-01-02,1\n2020-01-03,1\n"), "A is 1 in every row");
  expect_says(refusal("time,A,B\n2020-01-01,1,5\n2020-01-02,2,\n"), "B has 1 price (a return needs two)");
  expect_says(refusal("2020-01-01,1\n2020-01-02,2\n"), "the first line holds values");
  expect_says(refusal("A,B\n1,2\n2,3\n"), "p.csv:2: '1' in column A is not a time");
  expect_says(refusal("time,A\n2020-01-01,1,2\n2020-01-02,1\n"), "p.csv:2: there are 3 cells (the header has 2");
  expect_says(refusal("time,A,A\n2020-01-01,1,2\n"), "two columns are named A");
  expect_says(refusal("time,,A\n2020-01-01,1,2\n2020-01-02,1,4\n"), "column 2 has no name");
  expect_says(refusal("time\n2020-01-01\n"), "there is one column");
  expect_says(refusal("time,A\n2020-01-01,1\n2020-01-02,2\n", {"C"}), "there is no column C");
  expect_says(refusal("time,A\n2020-01-01,1\n2020-01-02,2\n", {"A", "A"}), "named twice");
  expect_says(refusal(std::string("time,A\n2020-01-01,\0", 19)), "is not text");
  expect_says(refusal("time,A\n1583992800,1\n1583992801,2\n1583992802,3\n1683992800,4\n"), "more than memory");
  EXPECT_THROW(read_prices({folder_ / "absent.csv"}), Error);
  EXPECT_THROW(read_prices({folder_}), Error);
  EXPECT_THROW(read_prices({}), Error);
}

TEST_F(Prices, RowsBetweenBarsAreLeftOutWhenFew) {
  std::string text = "time,A\n", irregular = "time,A\n";
  for (int i = 0; i < 100; ++i) {
    text += fmt::format("{},{}\n", 1583992800 + 60 * i + (i == 50 ? 7 : 0), 1 + i % 3);
    irregular += fmt::format("{},{}\n", 1583992800 + 60 * i + (i % 4 == 0 ? 7 : 0), 1 + i % 2);
  }
  const auto h = read(text);
  EXPECT_EQ(h.rows(), 100u);
  EXPECT_TRUE(std::isnan(h.price[0][50]));
  expect_says(joined(h.repairs), "1 row lies between two bars of 1m, the first at line 52 (left out)");
  expect_says(refusal(irregular), "do not lie on bars of 1m");
}

TEST_F(Prices, FilesMergeAndTheFirstWins) {
  const auto a = file("a.csv", "time,A\n2020-01-01,1\n2020-01-02,2\n2020-01-03,4\n");
  const auto b = file("b.csv", "time,A,B\n2020-01-03,5\n,\n");
  const auto c = file("c.csv", "time,A,B\n2020-01-03,4.2,1\n2020-01-04,6,2\n2020-01-05,7,4\n");
  const auto h = read_prices({a, c});
  EXPECT_EQ(h.assets, (std::vector<std::string>{"A", "B"}));
  EXPECT_EQ(h.price[0], (std::vector<double>{1, 2, 4, 6, 7}));
  expect_says(joined(h.repairs), "1 price differs from an earlier file's (the earlier file was taken)");
  EXPECT_THROW(read_prices({a, b}), Error);
  const auto hourly = file("h.csv", "time,C\n2020-01-01T00:00Z,1\n2020-01-01T01:00Z,2\n");
  try {
    read_prices({a, hourly});
    FAIL();
  } catch (const Error& e) {
    expect_says(e.what(), "a.csv: has bars of 1d");
    expect_says(e.what(), "h.csv: has bars of 1h");
  }
}

TEST_F(Prices, SuspiciousPricesAreSaid) {
  std::string text = "time,A,B\n";
  for (int i = 0; i < 60; ++i)
    text += fmt::format("{},{},{}\n", 1583992800 + 60 * i, i == 30 ? 40.0 : 10.0 + 0.01 * (i % 5), i < 40 ? 7 : i);
  const auto h = read(text);
  expect_says(
      joined(h.repairs),
      "A: 1 price goes to more than double or less than half for one bar and back, the first at 2020-03-12T06:30:00Z");
  expect_says(joined(h.repairs), "B: 66 % of the bars of 1m repeat the price before");
}

/// Hourly prices of A from 2021 on, of this deviation a bar, each changed by what `change` says.
std::string walk(std::size_t rows, double deviation, const std::function<double(std::size_t)>& change, bool fat = false,
                 std::uint64_t seed = 1, std::int64_t start = 1609459200) {
  std::mt19937_64 bits(seed);
  std::normal_distribution<double> normal;
  std::chi_squared_distribution<double> mixer(3.0);
  std::string text = "timestamp_utc,A\n";
  double log_price = 3.0;
  for (std::size_t r = 0; r < rows; ++r) {
    text += fmt::format("{},{:.12g}\n", start + 3600 * static_cast<std::int64_t>(r), std::exp(log_price) * change(r));
    log_price += deviation * normal(bits) * (fat ? std::sqrt(3.0 / mixer(bits)) : 1.0);
  }
  return text;
}

TEST_F(Prices, StepsThatStayAreSaidWithTheirFactor) {
  const auto said = [&](double factor, double deviation, std::size_t at = 240) {
    return joined(read(walk(500, deviation, [&](std::size_t r) { return r >= at ? factor : 1.0; })).repairs);
  };
  for (const double factor : {2.0, 3.0, 4.0, 5.0, 8.0, 10.0, 25.0, 100.0, 1000.0, 1e6}) {
    expect_says(said(factor, 0.007),
                fmt::format("A: one bar moves by a factor of {:.10g} and stays (2021-01-11T00:00:00Z", factor));
    expect_says(said(1.0 / factor, 0.007), fmt::format("factor of {:.10g} and stays", factor));
  }
  for (const double factor : {4.0, 10.0, 1000.0})
    expect_says(said(factor, 0.05), fmt::format("factor of {:.10g} and", factor));
  expect_says(said(67.77, 0.007), "factor of 67.");  // no round one, but no market moves like that
  expect_says(said(10.0, 0.007, 496), "factor of 10 and stays");
  for (const double factor : {1.0, 1.2, 0.6, 2.45}) EXPECT_EQ(said(factor, 0.007), "") << factor;
  // over a gap, and twice
  std::string text = walk(500, 0.007, [](std::size_t r) { return r >= 400 ? 1e-4 : r >= 240 ? 1e-3 : 1.0; });
  const auto lost = text.find(std::to_string(1609459200 + 3600 * 240));
  text.erase(lost, text.find(std::to_string(1609459200 + 3600 * 250)) - lost);
  const std::string both = joined(read(text).repairs);
  expect_says(both, "across a gap the price moves by a factor of 1000 and stays (2021-01-11T10:00:00Z");
  expect_says(both, "one bar moves by a factor of 10 and stays (2021-01-17T16:00:00Z");
  expect_says(both, "--from 2021-01-17T16:00:00Z");
}

// A price that comes back, a crash with others around it, one whose bars are wild after it: no split. Of 2 million
// returns with the tails of dof 3, each alone as no market's are, at most 4 are called one.
TEST_F(Prices, CrashesAreNoSteps) {
  const auto quiet = [&](const std::string& text) {
    const std::string said = joined(read(text).repairs);
    EXPECT_EQ(said.find("and stays"), std::string::npos) << said;
  };
  for (const std::size_t bars : {1u, 3u, 8u})
    quiet(walk(500, 0.007, [&](std::size_t r) { return r >= 240 && r < 240 + bars ? 0.1 : 1.0; }));
  quiet(walk(500, 0.007, [](std::size_t r) {
    return r < 240 ? 1.0 : r < 245 ? std::pow(0.5, double(r - 239)) : 0.03;
  }));
  std::mt19937_64 bits(4);
  std::normal_distribution<double> normal;
  std::vector<double> after(500, 1.0);  // a hack: to a half at once, and then a tenth up and down
  for (std::size_t r = 240; r < 500; ++r) after[r] = (r == 240 ? 0.5 : after[r - 1]) * std::exp(0.1 * normal(bits));
  quiet(walk(500, 0.007, [&](std::size_t r) { return after[r]; }));
  std::size_t alarms = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const std::string said = joined(read(walk(
                                             50000, 0.007, [](std::size_t) { return 1.0; }, true, seed))
                                        .repairs);
    for (auto at = said.find("and stays"); at != std::string::npos; at = said.find("and stays", at + 1)) ++alarms;
  }
  EXPECT_LE(alarms, 4u);
}

TEST_F(Prices, StrayRowsAreNamed) {
  const std::string all = walk(1200, 0.007, [](std::size_t) { return 1.0; });
  const PriceHistory clean = read(all);
  for (const char* time : {"2024-02-20T01:00:00Z", "2011-01-20T00:00:00Z", "2021-08-01T00:00:00Z"}) {
    const PriceHistory h = read(all + time + std::string(",20.5\n"));
    expect_says(joined(h.repairs),
                fmt::format("1 stray row lies more than 30d from all others, that at line 1202, {}", time));
    EXPECT_EQ(h.rows(), 1200u);
    EXPECT_EQ(h.start, clean.start);
    EXPECT_EQ(h.price, clean.price);
  }
  // several that are together have returns: kept, and said
  const PriceHistory h = read(all + "2024-02-20T01:00:00Z,20.5\n2024-02-20T02:00:00Z,20.6\n");
  expect_says(joined(h.repairs), "2 stray rows, 2024-02-20T01:00:00Z to 2024-02-20T02:00:00Z, the first at line 1202");
  EXPECT_EQ(h.price[0].back(), 20.6);
  // two histories with years between them are none
  const PriceHistory two = read(all + walk(
                                          1200, 0.007, [](std::size_t) { return 1.0; }, false, 2, 1704067200)
                                          .substr(16));
  EXPECT_EQ(joined(two.repairs).find("stray"), std::string::npos);
}

// What is said of [from, to) is what is said of a file that holds no other rows, but for the numbers of lines; and the
// prices are those of the whole file. Every ten days of two years something else is wrong.
TEST_F(Prices, FindingsAreOfWhatIsAskedFor) {
  const std::int64_t start = parse_time("2021-01-01T00:00:00Z");
  std::mt19937_64 bits(8);
  std::normal_distribution<double> normal;
  std::vector<std::pair<std::int64_t, std::string>> lines;  // with the time that each is of
  double log_price = 3.0;
  for (std::int64_t r = 0; r < 730 * 24; ++r) {
    const std::int64_t time = start + 3600 * r, day = r / 24, kind = r % 240 == 100 ? (day / 10) % 7 : 7;
    log_price += 0.007 * normal(bits);
    if (kind == 0 || (kind == 1 && day > 300 && day < 600)) {
      log_price += std::log(10.0);  // another unit
    }
    std::string price = fmt::format("{:.12g}", std::exp(log_price));
    if (kind == 2) price = "n/a";
    if (kind == 3) continue;                                                                     // a gap
    if (kind == 4) lines.emplace_back(time, fmt::format("{},{:.12g}\n", time, 5.0));             // a time twice
    if (kind == 5) lines.emplace_back(time - 1800, fmt::format("{},{}\n", time - 1800, price));  // between two bars
    if (kind == 6) price = fmt::format("{:.12g}", 9.0 * std::exp(log_price));                    // a tick
    lines.emplace_back(time, fmt::format("{},{}\n", kind == 1 ? time + 20 : time, price));       // late, by 20 s
    if (kind == 2) std::swap(lines.back(), lines[lines.size() - 2]);                             // before the row above
  }
  const std::int64_t stray = parse_time("2024-02-20T01:00:00Z");
  lines.emplace_back(stray, fmt::format("{},20.5\n", stray));
  const auto text_of = [&](std::int64_t from, std::int64_t to) {
    std::string text = "timestamp_utc,BTC\n";
    for (const auto& [time, line] : lines)
      if (time >= from && time < to) text += line;
    return text;
  };
  const auto said = [&](const PriceHistory& h) {
    std::string out = joined(h.repairs);
    for (auto at = out.find("at line "); at != std::string::npos; at = out.find("at line ", at + 8))
      while (std::isdigit(out[at + 8])) out.erase(at + 8, 1);
    return out;
  };
  const std::int64_t least = std::numeric_limits<std::int64_t>::min(), most = std::numeric_limits<std::int64_t>::max();
  const fs::path whole = file("whole.csv", text_of(least, most));
  const PriceHistory all = read_prices({whole});
  for (const char* kind : {"before the row above", "the time of another", "a word for nothing", "beside a bar",
                           "stray row", "between two bars", "gaps of", "for one bar and back", "and stays"})
    expect_says(said(all), kind);
  std::set<std::string> different;
  for (std::int64_t from = 0; from < 730; from += 73)
    for (const std::int64_t days : {8, 60, 400, 2000}) {
      PriceOptions options;
      options.from = start + 86400 * from;
      options.to = options.from + 86400 * days;
      SCOPED_TRACE(fmt::format("{} to {}", time_text(options.from), time_text(options.to)));
      const PriceHistory h = read_prices({whole}, {}, options);
      EXPECT_EQ(h.price[0].size(), all.price[0].size());
      std::string of_part = said(read_prices({file("whole.csv", text_of(options.from, options.to))}));
      file("whole.csv", text_of(least, most));
      EXPECT_EQ(said(h), of_part);
      options.opening = true;  // all is an hour later, and the same is said of an hour later
      options.from += 3600;
      options.to += 3600;
      EXPECT_EQ(read_prices({whole}, {}, options).repairs.size(), h.repairs.size());
      different.insert(said(h));
    }
  EXPECT_GT(different.size(), 20u);
}

// What the advice of a split says is true.
TEST_F(Prices, FromASplitOnThereIsNone) {
  const std::string text = walk(500, 0.007, [](std::size_t r) { return r >= 240 ? 0.1 : 1.0; });
  const std::string split = joined(read(text).repairs);
  const auto at = split.find("--from ");
  ASSERT_NE(at, std::string::npos) << split;
  PriceOptions options;
  options.from = parse_time(split.substr(at + 7, 20));
  EXPECT_EQ(joined(read_prices({file("p.csv", text)}, {}, options).repairs), "");
  options.from -= 86400;  // a day before it, and a bar: what comes before says how large a step is
  expect_says(joined(read_prices({file("p.csv", text)}, {}, options).repairs), "and stays");
  options.from += 86400 - 3600;
  expect_says(joined(read_prices({file("p.csv", text)}, {}, options).repairs), "and stays");
  options = {};
  options.to = parse_time(split.substr(at + 7, 20)) + 3600;  // it is the last bar
  expect_says(joined(read_prices({file("p.csv", text)}, {}, options).repairs), "and stays");
  options = {};
  options.to = parse_time(split.substr(at + 7, 20));
  EXPECT_EQ(joined(read_prices({file("p.csv", text)}, {}, options).repairs), "");
}

TEST_F(Prices, ColumnsWithoutAnyPriceAreLeftOutUnlessAskedFor) {
  const std::string text = "time,A,B\n2020-01-01,1,\n2020-01-02,2,\n";
  const auto h = read(text);
  EXPECT_EQ(h.assets, std::vector<std::string>{"A"});
  expect_says(joined(h.repairs), "B: no price at all (left out)");
  expect_says(refusal(text, {"A", "B"}), "B has 0 prices");
  expect_says(refusal("time,B\n2020-01-01,\n2020-01-02,\n"), "B has 0 prices");
}

TEST_F(Prices, PackedFilesReadTheSame) {
  if (std::system("xz --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "no xz here";
  const auto plain = file("p.csv", "time,A\n2020-01-01,1\n2020-01-02,2\n");
  // a name that a shell would trip over
  const auto odd = file("-a b;$(x).csv", "time,A\n2020-01-01,1\n2020-01-02,2\n");
  ASSERT_EQ(std::system(fmt::format("cd '{}' && xz -k p.csv && xz -k -- '-a b;$(x).csv'", folder_.string()).c_str()),
            0);
  EXPECT_EQ(read_prices({fs::path(plain.string() + ".xz")}).price, read_prices({plain}).price);
  EXPECT_EQ(read_prices({fs::path(odd.string() + ".xz")}).price, read_prices({plain}).price);
  const auto broken = file("broken.csv.xz", std::string("\xfd"
                                                        "7zXZ\0 and no more",
                                                        18));
  try {
    read_prices({broken});
    FAIL();
  } catch (const Error& e) { expect_says(e.what(), "cannot be unpacked"); }
}

TEST_F(Prices, WindowsAndCoarserBars) {
  std::string text = "time,A\n";
  const std::int64_t start = parse_time("2020-01-01T00:10:00Z");
  for (int i = 0; i < 30; ++i) text += fmt::format("{},{}\n", start + 600 * i, 1 + i);
  const auto h = read(text);
  const auto hourly = resample(h, 3600);
  EXPECT_EQ(hourly.start, parse_time("2020-01-01T01:00:00Z"));
  EXPECT_EQ(hourly.price[0], (std::vector<double>{6, 12, 18, 24, 30}));
  const auto part = between(h, parse_time("2020-01-01T01:00Z"), parse_time("2020-01-01T02:00Z"));
  EXPECT_EQ(part.price[0], (std::vector<double>{6, 7, 8, 9, 10, 11}));
  EXPECT_THROW(resample(h, 900), Error);
  EXPECT_THROW(between(h, parse_time("2021-01-01"), parse_time("2022-01-01")), Error);
}

// ---- what exports have beside prices --------------------------------------------------------------------------------

/// Rows of the cells that `row(i)` gives, one an hour, under a header.
template <class Row>
std::string table(const std::string& header, int rows, const Row& row) {
  std::string text = header + "\n";
  for (int i = 0; i < rows; ++i) text += row(i) + "\n";
  return text;
}
double price_at(int i) { return 100.0 + 10.0 * std::sin(0.7 * i) + 3.0 * std::sin(0.13 * i); }

TEST_F(Prices, ColumnsThatAreNoPricesAreLeftOutAndSaid) {
  const auto unix_of = [](int i) { return 1704067200 + 3600 * i; };
  const PriceHistory h =
      read(table("unix,date,symbol,open,high,low,close,Volume BTC,market_cap,tradecount", 50, [&](int i) {
        const double p = price_at(i);
        return fmt::format("{},{},BTC/USDT,{},{},{},{},{},0.0,{}", unix_of(i), time_text(unix_of(i)), p + 1, p + 2,
                           p - 2, p, 100 + i % 7, i % 3);
      }));
  EXPECT_EQ(h.assets, std::vector<std::string>{"close"});
  for (const char* said : {"(times again)", "symbol (no numbers)", "open (beside candles", "Volume BTC (no price)",
                           "market_cap (no price)", "tradecount (no price)"})
    expect_says(joined(h.repairs), said);
  // Asked for by name they are taken.
  EXPECT_EQ(read(table("time,BTC,volume", 50,
                       [&](int i) { return fmt::format("{},{},{}", unix_of(i), price_at(i), 5 + i % 3); }),
                 {"volume"})
                .assets,
            std::vector<std::string>{"volume"});
  // A row counter, with and without a name; an asset called ID is none.
  for (const char* name : {"", "index", "id"})
    EXPECT_EQ(read(table(std::string(name) + ",time,BTC", 50,
                         [&](int i) { return fmt::format("{},{},{}", i, unix_of(i), price_at(i)); }))
                  .assets,
              std::vector<std::string>{"BTC"})
        << name;
  EXPECT_EQ(read(table("time,BTC,ID", 50,
                       [&](int i) { return fmt::format("{},{},{}", unix_of(i), price_at(i), price_at(3 * i)); }))
                .assets,
            (std::vector<std::string>{"BTC", "ID"}));
}

TEST_F(Prices, CountersBlocksAndColumnsOfOneAssetAreNoAssets) {
  const auto row = [](int i, const std::string& rest) { return fmt::format("{},{}", 1704067200 + 3600 * i, rest); };
  const auto with = [&](const std::string& name, const std::function<std::string(int)>& cell) {
    return table("time,BTC," + name, 60, [&](int i) { return row(i, fmt::format("{},{}", price_at(i), cell(i))); });
  };
  for (const char* name : {"total_volumes", "vol_24h", "amount", "fdv", "log_return"})
    expect_says(joined(read(with(name, [](int i) { return fmt::format("{}", 5 + i % 7); })).repairs),
                std::string(name) + " (no price)");
  for (const auto& [name, cell] : std::vector<std::pair<std::string, std::function<std::string(int)>>>{
           {"block_number", [](int i) { return fmt::format("{}", 19000000 + 300 * i + i % 3); }},
           {"anything", [](int i) { return fmt::format("{}", 700 - 4 * i); }}})
    expect_says(joined(read(with(name, cell)).repairs), name + " (a counter of rows or blocks)");
  // A token may be called so: its price comes back.
  EXPECT_EQ(read(with("BLOCK", [](int i) { return fmt::format("{:.0f}", price_at(2 * i)); })).assets.size(), 2u);
  for (const char* names : {"high,low", "bid,ask"})
    expect_says(refusal(table("time," + std::string(names), 60,
                              [&](int i) { return row(i, fmt::format("{},{}", price_at(i) + 1, price_at(i))); })),
                "no close");
  EXPECT_EQ(read(table("time,bid,ask,last", 60, [&](int i) { return row(i, fmt::format("{0},{0},{0}", price_at(i))); }))
                .assets,
            std::vector<std::string>{"last"});
  EXPECT_EQ(read(table("time,bid,ask", 60, [&](int i) { return row(i, fmt::format("{0},{0}", price_at(i))); }), {"bid"})
                .assets,
            std::vector<std::string>{"bid"});
}

TEST_F(Prices, DaysAndTimesOfDayAreJoined) {
  for (const char* header : {"Date,Time,BTC", "<DATE>,<TIME>,BTC"}) {
    const PriceHistory h = read(table(header, 60, [](int i) {
      return fmt::format("2024.01.{:02},{:02}:00:00,{}", 1 + i / 24, i % 24, price_at(i));
    }));
    EXPECT_EQ(h.bar, 3600);
    EXPECT_EQ(h.rows(), 60u);
    EXPECT_EQ(h.start, 1704067200);
    expect_says(joined(h.repairs), "(joined)");
  }
}

TEST_F(Prices, NothingIsDroppedThatMayBeAPrice) {
  const auto row = [](int i, const std::string& rest) { return fmt::format("{},{}", 1704067200 + 3600 * i, rest); };
  // Prices that begin late; a cell that is no price is an error, not a column of words.
  EXPECT_EQ(read(table("time,BTC,ETH", 300,
                       [&](int i) {
                         return row(i, fmt::format("{},{}", price_at(i),
                                                   i < 250 ? "NaN" : fmt::format("{}", price_at(2 * i))));
                       }))
                .assets,
            (std::vector<std::string>{"BTC", "ETH"}));
  expect_says(
      refusal(table("time,BTC,ETH", 20, [&](int i) { return row(i, fmt::format("${},{}", 40 + i, price_at(i))); })),
      "BTC is '$40'");
  // Nothing but what is no price.
  expect_says(refusal(table("time,volume", 20, [&](int i) { return row(i, fmt::format("{}", i)); })),
              "there is no column of prices");
  // Two coins in one column, told apart by another.
  expect_says(refusal(table("time,symbol,close", 20,
                            [&](int i) { return row(i, fmt::format("{},{}", i < 10 ? "BTC" : "ETH", price_at(i))); })),
              "column symbol says ETH here and BTC above");
  // Rows that complement each other.
  const PriceHistory both = read("time,BTC,ETH\n2020-01-01,8,\n2020-01-01,,2\n2020-01-02,9,\n2020-01-02,,3\n");
  EXPECT_EQ(both.price, (std::vector<std::vector<double>>{{8, 9}, {2, 3}}));
  // Candles of several assets.
  EXPECT_EQ(read(table("time,BTC_open,BTC_high,BTC_low,BTC_close,ETH_high,ETH_low,ETH_close,ETH_vol", 30,
                       [&](int i) {
                         const double p = price_at(i), q = price_at(i + 5);
                         return row(i, fmt::format("{},{},{},{},{},{},{},7", p, p + 1, p - 1, p, q + 1, q - 1, q));
                       }))
                .assets,
            (std::vector<std::string>{"BTC_close", "ETH_close"}));
  // Times once more, one of which is odd.
  EXPECT_EQ(read(table("open_time,BTC,close_time", 30,
                       [&](int i) {
                         return row(i, fmt::format("{},{}", price_at(i), 1704067200 + 3600 * i + (i == 7 ? 17 : 3599)));
                       }))
                .assets,
            std::vector<std::string>{"BTC"});
}

TEST_F(Prices, TheColumnOfTimesIsOneWhoseCellsAreTimes) {
  const PriceHistory h = read(table("Date,Unix Timestamp,BTC", 50, [](int i) {
    return fmt::format("day {},{}.0,{}", i, 1704067200 + 3600 * i, price_at(i));
  }));
  EXPECT_EQ(read(table("Date,Seconds,BTC", 50,
                       [](int i) {
                         return fmt::format("{}th of March,{}", i, 1704067200 + 3600 * i) +
                                fmt::format(",{}", price_at(i));
                       }))
                .assets,
            std::vector<std::string>{"BTC"});
  EXPECT_EQ(h.start, 1704067200);
  EXPECT_EQ(h.assets, std::vector<std::string>{"BTC"});
}

TEST_F(Prices, CandlesOfBinanceNeedNoHeader) {
  const auto rows = [](std::int64_t unit) {
    return [unit](int i) {
      const std::int64_t open = (1735689600 + 3600 * i) * unit;
      return fmt::format("{},{},{},{},{},12.5,{},532072.9,100,6.2,263908.16,0", open, price_at(i), price_at(i) + 1,
                         price_at(i) - 1, price_at(i + 1), open + 3600 * unit - 1);
    };
  };
  for (const std::int64_t unit : {std::int64_t{1000}, std::int64_t{1000000}}) {
    std::string text = table("", 60, rows(unit));
    const PriceHistory h = read(text.substr(1));
    EXPECT_EQ(h.assets, std::vector<std::string>{"close"});
    EXPECT_EQ(h.start, 1735689600);
    EXPECT_EQ(h.bar, 3600);
    EXPECT_EQ(h.rows(), 60u);
    EXPECT_NEAR(h.price[0][0], price_at(1), 1e-12);
  }
}

TEST_F(Prices, TimesThatCannotBeAreRefusedUnlessAsked) {
  const std::string text = "time,BTC\n2020-01-01,1\n2020-01-02,2\n2124-01-03,3\n";
  expect_says(refusal(text), "p.csv:4: 2124-01-03T00:00:00Z is after tomorrow");
  expect_says(refusal("time,BTC\n1950-01-01,1\n1950-01-02,2\n"), "is before 1990");
  EXPECT_EQ(read_prices({file("p.csv", "time,BTC\n1950-01-01,1\n1950-01-02,2\n")}, {}, {true}).rows(), 2u);
}

TEST_F(Prices, RowsBesideTheirBarArePutOntoIt) {
  const PriceHistory late = read(table("time,BTC", 50, [](int i) {
    return fmt::format("{},{}", 1704067200 + 3600 * i + (i % 3 == 2 ? 7 : 0), price_at(i));
  }));
  EXPECT_EQ(late.rows(), 50u);
  for (int i = 0; i < 50; ++i) EXPECT_NEAR(late.price[0][std::size_t(i)], price_at(i), 1e-12) << i;
  expect_says(joined(late.repairs), "16 rows lie up to 1m beside a bar of 1h, the first at line 4 (put onto it)");
  // Each row late by another few seconds: hardly two steps are alike.
  const PriceHistory asked = read(table("time,BTC", 50, [](int i) {
    return fmt::format("{},{}", 1704067200 + 3600 * i + (i * i * 7) % 23, price_at(i));
  }));
  EXPECT_EQ(asked.bar, 3600);
  EXPECT_EQ(asked.start, 1704067200);
  EXPECT_EQ(asked.rows(), 50u);
  // Local midnight: 23:00 and 22:00 UTC.
  const PriceHistory local = read(table("Date,BTC", 60, [](int i) {
    return fmt::format("2024-{:02}-{:02} 00:00:00{},{}", 3 + i / 31, 1 + i % 31 - (i / 31) * 0,
                       i < 30 ? "+01:00" : "+02:00", price_at(i));
  }));
  EXPECT_EQ(local.bar, 86400);
  EXPECT_EQ(local.rows(), 60u);
  expect_says(joined(local.repairs), "beside a bar of 1d");
  expect_says(refusal("Date,BTC\n2024-01-01,1\n2024-02-01,2\n2024-03-01,3\n2024-04-01,4\n"),
              "a month, a quarter or a year apart");
}

TEST_F(Prices, WeekdaysAloneAreSaid) {
  std::string text = "Date,STOCK\n";
  for (int d = 0; d < 120; ++d)
    if (d % 7 < 5)
      text += fmt::format("{},{}\n", time_text(1704067200 + 86400 * d).substr(0, 10), price_at(d));  // a Monday
  expect_says(joined(read(text).repairs), "STOCK: no prices on weekends");
}

TEST_F(Prices, FilesSayWhichAssetTheirColumnIs) {
  const auto coin = [&](const char* name, double level, int from) {
    return file(name, table("snapped_at,price,total_volume", 60, [=](int i) {
                  return fmt::format("{},{},{}", 1704067200 + 86400 * (from + i), level * price_at(from + i), 1000 + i);
                }));
  };
  const auto btc = coin("btc.csv", 400.0, 0), eth = coin("eth.csv", 20.0, 0), later = coin("later.csv", 400.0, 60),
             other = coin("other.csv", 20.0, 60);
  const PriceHistory h =
      read_prices({price_source("BTC=" + btc.string() + ":price"), price_source("ETH=" + eth.string())});
  // Some of them only, by the names that were given.
  const PriceHistory some =
      read_prices({price_source("BTC=" + btc.string() + ":price"), price_source("ETH=" + eth.string())}, {"ETH"});
  EXPECT_EQ(some.assets, std::vector<std::string>{"ETH"});
  EXPECT_EQ(h.assets, (std::vector<std::string>{"BTC", "ETH"}));
  EXPECT_NEAR(h.price[1][0], 20.0 * price_at(0), 1e-9);
  // One name in files of two coins never glues them together: at the same times, and one after the other.
  for (const auto& [one, two] : {std::pair{btc, eth}, std::pair{btc, other}}) {
    try {
      read_prices({one, two});
      ADD_FAILURE() << "two coins are one asset";
    } catch (const Error& e) {
      expect_says(e.what(), "cannot be one asset");
      expect_says(e.what(), ":price");
    }
  }
  EXPECT_EQ(read_prices({btc, later}).rows(), 120u);  // one coin, one year after the other
  try {
    read_prices({price_source("BTC=" + btc.string() + ":prize")});
    ADD_FAILURE() << "there is no such column";
  } catch (const Error& e) { expect_says(e.what(), "there is no column prize (it is wanted as BTC)"); }
}

TEST(RecordedPrices, SevenYearsOfHours) {
  const fs::path file = "../shared/data/prices_1h_binance_usdt_2017-08_2023-12.csv.xz";
  if (!fs::exists(file)) GTEST_SKIP() << "no " << file;
  const auto h = read_prices({file}, {"BTC", "SOL"});
  EXPECT_EQ(h.bar, 3600);
  EXPECT_EQ(time_text(h.start), "2017-08-17T04:00:00Z");
  EXPECT_EQ(h.price[0][0], 4308.83);  // the first line of the file
  EXPECT_TRUE(std::isnan(h.price[1][0]));
  expect_says(joined(h.repairs), "33h from 2018-02-08T01:00:00Z");  // the outage that the data's own notes name
}

// Seven years of eight coins, LUNA's end, four other crises: every move was one of the market.
TEST(RecordedPrices, HaveNoStepsAndNoStrays) {
  const fs::path data = "../shared/data";
  if (!fs::exists(data)) GTEST_SKIP() << "no " << data;
  std::size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(data)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("prices_") && entry.path().parent_path().filename() != "stress") continue;
    try {
      const std::string said = joined(read_prices({entry.path()}).repairs);
      EXPECT_EQ(said.find("and stays"), std::string::npos) << name << "\n" << said;
      EXPECT_EQ(said.find("stray"), std::string::npos) << name << "\n" << said;
      ++files;
    } catch (const Error& e) { std::cout << name << ": " << e.what() << '\n'; }
  }
  EXPECT_GE(files, 8u);
}

}  // namespace
}  // namespace proofload
