// The file is built and read as an image in memory (HDF5's core driver) and moved to and from the disk as a whole: HDF5
// never sees a full disk, a lock or a half-read file, and a hash behind the image tells damage before HDF5 parses any
// of it.
#include "answers/result_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <new>
#include <span>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "answers/answer.h"
#include "answers/hdf5_image.h"
#include "answers/image_reader.h"
#include "answers/validity.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/version.h"
#include "base/write_file.h"
#include "input/times.h"
#include "plan/compile.h"
#include "run/ages.h"
#include "scenario/effective.h"
#include "scenario/reader.h"

namespace proofload {
namespace {

using namespace hdf5;

constexpr char format_name[] = "proofload results";
constexpr std::uint64_t format_schema = 1;
constexpr std::string_view signature = "\x89HDF\r\n\x1a\n";
constexpr std::string_view trailer_tag = "\nproofload-xxh3-128 ";
constexpr std::size_t trailer_size = trailer_tag.size() + 32 + 1;
constexpr std::uint64_t most_recorded = std::uint64_t{1}
                                        << 24;  // numbers, as many as may be read from a file of prices or residuals
constexpr std::uint64_t largest_file = std::uint64_t{1} << 32;  // bytes; the largest plan's tally has 0.25 GB

// ---- what of the tally is stored where ------------------------------------------------------------------------------

/// The dimension of a dataset that an extent is; conditions are none.
std::string dimension_of(Extent extent) {
  switch (extent) {
    case Extent::readings: return "reading";
    case Extent::based: return "basis";
    case Extent::collaterals: return "collateral";
    case Extent::routes: return "route";
    case Extent::layers: return "layer";
    case Extent::one:
    case Extent::portfolio:
    case Extent::lowest:
    case Extent::breaches:
    case Extent::joint:
    case Extent::alone: break;
  }
  return {};
}

/// A section of the tally as a dataset; one that has no counters is left out.
struct Dataset {
  std::string name;
  std::vector<std::string> dimensions;
  std::vector<std::uint64_t> extents;
  const char* units;
};

Dataset dataset_of(const Section& section, const TallyLayout& layout) {
  Dataset set{section.name, {}, {}, section.kind == Kind::sum ? "5.9604644775390625e-08" : "1"};  // 2^-24
  for (const Extent by : section.by) {
    std::string name = dimension_of(by);
    if (name.empty()) continue;
    if (!set.dimensions.empty() && set.dimensions.back() == name) name += "_other";
    set.dimensions.push_back(name);
    set.extents.push_back(layout.extent(by));
  }
  const int bins = bins_of(section.kind);
  if (bins == 1) return set;
  set.dimensions.emplace_back(section.kind == Kind::delay ? "delay" : "loss");
  set.extents.push_back(static_cast<std::uint64_t>(bins));
  return set;
}

// ---- writing --------------------------------------------------------------------------------------------------------

template <class Range, class Read>
auto collect(const Range& range, Read read) {
  std::vector<decltype(read(*range.begin()))> out;
  for (const auto& item : range) out.push_back(read(item));
  return out;
}

double or_nan(const std::optional<double>& x) { return x ? *x : std::numeric_limits<double>::quiet_NaN(); }

void write_attributes(Image& image, const Results& r) {
  image.attribute("title", "calibrated haircuts of cross-chain collateral");
  image.attribute("format", format_name);
  image.attribute("schema", format_schema);
  image.attribute("engine", r.engine);
  image.attribute("commit", engine_commit());
  image.attribute("kernel_revision", std::uint64_t{r.compiled.plan.revision});
  image.attribute("scenario_name", r.scenario.name);
  image.attribute("scenario_description", r.scenario.description);
  image.attribute("scenario_text", r.scenario.source);
  image.attribute("effective_scenario", effective_toml(r.scenario, FileNames::bare));
  image.attribute("plan_hash", r.compiled.plan_hash);
  image.attribute("tally_hash", r.tally.hash());
  image.attribute("seed", r.seed);
  image.attribute("first_path", r.range.first);
  image.attribute("paths", r.range.count);
  image.attribute("lowest_non_finite", r.tally.lowest_non_finite);
  image.attribute("interval", r.scenario.run.interval);
  image.attribute("shortfall_unit", shortfall_unit);
  image.attribute("backend", r.backend);
  image.attribute("device", r.device);
  image.attribute("wall_seconds", r.wall_seconds);
  image.attribute("date", r.date);
  const Validity validity = validity_of(r.scenario);
  if (r.scenario.run.in_force > 0.0) image.attribute("in_force", r.scenario.run.in_force);
  if (validity.last_price) image.attribute("last_price", time_text(*validity.last_price));
  if (validity.until) image.attribute("valid_until", time_text(*validity.until));
}

void write_dimensions(Image& image, const Results& r) {
  const Scenario& s = r.scenario;
  const auto name = [](const auto& spec) { return spec.name; };
  const auto collaterals = collect(s.collateral, name), layers = collect(s.layers, name);
  image.dimension("collateral", collaterals, "collateral token");
  image.dimension("collateral_other", collaterals, "collateral token, the other one of a pair");
  image.dimension("route", collect(s.routes, name), "message route");
  if (!layers.empty()) {
    image.dimension("layer", layers, "messaging layer");
    image.dimension("layer_other", layers, "messaging layer, the other one of a pair");
  }
  image.dimension("confidence", s.run.confidence, "1", "confidence of a haircut");
  std::vector<std::uint64_t> readings;
  for (std::uint64_t p = 0; p < r.tally.layout.readings; ++p) readings.push_back(p);
  image.dimension("reading", readings, "1", "a distinct asset and price-layer time");
  std::vector<std::string> based;
  for (std::uint32_t i = 0; i < r.tally.layout.based; ++i)
    based.push_back(s.collateral[r.compiled.plan.based_at[i].collateral].name);
  if (!based.empty()) image.dimension("basis", based, "collateral token with a random basis");

  constexpr double infinity = std::numeric_limits<double>::infinity();
  std::vector<double> low{-infinity}, high{loss_edge(1)};
  for (int b = 1; b < loss_bins; ++b) low.push_back(loss_edge(b)), high.push_back(loss_edge(b + 1));
  image.dimension("loss", low, "1",
                  "loss as a fraction of the value at the call, lower edge of the bin; the last bin is the point 1");
  image.variable("loss_upper", {"loss"}, high.data(), "1", "upper edge of the loss bin");
  low.clear(), high.clear();
  for (int b = 0; b < delay_bins; ++b) {
    low.push_back(delay_edge(b) / ticks_per_second);
    high.push_back(b == delay_bins - 1 ? infinity : delay_edge(b + 1) / ticks_per_second);
  }
  image.dimension("delay", low, "s",
                  "delay from the call to the sale, lower edge of the bin; the last bin is beyond the horizon");
  image.variable("delay_upper", {"delay"}, high.data(), "s", "upper edge of the delay bin");
  image.dimension("delay_probability", std::vector<double>{0.5, 0.9, 0.99, 0.999}, "1",
                  "order of a quantile of the delay");
  if (!r.compiled.laws.empty()) {
    image.dimension("law", collect(r.compiled.laws, [](const auto& law) { return law.where; }),
                    "a law of the scenario");
  }
}

/// What the counts say, for people who open the file; reading back computes it anew.
void write_answers(Image& image, const Results& r) {
  const Answers all = answer(r);
  const auto over_collateral = [&](const char* name, const char* units, const char* long_name, auto read) {
    image.variable(name, {"collateral"}, collect(all.collateral, read).data(), units, long_name);
  };
  const auto over_confidence = [&](const char* name, const char* long_name, auto read) {
    std::vector<decltype(read(all.collateral[0].haircuts[0]))> values;
    for (const auto& c : all.collateral) {
      for (const auto& h : c.haircuts) values.push_back(read(h));
    }
    image.variable(name, {"collateral", "confidence"}, values.data(), "1", long_name);
  };
  const auto square = [](const auto& matrix, auto read) {
    std::vector<double> values;
    for (const auto& row : matrix) {
      for (const auto& x : row) values.push_back(read(x));
    }
    return values;
  };
  over_confidence("haircut", "least haircut that is exceeded with probability 1 - confidence at most",
                  [](const auto& h) { return or_nan(h.value); });
  over_confidence("haircut_low", "lower end of its interval", [](const auto& h) { return or_nan(h.low); });
  over_confidence("haircut_high", "upper end of its interval", [](const auto& h) { return or_nan(h.high); });
  over_confidence("expected_shortfall", "mean loss in the worst 1 - confidence",
                  [](const auto& h) { return or_nan(h.expected_shortfall); });
  over_confidence("expected_shortfall_low", "lower end of its interval",
                  [](const auto& h) { return or_nan(h.expected_shortfall_low); });
  over_confidence("expected_shortfall_high", "upper end of its interval",
                  [](const auto& h) { return or_nan(h.expected_shortfall_high); });
  over_confidence("haircut_given_no_failure", "haircut over the paths whose layer does not fail",
                  [](const auto& h) { return or_nan(h.given_no_failure); });
  over_confidence("beyond_cliff", "1 where 1 - confidence is below the failure probability",
                  [](const auto& h) { return static_cast<std::uint8_t>(h.beyond_cliff); });
  over_confidence("attribution_price", "haircut had seizure taken oracle and one block",
                  [](const auto& h) { return or_nan(h.attribution.price); });
  over_confidence("attribution_basis", "what the token's basis against the native one adds",
                  [](const auto& h) { return or_nan(h.attribution.basis); });
  over_confidence("attribution_latency", "what the real delay adds",
                  [](const auto& h) { return or_nan(h.attribution.latency); });
  over_confidence("attribution_failure", "what failures and stalls add",
                  [](const auto& h) { return or_nan(h.attribution.failure); });
  over_confidence("attribution_liquidity", "what slippage, cost and bonus add",
                  [](const auto& h) { return or_nan(h.attribution.liquidity); });

  const auto if_policy = [](auto read) {
    return [read](const CollateralAnswer& c) { return c.policy_haircut ? read(c) : or_nan({}); };
  };
  over_collateral("policy_haircut", "1", "haircut in force", [](const auto& c) { return or_nan(c.policy_haircut); });
  over_collateral("p_under", "1", "probability per liquidation that the loss exceeds the haircut in force",
                  if_policy([](const auto& c) { return c.p_under.estimate; }));
  over_collateral("p_under_low", "1", "lower end of its interval",
                  if_policy([](const auto& c) { return c.p_under.low; }));
  over_collateral("p_under_high", "1", "upper end of its interval",
                  if_policy([](const auto& c) { return c.p_under.high; }));
  over_collateral("mean_shortfall", "1", "mean of the loss beyond the haircut in force",
                  if_policy([](const auto& c) { return c.mean_shortfall; }));
  if (r.tally.layout.breaches != 0) {
    const auto if_breach = [](auto read) {
      return [read](const CollateralAnswer& c) { return c.p_breach ? read(*c.p_breach) : or_nan({}); };
    };
    over_collateral("p_breach", "1",
                    "probability per liquidation that the price alone loses more than the haircut in force at a grid "
                    "date up to the sale",
                    if_breach([](const Estimate& e) { return e.estimate; }));
    over_collateral("p_breach_low", "1", "lower end of its interval",
                    if_breach([](const Estimate& e) { return e.low; }));
    over_collateral("p_breach_high", "1", "upper end of its interval",
                    if_breach([](const Estimate& e) { return e.high; }));
  }
  over_collateral("p_failure", "1", "probability per liquidation that the layer fails",
                  [](const auto& c) { return c.p_failure.estimate; });
  over_collateral("p_failure_low", "1", "lower end of its interval", [](const auto& c) { return c.p_failure.low; });
  over_collateral("p_failure_high", "1", "upper end of its interval", [](const auto& c) { return c.p_failure.high; });
  over_collateral("loss_given_failure", "1", "mean loss if the layer fails",
                  [](const auto& c) { return or_nan(c.loss_given_failure); });
  over_collateral("loss_given_failure_low", "1", "lower end of its interval",
                  [](const auto& c) { return or_nan(c.loss_given_failure_low); });
  over_collateral("loss_given_failure_high", "1", "upper end of its interval",
                  [](const auto& c) { return or_nan(c.loss_given_failure_high); });
  over_collateral(
      "price_reading", "1", "the reading of loss_price_count that attributes the haircut",
      [&](const auto& c) { return std::uint64_t(r.compiled.reading_of[std::size_t(&c - all.collateral.data())]); });
  image.variable("joint_under", {"collateral", "collateral_other"}, square(all.joint_under, or_nan).data(), "1",
                 "probability per liquidation that both losses exceed the haircuts in force");
  if (!all.layers.empty()) {
    image.variable("joint_failure", {"layer", "layer_other"},
                   square(all.joint_failure, [](double x) { return x; }).data(), "1",
                   "probability that both layers fail");
  }
  std::vector<double> delays;
  for (const auto& route : all.routes) {
    for (const auto& q : {route.p50, route.p90, route.p99, route.p999}) delays.push_back(or_nan(q));
  }
  image.variable("delay_quantile", {"route", "delay_probability"}, delays.data(), "s",
                 "quantiles of the delay from call to sale");
  if (!r.compiled.laws.empty()) {
    image.variable(
        "law_error", {"law"}, collect(r.compiled.laws, [](const auto& law) { return law.error; }).data(), "1",
        "largest error of the law's quantile table, relative to the larger of the quantile and the 1 % quantile");
    image.variable("law_tail_share", {"law"},
                   collect(r.compiled.laws, [](const auto& law) { return law.tail_share; }).data(), "1",
                   "share of paths beyond the last given quantile");
  }
}

void write_tally(Image& image, const Results& r) {
  const TallyLayout& layout = r.tally.layout;
  for (const Section& s : sections) {
    if (layout.size(s) == 0) continue;
    const Dataset set = dataset_of(s, layout);
    const std::uint64_t* from = (s.kind == Kind::sum ? r.tally.sums : r.tally.counts).data() + layout.begin(s);
    if (bins_of(s.kind) > 1) {
      image.histogram(set.name, set.dimensions, from, set.units, s.long_name);
    } else {
      image.variable(set.name, set.dimensions, from, set.units, s.long_name);
    }
  }
}

/// Losses as they are drawn: a density over each of two axes, before and after what the sale costs. Bins are not
/// equally wide, so counts alone draw a wrong picture. Bins far from every path are absent.
void write_densities(Image& image, const Results& r) {
  const TallyLayout& layout = r.tally.layout;
  constexpr double absent = std::numeric_limits<double>::quiet_NaN(),
                   infinity = std::numeric_limits<double>::infinity();
  std::vector<double> width{infinity};
  for (int b = 1; b < loss_bins; ++b) width.push_back(b == loss_bins - 1 ? 0.0 : loss_edge(b + 1) - loss_edge(b));
  image.variable("loss_width", {"loss"}, width.data(), "1", "width of the loss bin: none of the last, the point 1");

  const auto bins = static_cast<std::size_t>(loss_bins);
  const auto planned = [&](std::size_t k) { return sale_of(r.compiled.plan.collateral[k]); };
  /// `value(bin, probability)` of each bin of a chunk that holds something.
  const auto curve = [&](std::size_t k, const auto& value) {
    const int at = static_cast<int>(k);
    const std::uint64_t* counts = r.tally.counts.data();
    const std::uint64_t *latency = counts + layout.latency(at), *spared = counts + layout.spared(at),
                        *struck = counts + layout.struck(at);
    std::vector<double> out(bins, absent);
    for (std::size_t first = 0; first < bins; first += chunk_bins) {
      const std::size_t end = std::min<std::size_t>(bins, first + chunk_bins);
      const auto paths = [&](std::size_t b) { return latency[b] - spared[b] + struck[b]; };
      bool any = false;
      for (std::size_t b = first; b < end; ++b) any |= paths(b) != 0;
      for (std::size_t b = first; any && b < end; ++b)
        out[b] = value(static_cast<int>(b), static_cast<double>(paths(b)) / static_cast<double>(r.tally.paths));
    }
    return out;
  };
  const auto sold = [&](std::size_t k, int bin) { return bin == 0 ? -infinity : planned(k).loss(loss_edge(bin)); };
  const auto density = [](double probability, double wide) {
    return wide > 0.0 && wide < infinity ? probability / wide : absent;
  };
  image.curves(
      "loss_density", {"collateral", "loss"},
      [&](std::size_t k) {
        return curve(k, [&](int b, double p) { return density(p, width[static_cast<std::size_t>(b)]); });
      },
      "1", "probability per unit of loss, in the bin, with failures and before sale costs");
  image.curves(
      "loss_after_sale", {"collateral", "loss"},
      [&](std::size_t k) { return curve(k, [&](int b, double) { return sold(k, b); }); }, "1",
      "the lower edge of the loss bin after sale costs");
  image.curves(
      "loss_after_sale_density", {"collateral", "loss"},
      [&](std::size_t k) {
        return curve(
            k, [&](int b, double p) { return b == loss_bins - 1 ? absent : density(p, sold(k, b + 1) - sold(k, b)); });
      },
      "1", "probability per unit of loss after sale costs, in the bin, with failures");
}

/// What the scenario read from files of prices and residuals: the effective scenario names them, and is not understood
/// without what they held.
void write_recorded(Image& image, const Results& r) {
  const MarketSpec& market = r.scenario.market;
  const auto& replay = r.scenario.stress.replay;
  if (market.innovation.rows.empty() && !replay) return;
  image.dimension("asset", collect(market.assets, [](const auto& a) { return a.name; }), "asset of the market");
  const auto table = [&](const char* name, const char* row, const auto& rows, const char* long_name) {
    std::vector<double> numbers;
    for (const auto& one : rows) numbers.insert(numbers.end(), one.begin(), one.end());
    image.variable(name, {row, "asset"}, numbers.data(), "1", long_name);
  };
  if (!market.innovation.rows.empty()) {
    std::vector<std::uint64_t> row(market.innovation.rows.size());
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = i;
    image.dimension("residual_row", row, "1", "a bar of the history that residuals are drawn from");
    table("residual", "residual_row", market.innovation.rows,
          "shock of the log price in standard deviations, as the bootstrap draws it");
  }
  if (!replay) return;
  std::vector<double> time;
  for (std::size_t i = 1; i <= replay->returns.size(); ++i) time.push_back(static_cast<double>(i) * replay->bar);
  image.dimension("replay_time", time, "s", "end of a recorded bar, after the first row at which a call may come");
  table("replay_return", "replay_time", replay->returns, "log return of the recorded bar");
  image.variable("replay_bar", {}, &replay->bar, "s", "length of a recorded bar");
  const std::uint64_t calls = replay->calls;
  image.variable("replay_calls", {}, &calls, "1", "rows at which a call may come, from the first one on");
}

/// What the blocks of an [uncertainty] came to: they are runs of their own, whose counts are not kept.
void write_blocks(Image& image, const Results& r) {
  if (!r.blocks || r.blocks->done == 0) return;
  const BlockHaircuts& blocks = *r.blocks;
  if (blocks.confidence != r.scenario.run.confidence || blocks.collaterals != r.scenario.collateral.size() ||
      blocks.haircut.size() != blocks.done * blocks.collaterals * blocks.confidence.size())
    throw std::logic_error("a result's blocks are not those of its scenario");
  std::vector<std::uint64_t> number(blocks.done);
  for (std::size_t b = 0; b < number.size(); ++b) number[b] = b;
  image.dimension("block", number, "1", "a run of fresh paths with parameters drawn once");
  image.variable("block_haircut", {"block", "collateral", "confidence"}, blocks.haircut.data(), "1",
                 "haircut with the parameters of the block; not a number where its paths are too few for a bound");
  image.variable("block_paths", {}, &blocks.paths, "1", "paths of a block");
  std::vector<double> low, high;
  for (const auto& row : parameter_intervals(blocks, r.scenario.run.interval)) {
    for (const auto& interval : row) {
      low.push_back(interval ? interval->low : or_nan({}));
      high.push_back(interval ? interval->high : or_nan({}));
    }
  }
  image.variable("haircut_parameter_low", {"collateral", "confidence"}, low.data(), "1",
                 "lower end of the interval of the haircut that contains parameter error");
  image.variable("haircut_parameter_high", {"collateral", "confidence"}, high.data(), "1",
                 "upper end of the interval of the haircut that contains parameter error");
}

/// Losses by how long the haircut had been set, and the haircuts that they give.
void write_ages(Image& image, const Results& r) {
  const std::size_t ages = r.ages.paths.size();
  if (ages == 0) return;
  image.dimension("age", seconds_of_ages(r.compiled), "s", "time from setting the haircut to the call");
  image.variable("age_paths", {"age"}, r.ages.paths.data(), "1", "paths whose haircut had been set so long ago");
  image.histogram("age_loss_count", {"age", "collateral", "loss"}, r.ages.counts.data(), "1",
                  "paths by loss before sale costs, failures included");
  const Answers all = answer(r);
  const std::size_t confidences = r.scenario.run.confidence.size();
  const auto variable = [&](const char* name, const char* long_name, auto read) {
    std::vector<double> values(ages * r.ages.collaterals * confidences, or_nan({}));
    for (std::size_t k = 0; k < all.collateral.size(); ++k) {
      for (std::size_t c = 0; c < confidences; ++c) {
        const auto& by_age = all.collateral[k].haircuts[c].by_age;
        for (std::size_t a = 0; a < by_age.size(); ++a)
          values[(a * r.ages.collaterals + k) * confidences + c] = or_nan(read(by_age[a]));
      }
    }
    image.variable(name, {"age", "collateral", "confidence"}, values.data(), "1", long_name);
  };
  variable("age_haircut", "haircut of calls that come so long after it was set", [](const auto& h) { return h.value; });
  variable("age_haircut_low", "lower end of its interval", [](const auto& h) { return h.low; });
  variable("age_haircut_high", "upper end of its interval", [](const auto& h) { return h.high; });
}

std::string hash_of(std::string_view bytes) { return Hash().feed(std::as_bytes(std::span(bytes))).text(); }

// ---- reading --------------------------------------------------------------------------------------------------------

/// The HDF5 image inside the bytes of a file: without the hash that ours have behind it. A file that another program
/// has rewritten has none: then it is the whole file, HDF5's own checks and the tally's hash must do, and that is said.
std::string_view image_in(std::string_view bytes) {
  if (bytes.substr(0, signature.size()) != signature) throw Refused{"it is not an HDF5 file"};
  const std::size_t at = bytes.rfind(trailer_tag);
  if (at == std::string_view::npos) return bytes;
  if (at + trailer_size != bytes.size()) throw Refused{"it is truncated"};
  const std::string_view trailer = bytes.substr(at);
  const std::string_view image = bytes.substr(0, bytes.size() - trailer_size);
  if (trailer.substr(trailer_tag.size(), 32) != hash_of(image)) throw Refused{"it was damaged after it was written"};
  return image;
}

/// In place of the files that the scenario names, none of which is opened.
Recorded read_recorded(ImageReader& image) {
  Recorded recorded;
  if (image.has_dataset("residual")) recorded.innovation.rows = image.rows("residual", most_recorded);
  if (!image.has_dataset("replay_return")) return recorded;
  ReplaySpec& replay = recorded.replay.emplace();
  replay.returns = image.rows("replay_return", most_recorded);
  image.read("replay_bar", {}, &replay.bar);
  std::uint64_t calls = 0;
  image.read("replay_calls", {}, &calls);
  replay.calls = calls;
  return recorded;
}

std::optional<BlockHaircuts> read_blocks(ImageReader& image, const Scenario& scenario) {
  if (!image.has_dataset("block_haircut")) return std::nullopt;
  BlockHaircuts blocks;
  blocks.confidence = scenario.run.confidence;
  blocks.collaterals = scenario.collateral.size();
  image.read("block_paths", {}, &blocks.paths);
  const std::vector<std::uint64_t> extent = image.extent_of("block_haircut");
  const auto asked = static_cast<std::uint64_t>(std::max(0, scenario.uncertainty.blocks));
  if (extent.empty() || extent[0] > asked) throw Refused{"it has more blocks than its scenario asks for"};
  blocks.done = extent[0];
  blocks.haircut.resize(blocks.done * blocks.collaterals * blocks.confidence.size());
  image.read("block_haircut", {extent[0], blocks.collaterals, blocks.confidence.size()}, blocks.haircut.data());
  return blocks;
}

/// Whatever a file says of ages has to add up to its tally.
AgeLosses read_ages(ImageReader& image, const Results& r) {
  const std::size_t ages = r.compiled.ages.size(), collaterals = r.tally.layout.collaterals;
  if (ages == 0) return {};
  AgeLosses losses(ages, collaterals);
  image.read("age_paths", {ages}, losses.paths.data());
  image.read("age_loss_count", {ages, collaterals, loss_bins}, losses.counts.data());
  const auto refused = [] { return Refused{"its counts by age do not add up to its tally"}; };
  std::uint64_t paths = 0;
  for (const std::uint64_t n : losses.paths) {
    if (n > r.tally.paths - paths) throw refused();
    paths += n;
  }
  if (paths != r.tally.paths) throw refused();
  for (std::size_t k = 0; k < collaterals; ++k) {
    std::vector<std::uint64_t> of_age(ages);
    for (std::size_t b = 0; b < loss_bins; ++b) {
      std::uint64_t left = count_with_failures(r.tally, static_cast<int>(k), b);
      for (std::size_t a = 0; a < ages; ++a) {
        const std::uint64_t n = losses.at(a, k, b);
        if (n > left) throw refused();
        left -= n;
        of_age[a] += n;
      }
      if (left != 0) throw refused();
    }
    if (of_age != losses.paths) throw refused();
  }
  return losses;
}

/// Counts are stored by name, so those of an older kernel revision mean what they meant. Only its random paths are
/// gone: the plan keeps the hash that it had, which no run of today has. Returns the layout of what was tallied then.
TallyLayout adopt_older(ImageReader& image, std::uint64_t revision, const std::string& plan_hash, Results& r) {
  const auto collaterals = r.compiled.reading_of.size();
  std::vector<std::uint64_t> readings(collaterals);
  image.read("price_reading", {collaterals}, readings.data());
  if (!std::equal(readings.begin(), readings.end(), r.compiled.reading_of.begin(),
                  [](std::uint64_t then, int now) { return then == static_cast<std::uint64_t>(now); }))
    throw Refused{fmt::format("its price-layer times are in another order, it was written by {}", r.engine)};
  r.compiled.plan.revision = static_cast<std::uint32_t>(revision);
  r.compiled.plan_hash = plan_hash;
  TallyLayout layout = layout_of(r.compiled.plan);
  for (const Section& s : sections) {
    if (!image.has_dataset(s.name)) layout.leave_out(s);
  }
  // in revision 3 and before pairs were always counted
  layout.joint = image.extent_of(section(Counted::under).name).size() == 2 ? 1 : 0;
  return layout;
}

/// Text that is printed in a line.
std::string read_line(ImageReader& image, const std::string& name) {
  std::string text = image.text(name);
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (text.size() > 1024 || std::any_of(text.begin(), text.end(), is_control))
    throw Refused{fmt::format("its attribute \"{}\" is no line of text", name)};
  return text;
}

/// Whether these may be the counts of so many paths, as far as answers rely on it. Their hash does not say so: whoever
/// makes counts can make it.
bool is_possible(const Tally& tally) {
  const TallyLayout& at = tally.layout;
  const std::uint64_t paths = tally.paths;
  if (paths == 0) return false;
  const auto sum = [&](const Section& s, std::size_t row) -> std::optional<std::uint64_t> {
    std::uint64_t all = 0;
    const auto bins = static_cast<std::size_t>(bins_of(s.kind));
    for (const std::uint64_t n : std::span(tally.counts).subspan(at.begin(s) + row * bins, bins)) {
      if (n > paths - all) return std::nullopt;
      all += n;
    }
    return all;
  };
  for (const Section& s : sections) {
    if (s.kind == Kind::sum) continue;
    for (std::size_t row = 0; row < at.rows(s); ++row) {
      const auto all = sum(s, row);
      if (!all || (is_buffered(s.kind) && *all != paths)) return false;
    }
  }
  for (int k = 0; k < static_cast<int>(at.collaterals); ++k) {  // paths that a failure moves
    if (sum(section(Counted::spared), static_cast<std::size_t>(k)) !=
        sum(section(Counted::struck), static_cast<std::size_t>(k)))
      return false;
    for (std::size_t b = 0; b < loss_bins; ++b)
      if (tally.counts[at.spared(k) + b] > tally.counts[at.latency(k) + b]) return false;
  }
  return true;
}

Results read_image(std::string_view bytes, const std::string& name) {
  ImageReader image(bytes);
  if (!image.has_attribute("format") || image.text("format") != format_name) {
    throw Refused{"it is an HDF5 file of another program"};
  }
  Results r;
  r.engine = read_line(image, "engine");
  if (const auto schema = image.whole("schema"); schema != format_schema) {
    throw Refused{fmt::format("it has format {} and this program reads format {}; it was written by {}", schema,
                              format_schema, r.engine)};
  }
  const std::string effective = image.text("effective_scenario"), plan_hash = image.text("plan_hash");
  Recorded recorded = read_recorded(image);
  recorded.former_words = true;
  try {
    r.scenario = parse_scenario(effective, name, ".", {}, &recorded);
    r.compiled = compile(r.scenario);
  } catch (const Error& e) {
    throw Refused{
        fmt::format("the scenario in it is no longer understood, it was written by {}: {}", r.engine, e.what())};
  }
  TallyLayout layout = layout_of(r.compiled.plan);
  const auto revision = image.whole("kernel_revision");
  if (revision > kernel_revision) {
    throw Refused{fmt::format("it has kernel revision {} and this program knows {}; it was written by {}", revision,
                              kernel_revision, r.engine)};
  }
  if (revision < kernel_revision) {
    layout = adopt_older(image, revision, plan_hash, r);
  } else if (r.compiled.plan_hash != plan_hash) {
    throw Refused{fmt::format("its scenario compiles to plan {} here and did to {} in {}", r.compiled.plan_hash,
                              plan_hash, r.engine)};
  }
  r.scenario.source = image.text("scenario_text");
  r.seed = image.whole("seed");
  r.range = {image.whole("first_path"), image.whole("paths")};
  if (r.range.first > ~std::uint64_t{0} - r.range.count) throw Refused{"its paths have impossible numbers"};
  r.backend = read_line(image, "backend");
  r.device = read_line(image, "device");
  r.date = read_line(image, "date");
  r.wall_seconds = image.real("wall_seconds");

  r.tally = Tally(layout);
  for (const Section& s : sections) {
    if (layout.size(s) == 0) continue;
    const Dataset set = dataset_of(s, layout);
    image.read(set.name, set.extents, (s.kind == Kind::sum ? r.tally.sums : r.tally.counts).data() + layout.begin(s));
  }
  r.tally.paths = r.range.count;
  r.tally.lowest_non_finite = image.whole("lowest_non_finite");
  if (r.tally.hash() != image.text("tally_hash")) throw Refused{"its counts do not have the hash that it names"};
  if (!is_possible(r.tally)) throw Refused{fmt::format("its counts are not those of {} paths", r.tally.paths)};
  r.ages = read_ages(image, r);
  r.blocks = read_blocks(image, r.scenario);
  return r;
}

}  // namespace

void write_results(const Results& r, const std::filesystem::path& file) {
  std::string bytes;
  try {
    const QuietHdf5 quiet;
    if (r.tally.paths != r.range.count) throw std::logic_error("a result's tally does not hold the paths of its range");
    Image image;
    write_attributes(image, r);
    write_dimensions(image, r);
    write_answers(image, r);
    write_tally(image, r);
    write_densities(image, r);
    write_recorded(image, r);
    write_ages(image, r);
    write_blocks(image, r);
    bytes = image.bytes();
  } catch (const Refused& refused) {
    throw Error({{file.string(), 0, fmt::format("the result cannot be written ({}) report it", refused.text)}});
  } catch (const std::bad_alloc&) {
    throw Error(
        {{file.string(), 0, "the result cannot be written (there is not enough memory to build it) free some memory"}});
  }
  const std::string hash = hash_of(bytes);
  bytes.append(trailer_tag).append(hash).append("\n");
  write_file(file, bytes, "the result");
}

Results read_results(const std::filesystem::path& file) {
  const std::string bytes = read_file(file, largest_file, "the result");
  try {
    const std::string_view image = image_in(bytes);
    Results results = read_image(image, file.string());
    results.has_checksum = image.size() < bytes.size();
    return results;
  } catch (const Refused& refused) {
    throw Error({{file.string(), 0,
                  fmt::format("this is no result that can be used ({}) run the scenario again", refused.text)}});
  } catch (const std::bad_alloc&) {
    throw Error({{file.string(), 0, "the result cannot be read (there is not enough memory for it) free some memory"}},
                Cause::machine);
  }
}

}  // namespace proofload
