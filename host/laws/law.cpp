#include "laws/law.h"

namespace proofload {

LawSpec::LawSpec() = default;
LawSpec::LawSpec(const LawSpec&) = default;
LawSpec::LawSpec(LawSpec&&) noexcept = default;
LawSpec& LawSpec::operator=(const LawSpec&) = default;
LawSpec& LawSpec::operator=(LawSpec&&) noexcept = default;
LawSpec::~LawSpec() = default;

}  // namespace proofload
