#include "laws/survival.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <variant>

#include "base/error.h"
#include "laws/laws.h"

namespace proofload {
namespace {

constexpr std::size_t fewest_excesses = 20, usual_excesses = 30;
constexpr double usual_share = 0.05, greatest_share = 0.5;
constexpr double usual_known =
    4.0;  ///< times the share of which no end is known: three quarters of a tail are delivered
constexpr double least_shape = LawSpec::Tail::least_shape, greatest_shape = LawSpec::Tail::greatest_shape;

void check(const std::vector<Observation>& observations) {
  for (const Observation& o : observations)
    if (!(o.value >= 0.0 && o.value <= std::numeric_limits<double>::max()))
      throw Error("sample that is negative or not finite (delays are at least 0) remove it");
}

/// By time; deliveries before what is censored at the same time.
void sort(std::vector<Observation>& observations) {
  std::sort(observations.begin(), observations.end(), [](const Observation& x, const Observation& y) {
    return x.value != y.value ? x.value < y.value : x.delivered && !y.delivered;
  });
}

/// One delivery: the order in the middle of its step of the distribution function, and its value.
struct Step {
  double order, value;
};

/// Deliveries at the same time are steps of their own, as samples are. `left`: the survival function after the last
/// one.
std::vector<Step> steps_of(const std::vector<Observation>& sorted, double& left) {
  std::vector<Step> steps;
  left = 1.0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (!sorted[i].delivered) continue;
    const double mass = left / static_cast<double>(sorted.size() - i);
    steps.push_back({1.0 - left + mass / 2.0, sorted[i].value});
    left = i + 1 == sorted.size() ? 0.0 : left - mass;
  }
  return steps;
}

// -------------------------------------------------------------------------------------------- mathematics without libm

/// ln((1 + s) / (1 - s)) for |s| < 0.18, to about an ulp.
double double_atanh(double s) {
  const double square = s * s;
  double sum = 0.0;
  for (int k = 25; k >= 1; k -= 2) sum = sum * square + 1.0 / k;
  return 2.0 * s * sum;
}

double ln(double x) {
  int exponent = 0;
  double mantissa = std::frexp(x, &exponent);
  if (mantissa < 0.7071067811865476) mantissa *= 2.0, --exponent;
  return double_atanh((mantissa - 1.0) / (mantissa + 1.0)) + exponent * 0.6931471805599453;
}

double ln_of_one_plus(double x) { return x > -0.29 && x < 0.41 ? double_atanh(x / (2.0 + x)) : ln(1.0 + x); }

/// ln(1 + shape y) / shape, also at shape 0.
double reduced_log(double shape, double y) { return shape == 0.0 ? y : ln_of_one_plus(shape * y) / shape; }

// ---------------------------------------------------------------------------------------------- generalised Pareto

/// For a given ratio theta = shape / scale the shape of greatest likelihood is known, sum ln(1 + theta y) / deliveries:
/// what is left to maximise depends on theta alone (Davison 1984; Grimshaw 1993).
class Profile {
 public:
  explicit Profile(const std::vector<Observation>& excesses) : excesses_(excesses) {
    for (const Observation& o : excesses) {
      delivered_ += o.delivered ? 1.0 : 0.0;
      sum_ += o.value;
      greatest_ = std::max(greatest_, o.value);
    }
  }

  double mean() const { return sum_ / delivered_; }  ///< the scale of the exponential law
  double greatest() const { return greatest_; }

  /// sum ln(1 + theta y) over all and over the delivered.
  std::pair<double, double> sums(double theta) const {
    double all = 0.0, delivered = 0.0;
    for (const Observation& o : excesses_) {
      const double term = ln_of_one_plus(theta * o.value);
      all += term;
      if (o.delivered) delivered += term;
    }
    return {all, delivered};
  }

  double shape(double theta) const { return sums(theta).first / delivered_; }
  double scale(double theta) const { return theta == 0.0 ? mean() : shape(theta) / theta; }

  double log_likelihood(double theta) const {
    const auto [all, delivered] = sums(theta);
    const double scale_here = theta == 0.0 ? mean() : all / delivered_ / theta;
    return -delivered_ * (ln(scale_here) + 1.0) - delivered;
  }

  /// The theta at which the shape of greatest likelihood is this, after so many halvings: the shape rises with theta.
  double theta_of(double wanted, int halvings) const {
    double low = -1.0 / greatest_, high = 1.0 / greatest_;
    if (wanted >= 0.0) {
      low = 0.0;
      while (shape(high) < wanted && high < 1e300) high *= 2.0;
    } else {
      high = 0.0;
    }
    for (int i = 0; i < halvings; ++i) {
      const double middle = (low + high) / 2.0;
      if (1.0 + middle * greatest_ <= 0.0)
        low = middle;
      else
        (shape(middle) < wanted ? low : high) = middle;
    }
    return (low + high) / 2.0;
  }

 private:
  const std::vector<Observation>& excesses_;
  double delivered_ = 0.0, sum_ = 0.0, greatest_ = 0.0;
};

/// Golden section on [low, high].
double maximum_of(const Profile& profile, double low, double high) {
  constexpr double golden = 0.6180339887498949;
  double a = high - golden * (high - low), b = low + golden * (high - low);
  double at_a = profile.log_likelihood(a), at_b = profile.log_likelihood(b);
  for (int i = 0; i < 50; ++i) {
    if (at_a > at_b) {
      high = b, b = a, at_b = at_a;
      a = high - golden * (high - low), at_a = profile.log_likelihood(a);
    } else {
      low = a, a = b, at_a = at_b;
      b = low + golden * (high - low), at_b = profile.log_likelihood(b);
    }
  }
  return (low + high) / 2.0;
}

/// Standard errors of shape and scale: the inverse of minus the second derivatives of the log-likelihood. With z = 1 +
/// shape y / scale a delivery contributes -ln scale - ln z - ln z / shape, one that is censored -ln z / shape.
bool set_errors(const std::vector<Observation>& excesses, ExcessFit& fit) {
  const double shape = fit.shape, scale = fit.scale;
  double shapes = 0.0, mixed = 0.0, scales = 0.0;
  for (const Observation& o : excesses) {
    const double y = o.value / scale, x = shape * y, z = 1.0 + x, ratio = y / z;
    // First and second derivative of ln z / shape by the shape; series where they are differences of equal numbers.
    double first = (ratio - reduced_log(shape, y)) / shape, second = -(ratio * ratio + 2.0 * first) / shape;
    if (std::abs(x) < 0.02) {
      // ln z / shape = sum over k >= 0 of (-shape)^k y^(k + 1) / (k + 1)
      first = second = 0.0;
      double power = y * y;  // (-shape)^(k - 1) y^(k + 1)
      for (int k = 1; k <= 12; ++k, power *= -x) {
        first -= k / (k + 1.0) * power;
        second += k * (k + 1.0) / (k + 2.0) * power * y;
      }
    }
    shapes += second;
    mixed += ratio * ratio / scale;
    scales += y * (z + 1.0) / (scale * scale * z * z);
    if (!o.delivered) continue;
    shapes -= ratio * ratio;
    mixed -= y / (scale * z * z);
    scales += shape * y * (z + 1.0) / (scale * scale * z * z) - 1.0 / (scale * scale);
  }
  const double determinant = shapes * scales - mixed * mixed;
  if (!(shapes > 0.0 && determinant > 0.0)) return false;
  fit.shape_error = std::sqrt(scales / determinant);
  fit.scale_error = std::sqrt(shapes / determinant);
  return true;
}

/// A fit, or why there is none: "<problem> (<why it is a problem>)".
std::variant<ExcessFit, std::string> excess_fit(const std::vector<Observation>& excesses) {
  const auto delivered = static_cast<std::size_t>(
      std::count_if(excesses.begin(), excesses.end(), [](const Observation& o) { return o.delivered; }));
  if (delivered < fewest_excesses)
    return fmt::format("tail with {} beyond its threshold (two parameters cannot be told from fewer than {})",
                       delivered == 1 ? "1 delivery" : fmt::format("{} deliveries", delivered), fewest_excesses);
  const Profile profile(excesses);
  if (!(profile.mean() > 0.0)) return "tail without an excess above 0 (nothing rises)";

  // The likelihood may have two maxima: a grid over the shape first. Below the least and above
  // the greatest only to see it rise there.
  constexpr std::size_t points = 49;
  std::array<double, points> theta{};
  std::size_t best = 0;
  double greatest = -std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < points; ++i) {
    const double shape = least_shape + (greatest_shape + 0.5 - least_shape) * static_cast<double>(i) / (points - 1);
    theta[i] = profile.theta_of(shape, i == 0 ? 50 : 10);  // where the grid begins is what is checked below
    const double here = profile.log_likelihood(theta[i]);
    if (here > greatest) greatest = here, best = i;
  }
  ExcessFit fit;
  const double at = maximum_of(profile, theta[best == 0 ? 0 : best - 1], theta[std::min(best + 1, points - 1)]);
  fit.shape = profile.shape(at);
  fit.scale = profile.scale(at);
  fit.log_likelihood = profile.log_likelihood(at);
  if (fit.shape < least_shape + 1e-3)
    return "tail with a sharp upper end (its shape is below -0.5, where the fit has no standard errors)";
  if (fit.shape >= greatest_shape)
    return fmt::format("tail of shape {:.2g} or more (P(X > x) falls slower than the cube root of x rises)",
                       greatest_shape);
  if (!set_errors(excesses, fit)) return "tail whose likelihood has no curvature (its standard errors do not exist)";
  return fit;
}

/// Observations in order, with what their deliveries say.
struct Samples {
  std::vector<Observation> sorted;
  std::vector<std::pair<double, double>> quantiles;  ///< (p, value), the least at 0
  double left = 1.0;                                 ///< the share of which no end is known
};

/// A law's quantiles up to the threshold, which is the last, and what follows.
struct FittedTail {
  std::vector<std::pair<double, double>> quantiles;
  LawSpec::Tail tail;
};

std::variant<FittedTail, std::string> tail_of(const Samples& samples, double share) {
  const double order = 1.0 - share;
  FittedTail fitted{samples.quantiles, {}};
  auto& quantiles = fitted.quantiles;
  const auto above = std::find_if(quantiles.begin(), quantiles.end(), [&](const auto& q) { return q.first > order; });
  if (above == quantiles.end() || above == quantiles.begin())
    return fmt::format(
        "tail of a share of {:.3g} (the slowest delivery is at {:.3g} of the messages, and nothing is known of those "
        "that take longer)",
        share, quantiles.back().first);
  const auto below = std::prev(above);
  const double threshold =
      below->second + (above->second - below->second) * ((order - below->first) / (above->first - below->first));
  std::vector<Observation> excesses;
  for (const Observation& o : samples.sorted)
    if (o.value > threshold) excesses.push_back({o.value - threshold, o.delivered});
  const auto fit = excess_fit(excesses);
  if (const auto* problem = std::get_if<std::string>(&fit)) return *problem;
  const auto& excess = std::get<ExcessFit>(fit);
  quantiles.erase(below->first == order ? below : above, quantiles.end());
  quantiles.emplace_back(order, threshold);
  fitted.tail = {.threshold = threshold,
                 .share = share,
                 .shape = excess.shape,
                 .scale = excess.scale,
                 .shape_error = excess.shape_error,
                 .scale_error = excess.scale_error};
  return fitted;
}

/// What to do where a tail of this share cannot be fitted, all of it tried: the nearest share that can, else no tail.
std::string way_out(const Samples& samples, double share, const char* verb) {
  std::array shares{0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.1, 0.075, 0.05, 0.04, 0.03, 0.02, 0.01, 0.005};
  std::sort(shares.begin(), shares.end(),
            [&](double x, double y) { return std::abs(ln(x / share)) < std::abs(ln(y / share)); });
  for (const double other : shares)
    if (other != share && std::holds_alternative<FittedTail>(tail_of(samples, other)))
      return fmt::format("{} tail = {{ share = {} }}, which can be fitted", verb, other);
  if (samples.left <= 1e-9)
    return "leave out `tail`: beyond the slowest delivery the law goes on as an exponential one";
  return "watch messages until they arrive, or write quantiles = [ [p, value], ... ] with a last one at p = 1, the "
         "longest that you think a delay can be";
}

}  // namespace

// ---------------------------------------------------------------------------------------------- what survival.h offers

Delivery delivery_of(std::string_view cell) {
  std::string text(cell);
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  constexpr std::string_view arrived[] = {"1",          "true",   "yes",      "delivered", "success",  "succeeded",
                                          "successful", "ok",     "executed", "completed", "complete", "confirmed",
                                          "finalized",  "filled", "settled",  "received",  "redeemed", "claimed"};
  constexpr std::string_view not_yet[] = {
      "",          "0",           "false",         "no",        "failed",    "failure",  "fail",    "error",
      "pending",   "inflight",    "in_flight",     "in flight", "in-flight", "sent",     "waiting", "timeout",
      "timed out", "expired",     "reverted",      "refunded",  "cancelled", "canceled", "dropped", "blocked",
      "lost",      "undelivered", "not delivered", "stuck",     "unknown"};
  if (std::find(std::begin(arrived), std::end(arrived), text) != std::end(arrived)) return Delivery::arrived;
  return std::find(std::begin(not_yet), std::end(not_yet), text) != std::end(not_yet) ? Delivery::not_arrived
                                                                                      : Delivery::unknown;
}

std::string unknown_words_problem(const std::string& column, const std::map<std::string, std::size_t>& words) {
  std::string list;
  std::size_t shown = 0;
  for (const auto& [word, rows] : words) {
    if (++shown > 8) {
      list += ", ...";
      break;
    }
    list +=
        fmt::format("{}\"{}\" ({} row{})", list.empty() ? "" : ", ", word.substr(0, 40), rows, rows == 1 ? "" : "s");
  }
  return fmt::format(
      "column {} says {} (whether such a message arrived is not known: a wrong guess makes delays too long "
      "or too short) write delivered or failed instead",
      column, list);
}

std::vector<SurvivalStep> kaplan_meier(std::vector<Observation> observations) {
  check(observations);
  sort(observations);
  std::vector<SurvivalStep> steps;
  double survival = 1.0, greenwood = 0.0;
  for (std::size_t i = 0; i < observations.size();) {
    const double time = observations[i].value;
    const std::size_t at_risk = observations.size() - i;
    std::size_t delivered = 0;
    for (; i < observations.size() && observations[i].value == time; ++i)
      delivered += observations[i].delivered ? 1 : 0;
    if (delivered == 0) continue;
    const auto n = static_cast<double>(at_risk), d = static_cast<double>(delivered);
    survival *= (n - d) / n;
    if (delivered < at_risk) greenwood += d / (n * (n - d));
    steps.push_back({time, at_risk, delivered, survival, survival * std::sqrt(greenwood)});
  }
  return steps;
}

ExcessFit fit_excess(const std::vector<Observation>& excesses) {
  check(excesses);
  auto fit = excess_fit(excesses);
  if (const auto* problem = std::get_if<std::string>(&fit)) throw Error(*problem + " give more samples");
  return std::get<ExcessFit>(fit);
}

void reduce_observations(std::vector<Observation> observations, const std::optional<TailRequest>& request,
                         LawSpec& law) {
  check(observations);
  sort(observations);
  const std::size_t n = observations.size();
  double left = 1.0;
  const std::vector<Step> steps = steps_of(observations, left);
  if (steps.empty())
    throw Error(
        "samples without a delivery (no delay is known) give messages that were delivered, or leave out `status`");
  law.censored = n - steps.size();
  if (!request && law.censored == 0) {
    std::vector<double> samples;
    for (const Step& step : steps) samples.push_back(step.value);
    reduce_samples(std::move(samples), law);
    return;
  }

  Samples all{std::move(observations), {}, left};
  auto& quantiles = all.quantiles;
  for (const Step& step : steps) quantiles.emplace_back(quantiles.empty() ? 0.0 : step.order, step.value);
  const auto past = std::find_if(quantiles.begin(), quantiles.end(), [](const auto& q) { return q.first >= 0.01; });
  const double floor = past == quantiles.end() ? quantiles.back().second : past->second;
  const std::size_t beyond = std::min(usual_excesses, steps.size() - 1);
  const double usual = std::min(
      std::max({1.0 - steps[steps.size() - 1 - beyond].order, usual_share, usual_known * left}), greatest_share);
  if (!request) {
    if (left > 1e-9)
      throw Error(fmt::format(
          "samples of which {:.3g} % are not known to end (the slowest delivery took {:.6g}, and messages were "
          "watched for longer that did not arrive) {}",
          100.0 * left, steps.back().value,
          std::holds_alternative<FittedTail>(tail_of(all, usual)) ? "add tail = true, or watch them until they arrive"
                                                                  : way_out(all, usual, "add")));
    reduce_quantiles(quantiles, floor, law);
    law.samples = n;
    return;
  }
  const double share = request->share > 0.0 ? request->share : usual;
  const auto tail = tail_of(all, share);
  if (const auto* problem = std::get_if<std::string>(&tail)) throw Error(*problem + ' ' + way_out(all, share, "write"));
  reduce_quantiles(std::get<FittedTail>(tail).quantiles, floor, law);
  law.samples = n;
  law.tail = std::get<FittedTail>(tail).tail;
}

}  // namespace proofload
