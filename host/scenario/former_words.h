/// former_words.h -- words that scenarios had before its two chains were named after what lies on them: what each is
/// called now.
///
/// A route went `from` the collateral `to` the liability, and the message the other way. A scenario file that says so
/// is an error, because what its scopes meant by default has changed with the words. A result states every scope, so
/// its scenario is read on.
#pragma once
#include "input/toml_tree.h"

namespace proofload::input {

struct FormerWord {
  const char *was, *now;
};
inline constexpr FormerWord former_route_keys[] = {{"from", "collateral_chain"}, {"to", "liability_chain"}};
inline constexpr FormerWord former_scopes[] = {{"source_chain", "collateral_chain"},
                                               {"destination_chain", "liability_chain"}};
inline constexpr char former_words_why[] = "the message leaves the liability_chain and arrives on the collateral_chain";
inline constexpr char former_words_mend[] = "CHANGELOG.md has a line for sed that renames all of a file";

/// The keys and scopes of all routes under the words of today: for the scenario in a result, and for no file.
void rename_former_words(Node& root);

}  // namespace proofload::input
