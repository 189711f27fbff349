#include "transfers.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>

#include "prices.h"
#include "survival.h"
#include "values.h"

namespace proofload {
namespace {

using std::string, std::string_view, std::vector;

constexpr std::size_t largest_file = std::size_t{256} << 20;  // bytes: that of a law's samples
constexpr std::size_t shown_problems = 10, most_groups = 1000;

constexpr const char* example = "time=sent_at,delay=seconds,status=success";

std::optional<std::int64_t> sent_at(string_view cell) {
  try {
    return parse_time(string(cell));
  } catch (const Error&) { return std::nullopt; }
}

/// Reads the rows one by one; `bad` counts what was reported.
class Reader {
 public:
  Reader(input::Report& report, const TransferColumns& names, Transfers& out)
      : report_(report), names_(names), out_(out) {}

  bool use(const input::Place& at, const vector<string_view>& cells) {
    if (!header_) {
      header_ = true;
      time_ = find(at, cells, names_.time);
      delay_ = find(at, cells, names_.delay);
      status_ = names_.status.empty() ? nowhere : find(at, cells, names_.status);
      group_ = names_.group.empty() ? nowhere : find(at, cells, names_.group);
      width_ = cells.size();
      return bad_ == 0;
    }
    if (cells.size() != width_) {
      complain(at, fmt::format("there are {} cells", cells.size()), fmt::format("the header has {}", width_),
               "correct the line");
      return bad_ < shown_problems;
    }
    Transfer t;
    const auto sent = sent_at(cells[time_]);
    if (!sent) {
      complain(at, fmt::format("{} in column {} is not a time", input::in_quotes(cells[time_]), names_.time),
               "the volatility that a message met is looked up by it", "write 2020-03-12T06:00:00Z or a Unix time");
      return bad_ < shown_problems;
    }
    t.sent = *sent;
    t.delivered = status_ == nowhere || says_delivered(cells[status_]);
    const bool unknown = !t.delivered && cells[delay_].empty();
    const double delay = unknown ? 0.0 : input::cell_number(cells[delay_]).value_or(-1.0);
    if (!(delay >= 0.0 && delay <= input::century)) {
      complain(at, fmt::format("{} in column {} is no delay", input::in_quotes(cells[delay_]), names_.delay),
               t.delivered ? "it is of a duration in seconds, and the message arrived"
                           : "of a message that did not arrive it is the time for which it was watched, in seconds",
               t.delivered && names_.status.empty()
                   ? "give a number from 0, or name the column that says what arrived: status=NAME"
                   : "give a number from 0");
      return bad_ < shown_problems;
    }
    t.delay = delay + 0.0;
    if (group_ != nowhere) {
      const auto known = std::find(out_.groups.begin(), out_.groups.end(), cells[group_]);
      t.group = static_cast<std::size_t>(known - out_.groups.begin());
      if (known == out_.groups.end()) out_.groups.emplace_back(cells[group_]);
      if (out_.groups.size() > most_groups) {
        complain(at, fmt::format("column {} has more than {} values", names_.group, most_groups),
                 "delays are ranked within each group", "name a column that says which route a message took");
        return false;
      }
    }
    out_.rows.push_back(t);
    return true;
  }

 private:
  static constexpr std::size_t nowhere = ~std::size_t{0};

  void complain(const input::Place& at, const string& problem, const string& why, const string& what) {
    ++bad_;
    report_.add(at, problem, why, what);
  }

  std::size_t find(const input::Place& at, const vector<string_view>& header, const string& name) {
    const auto match = std::find(header.begin(), header.end(), name);
    if (match == header.end()) {
      complain(at, fmt::format("there is no column {}", input::in_quotes(name)), "the first line names the columns",
               input::suggestion(name, {header.begin(), header.end()}, "column"));
    }
    return static_cast<std::size_t>(match - header.begin());
  }

  input::Report& report_;
  const TransferColumns& names_;
  Transfers& out_;
  bool header_ = false;
  std::size_t time_ = 0, delay_ = 0, status_ = nowhere, group_ = nowhere, width_ = 0, bad_ = 0;
};

}  // namespace

TransferColumns transfer_columns(const char* option, const vector<string>& texts) {
  TransferColumns out;
  const std::pair<const char*, string*> places[] = {
      {"time", &out.time}, {"delay", &out.delay}, {"status", &out.status}, {"group", &out.group}};
  for (const string& text : texts) {
    const auto equals = text.find('=');
    const string key = text.substr(0, equals), name = equals == string::npos ? "" : text.substr(equals + 1);
    const auto place =
        std::find_if(std::begin(places), std::end(places), [&](const auto& p) { return p.first == key; });
    if (place == std::end(places) || name.empty()) {
      throw Error(fmt::format("{} {} (columns are given as time=NAME, delay=NAME, status=NAME, group=NAME) write {} {}",
                              option, input::in_quotes(text), option, example));
    }
    if (!place->second->empty())
      throw Error(fmt::format("{} names {} twice (one column holds it) name it once", option, key));
    *place->second = name;
  }
  if (out.time.empty() || out.delay.empty()) {
    throw Error(fmt::format("{} names no {} (when a message was sent and how long it took are both needed) write {} {}",
                            option, out.time.empty() ? "time" : "delay", option, example));
  }
  return out;
}

Transfers read_transfers(const std::filesystem::path& file, const TransferColumns& columns) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) {
    throw Error({{file.string(), 0, "cannot be read (there is no such file) check the name"}});
  }
  Transfers out;
  out.file = file.filename().string();
  if (columns.group.empty()) out.groups = {""};
  input::Report report;
  input::Node node;
  node.kind = input::Node::Kind::text;
  node.text = file.string();
  node.place = {std::make_shared<const input::Source>(input::Source{file.string(), {}}), 0};
  Reader reader(report, columns, out);
  input::read_csv(report, node, "--latencies", largest_file, "a file of transfers",
                  [&](const input::Place& at, const vector<string_view>& cells) { return reader.use(at, cells); });
  if (!report.empty()) report.fail();
  if (out.rows.empty())
    throw Error({{file.string(), 0, "has no row (a transfer is a row under the header) check the file"}});
  return out;
}

}  // namespace proofload
