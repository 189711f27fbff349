/// times.h -- moments as files and people write them: seconds since 1970 UTC.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace proofload {

/// A cell of a file without the blanks and quotes around it.
std::string_view trimmed(std::string_view cell);

/// Of a text without blanks around it, as parse_time takes it; nothing when it is no time.
std::optional<std::int64_t> time_of(std::string_view text);

inline constexpr std::int64_t earliest_time = 631152000;  ///< 1990-01-01
/// What is wrong with a time of a recorded event: it lies before 1990 or after tomorrow. "" when nothing is. `unless`:
/// how to have such times all the same.
std::string problem_of_time(std::int64_t seconds, std::string_view unless = "say --any-time");

/// Seconds since 1970 UTC of "2020-03-12T06:00:00Z", "2020-03-12T06:00Z", "2020-03-12 06:00:00+00:00", "2020-03-12
/// 06-PM", "2020-03-12", "2020-03", "2020/03/12", "12.03.2020", "20200312T060000Z", a compact stamp (20200312,
/// 2020031206, 202003120600, 20200312060000) or a Unix time (seconds, milliseconds, microseconds or nanoseconds, told
/// apart by their size); throws Error.
std::int64_t parse_time(const std::string& text);
/// "2020-03-12T06:00:00Z"
std::string time_text(std::int64_t seconds);

/// How many whole periods lie before a time, of any sign: its day, with 86400 seconds.
constexpr std::int64_t floor_divided(std::int64_t time, std::int64_t period) {
  return time / period - (time % period < 0 ? 1 : 0);
}

}  // namespace proofload
