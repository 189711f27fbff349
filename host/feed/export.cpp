#include "feed/export.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>

#include "answers/answer.h"
#include "answers/notes.h"
#include "answers/validity.h"
#include "base/error.h"
#include "base/json_number.h"
#include "base/words.h"
#include "base/write_file.h"
#include "input/times.h"

namespace proofload {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const Results& r, const Venue& venue, const std::vector<ExportedHaircut>& haircuts) {
  Json out = {{"format", "proofload-haircuts"},
              {"schema", 1},
              {"venue", venue.name},
              {"provenance",
               {{"scenario", r.scenario.name},
                {"engine", r.engine},
                {"plan_hash", r.compiled.plan_hash},
                {"tally_hash", r.tally.hash()},
                {"seed", r.seed},
                {"first_path", r.range.first},
                {"paths", r.tally.paths},
                {"interval", r.scenario.run.interval},
                {"date", r.date}}},
              {"haircuts", Json::array()}};
  if (const std::string partial = partial_text(r); !partial.empty()) out["provenance"]["partial"] = partial;
  if (const std::string none = checksum_text(r); !none.empty()) out["provenance"]["checksum"] = none;
  if (const std::string stress = stress_text(r.scenario); !stress.empty()) out["provenance"]["stress"] = stress;
  const Validity validity = validity_of(r.scenario);
  if (r.scenario.run.in_force > 0.0) out["provenance"]["in_force_seconds"] = r.scenario.run.in_force;
  if (validity.last_price) out["provenance"]["last_price"] = time_text(*validity.last_price);
  if (validity.until) out["provenance"]["valid_until"] = time_text(*validity.until);
  for (const auto& h : haircuts) {
    out["haircuts"].push_back({{"collateral", h.collateral},
                               {"asset", h.asset},
                               {"route", h.route},
                               {"confidence", h.confidence},
                               {venue.field, h.units},
                               {"upper_bound", h.upper},
                               {"estimate", h.estimate},
                               {"beyond_cliff", h.beyond_cliff}});
  }
  return out;
}

/// Every row carries the provenance: rows get copied out of files.
std::string to_csv(const Results& r, const Venue& venue, const std::vector<ExportedHaircut>& haircuts) {
  std::string text = fmt::format(
      "collateral,asset,route,confidence,{},upper_bound,estimate,beyond_cliff,scenario,engine,plan_hash,tally_hash,"
      "seed,"
      "first_path,paths,interval,date,stress,partial,in_force_seconds,last_price,valid_until\n",
      venue.field);
  const Validity validity = validity_of(r.scenario);
  const auto time = [](std::optional<std::int64_t> t) { return t ? time_text(*t) : std::string(); };
  const std::string provenance =
      fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{}", csv_cell(r.scenario.name), csv_cell(r.engine),
                  r.compiled.plan_hash, r.tally.hash(), r.seed, r.range.first, r.tally.paths, r.scenario.run.interval,
                  csv_cell(r.date), csv_cell(stress_text(r.scenario)), csv_cell(partial_text(r)),
                  r.scenario.run.in_force > 0.0 ? fmt::format("{}", r.scenario.run.in_force) : "",
                  time(validity.last_price), time(validity.until));
  for (const auto& h : haircuts) {
    text += fmt::format("{},{},{},{},{},{},{},{},{}\n", csv_cell(h.collateral), csv_cell(h.asset), csv_cell(h.route),
                        h.confidence, h.units, h.upper, h.estimate, h.beyond_cliff, provenance);
  }
  return text;
}

}  // namespace

std::vector<ExportedHaircut> exported_haircuts(const Results& r, const Venue& venue) {
  std::vector<ExportedHaircut> haircuts;
  std::vector<Problem> problems;
  for (const auto& c : answer(r).collateral) {
    for (const auto& h : c.haircuts) {
      const bool aged = !h.by_age.empty();  // then it has to hold at every age
      const AgeHaircut* worst = h.worst_age();
      std::optional<double> value = h.value, high = h.high;
      if (aged) {
        high = h.highest_of_ages();
        if (worst == nullptr) {
          value.reset();
        } else {
          value = worst->value;
        }
      }
      if (!value || !high) {
        const std::uint64_t paths = aged ? *std::min_element(r.ages.paths.begin(), r.ages.paths.end()) : r.tally.paths;
        problems.push_back(
            {"", 0,
             fmt::format("the haircut of \"{}\" at {} cannot be exported ({} {} too few for an upper "
                         "bound, and an engine must not rely on the estimate alone) run more paths",
                         c.name, confidence_text(h.confidence), counted(paths, "path") + (aged ? " of an age" : ""),
                         paths == 1 ? "is" : "are")});
        continue;
      }
      haircuts.push_back(
          {c.name, c.asset, c.route, h.confidence, *value, *high, venue_units(venue, *high), h.beyond_cliff});
    }
  }
  if (!problems.empty()) throw Error(problems);
  return haircuts;
}

void require_valid(const Results& r, std::int64_t now) {
  const Validity validity = validity_of(r.scenario);
  if (validity.last_price && now < *validity.last_price)
    throw Error(fmt::format("--as-of {} (the result knows prices up to {}, which nobody knew then) give a later time",
                            time_text(now), time_text(*validity.last_price)));
  if (!validity.is_over(now)) return;
  throw Error(
      fmt::format("the result is past its validity (its prices end at {}, and it was good until {}; it is {}) fit and "
                  "run it again, "
                  "or export it all the same with --expired",
                  time_text(*validity.last_price), time_text(*validity.until), time_text(now)));
}

void export_haircuts(const Results& r, const std::string& venue_name, const std::filesystem::path& file) {
  const Venue& venue = venue_named(venue_name);
  const std::string extension = file.extension().string();
  if (extension != ".json" && extension != ".csv") {
    throw Error({{file.string(), 0,
                  fmt::format("the format is not known (the extension \"{}\" says it) end the name in .json or .csv",
                              extension)}});
  }
  const auto haircuts = exported_haircuts(r, venue);
  write_file(file, extension == ".json" ? json_text(to_json(r, venue, haircuts)) + "\n" : to_csv(r, venue, haircuts),
             "the export");
}

}  // namespace proofload
