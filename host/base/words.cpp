#include "base/words.h"

#include <fmt/format.h>
#include <iterator>
#include <limits>
#include <optional>
#include <string_view>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "base/screen.h"

namespace proofload {

std::string number_text(double x) {
  char buffer[64];
  const bool plain = x == 0.0 || (std::fabs(x) >= 1e-5 && std::fabs(x) < 1e15);
  const auto format = plain ? std::chars_format::fixed : std::chars_format::scientific;
  std::string text(buffer, std::to_chars(buffer, buffer + sizeof buffer, x, format).ptr);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

namespace {

std::string without_point(std::string text) {
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text;
}

/// As its decimal text with so many digits reads: without the last ones, where rounding has left its noise.
double to_digits(double x, int digits) { return std::strtod(fmt::format("{:.{}g}", x, digits).c_str(), nullptr); }

}  // namespace

std::string brief(double x) { return without_point(number_text(to_digits(x, 15))); }

std::string duration_text(double seconds) {
  constexpr std::pair<double, const char*> units[] = {{86400.0, "d"}, {3600.0, "h"}, {60.0, "m"}, {1.0, "s"}};
  for (const auto& [size, unit] : units) {
    const double n = seconds / size;
    if (n >= 1.0 && n < 1e9 && n == std::floor(n) && n * size == seconds) return without_point(number_text(n)) + unit;
  }
  const double ms = seconds * 1000.0;
  if (ms >= 1.0 && ms < 1000.0 && ms == std::floor(ms) && ms / 1000.0 == seconds)
    return without_point(number_text(ms)) + "ms";
  // A fraction of a larger unit may be what was written: 19.97m is 1198.1999999999998s to the last bit.
  std::string best = without_point(number_text(seconds)) + "s";
  for (const auto& [size, unit] : units) {
    const std::string text = without_point(number_text(to_digits(seconds / size, 15))) + unit;
    if (text.size() < best.size() && parse_duration(text) == seconds) best = text;
  }
  return best;
}

std::string csv_cell(std::string_view text) {
  constexpr std::string_view formula = "=+-@";
  std::string out;
  if (!text.empty() && formula.find(text.front()) != std::string_view::npos) out += '\'';
  out += text;
  if (out.find_first_of(",\"\r\n\t") == std::string::npos) return out;
  std::string quoted = "\"";
  for (const char c : out) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string harmless(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n' && c != '\t' && c != '\r') || byte == 0x7f) c = '?';
  }
  return out;
}

std::optional<double> parse_duration(std::string_view text, bool years) {
  constexpr std::pair<std::string_view, double> units[] = {{"ms", 1e-3},  {"s", 1.0},     {"m", 60.0},
                                                           {"h", 3600.0}, {"d", 86400.0}, {"y", 31536000.0}};
  double sum = 0.0, last = std::numeric_limits<double>::infinity();
  bool fraction = false;
  const std::size_t whole = text.size();
  while (!text.empty()) {
    if (text.front() == ' ' && text.size() < whole) text.remove_prefix(1);
    const bool first = last == std::numeric_limits<double>::infinity();
    if (text.empty() || (!first && (text.front() < '0' || text.front() > '9'))) return std::nullopt;
    double value = 0.0;
    const auto [rest, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc() || fraction) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
    const auto end = std::min(text.find_first_not_of("abcdefghijklmnopqrstuvwxyz"), text.size());
    const auto unit =
        std::find_if(std::begin(units), std::end(units), [&](const auto& u) { return u.first == text.substr(0, end); });
    if (unit == std::end(units) || (unit->first == "y" && !years) || unit->second >= last) return std::nullopt;
    text.remove_prefix(end);
    fraction = value != std::floor(value) || std::signbit(value);  // nothing may follow a fraction, or a minus
    last = unit->second;
    // Exactly as a single number with a unit: a division for milliseconds.
    sum += unit->first == "ms" ? value / 1000.0 : value * unit->second;
  }
  return whole == 0 ? std::nullopt : std::optional(sum);
}

namespace {

/// The unit in which people say a duration, and how many seconds it has.
std::pair<double, const char*> spoken_unit(double seconds) {
  if (seconds < 120.0) return {1.0, "s"};
  if (seconds < 2.0 * 3600.0) return {60.0, "min"};
  if (seconds < 2.0 * 86400.0) return {3600.0, "h"};
  return {86400.0, "d"};
}

}  // namespace

std::string rounded_duration(double seconds, int decimals) {
  const auto [size, unit] = spoken_unit(seconds);
  return fmt::format("{:.{}f} {}", seconds / size, decimals, unit);
}

std::string resolved_duration(std::optional<double> seconds) {
  return seconds ? rounded_duration(*seconds) : std::string("unresolved");
}

std::string compact_duration(double seconds) {
  if (seconds == 0.0) return "0";
  if (seconds < 1.0) return fmt::format("{:.3g} ms", seconds * 1e3);
  const auto [size, unit] = spoken_unit(seconds);
  return fmt::format("{:.{}g} {}", seconds / size, size == 86400.0 ? 4 : 3, unit);
}

std::string percent(std::optional<double> fraction, int digits) {
  if (!fraction) return "-";
  std::string text = fmt::format("{:.{}f}", 100.0 * *fraction, digits);
  if (*fraction < 1.0 && text.starts_with("100"))
    text = digits == 0 ? "99" : "99." + std::string(std::size_t(digits), '9');
  return text;
}

std::string share_text(double fraction, int digits) {
  std::string text;
  do {
    text = fmt::format("{:.{}g}", 100.0 * fraction, digits);
  } while (text == "100" && fraction < 1.0 && ++digits < 17);
  return text + " %";
}

std::string probability(double p) {
  if (p == 0.0) return "0";
  std::string text;
  int digits = 3;
  do { text = fmt::format("{:.{}g}", p, digits); } while (text == "1" && p < 1.0 && ++digits < 18);
  return text;
}

std::string probability(const Estimate& e) {
  return fmt::format("{} [{}, {}]", probability(e.estimate), probability(e.low), probability(e.high));
}

std::string p_value(std::optional<double> p, int digits) {
  if (!p) return "-";
  const double least = std::pow(10.0, -digits);
  if (*p < least) return fmt::format("< {:.{}f}", least, digits);
  if (*p > 1.0 - least && *p < 1.0) return fmt::format("> {:.{}f}", 1.0 - least, digits);
  return fmt::format("{:.{}f}", *p, digits);
}

std::string rounded_down(double confidence) {
  const double rest = 100.0 * (1.0 - confidence);
  if (!(rest > 0.0)) return "100 %";
  const int digits = std::clamp(1 - static_cast<int>(std::floor(std::log10(rest))), 0, 12);
  const double unit = std::pow(10.0, digits);
  return fmt::format("{:.{}f} %", std::floor(100.0 * confidence * unit) / unit, digits);
}

std::string confidence_text(double confidence) { return share_text(confidence, 10); }

std::string counted(std::uint64_t n, std::string_view one, std::string_view more) {
  if (n == 1) return fmt::format("1 {}", one);
  return more.empty() ? fmt::format("{} {}s", grouped(n), one) : fmt::format("{} {}", grouped(n), more);
}

std::string grouped(double x, int digits) {
  std::string text = fmt::format("{:.{}f}", x, digits);
  for (auto at = static_cast<std::ptrdiff_t>(std::min(text.find('.'), text.size())) - 3; at > 0; at -= 3)
    text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

std::string grouped(std::uint64_t n) {
  std::string text = std::to_string(n);
  for (std::ptrdiff_t at = std::ssize(text) - 3; at > 0; at -= 3) text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

std::string dollars(std::optional<double> usd) {
  if (!usd) return "-";
  if (*usd >= 1e15) return fmt::format("{:.3g}", *usd);
  if (*usd < 1000.0) return fmt::format("{:.4g}", *usd);
  return grouped(static_cast<std::uint64_t>(std::llround(*usd)));
}

std::string exact_dollars(double usd) {
  return usd < 1000.0 ? fmt::format("{:.10g}", usd) : grouped(usd, usd == std::floor(usd) ? 0 : 2);
}

std::string rough_dollars(std::optional<double> usd) {
  if (!usd) return "-";
  constexpr std::pair<double, const char*> units[] = {{1e12, "T"}, {1e9, "bn"}, {1e6, "M"}, {1e3, "k"}};
  for (const auto& [unit, name] : units) {
    if (*usd >= 0.9995 * unit && *usd < 9995.0 * unit) return fmt::format("{:.3g}{}", *usd / unit, name);
  }
  return fmt::format("{:.3g}", *usd);
}

std::string wrapped(const std::string& text, std::size_t indent, const std::string& before) {
  const std::size_t width = std::min(screen_width(), widest_text);
  const std::size_t first = std::min(text.find_first_not_of(' '), text.size());
  indent = std::min(indent, width / 2);
  const std::string blank = before + std::string(indent, ' ');
  std::string out, line = before + std::string(first, ' '), between;
  const auto end_line = [&] {
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
    line = blank;
    between.clear();
  };
  for (std::size_t at = first; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    std::string word = text.substr(at, end - at);
    if (!between.empty() && columns(line) + 1 + columns(word) > width) end_line();
    // An address is for copying: it stays whole.
    while (word.find('/') == std::string::npos && columns(line) + between.size() + columns(word) > width) {
      const std::size_t taken = columns(line) + between.size();
      const std::size_t bytes = fitting(word, taken < width ? width - taken : 1);
      line += between + word.substr(0, bytes);
      word.erase(0, bytes);
      end_line();
      if (word.empty()) break;
    }
    line += between + word;
    between = " ";
    at = end + 1;
  }
  return out + line + "\n";
}

std::string shell_quoted(const std::string& name) {
  if (name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+=:,@%") ==
      std::string::npos)
    return name;
  std::string text = "'";
  for (const char c : name) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

}  // namespace proofload
