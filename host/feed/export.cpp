#include "feed/export.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>

#include "answers/answer.h"
#include "answers/notes.h"
#include "base/error.h"
#include "base/json_number.h"
#include "base/words.h"
#include "base/write_file.h"

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
      "first_path,paths,interval,date,stress,partial\n",
      venue.field);
  const std::string provenance =
      fmt::format("{},{},{},{},{},{},{},{},{},{},{}", csv_cell(r.scenario.name), csv_cell(r.engine),
                  r.compiled.plan_hash, r.tally.hash(), r.seed, r.range.first, r.tally.paths, r.scenario.run.interval,
                  csv_cell(r.date), csv_cell(stress_text(r.scenario)), csv_cell(partial_text(r)));
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
      if (!h.value || !h.high) {
        problems.push_back({"", 0,
                            fmt::format("the haircut of \"{}\" at {} cannot be exported ({} {} too few for an upper "
                                        "bound, and an engine must not rely on the estimate alone) run more paths",
                                        c.name, confidence_text(h.confidence), counted(r.tally.paths, "path"),
                                        r.tally.paths == 1 ? "is" : "are")});
        continue;
      }
      haircuts.push_back(
          {c.name, c.asset, c.route, h.confidence, *h.value, *h.high, venue_units(venue, *h.high), h.beyond_cliff});
    }
  }
  if (!problems.empty()) throw Error(problems);
  return haircuts;
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
