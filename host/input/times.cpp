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

/// Seconds since 1970 of a number that can only be a Unix time: 1973 to 5138 in seconds, milliseconds, microseconds or
/// nanoseconds.
std::optional<std::int64_t> unix_time(string_view text) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc() || end != text.data() + text.size() || !(value >= 1e8 && value < 1e20)) return std::nullopt;
  while (value >= 1e11) value /= 1e3;
  return static_cast<std::int64_t>(std::floor(value));
}

std::optional<std::int64_t> day_of(int year, int month, int day) {
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return 86400 * std::int64_t{std::chrono::sys_days(date).time_since_epoch().count()};
}

/// 20240131, 2024013112, 202401311200, 20240131120000 and, with milliseconds, 20240131120000000: as Unix times they
/// would lie in 1970, after 2033, in 1976 and after 2600.
std::optional<std::int64_t> compact_time(string_view text) {
  const std::size_t size = text.size();
  if (size != 8 && size != 10 && size != 12 && size != 14 && size != 17) return std::nullopt;
  const auto year = take_digits(text, 4), month = take_digits(text, 2), day = take_digits(text, 2);
  if (!year || !month || !day || *year < (size == 10 ? 1990 : 1970) || *year > 2199) return std::nullopt;
  auto seconds = day_of(*year, *month, *day);
  if (!seconds || size == 8) return seconds;
  const std::optional<int> none = 0;
  const auto hour = take_digits(text, 2), minute = size == 10 ? none : take_digits(text, 2);
  const auto second = size <= 12 ? none : take_digits(text, 2);
  if (!hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  if (size == 17 && !take_digits(text, 3)) return std::nullopt;
  return *seconds + 3600 * *hour + 60 * *minute + *second;
}

/// 2020-03-12, 2020/03/12, 20200312, 2020-03 (its first day), or 12.03.2020: with points the day comes first. Where
/// either may (03/12/2020) nobody guesses.
std::optional<std::int64_t> take_date(string_view& text) {
  string_view rest = text;
  if (const auto day = take_digits(rest, 2); day && take(rest, '.')) {
    const auto month = take_digits(rest, 2);
    if (!month || !take(rest, '.')) return std::nullopt;
    const auto year = take_digits(rest, 4);
    if (!year) return std::nullopt;
    text = rest;
    return day_of(*year, *month, *day);
  }
  const auto year = take_digits(text, 4);
  const char mark = text.empty() ? ' ' : text.front();
  const bool compact = mark >= '0' && mark <= '9';
  if (!year || (!compact && mark != '-' && mark != '/' && mark != '.')) return std::nullopt;
  if (!compact) text.remove_prefix(1);
  const auto month = take_digits(text, 2);
  if (month && text.empty() && mark == '-') return day_of(*year, *month, 1);
  if (!month || (!compact && !take(text, mark))) return std::nullopt;
  const auto day = take_digits(text, 2);
  return day ? day_of(*year, *month, *day) : std::nullopt;
}

/// "AM" or "PM" at the end of a time of day, after a blank or a hyphen: the hour by 24.
std::optional<int> hour_of_half(int hour, string_view half) {
  if (hour < 1 || hour > 12) return std::nullopt;
  return (half == "PM" || half == "pm") ? hour % 12 + 12 : hour % 12;
}
bool is_half(string_view text) { return text == "AM" || text == "PM" || text == "am" || text == "pm"; }

std::optional<std::int64_t> calendar_time(string_view text) {
  const auto day = take_date(text);
  if (!day) return std::nullopt;
  if (text.empty()) return day;
  if (!take(text, 'T') && !take(text, ' ') && !take(text, '_')) return std::nullopt;
  auto hour = take_digits(text, text.size() > 1 && text[1] == ':' ? 1 : 2);
  if (!hour) return std::nullopt;
  int minutes = 0, whole_seconds = 0;
  if (text.size() == 3 && text.front() == '-' && is_half(text.substr(1))) {  // 2020-09-05 02-PM
    hour = hour_of_half(*hour, text.substr(1));
    return hour ? std::optional(*day + 3600 * *hour) : std::nullopt;
  }
  const bool compact = !text.empty() && text.front() >= '0' && text.front() <= '9';  // 120000
  if (!compact && !take(text, ':')) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  minutes = *minute;
  if (compact ? !text.empty() && text.front() >= '0' && text.front() <= '9' : take(text, ':')) {
    const auto second = take_digits(text, 2);
    if (!second || *second > 59) return std::nullopt;
    whole_seconds = *second;
    if (take(text, '.')) text.remove_prefix(std::min(text.find_first_not_of("0123456789"), text.size()));
  }
  if (text.size() == 3 && text.front() == ' ' && is_half(text.substr(1))) {
    hour = hour_of_half(*hour, text.substr(1));
    if (!hour) return std::nullopt;
    text = {};
  }
  if (*hour > 23) return std::nullopt;
  const std::int64_t seconds = *day + 3600 * *hour + 60 * minutes + whole_seconds;
  if (text.empty() || text == "Z" || text == "z" || text == " UTC" || text == " GMT" || text == "UTC") return seconds;
  take(text, ' ');
  const bool east = !text.empty() && text.front() == '+';
  if (text.empty() || (!east && text.front() != '-')) return std::nullopt;
  text.remove_prefix(1);
  const auto offset_hours = take_digits(text, 2);
  take(text, ':');
  const auto offset_minutes = text.empty() ? std::optional<int>(0) : take_digits(text, 2);
  if (!offset_hours || !offset_minutes || !text.empty() || *offset_hours > 14 || *offset_minutes > 59)
    return std::nullopt;
  const int offset = 3600 * *offset_hours + 60 * *offset_minutes;
  return east ? seconds - offset : seconds + offset;
}

}  // namespace

std::optional<std::int64_t> time_of(string_view text) {
  if (const auto compact = compact_time(text)) return compact;
  const auto unix_seconds = unix_time(text);
  return unix_seconds ? unix_seconds : calendar_time(text);
}

string_view trimmed(string_view cell) {
  const auto first = cell.find_first_not_of(" \t\"");
  if (first == string_view::npos) return {};
  return cell.substr(first, cell.find_last_not_of(" \t\"") - first + 1);
}

string problem_of_time(std::int64_t seconds, string_view unless) {
  const std::int64_t now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  if (seconds >= earliest_time && seconds <= now + 86400) return {};
  return fmt::format(
      "{} is {} ({}) correct it, or {}", time_text(seconds), seconds < earliest_time ? "before 1990" : "after tomorrow",
      seconds < earliest_time ? "no market of ours is so old" : "nobody knows what happens then", unless);
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
