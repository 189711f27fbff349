// Chains and layers that stand still, messages that are sent again or queue, against theory (DESIGN 1.3). checks.h says
// what a check is and how it proves that it would see an error; outages.h has the theory of an outage.
#include <algorithm>

#include "tests/model/outages.h"

namespace proofload {
namespace {

using namespace testing;  // NOLINT: the vocabulary of checks

constexpr std::uint64_t n = 1'000'000;

/// A stage of what happens where the collateral is.
std::string on_chain_a(const char* name, double time) {
  return fmt::format("{{ name = \"{}\", scope = \"collateral_chain\", {} }}", name, lasting(time).text);
}

/// One asset, one route from chain b to chain a through these stages.
std::string one_route(const std::string& stages, const std::string& layer = "") {
  return one_asset(0.8) + route("r", stages, layer) + collateral("k", "X", "r", 0.1);
}
std::string stage(const std::string& name, const Duration& d) {
  return fmt::format("{{ name = \"{}\", {} }}", name, d.text);
}

/// Durations whose residual laws differ, all of about a day.
struct Kind {
  const char* name;
  std::function<Duration(double)> law;  ///< of a factor
};
const Kind kinds[] = {
    {"exponential", [](double f) { return exponential_time(day * f); }},
    {"lognormal", [](double f) { return lognormal_time(15 * hour * f, 1.0); }},
    {"constant", [](double f) { return lasting(day * f); }},
    {"uniform", [](double f) { return uniform_time(6 * hour * f, 42 * hour * f); }},
    {"mixture", [](double f) { return either_time(0.9, lasting(2 * hour * f), lognormal_time(5 * day * f, 0.5)); }}};

/// An outage at the call: the stationary probability (error: r E[D]), and the law of what is left (errors: the law of D
/// itself; for a mixture, the components' own weights in place of length-biased ones).
void stationary(std::vector<Row>& rows) {
  for (const Kind& kind : kinds) {
    constexpr double base = 60.0;
    const auto outage = [=](const World& w) { return Standstill{40.0 * w.size, kind.law(w.shape)}; };
    const auto check = [&](const std::string& name, double x, Knob knob) {
      const double at = edge_at(base + x);
      return probability(
          name, n, [=](const World& w) { return outage(w).waits(at - base, 0.0, base); }, knob, later(0, at));
    };
    const auto quantile_at = [&](double p) {
      return solve([&](double x) { return -kind.law(1.0).residual(x); }, -p, 0.0, 40 * day);
    };
    rows.push_back(
        {fmt::format("at_the_call_{}", kind.name),
         n,
         [=](const World& w) { return chain_with("b", {outage(w)}) + one_route(constant("source_inclusion", base)); },
         {check("P(it waits)", 4.0, &World::size), check("P(more than the median)", quantile_at(0.5), &World::shape),
          check("P(more than the 95 %)", quantile_at(0.05), &World::shape)},
         "40d"});
  }
}

/// An outage that begins while the message is on the chain (errors: none begins; or it begins only if the part has not
/// yet been reached; or what remains of it is not all of it), in a part of two stages (error: only its first stage
/// counts).
void beginning(std::vector<Row>& rows) {
  for (const Kind& kind : {kinds[0], kinds[1], kinds[2]}) {
    constexpr double part = 12 * hour;
    const auto outage = [=](const World& w) { return Standstill{120.0 * w.size, kind.law(w.shape * 0.25)}; };
    const auto check = [&](const std::string& name, double x, Knob knob) {
      const double at = edge_at(part + x);
      return probability(
          name, n, [=](const World& w) { return outage(w).waits(at - part, 0.0, part); }, knob, later(0, at));
    };
    rows.push_back(
        {fmt::format("begins_{}", kind.name),
         n,
         [=](const World& w) {
           return chain_with("b", {outage(w)}) +
                  one_route(constant("source_inclusion", 4 * hour) + ", " + constant("finality", 8 * hour));
         },
         {check("P(it waits)", 0.3 * hour, &World::size), check("P(more than 3 h)", 3 * hour, &World::shape)},
         "40d"});
  }
  // A part of random duration: the longer it takes, the likelier the outage.
  const auto outage = [](const World& w) {
    return Standstill{200.0 * w.size, lognormal_time(5 * hour * w.shape, 0.7)};
  };
  const auto exact = [=](const World& w, double at) {
    const double mean = 6 * hour * w.delay;
    const Standstill o = outage(w);
    return std::exp(-at / mean) +
           integral([&](double part) { return std::exp(-part / mean) / mean * o.waits(at - part, 0.0, part); }, 0.0, at,
                    20);
  };
  std::vector<Check> checks;
  const Knob knobs[] = {&World::size, &World::shape, &World::delay};
  for (const double hours : {6.0, 15.0, 36.0}) {
    const double at = edge_at(hours * hour);
    checks.push_back(probability(
        fmt::format("P(delay > {} h)", hours), n, [=](const World& w) { return exact(w, at); }, knobs[checks.size()],
        later(0, at)));
  }
  rows.push_back({"begins_in_a_random_part", n,
                  [=](const World& w) {
                    return chain_with("b", {outage(w)}) +
                           one_route(stage("source_inclusion", exponential_time(6 * hour * w.delay)));
                  },
                  checks, "40d"});
}

/// A part that is reached late waits only if the outage is under way then (errors: it waits for the whole of an outage
/// that was over, or for the whole of one that was half over), and a message does not wait twice.
void later_parts(std::vector<Row>& rows) {
  constexpr double relay = 6 * hour, part = 600.0;
  for (const Kind& kind : {kinds[0], kinds[1], kinds[2]}) {
    const auto outage = [=](const World& w) { return Standstill{150.0 * w.size, kind.law(w.shape * 0.25)}; };
    const auto check = [&](const std::string& name, double x, Knob knob) {
      const double at = edge_at(relay + part + x);
      return probability(
          name, n, [=](const World& w) { return outage(w).waits(at - relay - part, relay, part); }, knob, later(0, at));
    };
    rows.push_back(
        {fmt::format("reached_late_{}", kind.name),
         n,
         [=](const World& w) {
           return chain_with("a", {outage(w)}) +
                  one_route(constant("relay", relay) + ", " + constant("destination_inclusion", part));
         },
         {check("P(it waits)", 0.15 * hour, &World::size), check("P(more than 3 h)", 3 * hour, &World::shape)},
         "40d"});
  }
  // Twice on one chain, the relay in between: whoever waited in the first part meets a chain that runs.
  const auto outage = [](const World& w) {
    return Standstill{150.0 * w.size, lognormal_time(4 * hour * w.shape, 0.8)};
  };
  const double base = 2 * part + relay;
  const auto check = [&](const std::string& name, double x, Knob knob) {
    const double at = edge_at(base + x);
    return probability(
        name, n,
        [=](const World& w) {
          const Standstill o = outage(w);
          return o.waits(at - base, 0.0, part) + o.waits(at - base, part + relay, part, part);
        },
        knob, later(0, at));
  };
  rows.push_back({"twice_on_a_chain",
                  n,
                  [=](const World& w) {
                    return chain_with("a", {outage(w)}) +
                           one_route(on_chain_a("source_inclusion", part) + ", " + constant("relay", relay) + ", " +
                                     constant("destination_inclusion", part));
                  },
                  {check("P(it waits)", 0.3 * hour, &World::size), check("P(more than 5 h)", 5 * hour, &World::shape)},
                  "40d"});
}

/// Routes of one chain wait for the same outage, those of another chain for another one (errors: a draw per route; one
/// for all).
void shared(std::vector<Row>& rows) {
  constexpr double part = 600.0, proof = 3 * hour, x0 = 2 * hour, x1 = 3 * hour, x2 = 2 * hour;
  const auto outage = [](const World& w) { return Standstill{80.0 * w.size, lognormal_time(5 * hour * w.shape, 0.8)}; };
  const auto other = [](const World&) { return Standstill{80.0, lognormal_time(5 * hour, 0.8)}; };
  // Route r0 meets chain a at once, r1 after 3 h: both late.
  const auto both = [=](const World& w) {
    const Standstill o = outage(w);
    const double r = o.per_second(), p = o.under_way();
    return p * o.duration.residual(std::max(x0, proof + x1)) +
           (1.0 - p) *
               integral(
                   [&](double s) { return r * std::exp(-r * s) * o.duration.beyond(std::max(x0, proof + x1 - s)); },
                   0.0, part, 4);
  };
  rows.push_back(
      {"shared_by_a_chain",
       n,
       [=](const World& w) {
         return clocks({part + x0, proof + part + x1, part + x2}) + chain_with("a", {outage(w)}) +
                chain_with("c", {other(w)}) + route("r0", on_chain_a("source_inclusion", part)) +
                route("r1", constant("challenge", proof) + ", " + constant("destination_inclusion", part)) +
                route("r2", constant("source_inclusion", part), "", "c") + watch(0, "r0") + watch(1, "r1") +
                watch(2, "r2");
       },
       {probability(
            "P(r0 late)", n, [=](const World& w) { return outage(w).waits(x0, 0.0, part); }, &World::size, under(0)),
        probability(
            "P(r1 late)", n, [=](const World& w) { return outage(w).waits(x1, proof, part); }, &World::shape, under(1)),
        probability("P(both routes of a late)", n, both, &World::shape, joint_under(0, 1)),
        probability(
            "P(routes of a and c late)", n,
            [=](const World& w) { return outage(w).waits(x0, 0.0, part) * other(w).waits(x2, 0.0, part); },
            &World::size, joint_under(0, 2))},
       "40d"});

  // A layer's pause is met by whoever relays over it, from whatever chain (error: a draw per route or per chain).
  const auto pause = [](const World& w) { return Standstill{80.0 * w.size, lasting(6 * hour * w.shape), "pause"}; };
  rows.push_back(
      {"shared_by_a_layer",
       n,
       [=](const World& w) {
         return clocks({part + x0, part + x1, part + x2}) +
                layer_with("l", "hazard = 0.0\nexposure = \"1h\"\n" + outages({pause(w)})) +
                layer_with("m", "hazard = 0.0\nexposure = \"1h\"\n" + outages({pause(World{})})) +
                route("r0", constant("relay", part), "l") + route("r1", constant("proof", part), "l", "c") +
                route("r2", constant("relay", part), "m") + watch(0, "r0") + watch(1, "r1") + watch(2, "r2");
       },
       {probability(
            "P(both routes of l late)", n, [=](const World& w) { return pause(w).waits(std::max(x0, x1), 0.0, part); },
            &World::shape, joint_under(0, 1)),
        probability(
            "P(routes of l and m late)", n,
            [=](const World& w) { return pause(w).waits(x0, 0.0, part) * pause(World{}).waits(x2, 0.0, part); },
            &World::size, joint_under(0, 2))},
       "40d"});
}

/// Which stage waits for whom: the oracle and what comes before a message has left for chain b, inclusion where the
/// message arrives for chain a, the relay for the layer.
void owners(std::vector<Row>& rows) {
  constexpr double part = 600.0, x = 2 * hour;
  const auto of = [](double rate, const char* name) { return Standstill{rate, exponential_time(8 * hour), name}; };
  struct {
    const char *stage, *more;
    double rate;
  } const cases[] = {{"oracle", "", 40.0},
                     {"source_inclusion", "", 40.0},
                     {"source_inclusion", ", scope = \"collateral_chain\"", 80.0},
                     {"finality", "", 40.0},
                     {"publication", "", 40.0},
                     {"destination_inclusion", "", 80.0},
                     {"relay", "", 160.0},
                     {"proof", "", 160.0},
                     {"challenge", "", 160.0},
                     {"queue", "", 160.0}};
  std::vector<Check> checks;
  std::vector<double> at;
  for (const auto& c : cases) {
    const int i = int(checks.size());
    at.push_back(part + x);
    checks.push_back(probability(
        fmt::format("{}{}", c.stage, c.more), n,
        [=](const World& w) { return of(c.rate * w.size, "").waits(x, 0.0, part); }, &World::size, under(i)));
  }
  rows.push_back(
      {"owners", n,
       [=](const World& w) {
         std::string text = clocks(at) + chain_with("b", {of(40.0 * w.size, "b")}) +
                            chain_with("a", {of(80.0 * w.size, "a")}) +
                            layer_with("l", "hazard = 0.0\nexposure = \"1h\"\n" + outages({of(160.0 * w.size, "l")}));
         for (std::size_t i = 0; i < at.size(); ++i) {
           text +=
               route(fmt::format("r{}", i),
                     fmt::format("{{ name = \"{}\"{}, {} }}", cases[i].stage, cases[i].more, lasting(part).text), "l") +
               watch(int(i), fmt::format("r{}", i));
         }
         return text;
       },
       checks, "40d", true});
}

/// Forced inclusion bounds the wait for inclusion where the message arrives, and no other.
void forced(std::vector<Row>& rows) {
  constexpr double part = 600.0, cap = 12 * hour;
  const auto outage = [](const World& w) { return Standstill{60.0 * w.size, exponential_time(day * w.shape)}; };
  const auto arrival = [=](double x) {
    const double at = edge_at(part + x);
    return probability(
        fmt::format("P(inclusion waits {} h)", x / hour), n,
        [=](const World& w) { return outage(w).waits(at - part, 0.0, part); }, &World::shape, later(0, at));
  };
  const double beyond = edge_at(part + 30 * hour);
  rows.push_back(
      {"forced_inclusion",
       n,
       [=](const World& w) {
         return chain_with("a", {outage(w)}, "forced_inclusion = \"12h\"\n") +
                chain_with("b", {outage(w)}, "forced_inclusion = \"12h\"\n") + one_asset(0.8) +
                route("r", constant("destination_inclusion", part)) + route("f", constant("finality", part)) +
                collateral("k", "X", "r", 0.1) + collateral("l", "X", "f", 0.1);
       },
       {arrival(6 * hour), arrival(cap - 600.0),
        probability(
            "P(finality waits 30 h)", n, [=](const World& w) { return outage(w).waits(beyond - part, 0.0, part); },
            &World::size, later(1, beyond))},
       "40d"});
}

/// What is known at the call: a chain has been down for a while (error: the law of D, or of the residual at a random
/// time), or runs.
void states(std::vector<Row>& rows) {
  constexpr double part = 600.0, since = 5 * hour;
  for (const Kind& kind : {kinds[0], kinds[1], kinds[3], kinds[4]}) {
    const auto law = [=](const World& w) { return kind.law(w.shape); };
    const auto left = [=](const World& w, double x) { return law(w).beyond(since + x) / law(w).beyond(since); };
    std::vector<Check> checks;
    const double shares[] = {0.7, 0.1};
    for (const double share : shares) {
      const double x = solve([&](double t) { return -left(World{}, t); }, -share, 0.0, 60 * day),
                   at = edge_at(part + x);
      checks.push_back(probability(
          fmt::format("P(more than {:.1f} h are left)", (at - part) / hour), n,
          [=](const World& w) { return left(w, at - part); }, &World::shape, later(0, at)));
    }
    rows.push_back({fmt::format("halted_{}", kind.name), n,
                    [=](const World& w) {
                      return chain_with("b", {Standstill{40.0, law(w)}}) +
                             one_route(constant("source_inclusion", part)) + "[state]\nhalted.b = \"5h\"\n";
                    },
                    checks, "40d"});
  }
  // A layer that is paused; the chain's outages stay what they are at any call.
  const auto outage = [](const World& w) { return Standstill{40.0 * w.size, exponential_time(day)}; };
  const auto pause = [](const World& w) { return Standstill{1.0, uniform_time(0.0, 20 * hour * w.shape), "pause"}; };
  const double at = edge_at(part + 6 * hour), there = edge_at(part + 10 * hour);
  rows.push_back(
      {"paused_layer",
       n,
       [=](const World& w) {
         return chain_with("b", {outage(w)}) +
                layer_with("l", "hazard = 0.0\nexposure = \"1h\"\n" + outages({pause(w)})) + one_asset(0.8) +
                route("r", constant("relay", part), "l") + route("f", constant("finality", part)) +
                collateral("k", "X", "r", 0.1) + collateral("l", "X", "f", 0.1) + "[state]\npaused.l = \"5h\"\n";
       },
       {probability(
            "P(more than 6 h of the pause are left)", n,
            [=](const World& w) {
              const Duration d = pause(w).duration;
              return d.beyond(5 * hour + at - part) / d.beyond(5 * hour);
            },
            &World::shape, later(0, at)),
        probability(
            "P(the chain waits)", n, [=](const World& w) { return outage(w).waits(there - part, 0.0, part); },
            &World::size, later(1, there))},
       "40d"});
  // One of two outages is known to last 9 h more. The other one only matters if it is under way then, or begins in the
  // part that is left: what is over by then has been waited for already (error: the waits for outages at the same time
  // are added).
  for (const bool first : {true, false}) {
    const Standstill known{1.0, lasting(10 * hour), "known"};
    const auto second = [](const World& w) { return Standstill{1500.0 * w.size, lasting(2 * hour), "other"}; };
    const double left = 9 * hour, late = edge_at(part + left + hour), more = late - part - left;
    rows.push_back({first ? "halted_by_one_of_two" : "halted_by_two_of_two",
                    n,
                    [=](const World& w) {
                      const Standstill other = second(w);
                      return chain_with("b", first ? std::vector{known, other} : std::vector{other, known}) +
                             one_route(constant("finality", part)) +
                             "[state]\nhalted.b = { since = \"1h\", outage = \"known\" }\n";
                    },
                    {probability(
                        "P(the other lasts an hour longer)", n,
                        [=](const World& w) {  // it begins in the 2 h before, less the hour, or in the part
                          const Standstill o = second(w);
                          return (1.0 - o.under_way()) * (o.begins(left + part) - o.begins(left + more - 2 * hour));
                        },
                        &World::size, later(0, late))},
                    "40d"});
  }
  // A chain that runs: only an outage that begins matters.
  const auto runs = [](const World& w) { return Standstill{60.0 * w.size, exponential_time(day * w.shape)}; };
  const double begun = edge_at(12 * hour + 10 * hour);
  rows.push_back(
      {"running",
       n,
       [=](const World& w) {
         return chain_with("b", {runs(w)}) + one_route(constant("finality", 12 * hour)) +
                "[state]\nrunning = [\"b\"]\n";
       },
       {probability(
           "P(an outage begins and lasts)", n,
           [=](const World& w) { return runs(w).begins(12 * hour) * runs(w).duration.beyond(begun - 12 * hour); },
           &World::size, later(0, begun))},
       "40d"});
}

/// Laws that come from the chain; a reorganisation; an execution window.
void chain_laws(std::vector<Row>& rows) {
  constexpr double block = 100.0;
  const auto reorg = [](const World& w) { return lognormal_time(2 * hour * w.shape, 0.6); };
  const double early = edge_at(hour), late = edge_at(3 * hour);
  rows.push_back(
      {"reorg",
       n,
       [=](const World& w) {
         return fmt::format("[chains.b]\nreorg = {{ probability = {:.17g}, delay = {} }}\n", 0.02 * w.size,
                            law_in(reorg(w))) +
                one_route(constant("relay", 60) + ", { name = \"reorg\", kind = \"chain\" }");
       },
       {probability(
            "P(sent again, an hour late)", n,
            [=](const World& w) { return 0.02 * w.size * reorg(w).beyond(early - 60.0); }, &World::size,
            later(0, early)),
        probability(
            "P(three hours late)", n, [=](const World& w) { return 0.02 * w.size * reorg(w).beyond(late - 60.0); },
            &World::shape, later(0, late))}});
  const double blocks = edge_at(1024.0), final = edge_at(18 * minute);
  rows.push_back(
      {"inclusion_and_finality_of_a_chain",
       n,
       [=](const World& w) {
         return fmt::format(
                    "[chains.b]\nblock_time = {}\ninclusion = {{ kind = \"geometric\", probability = {:.17g}, "
                    "block_time = {} }}\nfinality = {{ {} }}\n",
                    seconds(block), 0.2 / w.size, seconds(block),
                    uniform_time(12.8 * minute * w.delay, 19.2 * minute * w.delay).text) +
                one_asset(0.8) + route("i", "{ name = \"source_inclusion\", kind = \"chain\" }") +
                route("f", "{ name = \"finality\", kind = \"chain\" }") + collateral("k", "X", "i", 0.1) +
                collateral("l", "X", "f", 0.1);
       },
       {probability(
            "P(ten blocks)", n,
            [=](const World& w) {  // (K + U) blocks: K = floor(x) and U beyond, or K larger
              const double q = 1.0 - 0.2 / w.size, x = blocks / block, k = std::floor(x);
              return std::pow(q, k + 1) + std::pow(q, k) * (1.0 - q) * (1.0 - (x - k));
            },
            &World::size, later(0, blocks)),
        probability(
            "P(finality takes 18 min)", n,
            [=](const World& w) {
              return uniform_time(12.8 * minute * w.delay, 19.2 * minute * w.delay).beyond(final);
            },
            &World::delay, later(1, final))}});
  const auto by_hand = [](const World& w) { return lognormal_time(10 * hour * w.shape, 0.5); };
  const double inside = edge_at(7 * hour), after = edge_at(20 * hour);
  rows.push_back(
      {"execution_window",
       n,
       [=](const World& w) {
         return one_route(fmt::format("{{ name = \"relay\", kind = \"window\", within = {}, end = \"8h\", late = {} }}",
                                      law_in(exponential_time(4 * hour * w.delay)), law_in(by_hand(w))));
       },
       {probability(
            "P(7 h)", n, [=](const World& w) { return std::exp(-inside / (4 * hour * w.delay)); }, &World::delay,
            later(0, inside)),
        probability(
            "P(20 h)", n,
            [=](const World& w) { return std::exp(-2.0 / w.delay) * by_hand(w).beyond(after - 8 * hour); },
            &World::shape, later(0, after))}});
}

const std::vector<Row>& rows() {
  static const std::vector<Row> all =
      rows_of<World>({stationary, beginning, later_parts, shared, owners, forced, states, chain_laws});
  return all;
}

class Regimes : public ::testing::TestWithParam<const Row*> {};
TEST_P(Regimes, LieInTheIntervalOfTheProgram) { lies_in_the_interval(*GetParam()); }
INSTANTIATE_TEST_SUITE_P(Quick, Regimes, ::testing::ValuesIn(rows_that_run(rows(), false)), row_name);
class RegimesError : public ::testing::TestWithParam<const Row*> {};
TEST_P(RegimesError, IsSeen) { rejects_a_planted_error(*GetParam()); }
INSTANTIATE_TEST_SUITE_P(Quick, RegimesError, ::testing::ValuesIn(errors_that_run(rows(), false)), row_name);
INSTANTIATE_TEST_SUITE_P(Slow, RegimesError, ::testing::ValuesIn(errors_that_run(rows(), true)), row_name);
TEST(RegimesRows, AreSound) { are_sound(rows(), 0.5); }

// ---- what no interval is needed for ---------------------------------------------------------------------------------

std::string head(std::uint64_t paths, const std::string& more = "") {
  return fmt::format("schema = 1\nname = \"r\"\n[run]\npaths = {}\nseed = 5\nhorizon = \"40d\"\n{}", paths, more);
}
std::uint64_t count_under(const Results& r, int i, int j) { return r.tally.counts[r.tally.layout.under(i, j)]; }

/// A chain that is certainly down waits exactly for what is left, and a forced inclusion for its cap: no path is a
/// second early or late.
TEST(Regimes, WaitToTheSecond) {
  const double part = 600.0;
  const auto text = [&](const std::string& more, double left) {
    return head(2'000) + clocks({part + left, part + left + 1.0}) +
           chain_with("a", {Standstill{1.0, lasting(day)}}, more) +
           route("r", constant("destination_inclusion", part)) + watch(0, "r") + watch(1, "r") +
           "[state]\nhalted.a = \"5h\"\n";
  };
  for (const bool forced : {false, true}) {
    const Results r = run_text(text(forced ? "forced_inclusion = \"12h\"\n" : "", forced ? 12 * hour : 19 * hour));
    EXPECT_EQ(count_under(r, 0, 0), r.tally.paths);
    EXPECT_EQ(count_under(r, 1, 1), 0u);
  }
}

/// Sales of the limit or more wait in the governor's queue, smaller ones of the same route do not; the wait is the
/// layer's, to the second.
TEST(Governor, QueuesBySize) {
  const std::string layer =
      layer_with("l", "hazard = 0.0\nexposure = \"1h\"\nqueue = { above = 250e3, delay = \"24h\" }\n");
  const auto sale = [](double size) { return fmt::format("sale = {{ size = {}, depth = 1e12 }}\n", size); };
  const Results r =
      run_text(head(2'000) + clocks({hour, hour + 1.0, 25 * hour, 25 * hour + 1.0}) + layer +
               route("r", constant("relay", hour), "l") + watch(0, "r", sale(249'999)) + watch(1, "r", sale(249'999)) +
               watch(2, "r", sale(250'000)) + watch(3, "r", sale(250'000)));
  EXPECT_EQ(count_under(r, 0, 0), r.tally.paths);
  EXPECT_EQ(count_under(r, 1, 1), 0u);
  EXPECT_EQ(count_under(r, 2, 2), r.tally.paths);
  EXPECT_EQ(count_under(r, 3, 3), 0u);
}

/// A large and a small sale of one asset on one route: the queue is a day of price risk, on the same walk.
TEST(Governor, QueueIsPriceRiskForTheLargeSaleOnly) {
  constexpr double score = -2.0;
  const auto loss_after = [](double d) { return loss(score * 0.8 * std::sqrt(d / year) - 0.32 * d / year); };
  const auto run = [&](double delay) {
    return run_text(
        head(400'000, fmt::format("interval = {}\n", level)) + one_asset(0.8) +
        layer_with("l", fmt::format("hazard = 0.0\nexposure = \"1h\"\nqueue = {{ above = 250e3, delay = {} }}\n",
                                    seconds(delay))) +
        route("r", constant("relay", hour), "l") +
        collateral("s", "X", "r", loss_after(hour), "sale = { size = 1e5, depth = 1e15 }") +
        collateral("g", "X", "r", loss_after(25 * hour), "sale = { size = 1e6, depth = 1e15 }"));
  };
  const Results r = run(day);
  const Answers a = answer(r);
  EXPECT_TRUE(agrees(a.collateral[0].p_under, normal(score)));
  EXPECT_TRUE(agrees(a.collateral[1].p_under, normal(score)));
  EXPECT_TRUE(agrees(joint_under(0, 1)(r, a), bivariate(score, score, std::sqrt(1.0 / 25.0))));
  const Answers moved = answer(run(1.1 * day));  // planted
  EXPECT_TRUE(agrees(moved.collateral[0].p_under, normal(score)));
  EXPECT_FALSE(agrees(moved.collateral[1].p_under, normal(score)));
}

}  // namespace
}  // namespace proofload
