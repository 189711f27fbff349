#include "input/times.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>

#include "base/error.h"

namespace proofload {
namespace {

using std::string, std::string_view;

/// Reads exactly `digits` digits off the front.
std::optional<int> take_digits(string_view& text, std::size_t digits) {
  int value = 0;
  if (text.size() < digits) return std::nullopt;
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    value = 10 * value + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take(string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

/// Seconds since 1970 of a number that can only be a Unix time: 1973 to 5138 in seconds or milliseconds.
std::optional<std::int64_t> unix_time(string_view text) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc() || end != text.data() + text.size() || !(value >= 1e8 && value < 1e14)) return std::nullopt;
  return static_cast<std::int64_t>(std::floor(value < 1e11 ? value : value / 1e3));
}

std::optional<std::int64_t> calendar_time(string_view text) {
  const auto year = take_digits(text, 4);
  if (!year || !take(text, '-')) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  std::int64_t seconds = 86400 * std::int64_t{std::chrono::sys_days(date).time_since_epoch().count()};
  if (text.empty()) return seconds;
  if (!take(text, 'T') && !take(text, ' ')) return std::nullopt;
  const auto hour = take_digits(text, 2);
  if (!hour || *hour > 23 || !take(text, ':')) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  seconds += 3600 * *hour + 60 * *minute;
  if (take(text, ':')) {
    const auto second = take_digits(text, 2);
    if (!second || *second > 59) return std::nullopt;
    seconds += *second;
    if (take(text, '.')) text.remove_prefix(std::min(text.find_first_not_of("0123456789"), text.size()));
  }
  if (text.empty() || text == "Z" || text == " UTC") return seconds;
  const bool east = text.front() == '+';
  if (!east && text.front() != '-') return std::nullopt;
  text.remove_prefix(1);
  const auto offset_hours = take_digits(text, 2);
  take(text, ':');
  const auto offset_minutes = text.empty() ? std::optional<int>(0) : take_digits(text, 2);
  if (!offset_hours || !offset_minutes || !text.empty()) return std::nullopt;
  const int offset = 3600 * *offset_hours + 60 * *offset_minutes;
  return east ? seconds - offset : seconds + offset;
}

}  // namespace

std::optional<std::int64_t> time_of(string_view text) {
  const auto unix_seconds = unix_time(text);
  return unix_seconds ? unix_seconds : calendar_time(text);
}

string_view trimmed(string_view cell) {
  const auto first = cell.find_first_not_of(" \t\"");
  if (first == string_view::npos) return {};
  return cell.substr(first, cell.find_last_not_of(" \t\"") - first + 1);
}

std::int64_t parse_time(const string& text) {
  const auto time = time_of(trimmed(text));
  if (time) return *time;
  throw Error(fmt::format("'{}' is not a time (times are UTC) write 2020-03-12T06:00:00Z, 2020-03-12 or a Unix time",
                          string_view(text).substr(0, 40)));
}

string time_text(std::int64_t seconds) {
  const std::chrono::sys_seconds time{std::chrono::seconds(seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::int64_t rest = (time - day).count();
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", int(date.year()), unsigned(date.month()),
                     unsigned(date.day()), rest / 3600, rest / 60 % 60, rest % 60);
}

}  // namespace proofload
