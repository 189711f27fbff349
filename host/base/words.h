/// words.h -- numbers in words for people: one spelling of a percentage, a duration, an amount of money, for every
/// command.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/intervals.h"

namespace proofload {

// ---- numbers that read back -----------------------------------------------------------------------------------------

/// Shortest text that reads back as the same double, with a point or an exponent so that TOML takes it for a float.
std::string number_text(double x);
/// The same for messages: without the forced point, and without what rounding leaves in the last digits (to 15).
std::string brief(double x);
/// The largest unit in which a duration is a whole number; else the one in which it is shortest, seconds for choice:
/// "90m", "1.5s", "19.97m". Always reads back as the same double.
std::string duration_text(double seconds);
/// A cell of a CSV file (RFC 4180): quoted where it must be. A text that a spreadsheet would compute (it begins with =,
/// +, - or @) gets an apostrophe before it.
std::string csv_cell(std::string_view text);
/// Made fit for a terminal: control characters other than those that end a line, and tabs, are shown as ?.
std::string harmless(std::string_view text);

/// Seconds of "90m", "1.5h", "1h30m" or "1d 12h": numbers with units, ms, s, m, h, d and, with `years`, y (365 d), from
/// the largest to the smallest, of which the last may have a fraction. Nothing for another text.
std::optional<double> parse_duration(std::string_view text, bool years = false);

// ---- rounded, for tables and sentences; what is absent is "-" -------------------------------------------------------

std::string rounded_duration(double seconds, int decimals = 1);  ///< "5.1 h"
std::string resolved_duration(std::optional<double> seconds);    ///< the same; absent: "unresolved"
std::string compact_duration(double seconds);                    ///< three digits: "13.5 min", "250 ms"
/// 0.05 -> "5.000", without the sign. What is less than all of it never reads 100: 0.9999999 -> "99.999".
std::string percent(std::optional<double> fraction, int digits = 3);
/// 0.05 -> "5 %", with so many significant digits, and more where "100 %" would not be true.
std::string share_text(double fraction, int digits = 3);
std::string probability(double p);           ///< "0", or three digits, or more where "1" would not be true
std::string probability(const Estimate& e);  ///< "0.012 [0.011, 0.013]"
/// "0.0312", "< 0.0001", "> 0.9999" (but an exact 1 is "1.0000"), with so many decimals.
std::string p_value(std::optional<double> p, int digits = 4);
std::string rounded_down(double confidence);     ///< 0.99949 -> "99.94 %": nothing that is not priced is said to be
std::string confidence_text(double confidence);  ///< 0.999 -> "99.9 %", without the noise of binary fractions
/// 1 -> "1 path", 4000 -> "4,000 paths"; `more`: the plural where it is not the word and an s.
std::string counted(std::uint64_t n, std::string_view one, std::string_view more = {});
std::string grouped(std::uint64_t n);                  ///< 4000000 -> "4,000,000"
std::string grouped(double x, int digits);             ///< 1234567.891 -> "1,234,567.89"
std::string dollars(std::optional<double> usd);        ///< 1234567.8 -> "1,234,568"; four digits below 1,000
std::string exact_dollars(double usd);                 ///< with cents where there are some: "1,234,567.80"
std::string rough_dollars(std::optional<double> usd);  ///< to three digits, where no more is known: "335M"

// ---- text -----------------------------------------------------------------------------------------------------------

inline constexpr std::size_t widest_text = 120;  ///< columns of a line of prose, however wide the screen

/// The text in lines that fit the screen, broken between words, from the second one on indented; ends with a newline. A
/// word that is wider than a line is broken too, except a path or an address (it holds a '/'). Every line begins with
/// `before`.
std::string wrapped(const std::string& text, std::size_t indent, const std::string& before = {});
/// A file name as a shell takes it.
std::string shell_quoted(const std::string& name);

}  // namespace proofload
