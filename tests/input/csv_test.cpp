// CSV files as programs and people write them: what is read, what is left out and said, what is refused and how.
#include "input/csv.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <thread>

namespace proofload::input {
namespace {

namespace fs = std::filesystem;
using Rows = std::vector<std::vector<std::string>>;

Rows rows_of(Csv& csv) {
  Rows rows;
  std::vector<std::string_view> cells;
  int line = 0;
  while (csv.next(cells, line)) rows.emplace_back(cells.begin(), cells.end());
  csv.finish();
  return rows;
}
Rows rows_of(const std::string& text) {
  Csv csv("t.csv", text);
  return rows_of(csv);
}
std::vector<std::string> header_of(const std::string& text) { return Csv("t.csv", text).header(); }
std::string refusal(const std::string& text) {
  try {
    rows_of(text);
    return "";
  } catch (const Error& e) { return e.what(); }
}
void expect_says(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is not in:\n" << text;
}

const Rows plain = {{"2024-01-01", "1.5", "2"}, {"2024-01-02", "1.25", "3"}};

TEST(Csv, EverySeparatorIsTheSameTable) {
  for (const std::string between : {",", ";", "\t", "|", " , "}) {
    std::string text = "time" + between + "BTC" + between + "ETH\r\n";
    for (const auto& row : plain) text += row[0] + between + row[1] + between + row[2] + "\r\n";
    EXPECT_EQ(rows_of("\xef\xbb\xbf" + text), plain) << between;
    EXPECT_EQ(header_of(text), (std::vector<std::string>{"time", "BTC", "ETH"})) << between;
  }
  EXPECT_EQ(rows_of("sep=;\ntime;BTC;ETH\n2024-01-01;1.5;2\n2024-01-02;1.25;3"), plain);
}

TEST(Csv, QuotedCellsHoldWhatTheyHold) {
  Csv csv("t.csv", "id,\"a, b\",c\n1,\"fine, yes\",2\n\n2,\"he said \"\"no\"\"\",3\n3,\"two\nlines\",4\n4,\"\",5\n");
  EXPECT_EQ(csv.header(), (std::vector<std::string>{"id", "a, b", "c"}));
  EXPECT_EQ(rows_of(csv),
            (Rows{{"1", "fine, yes", "2"}, {"2", "he said \"no\"", "3"}, {"3", "two\nlines", "4"}, {"4", "", "5"}}));
  csv.rewind();
  std::vector<std::string_view> cells;
  int line = 0;
  std::vector<int> lines;
  while (csv.next(cells, line)) lines.push_back(line);
  EXPECT_EQ(lines, (std::vector<int>{2, 4, 5, 7}));  // blank lines and line ends in quotes count
  expect_says(refusal("a,b\n1,\"2\n3,4\n"), "t.csv:2: a quote is opened here and never closed");
}

TEST(Csv, RowsOfAnotherWidthAreRefused) {
  const std::string text = refusal("a,b,c\n1,2,3\n1,2\n1,2,3,4\n");
  expect_says(text, "t.csv:3: there are 2 cells (the header has 3");
  expect_says(text, "t.csv:4: there are 4 cells (the header has 3");
  // Every row, so that the header is the odd one: its names would go to the wrong columns.
  expect_says(refusal("id,note,delay\n1,fine, yes,600\n2,fine, no,700\n"),
              "t.csv:2: there are 4 cells (the header has 3");
  std::string many = "a,b\n";
  for (int i = 0; i < 30; ++i) many += "1,2\n1\n";
  expect_says(refusal(many), "and 20 more such lines");
}

TEST(Csv, SeparatorsAtTheEndOfLinesMakeNoColumn) {
  EXPECT_EQ(header_of("time,BTC,ETH,\n2024-01-01,1.5,2,\n"), (std::vector<std::string>{"time", "BTC", "ETH"}));
  EXPECT_EQ(rows_of("time,BTC,ETH,,\n2024-01-01,1.5,2,,\n2024-01-02,1.25,3,,\n"), plain);
  EXPECT_EQ(rows_of("time,BTC,ETH\n2024-01-01,1.5,2,\n2024-01-02,1.25,3\n"), plain);
}

TEST(Csv, RemarksAboveTheHeaderAreLeftOutAndSaid) {
  for (const std::string remark :
       {"https://www.example.org/data\n", "# made by somebody\n# on a day\n", "\n\nA note, of two cells\n",
        "Copyright 2024\n\nAll, rights\n", "# as many, cells as, the header\n"}) {
    Csv csv("t.csv", remark + "time,BTC,ETH\n2024-01-01,1.5,2\n2024-01-02,1.25,3\n");
    EXPECT_EQ(csv.header(), (std::vector<std::string>{"time", "BTC", "ETH"})) << remark;
    EXPECT_EQ(rows_of(csv), plain);
    ASSERT_EQ(csv.notes().size(), 1u);
    expect_says(csv.notes()[0], "left out");
  }
}

TEST(Csv, SeveralHeaderLinesNameColumnsTogether) {
  EXPECT_EQ(header_of("Price,Close,Close\nTicker,BTC-USD,ETH-USD\nDate,,\n2024-01-01,1.5,2\n2024-01-02,1.25,3\n"),
            (std::vector<std::string>{"Date", "BTC-USD", "ETH-USD"}));
  EXPECT_EQ(header_of("Price,Close,Close,High,High\nTicker,BTC,ETH,BTC,ETH\nDate,,,,\n2024-01-01,1,2,3,4\n"),
            (std::vector<std::string>{"Date", "Close BTC", "Close ETH", "High BTC", "High ETH"}));
}

TEST(Csv, NumbersAreReadAsTheFileWritesThem) {
  // What the file says -> what comes out.
  const std::pair<std::string, std::string> semicolons[] = {
      {"41602,37", "41602.37"}, {"1.234,56", "1234.56"},     {"1.234.567,8", "1234567.8"},
      {"-0,5", "-0.5"},         {"1 234,5", "1234.5"},       {"998", "998"},
      {"1.002", "1002"},        {"2024-01-01", "2024-01-01"}};
  for (const auto& [cell, expected] : semicolons) {
    const Rows rows = rows_of("a;b\nx;" + cell + "\ny;7,25\n");  // 7,25 says that the comma stands before decimals
    EXPECT_EQ(rows.at(0).at(1), expected) << cell;
    EXPECT_EQ(rows.at(1).at(1), "7.25");
  }
  const std::pair<std::string, std::string> quoted[] = {
      {"42,123.5", "42123.5"}, {"1,002", "1002"}, {"1,234,567", "1234567"}, {"12'345.5", "12345.5"}, {"0.5", "0.5"}};
  for (const auto& [cell, expected] : quoted)
    EXPECT_EQ(rows_of("a,b\nx,\"" + cell + "\"\ny,\"7,123.25\"\n").at(0).at(1), expected) << cell;
  EXPECT_EQ(rows_of("a,b\nx,1.002\ny,998\n").at(0).at(1), "1.002");    // with commas between cells a point is a point
  EXPECT_EQ(rows_of("a;b\nx;0.998\ny;1.002\n").at(1).at(1), "1.002");  // no group of thousands begins with 0
  EXPECT_EQ(rows_of("a;b\nx;1.0025\ny;1.002\n").at(1).at(1), "1.002");
}

TEST(Csv, WhereANumberCanBeReadInTwoWaysNobodyGuesses) {
  expect_says(refusal("a;b\nx;998\ny;1.002\n"), "t.csv:3: numbers such as 1.002 or 1,002 may be thousands or decimals");
  expect_says(refusal("a,b\nx,\"1,002\"\n"), "t.csv:2: numbers such as");
  expect_says(refusal("a;b\nx;1,5\ny;2.25\n"), "decimal point on line 3 and a decimal comma on line 2");
}

TEST(Csv, RowsAreNotTakenForHeaders) {
  EXPECT_EQ(rows_of("id,status,delay\n0xaa,pending,\n0xab,failed,\n0x0,delivered,10\n").size(), 3u);
  EXPECT_EQ(rows_of("delay\nn/a\n10\n").size(), 2u);
  EXPECT_EQ(header_of("time,BTC,ETH\nUTC,USD,EUR\n2020-01-01,1,2\n"), (std::vector<std::string>{"time", "BTC", "ETH"}));
  // A row may begin with #, and so may the header.
  EXPECT_EQ(rows_of("id,delay\n#1,10\n#2,11\n").size(), 2u);
  EXPECT_EQ(header_of("# time,BTC\n2020-01-01,1\n"), (std::vector<std::string>{"time", "BTC"}));
}

TEST(Csv, WhatIsNoNumberIsNotMadeOne) {
  expect_says(refusal("a,b\n1,\"8208\".75\n"), "t.csv:2: a cell goes on behind its closing quote");
  EXPECT_EQ(rows_of("a;b\nx;8208 0\ny;8000.5\n").at(0).at(1), "8208 0");
  EXPECT_EQ(rows_of("a|b\nx|7934,50\ny|1.234,5\n").at(1).at(1), "1234.5");
  EXPECT_EQ(rows_of("a,b\nx,8'208.5\n").at(0).at(1), "8208.5");
  EXPECT_EQ(rows_of("a,b\n\"hello, world\",137.137\nx,998\n").at(0).at(1), "137.137");
  // A time says nothing of how prices are written.
  expect_says(refusal("time;BTC\n1577836800.0;8.100\n1577923200.0;9\n"), "numbers such as");
  EXPECT_EQ(rows_of("a,b\r1,2\r3,4\r"), (Rows{{"1", "2"}, {"3", "4"}}));  // lines of old Macs
}

TEST(Csv, NamesThatCannotBeWrittenAreRefusedAtTheHeader) {
  expect_says(refusal("time,Pre\xe7o\n2024-01-01,1\n"), "t.csv:1: the name of column 2 is not UTF-8");
  expect_says(refusal("time,a\x1b[31m\n2024-01-01,1\n"), "t.csv:1: the name of column 2 holds a control character");
}

TEST(Csv, AFilesNameIsOneLineOfUtf8) {
  EXPECT_EQ(shown_name("2024/prices é€.csv"), "2024/prices é€.csv");
  EXPECT_EQ(shown_name("a\nb\x1b[31m\xe9.csv\xe2\x82"), "a?b?[31m?.csv??");
}

TEST(Csv, WithoutAHeaderRowsAreAsTheyAre) {
  Csv csv("m.csv", "1.0,0.5\n\n0.5,1.0\n", Header::none);
  EXPECT_TRUE(csv.header().empty());
  EXPECT_EQ(rows_of(csv), (Rows{{"1.0", "0.5"}, {"0.5", "1.0"}}));
  // Both separators cut alike; a comma may be that of decimals.
  Csv german("m.csv", "1;0,5\n0,5;1\n", Header::none);
  EXPECT_EQ(rows_of(german), (Rows{{"1", "0.5"}, {"0.5", "1"}}));
  Csv whole("m.csv", "1,00;0,50\n0,50;1,00\n", Header::none);
  EXPECT_EQ(rows_of(whole), (Rows{{"1.00", "0.50"}, {"0.50", "1.00"}}));
  Csv trailing("m.csv", "1,0.5,\n0.5,1,\n", Header::none);
  EXPECT_EQ(rows_of(trailing), (Rows{{"1", "0.5"}, {"0.5", "1"}}));
}

TEST(Csv, AnEmptyFileHasNothing) {
  for (const char* text : {"", "\n\n", "\xef\xbb\xbf", "  \n"}) {
    EXPECT_TRUE(header_of(text).empty());
    EXPECT_TRUE(rows_of(text).empty());
  }
}

class CsvText : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("proofload-csv-{}", getpid());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path file(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return folder_ / name;
  }
  static std::string refusal(const fs::path& file, std::uint64_t largest = largest_csv) {
    try {
      csv_text(file, "the file", largest);
      return "";
    } catch (const Error& e) { return e.what(); }
  }
  fs::path folder_;
};

TEST_F(CsvText, IsUnpackedWhateverItsNameIs) {
  const std::string text = "a,b\n1,2\n";
  for (const char* program : {"gzip", "xz"}) {
    const auto plain_file = file("p.csv", text);
    ASSERT_EQ(
        std::system(fmt::format("{} -c {} > {}", program, plain_file.string(), (folder_ / "q.csv").string()).c_str()),
        0);
    EXPECT_EQ(csv_text(folder_ / "q.csv", "the file"), text) << program;
    std::string packed = csv_text(plain_file, "the file");
    std::ifstream in(folder_ / "q.csv", std::ios::binary);
    packed.assign(std::istreambuf_iterator<char>(in), {});
    packed.resize(packed.size() / 2);
    expect_says(refusal(file("broken.csv", packed)), fmt::format("{} failed", program));
  }
  const auto many = file("zeros.csv", std::string(4 << 20, '1'));
  ASSERT_EQ(std::system(fmt::format("gzip -kf {}", many.string()).c_str()), 0);
  expect_says(refusal(many.string() + ".gz", 1 << 20), "unpacks to more than 1 MiB");
  expect_says(refusal(many, 1 << 20), "is larger than 1 MiB");
}

TEST_F(CsvText, ComesFromAPipeOnce) {
  const fs::path pipe = folder_ / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  std::thread writer([&] {
    std::ofstream out(pipe, std::ios::binary);
    for (int i = 0; i < 20'000; ++i) out << "1,2\n";  // more than a pipe holds
  });
  EXPECT_EQ(csv_text(pipe, "the file").size(), 80'000u);
  writer.join();
}

TEST_F(CsvText, WhatIsNoTextIsRefusedWithTheReason) {
  expect_says(refusal(folder_ / "none.csv"), "there is no such file");
  expect_says(refusal(folder_), "it is a folder");
  expect_says(refusal(file("z.csv", "PK\x03\x04zip")), "is a zip archive");
  expect_says(refusal(file("u.csv", std::string("\xff\xfe"
                                                "a\0,\0",
                                                6))),
              "is UTF-16");
  expect_says(refusal(file("n.csv", std::string("a,b\n1,\0\n", 8))), "is not text");
}

}  // namespace
}  // namespace proofload::input
