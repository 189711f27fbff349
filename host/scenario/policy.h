/// policy.h -- how a haircut that is in force may move: how often, how far, how fast. A venue's rules, read from a TOML
/// file (scenarios/README.md describes it for users), and what they make of the haircuts that one would like to set.
#pragma once
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>

namespace proofload {

/// One direction.
struct HaircutMove {
  double step = std::numeric_limits<double>::infinity();  ///< at most this much at once, a fraction of the value
  double delay = 0.0;                                     ///< not before so many seconds after the last change
  bool never = false;
};

struct HaircutPolicy {
  std::string name;
  double review = 0.0;    ///< seconds from one look at it to the next, counted from 1970 UTC; 0: at every new haircut
  double multiple = 0.0;  ///< it is a multiple of this, rounded up; 0: any number
  HaircutMove up, down;

  /// It takes every haircut that it is shown at a review, as it is.
  bool takes_all() const;
};

/// For people: "set every 7d; up by at most 0.5 %, not within 72h of a change; never down".
std::string policy_text(const HaircutPolicy&);

/// Set anew every so many seconds, and free to take any value then.
HaircutPolicy renewed_every(double seconds);

/// Throws Error with all problems of the file. "proofload:NAME" is a shipped one.
HaircutPolicy read_policy(const std::filesystem::path&);
/// The same for text that is not in a file; `name` stands for the file in messages.
HaircutPolicy parse_policy(const std::string& text, const std::string& name);

/// What is in force while time goes on.
class HaircutInForce {
 public:
  /// Reviews are `phase` seconds later than multiples of the policy's since 1970 UTC.
  explicit HaircutInForce(HaircutPolicy policy, std::int64_t phase = 0) : policy_(std::move(policy)), phase_(phase) {}

  /// The haircut in force from `time` on (seconds since 1970 UTC, never before the last), when `wanted` is what one
  /// would set then. The first is set as it is wanted.
  double at(std::int64_t time, double wanted);
  std::int64_t reviewed() const { return reviewed_; }  ///< when it was last looked at
  std::int64_t changed() const { return changed_; }    ///< when it last took another value

 private:
  HaircutPolicy policy_;
  std::int64_t phase_ = 0, review_ = 0, reviewed_ = 0, changed_ = 0;
  bool set_ = false;
  double held_ = 0.0;
};

}  // namespace proofload
