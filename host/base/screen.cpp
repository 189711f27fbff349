#include "base/screen.h"

#include <locale.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

namespace proofload {
namespace {

constexpr std::size_t least_width = 40, width_of_files = 80, most_width = 1000;

/// A character of UTF-8 and how many bytes it has; one that is none is its first byte alone.
struct Character {
  char32_t code = 0xfffd;
  std::size_t bytes = 1;
};

Character first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t bytes = lead >= 0xf0 && lead < 0xf8 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead >= 0xf8 || bytes > text.size()) return {};
  char32_t code = lead & (0x7fu >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0u) != 0x80u) return {};
    code = code << 6 | (byte(i) & 0x3fu);
  }
  return {code, bytes};
}

/// The locale whose characters are Unicode's, whatever the user's; null where the system has none, and then every
/// character counts as one column.
locale_t unicode() {
  static const locale_t all = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return all;
}

/// wcwidth() of each character, in that locale.
class Widths {
 public:
  Widths() : before_(unicode() != nullptr ? uselocale(unicode()) : nullptr) {}
  ~Widths() {
    if (before_ != nullptr) uselocale(before_);
  }
  Widths(const Widths&) = delete;
  Widths& operator=(const Widths&) = delete;
  std::size_t of(char32_t code) const {
    if (code < 0x80 || before_ == nullptr) return 1;  // control characters are shown as "?"
    const int width = wcwidth(static_cast<wchar_t>(code));
    return width < 0 ? 1 : static_cast<std::size_t>(width);
  }

 private:
  locale_t before_;
};

}  // namespace

std::size_t screen_width() {
  std::size_t width = 0;
  if (const char* given = std::getenv("COLUMNS")) {
    const std::string_view text = given;
    const auto [rest, code] = std::from_chars(text.data(), text.data() + text.size(), width);
    if (code != std::errc() || rest != text.data() + text.size()) width = 0;
  }
  winsize size{};
  if (width == 0 && isatty(STDOUT_FILENO) != 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) width = size.ws_col;
  return width == 0 ? width_of_files : std::clamp(width, least_width, most_width);
}

std::size_t columns(std::string_view text) {
  const Widths widths;
  std::size_t sum = 0;
  while (!text.empty()) {
    const Character c = first_character(text);
    sum += widths.of(c.code);
    text.remove_prefix(c.bytes);
  }
  return sum;
}

std::size_t fitting(std::string_view text, std::size_t width) {
  const Widths widths;
  std::size_t at = 0, sum = 0;
  while (at < text.size()) {
    const Character c = first_character(text.substr(at));
    const std::size_t more = widths.of(c.code);
    if (at > 0 && sum + more > width) break;
    sum += more;
    at += c.bytes;
  }
  return at;
}

std::string clipped(std::string_view text, std::size_t width) {
  if (columns(text) <= width) return std::string(text);
  return std::string(text.substr(0, fitting(text, std::max<std::size_t>(2, width) - 1))) + "…";
}

std::string padded_right(std::string text, std::size_t width) {
  const std::size_t own = columns(text);
  if (own < width) text.append(width - own, ' ');
  return text;
}

std::string padded_left(const std::string& text, std::size_t width) {
  const std::size_t own = columns(text);
  return own < width ? std::string(width - own, ' ') + text : text;
}

}  // namespace proofload
