#include "base/suggestion.h"

#include <fmt/format.h>

#include <algorithm>

namespace proofload {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

std::string printable(std::string_view text, std::size_t most) {
  std::string shown;
  for (const char c : text) {
    const bool starts = (static_cast<unsigned char>(c) & 0xc0u) != 0x80u;
    if (starts && shown.size() > most) return shown + "...";
    shown += is_control(c) ? '?' : c;
  }
  return shown;
}

std::string in_quotes(std::string_view text) { return '"' + printable(text) + '"'; }

std::size_t edit_distance(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  const auto same = [&](std::size_t i, std::size_t j) { return lower(a[i - 1]) == lower(b[j - 1]); };
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i)
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (same(i, j) ? 0u : 1u)});
      if (i > 1 && j > 1 && same(i, j - 1) && same(i - 1, j)) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}

namespace {

constexpr std::size_t longest_name = 64, least_part = 3, most_named = 3;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

/// What stands between signs: "intent-across" has the parts "intent" and "across".
std::vector<std::string_view> parts_of(std::string_view name) {
  constexpr std::string_view signs = "-_@./ ";
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = name.find_first_of(signs);
    if (end != 0 && !name.empty()) parts.push_back(name.substr(0, end));
    if (end == std::string_view::npos) return parts;
    name.remove_prefix(end + 1);
  }
}

/// How far a name is from what was given, and whether a part of it is what is near.
struct Nearness {
  std::size_t distance = ~std::size_t{0};
  bool part = false;
};

Nearness nearness(const std::string& given, const std::string& name) {
  Nearness near;
  const auto take = [&](std::size_t distance, bool part) {
    if (distance < near.distance) near = {distance, part};
  };
  const auto close = [](std::size_t distance, std::size_t longest) {
    return distance <= std::max<std::size_t>(2, longest / 3) && distance < longest;
  };
  const std::size_t longest = std::max(given.size(), name.size()), whole = edit_distance(given, name);
  if (close(whole, longest)) take(whole, false);
  if (given.size() >= 2 && name.starts_with(given)) take(1, true);
  if (given.size() < least_part) return near;
  if (name.find(given) != std::string::npos) take(2, true);
  for (const std::string_view part : parts_of(name)) {
    if (part == given) take(1, true);
    const std::size_t edits = edit_distance(given, part);
    if (part.size() > least_part && edits <= std::max<std::size_t>(1, part.size() / 4)) take(edits + 1, true);
    for (const std::string_view of_given : parts_of(given)) {
      if (of_given == part && part.size() >= least_part) take(3, true);
    }
  }
  return near;
}

}  // namespace

std::string meant(std::string_view given, const std::vector<std::string>& valid) {
  std::vector<const std::string*> best;
  Nearness nearest;
  for (const auto& v : valid) {
    if (given.size() > longest_name || v.size() > longest_name) continue;
    const Nearness near = nearness(lower(given), lower(v));
    if (near.distance == ~std::size_t{0}) continue;
    const bool tie = near.distance == nearest.distance;
    if (near.distance < nearest.distance) {
      best = {&v};
      nearest = near;
    } else if (tie && near.part && nearest.part) {
      best.push_back(&v);
    }
  }
  if (best.empty() || best.size() > most_named) return {};
  std::string names;
  for (std::size_t i = 0; i < best.size(); ++i)
    names += (i == 0 ? "" : i + 1 == best.size() ? " or " : ", ") + in_quotes(*best[i]);
  return fmt::format("did you mean {}?", names);
}

std::string suggestion(std::string_view given, const std::vector<std::string>& valid, const std::string& kind) {
  if (valid.empty()) return fmt::format("there is no {} to choose from: add one", kind);
  if (std::string text = meant(given, valid); !text.empty()) return text;
  std::string list;
  for (std::size_t i = 0; i < valid.size() && i < 24; ++i) list += (i ? ", " : "") + printable(valid[i]);
  return fmt::format("use one of: {}{}", list, valid.size() > 24 ? ", ..." : "");
}

}  // namespace proofload
