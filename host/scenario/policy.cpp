#include "scenario/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/words.h"
#include "input/presets.h"
#include "input/times.h"
#include "input/values.h"

namespace proofload {
namespace {

using input::Node, input::Report, input::Source, input::Table;

constexpr double least_step = 1e-6;

/// At most one multiple below or at x: what rounding leaves of a decimal fraction does not cost a step.
double whole_multiples(double x, double multiple, double (*round)(double)) {
  const double many = x / multiple, nearest = std::round(many);
  return (std::abs(many - nearest) < 1e-9 * std::max(1.0, std::abs(many)) ? nearest : round(many)) * multiple;
}

/// "never", or a table of how far and how soon.
void read_move(const Table& t, const char* key, HaircutMove& move) {
  const Node* n = t.get(key);
  if (n == nullptr) return;
  const std::string path = t.path_of(key);
  if (n->is_text()) {
    if (n->text != "never") {
      t.report.add(n->place, fmt::format("{} = {}", path, in_quotes(n->text)),
                   "it says how far a haircut may move this way",
                   fmt::format("write {} = {{ step = 0.005, delay = \"72h\" }}, or \"never\"", key));
      return;
    }
    move.never = true;
    return;
  }
  if (!input::check_table(t.report, *n, path, "it says how far a haircut may move this way, and how soon",
                          fmt::format("write {} = {{ step = 0.005, delay = \"72h\" }}, or \"never\"", key)))
    return;
  const Table inner{t.report, *n, path};
  inner.allow({"step", "delay"});
  inner.read("step", move.step,
             {least_step, 1.0, Open::neither, "the most that a haircut moves at once, a fraction", "0.005"});
  inner.read("delay", move.delay,
             {0.0, input::century, Open::neither, "the time that must pass since the last change", "72h", true});
}

/// A policy under which nothing can ever move is a mistake, and one that looks like a haircut that never had to.
void check_moves(const Table& t, const HaircutPolicy& p) {
  if (p.up.never && p.down.never)
    t.report.add(t.place_of("up"), "up and down are \"never\"", "a haircut could never move again",
                 "leave one of them out, or give it a step");
  for (const auto& [key, move] : {std::pair{"up", p.up}, {"down", p.down}}) {
    if (!move.never && p.multiple > 0.0 && whole_multiples(move.step, p.multiple, std::floor) < 0.5 * p.multiple)
      t.report.add(t.place_of(key),
                   fmt::format("{}.step = {} is less than multiple = {}", key, brief(move.step), brief(p.multiple)),
                   "a haircut that is a multiple of that could never move by less", "give a larger step");
  }
}

HaircutPolicy read(Report& report, const Node& root) {
  HaircutPolicy policy;
  const Table t{report, root, ""};
  t.allow({"schema", "name", "description", "review", "multiple", "up", "down"});
  if (const Node* schema = t.need("schema", "it says which format the file has", "1"))
    input::read_integer(report, *schema, "schema", 1, 1, "the version of the format", "1");
  t.need_name("name", policy.name, "it names the policy in reports", "\"aave-v3-steward\"");
  t.read("review", policy.review,
         {0.0, input::century, Open::low, "the time from one look at a haircut to the next", "7d", true});
  t.read("multiple", policy.multiple, {least_step, 1.0, Open::neither, "what haircuts are multiples of", "0.0001"});
  read_move(t, "up", policy.up);
  read_move(t, "down", policy.down);
  if (report.empty()) check_moves(t, policy);
  return policy;
}

HaircutPolicy parse(const std::string& text, const Source& from, const std::filesystem::path* file) {
  Report report;
  const auto root = input::load_tree(report, text, std::make_shared<const Source>(from), file);
  if (!root) report.fail();
  HaircutPolicy policy = read(report, *root);
  if (!report.empty()) report.fail();
  return policy;
}

}  // namespace

bool HaircutPolicy::takes_all() const {
  const auto free = [](const HaircutMove& m) { return !m.never && std::isinf(m.step) && m.delay == 0.0; };
  return multiple == 0.0 && free(up) && free(down);
}

HaircutPolicy renewed_every(double seconds) {
  HaircutPolicy policy;
  policy.name = duration_text(seconds);
  policy.review = seconds;
  return policy;
}

std::string policy_text(const HaircutPolicy& p) {
  const auto words = [](const char* way, const HaircutMove& m) {
    if (m.never) return fmt::format("never {}", way);
    if (std::isinf(m.step) && m.delay == 0.0) return fmt::format("{} as asked", way);
    return fmt::format("{}{}{}", way, std::isinf(m.step) ? "" : " by at most " + share_text(m.step),
                       m.delay > 0.0 ? fmt::format(", not within {} of a change", duration_text(m.delay)) : "");
  };
  return fmt::format("{}; {}; {}{}", p.review > 0.0 ? "set every " + duration_text(p.review) : "set at every window",
                     words("up", p.up), words("down", p.down),
                     p.multiple > 0.0 ? "; multiples of " + share_text(p.multiple) : "");
}

HaircutPolicy read_policy(const std::filesystem::path& given) {
  Report report;
  const auto shipped = input::preset_name(given.string());
  const std::filesystem::path file = shipped ? input::shipped_file(report, *shipped, {}, "policies", "policy") : given;
  if (!report.empty()) report.fail();
  std::string text;
  if (!input::read_text(report, {}, file, input::largest_scenario, "a policy", text)) report.fail();
  return parse(text, {file.string(), file.parent_path()}, &file);
}

HaircutPolicy parse_policy(const std::string& text, const std::string& name) {
  return parse(text, {name, "."}, nullptr);
}

double HaircutInForce::at(std::int64_t time, double wanted) {
  const auto every = static_cast<std::int64_t>(std::llround(policy_.review));
  const std::int64_t since = time - phase_;
  // a review that lies between two calls is held at the later one, with what is wanted then
  const std::int64_t review = every > 0 ? floor_divided(since, every) : time;
  if (set_ && review == review_) return held_;
  review_ = review;
  reviewed_ = time;
  if (policy_.multiple > 0.0) wanted = std::min(1.0, whole_multiples(wanted, policy_.multiple, std::ceil));
  if (!set_) {
    set_ = true;
    held_ = wanted;
    changed_ = time;
    return held_;
  }
  const HaircutMove& move = wanted > held_ ? policy_.up : policy_.down;
  if (wanted == held_ || move.never || static_cast<double>(time - changed_) < move.delay) return held_;
  const double step = policy_.multiple > 0.0 && std::isfinite(move.step)
                          ? whole_multiples(move.step, policy_.multiple, std::floor)
                          : move.step;
  double next = std::clamp(wanted, held_ - step, held_ + step);
  // sums of decimal fractions are off by a last digit, which is no move
  if (policy_.multiple > 0.0) next = std::min(1.0, std::round(next / policy_.multiple) * policy_.multiple);
  if (next != held_) changed_ = time;
  return held_ = next;
}

}  // namespace proofload
