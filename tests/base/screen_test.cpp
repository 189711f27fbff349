// What people see: widths of text, tables that fit, numbers in words, suggestions.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "base/suggestion.h"
#include "base/table.h"
#include "base/words.h"

namespace proofload {
namespace {

/// The screen's width for as long as it lives.
class Screen {
 public:
  explicit Screen(const char* width) {
    if (const char* before = std::getenv("COLUMNS")) before_ = before;
    setenv("COLUMNS", width, 1);
  }
  ~Screen() { before_.empty() ? unsetenv("COLUMNS") : setenv("COLUMNS", before_.c_str(), 1); }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

 private:
  std::string before_;
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

TEST(Screen, IsAsWideAsItSays) {
  for (const auto& [given, width] : std::vector<std::pair<const char*, std::size_t>>{
           {"80", 80}, {"132", 132}, {"7", 40}, {"40", 40}, {"100000", 1000}}) {
    const Screen screen(given);
    EXPECT_EQ(screen_width(), width) << given;
  }
}

// Of wcwidth's examples: East Asia and pictures are two wide, what combines none; ambiguous ones are one.
TEST(Columns, AreThoseOfATerminal) {
  EXPECT_EQ(columns("ETH@ethereum"), 12u);
  EXPECT_EQ(columns("über"), 4u);
  EXPECT_EQ(columns("u\u0308ber"), 4u) << "a combining mark";
  EXPECT_EQ(columns("以太坊"), 6u);
  EXPECT_EQ(columns("ｅ"), 2u) << "a full-width letter";
  EXPECT_EQ(columns("🦄币"), 4u);
  EXPECT_EQ(columns("a\u200bb"), 2u) << "a blank of no width";
  EXPECT_EQ(columns("… – ±"), 5u);
  EXPECT_EQ(columns("\xff\xc3"), 2u) << "no UTF-8";
  EXPECT_EQ(columns(""), 0u);
}

TEST(Columns, AreNotCutInTheMiddle) {
  EXPECT_EQ(clipped("以太坊", 6), "以太坊");
  EXPECT_EQ(clipped("以太坊", 5), "以太…");
  EXPECT_EQ(clipped("以太坊", 4), "以…") << "half a character is none";
  EXPECT_EQ(clipped("u\u0308ber", 2), "u\u0308…");
  EXPECT_EQ(clipped("abc", 2), "a…");
  EXPECT_EQ(padded_left("以太", 6), "  以太");
  EXPECT_EQ(padded_right("以太", 6), "以太  ");
}

// Names of 64 characters, two columns each, figures of all widths: no line is wider, none of a row's cells is lost, and
// all columns of a part end in the same place.
TEST(Table, FitsEveryScreen) {
  std::string wide;
  for (int i = 0; i < 64; ++i) wide += "币";
  for (const char* given : {"40", "60", "80", "120", "300"}) {
    const Screen screen(given);
    for (const std::size_t names : {1u, 2u}) {
      std::vector<std::string> header{"collateral", "at"};
      for (int c = 0; c < 12; ++c) header.push_back("column" + std::to_string(c));
      Table table(header, names);
      for (const std::string& name : {std::string("ETH"), wide, std::string()}) {
        std::vector<std::string> row{name, "99.9 %"};
        for (int c = 0; c < 12; ++c) row.push_back("cell" + name.substr(0, 2) + std::to_string(c));
        table.row(row);
      }
      const std::string text = table.text();
      for (const std::string& line : lines_of(text)) EXPECT_LE(columns(line), screen_width()) << line;
      for (int c = 0; c < 12; ++c) {
        EXPECT_NE(text.find("column" + std::to_string(c)), std::string::npos) << c << "\n" << text;
        EXPECT_NE(text.find("cellET" + std::to_string(c)), std::string::npos) << c << "\n" << text;
      }
    }
  }
}

TEST(Table, IsOnePartWhereThereIsRoom) {
  Table table({"name", "one", "two"});
  table.row({"以太", "1.0", "-"});
  table.row({"b", "22.0"});
  EXPECT_EQ(table.text(80), "  name   one  two\n  以太   1.0    -\n  b     22.0\n");
  EXPECT_EQ(lines_of(table.text(40)).size(), 3u);
}

TEST(Table, LetsTheFirstColumnGiveWayBeforeItIsParted) {
  Table table({"name", "a", "b"});
  table.row({"a name of twenty-nine columns", "1234567890", "1234567890"});
  EXPECT_EQ(table.text(44),
            "  name                         a           b\n"
            "  a name of twenty-nine columns\n"
            "                      1234567890  1234567890\n");
}

TEST(Wrapped, NeverPassesTheScreenButForAddresses) {
  const Screen screen("80");
  std::string name;
  for (int i = 0; i < 64; ++i) name += "坊";
  const std::string text =
      wrapped("  a word " + name + " and many more words behind it, so that there are some lines", 4);
  for (const std::string& line : lines_of(text)) EXPECT_LE(columns(line), 80u) << line;
  std::string together;
  for (const char c : text) together += c == '\n' || c == ' ' ? "" : std::string(1, c);
  EXPECT_NE(together.find(name), std::string::npos) << text;
  const std::string address = "https://example.org/" + std::string(100, 'x');
  EXPECT_NE(wrapped("see " + address, 2).find(address), std::string::npos);
  EXPECT_EQ(wrapped("law far.finality", 2, "# "), "# law far.finality\n");
}

TEST(Words, NeverSayAllOrNothingOfWhatIsNot) {
  EXPECT_EQ(percent(1.0), "100.000");
  EXPECT_EQ(percent(0.99999999), "99.999");
  EXPECT_EQ(percent(0.9999, 0), "99");
  EXPECT_EQ(percent(0.05), "5.000");
  EXPECT_EQ(percent(1.0044, 2), "100.44");
  EXPECT_EQ(share_text(1.0), "100 %");
  EXPECT_EQ(share_text(0.99996), "99.996 %");
  EXPECT_EQ(share_text(0.999999999), "99.9999999 %");
  EXPECT_EQ(share_text(0.5), "50 %");
  EXPECT_EQ(confidence_text(0.999), "99.9 %");
  EXPECT_EQ(confidence_text(0.9999999999999), "99.99999999999 %");
  EXPECT_EQ(probability(1.0), "1");
  EXPECT_EQ(probability(0.99996), "0.99996");
  EXPECT_EQ(probability(0.0123456), "0.0123");
  EXPECT_EQ(p_value(0.0), "< 0.0001");
  EXPECT_EQ(p_value(1.6e-17), "< 0.0001");
  EXPECT_EQ(p_value(0.0001), "0.0001");
  EXPECT_EQ(p_value(0.03456), "0.0346");
  EXPECT_EQ(p_value(0.99999), "> 0.9999");
  EXPECT_EQ(p_value(1.0), "1.0000");
  EXPECT_EQ(p_value(std::nullopt), "-");
  EXPECT_EQ(p_value(0.0004, 3), "< 0.001");
}

TEST(Words, CountOneThingAsOne) {
  EXPECT_EQ(counted(0, "path"), "0 paths");
  EXPECT_EQ(counted(1, "path"), "1 path");
  EXPECT_EQ(counted(4'000'000, "path"), "4,000,000 paths");
  EXPECT_EQ(counted(2, "loss", "losses"), "2 losses");
}

// 19.97 min is 1198.1999999999998 s, and 0.1 + 0.2 is 0.30000000000000004: neither is what anybody has written.
TEST(Words, LeaveTheNoiseOfRoundingOut) {
  EXPECT_EQ(duration_text(19.97 * 60.0), "19.97m");
  EXPECT_EQ(duration_text(1.1 * 3600.0), "1.1h") << "3960.0000000000005 s";
  EXPECT_EQ(duration_text(0.3 * 86400.0), "432m");
  EXPECT_EQ(duration_text(1.5), "1.5s");
  EXPECT_EQ(duration_text(0.25), "250ms");
  EXPECT_EQ(duration_text(0.0), "0s");
  EXPECT_EQ(brief(0.1 + 0.2), "0.3");
  EXPECT_EQ(brief(3000.0), "3000");
  EXPECT_EQ(brief(1e-9), "1e-09");
  for (const double number : {0.07, 0.123456, 1.1, 3.3, 19.97, 64.3, 1234.5678, 99999.9}) {
    for (const double unit : {0.001, 1.0, 60.0, 3600.0, 86400.0}) {
      const double seconds = unit == 0.001 ? number / 1000.0 : number * unit;
      EXPECT_EQ(parse_duration(duration_text(seconds)), seconds) << duration_text(seconds);
    }
  }
}

TEST(Suggestion, KnowsPartsOfNamesAndSlips) {
  const std::vector<std::string> names = {"wrapped",   "axelar",      "layerzero",     "ccip", "cctp",
                                          "cctp-fast", "rollup-exit", "intent-across", "htlc", "light-client-ibc"};
  for (const auto& [given, name] : std::vector<std::pair<const char*, const char*>>{{"across", "intent-across"},
                                                                                    {"Across", "intent-across"},
                                                                                    {"acros", "intent-across"},
                                                                                    {"rollup", "rollup-exit"},
                                                                                    {"ibc", "light-client-ibc"},
                                                                                    {"client", "light-client-ibc"},
                                                                                    {"wraped", "wrapped"},
                                                                                    {"layer-zero", "layerzero"},
                                                                                    {"htcl", "htlc"},
                                                                                    {"exit-of-rollup", "rollup-exit"},
                                                                                    {"CCTP-FAST", "cctp-fast"}}) {
    EXPECT_EQ(meant(given, names), "did you mean \"" + std::string(name) + "\"?") << given;
  }
  EXPECT_EQ(meant("nothing of the kind", names), "");
  EXPECT_EQ(meant("", names), "");
  EXPECT_EQ(meant("zk", {"zk-proof", "zk-proof-overlapped"}), "did you mean \"zk-proof\" or \"zk-proof-overlapped\"?");
  EXPECT_EQ(suggestion("x", {"aa", "bb"}, "thing"), "use one of: aa, bb");
  EXPECT_EQ(suggestion("x", {}, "thing"), "there is no thing to choose from: add one");
}

}  // namespace
}  // namespace proofload
