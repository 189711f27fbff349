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

/// Seconds since 1970 UTC of "2020-03-12T06:00:00Z", "2020-03-12T06:00Z", "2020-03-12 06:00:00+00:00", "2020-03-12" or
/// a Unix time (seconds or milliseconds); throws Error.
std::int64_t parse_time(const std::string& text);
/// "2020-03-12T06:00:00Z"
std::string time_text(std::int64_t seconds);

}  // namespace proofload
