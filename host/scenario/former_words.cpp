#include "scenario/former_words.h"

namespace proofload::input {
namespace {

Member* member(Node& table, std::string_view key) {
  for (Member& m : table.members)
    if (m.key == key) return &m;
  return nullptr;
}

void rename_scope(Node& stage) {
  Member* scope = member(stage, "scope");
  if (!scope || !scope->value.is_text()) return;
  for (const FormerWord& word : former_scopes)
    if (scope->value.text == word.was) {
      scope->value.text = word.now;
      return;
    }
}

}  // namespace

void rename_former_words(Node& root) {
  Member* routes = member(root, "routes");
  if (!routes) return;
  for (Member& route : routes->value.members) {
    for (const FormerWord& word : former_route_keys)
      if (Member* key = member(route.value, word.was)) key->key = word.now;
    if (Member* stages = member(route.value, "stages"))
      for (Node& stage : stages->value.items) rename_scope(stage);
  }
}

}  // namespace proofload::input
