#include "market/minimise.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_multimin.h>

#include <cmath>
#include <limits>
#include <memory>

namespace proofload {
namespace {

constexpr int most_restarts = 4;
constexpr double least_progress = 1e-9;  ///< of a step, relative to 1 + |value|

/// GSL asks for the value and for the gradient at one point in separate calls: the last point is kept.
struct CountedCalls {
  const Objective& objective;
  int most_evaluations;
  std::vector<double> at, slope;
  double value = 0.0;
  int evaluations = 0;

  bool exhausted() const { return evaluations >= most_evaluations; }

  double evaluate(const gsl_vector* x, gsl_vector* gradient) {
    bool known = evaluations > 0;
    for (std::size_t i = 0; i < x->size; ++i) {
      known &= at[i] == gsl_vector_get(x, i);
      at[i] = gsl_vector_get(x, i);
    }
    if (!known) {
      // A line search cannot be told to stop: without numbers it ends by itself.
      value = exhausted() ? std::numeric_limits<double>::quiet_NaN() : objective(at, slope);
      ++evaluations;
    }
    for (std::size_t i = 0; gradient && i < x->size; ++i) gsl_vector_set(gradient, i, slope[i]);
    return value;
  }
};

CountedCalls& counted(void* p) { return *static_cast<CountedCalls*>(p); }

}  // namespace

Minimum minimise(const Objective& objective, std::vector<double> start, double tolerance, int most_evaluations) {
  [[maybe_unused]] static const auto no_abort = gsl_set_error_handler_off();  // its default ends the program
  const std::size_t n = start.size();
  CountedCalls state{objective, most_evaluations, std::vector<double>(n), std::vector<double>(n)};
  gsl_multimin_function_fdf function{};
  function.n = n;
  function.params = &state;
  function.f = [](const gsl_vector* x, void* p) { return counted(p).evaluate(x, nullptr); };
  function.df = [](const gsl_vector* x, void* p, gsl_vector* g) { counted(p).evaluate(x, g); };
  function.fdf = [](const gsl_vector* x, void* p, double* f, gsl_vector* g) { *f = counted(p).evaluate(x, g); };

  const std::unique_ptr<gsl_vector, void (*)(gsl_vector*)> x(gsl_vector_alloc(n), gsl_vector_free);
  const std::unique_ptr<gsl_multimin_fdfminimizer, void (*)(gsl_multimin_fdfminimizer*)> search(
      gsl_multimin_fdfminimizer_alloc(gsl_multimin_fdfminimizer_vector_bfgs2, n), gsl_multimin_fdfminimizer_free);
  for (std::size_t i = 0; i < n; ++i) gsl_vector_set(x.get(), i, start[i]);

  Minimum best;
  best.x = start;
  best.value = std::numeric_limits<double>::infinity();
  for (int restart = 0; restart < most_restarts && !best.converged && !state.exhausted(); ++restart) {
    const double at_start = best.value;
    gsl_multimin_fdfminimizer_set(search.get(), &function, x.get(), 0.1, 0.1);
    int status = GSL_SUCCESS, stalls = 0;
    while (status == GSL_SUCCESS && stalls < 2 && !state.exhausted() && !best.converged) {
      const double before = search->f;
      status = gsl_multimin_fdfminimizer_iterate(search.get());
      if (!std::isfinite(search->f)) break;
      stalls = before - search->f < least_progress * (1.0 + std::fabs(before)) ? stalls + 1 : 0;
      best.converged = gsl_blas_dnrm2(search->gradient) < tolerance;
      if (search->f <= best.value) {
        best.value = search->f;
        for (std::size_t i = 0; i < n; ++i) best.x[i] = gsl_vector_get(search->x, i);
      }
    }
    // Again along the gradient, unless that was what has just brought nothing.
    best.converged |= at_start - best.value < least_progress * (1.0 + std::fabs(best.value));
    for (std::size_t i = 0; i < n; ++i) gsl_vector_set(x.get(), i, best.x[i]);
  }
  best.evaluations = state.evaluations;
  return best;
}

}  // namespace proofload
