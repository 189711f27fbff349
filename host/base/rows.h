/// rows.h -- tables whose rows are found by their enumerator: each row carries it, and the compiler checks that none is
/// missing.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace proofload {

/// Whether row i is that of the i-th enumerator, for every one up to `last`: for a static_assert below the table.
template <class Row, std::size_t count, class Key>
consteval bool rows_follow(const Row (&rows)[count], Key Row::*key, Key last) {
  for (std::size_t i = 0; i < count; ++i) {
    if (static_cast<std::size_t>(rows[i].*key) != i) return false;
  }
  return count == static_cast<std::size_t>(last) + 1;
}

/// The row of an enumerator, in a table that rows_follow.
template <class Row, std::size_t count, class Key>
constexpr const Row& row_of(const Row (&rows)[count], Key key) {
  return rows[static_cast<std::size_t>(key)];
}

/// The row whose `name` is this word; null when there is none.
template <class Row, std::size_t count>
constexpr const Row* row_named(const Row (&rows)[count], std::string_view word) {
  for (const Row& row : rows) {
    if (word == row.name) return &row;
  }
  return nullptr;
}

/// The words of a table, in its order: for messages that say what there is.
template <class Row, std::size_t count>
std::vector<std::string> names_of(const Row (&rows)[count]) {
  std::vector<std::string> names;
  for (const Row& row : rows) names.emplace_back(row.name);
  return names;
}

}  // namespace proofload
