#include "market/in_force.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/quantity.h"
#include "input/times.h"

namespace proofload {
namespace {

double log_of(double haircut) { return -std::log1p(-haircut); }

/// Hits and losses of one range of ages by day: fractions of a loss, since each counts once.
struct ByDay {
  Days hits, losses;

  Coverage coverage(double p, double block_days, double level, std::uint64_t seed) const {
    return losses.empty() ? Coverage{} : coverage_by_days(hits, losses, p, block_days, level, 2000, seed);
  }
};

/// Of what was in force, by the age that it had.
void count_held(const SubjectHistory& s, const std::vector<double>& haircut, const std::vector<double>& age,
                double longest, std::vector<ByDay>& ages, ByDay& all) {
  for (std::size_t j = 0; j < s.loss.size(); ++j) {
    const auto day = floor_divided(s.start[j], seconds_per_day);
    const auto k = static_cast<std::size_t>(age[j] / longest * ages_of_force);
    const double hit = s.loss[j] > haircut[j] ? 1.0 : 0.0;
    for (ByDay* to : {&ages[std::min<std::size_t>(k, ages_of_force - 1)], &all}) {
      to->hits[day] += hit;
      to->losses[day] += 1.0;
    }
  }
}

void count_by_age(const SubjectHistory& s, const std::vector<double>& wanted, double in_force, std::vector<ByDay>& ages,
                  ByDay& all) {
  const double part = in_force / ages_of_force;
  for (std::size_t j = 0; j < s.loss.size(); ++j) {
    const auto day = floor_divided(s.start[j], seconds_per_day);
    std::array<double, ages_of_force> hits{}, resets{};
    for (std::size_t i = j + 1; i-- > 0;) {
      const double age = static_cast<double>(s.start[j] - s.start[i]);
      if (age >= in_force) break;
      const auto k = std::min<std::size_t>(static_cast<std::size_t>(age / part), ages_of_force - 1);
      resets[k] += 1.0;
      hits[k] += s.loss[j] > wanted[i];
    }
    double every_hit = 0.0, every = 0.0;
    for (std::size_t k = 0; k < ages_of_force; ++k) {
      if (resets[k] == 0.0) continue;
      ages[k].hits[day] += hits[k] / resets[k];
      ages[k].losses[day] += 1.0;
      every_hit += hits[k];
      every += resets[k];
    }
    all.hits[day] += every_hit / every;
    all.losses[day] += 1.0;
  }
}

void find_rises(const SubjectHistory& s, const ModelHistory& m, std::size_t c, double confidence,
                std::vector<Rise>& to) {
  Rise rise;
  const auto end = [&] {
    if (rise.windows > 0) to.push_back(rise);
    rise = {};
  };
  for (std::size_t i = 0; i < s.loss.size(); ++i) {
    const double held = m.haircut[c][i], wanted = m.target[c][i];
    if (!(wanted > held)) {
      end();
      continue;
    }
    if (rise.windows == 0) {
      rise.subject = s.subject.name;
      rise.model = m.model;
      rise.confidence = confidence;
      rise.from = s.start[i];
      rise.held = held;
    }
    rise.to = s.start[i];
    rise.peak = std::max(rise.peak, wanted);
    ++rise.windows;
    rise.hits += s.loss[i] > held;
    rise.expected += 1.0 - confidence;
    rise.worst = std::max(rise.worst, s.loss[i] - held);
    rise.missing_margin += wanted - held;
  }
  end();
}

}  // namespace

void hold(std::vector<SubjectHistory>& subjects, const HaircutPolicy& policy, std::int64_t phase) {
  for (SubjectHistory& s : subjects) {
    for (ModelHistory& m : s.models) {
      m.target = m.haircut;
      m.age.assign(m.haircut.size(), std::vector<double>(s.start.size(), 0.0));
      const std::vector<double> stdev = m.stdev;
      for (std::size_t c = 0; c < m.haircut.size(); ++c) {
        HaircutInForce in_force(policy, phase);
        const auto quantile = m.quantile[c], shortfall = m.shortfall[c];
        std::size_t reviewed = 0;
        for (std::size_t i = 0; i < s.start.size(); ++i) {
          const double held = in_force.at(s.start[i], m.target[c][i]);
          if (in_force.reviewed() == s.start[i]) reviewed = i;
          const std::int64_t set = policy.takes_all() ? s.start[reviewed] : in_force.changed();
          m.age[c][i] = static_cast<double>(s.start[i] - set);
          m.haircut[c][i] = held;
          m.stdev[i] = stdev[reviewed];
          // What was set then has the tail that was forecast then; a haircut that a policy held back keeps its shape.
          const bool as_wanted = held == m.target[c][reviewed];
          m.quantile[c][i] = as_wanted ? quantile[reviewed] : log_of(held);
          const double shape = quantile[reviewed] > 0.0 ? shortfall[reviewed] / quantile[reviewed] : 1.0;
          m.shortfall[c][i] = as_wanted ? shortfall[reviewed] : shape * m.quantile[c][i];
        }
      }
    }
  }
}

std::vector<AgeCoverage> coverage_by_age(const std::vector<SubjectHistory>& held, const std::vector<double>& confidence,
                                         double in_force, double block_days, double level, std::uint64_t seed) {
  std::vector<AgeCoverage> out;
  const std::size_t many = held.empty() ? 0 : held.front().models.size();
  double longest = in_force;
  for (const SubjectHistory& s : held)
    for (const ModelHistory& m : s.models)
      for (const auto& age : m.age)
        if (in_force == 0.0) longest = std::max(longest, *std::max_element(age.begin(), age.end()) + 1.0);
  for (std::size_t c = 0; c < confidence.size(); ++c) {
    for (std::size_t m = 0; m < many; ++m) {
      std::vector<ByDay> ages(ages_of_force);
      ByDay all;
      for (const SubjectHistory& s : held) {
        if (in_force > 0.0) {
          count_by_age(s, s.models[m].target[c], in_force, ages, all);
        } else {
          count_held(s, s.models[m].haircut[c], s.models[m].age[c], longest, ages, all);
        }
      }
      const std::string& model = held.front().models[m].model;
      const double p = 1.0 - confidence[c];
      for (int k = 0; k < ages_of_force; ++k) {
        const ByDay& age = ages[static_cast<std::size_t>(k)];
        if (age.losses.empty()) continue;
        out.push_back({model, confidence[c], longest * k / ages_of_force, longest * (k + 1) / ages_of_force, false,
                       age.coverage(p, block_days, level, seed)});
      }
      out.push_back({model, confidence[c], 0.0, longest, true, all.coverage(p, block_days, level, seed)});
    }
  }
  return out;
}

std::vector<PhaseCoverage> coverage_of_phases(const std::vector<std::vector<SubjectHistory>>& held,
                                              const std::vector<double>& confidence, double block_days, double level,
                                              std::uint64_t seed) {
  std::vector<PhaseCoverage> out;
  const std::size_t many = held.empty() || held.front().empty() ? 0 : held.front().front().models.size();
  for (std::size_t c = 0; c < confidence.size(); ++c) {
    for (std::size_t m = 0; m < many; ++m) {
      PhaseCoverage of{held.front().front().models[m].model, confidence[c], 0, {}, INFINITY, 0.0, 0.0};
      ByDay days;
      double windows = 0.0;
      for (const auto& phase : held) {
        double hits = 0.0, losses = 0.0;
        for (const SubjectHistory& s : phase) {
          const auto& haircut = s.models[m].haircut[c];
          for (std::size_t i = 0; i < s.loss.size(); ++i) {
            const double hit = s.loss[i] > haircut[i] ? 1.0 : 0.0;
            const auto day = floor_divided(s.start[i], seconds_per_day);
            days.hits[day] += hit / static_cast<double>(held.size());
            days.losses[day] += 1.0 / static_cast<double>(held.size());
            of.pinball += pinball(s.loss[i], haircut[i], confidence[c]);
            hits += hit;
            losses += 1.0;
          }
        }
        if (losses == 0.0) continue;  // nothing begins at that time of day
        ++of.phases;
        windows += losses;
        const double ratio = hits / losses / (1.0 - confidence[c]);
        of.least = std::min(of.least, ratio);
        of.most = std::max(of.most, ratio);
      }
      of.pinball /= std::max(windows, 1.0);
      of.coverage = days.coverage(1.0 - confidence[c], block_days, level, seed);
      out.push_back(std::move(of));
    }
  }
  return out;
}

std::vector<Rise> rises(const std::vector<SubjectHistory>& held, const std::vector<double>& confidence,
                        std::size_t most) {
  std::vector<Rise> out;
  const std::size_t many = held.empty() ? 0 : held.front().models.size(), c = confidence.size() - 1;
  for (std::size_t m = 0; m < many; ++m) {
    std::vector<Rise> all;
    for (const SubjectHistory& s : held) find_rises(s, s.models[m], c, confidence[c], all);
    std::stable_sort(all.begin(), all.end(),
                     [](const Rise& a, const Rise& b) { return a.missing_margin > b.missing_margin; });
    if (all.size() > most) all.resize(most);
    out.insert(out.end(), all.begin(), all.end());
  }
  return out;
}

}  // namespace proofload
