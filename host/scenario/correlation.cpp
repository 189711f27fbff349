#include "scenario/correlation.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "base/nearest_correlation.h"
#include "base/words.h"
#include "kernels/plan.h"

namespace proofload::input {
namespace {

using std::string, std::vector;

/// Eigenvalues below this make a Cholesky factor of noise; what is offered stays well above it, also when rounded.
constexpr double smallest_allowed = 1e-9, smallest_offered = 1e-3;

struct Entry {
  double value;
  Place place;
};
using Rows = vector<vector<Entry>>;

bool read_matrix(Report& report, const Node& matrix, Rows& rows) {
  const auto is_array = [](const Node& n) { return n.is_array(); };
  if (!matrix.is_array() || matrix.items.empty() || !std::all_of(matrix.items.begin(), matrix.items.end(), is_array)) {
    report.add(matrix.place, "market.correlation is not an array of rows", "it is a square matrix",
               "write [[1.0, 0.8], [0.8, 1.0]]");
    return false;
  }
  bool good = true;
  for (const auto& row : matrix.items) {
    rows.emplace_back();
    for (const auto& item : row.items) {
      const string path = fmt::format("market.correlation[{}][{}]", rows.size(), rows.back().size() + 1);
      const auto x = read_quantity(report, item, path, {-1.0, 1.0, Open::neither, "a correlation", "0.5"});
      good &= x.has_value();
      rows.back().push_back({x.value_or(0.0), item.place});
    }
  }
  return good;
}

bool read_matrix_file(Report& report, const Node& file, Rows& rows) {
  int bad = 0;
  const auto use = [&](const Place& at, const vector<std::string_view>& cells) {
    rows.emplace_back();
    for (const auto cell : cells) {
      const auto x = cell_number(cell);
      if ((!x || std::fabs(*x) > 1.0) && ++bad <= 10)
        report.add(at, in_quotes(cell) + " is not a correlation",
                   "the file is a matrix of numbers from -1 to 1, without a header", "correct this cell");
      rows.back().push_back({x.value_or(0.0), at});
    }
    return true;
  };
  return read_csv(report, file, "market.correlation_file", largest_scenario, "a matrix", use, Header::none) && bad == 0;
}

string counted(std::size_t count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

bool check_size(Report& report, const Place& at, const string& path, const Rows& rows, std::size_t assets) {
  const std::size_t n = rows.size();
  const string there = fmt::format("there {} {}", assets == 1 ? "is" : "are", counted(assets, "asset"));
  if (n != assets)
    report.add(at, fmt::format("{} has {}, and {}", path, counted(n, "row"), there),
               "row i holds the correlations of asset i, in the order of market.assets",
               fmt::format("give {0} x {0} numbers", assets));
  bool good = n == assets;
  if (!good && std::all_of(rows.begin(), rows.end(), [&](const auto& row) { return row.size() == n; })) return false;
  for (std::size_t i = 0; i < n; ++i) {
    if (rows[i].size() == assets) continue;
    report.add(rows[i].empty() ? at : rows[i][0].place,
               fmt::format("row {} of {} has {}, and {}", i + 1, path, counted(rows[i].size(), "number"), there),
               "a correlation matrix is square", "give " + counted(assets, "number"));
    good = false;
  }
  return good;
}

/// What to do about a matrix that is not positive definite.
string remedy(const Matrix& m, double smallest) {
  const std::size_t n = m.size();
  if (n > 8) {
    const double w = std::ceil((smallest_offered - smallest) / (1.0 - smallest) * 1e4) / 1e4;
    return fmt::format("multiply every number off the diagonal by {:.4f}, or correct the data it was estimated from",
                       1.0 - w);
  }
  string text;
  const Matrix alike(n, vector<double>(n, 1.0));  // nobody says how well the pairs are known
  for (const auto& row : nearest_written_correlation(m, alike, smallest_offered))
    text += fmt::format(", [{:.4f}]", fmt::join(row, ", "));
  return fmt::format("the nearest correlation matrix is [{}]", text.substr(2));
}

void check(Report& report, const Place& at, const string& path, const Rows& rows, std::size_t assets, Matrix& out) {
  if (!check_size(report, at, path, rows, assets)) return;
  Matrix m(assets, vector<double>(assets, 1.0));
  bool good = true;
  for (std::size_t i = 0; i < assets; ++i) {
    if (std::fabs(rows[i][i].value - 1.0) > 1e-9) {
      report.add(rows[i][i].place,
                 fmt::format("row {0}, column {0} of {1} is {2}", i + 1, path, brief(rows[i][i].value)),
                 "an asset has correlation 1 with itself", "write 1.0 on the diagonal");
      good = false;
    }
    for (std::size_t j = 0; j < i; ++j) {
      const double below = rows[i][j].value, above = rows[j][i].value;
      m[i][j] = m[j][i] = 0.5 * (below + above);
      if (std::fabs(below - above) <= 1e-9) continue;
      report.add(rows[i][j].place,
                 fmt::format("row {0}, column {1} of {2} is {3}, and row {1}, column {0} is {4}", i + 1, j + 1, path,
                             brief(below), brief(above)),
                 "a correlation matrix is symmetric", "make the two equal");
      good = false;
    }
  }
  if (!good) return;
  const double smallest = smallest_eigenvalue(m);
  if (smallest >= smallest_allowed)
    out = std::move(m);
  else
    report.add(
        at, path + " is not positive definite",
        fmt::format("its smallest eigenvalue is {:.4g}, so no prices can be correlated like that", smallest + 0.0),
        remedy(m, smallest));
}

/// One row of loadings; the asset's own noise has what their squares leave of 1.
bool read_loadings(Report& report, const Node& row, const string& path, vector<double>& out) {
  bool good = true;
  double common = 0.0;
  for (const auto& item : row.items) {
    const auto x = read_quantity(report, item, fmt::format("{}[{}]", path, out.size() + 1),
                                 {-1.0, 1.0, Open::neither, "the loading of a standardised return on a factor", "0.8"});
    good &= x.has_value();
    out.push_back(x.value_or(0.0));
    common += out.back() * out.back();
  }
  if (!good || common <= 1.0 - smallest_allowed) return good;
  report.add(row.place, fmt::format("the squares of {} sum to {}", path, brief(common)),
             "the asset's own noise has the variance 1 less that sum, which must be above 0",
             fmt::format("multiply the row by {:.4f} or less", std::floor(std::sqrt(0.999 / common) * 1e4) / 1e4));
  return false;
}

void read_factors(Report& report, const Node& n, std::size_t assets, Matrix& out) {
  const char* what = "write factors = { loadings = [ [0.9, 0.1], [0.8, -0.2] ] }, a row for each asset";
  if (!check_table(report, n, "market.factors", "factors are given by their loadings", what)) return;
  const Table t{report, n, "market.factors"};
  t.allow({"loadings"});
  const Node* rows =
      t.need("loadings", "a row for each asset, a number for each factor", "[ [0.9, 0.1], [0.8, -0.2] ]");
  if (!rows) return;
  const string path = t.path_of("loadings");
  const auto is_array = [](const Node& row) { return row.is_array() && !row.items.empty(); };
  if (!rows->is_array() || rows->items.empty() || !std::all_of(rows->items.begin(), rows->items.end(), is_array)) {
    report.add(rows->place, path + " is not an array of rows", "row i holds the loadings of asset i", what);
    return;
  }
  if (rows->items.size() != assets) {
    report.add(rows->place,
               fmt::format("{} has {}, and there {} {}", path, counted(rows->items.size(), "row"),
                           assets == 1 ? "is" : "are", counted(assets, "asset")),
               "row i holds the loadings of asset i, in the order of market.assets", "give " + counted(assets, "row"));
    return;
  }
  const std::size_t factors = rows->items[0].items.size();
  if (factors > limit::factors) {
    report.add(rows->place, fmt::format("{} has {} factors", path, factors),
               fmt::format("a plan has room for {}", limit::factors), "keep the largest ones");
    return;
  }
  bool good = true;
  Matrix loadings(assets);
  for (std::size_t i = 0; i < assets; ++i) {
    const Node& row = rows->items[i];
    const string here = fmt::format("{}[{}]", path, i + 1);
    if (row.items.size() != factors) {
      report.add(row.place,
                 fmt::format("{} has {}, and the first row has {}", here, counted(row.items.size(), "number"), factors),
                 "each factor has a loading for each asset", "write 0.0 where a factor does not move the asset");
      good = false;
    } else {
      good &= read_loadings(report, row, here, loadings[i]);
    }
  }
  if (good) out = std::move(loadings);
}

}  // namespace

void read_correlation(const Table& market, const Place& at, std::size_t assets, Matrix& out, Matrix& loadings) {
  Report& report = market.report;
  const Node *matrix = market.get("correlation"), *file = market.get("correlation_file");
  const Node* factors = market.get("factors");
  Rows rows;
  if (factors && (matrix || file)) {
    report.add(factors->place,
               fmt::format("market has both factors and {}", matrix ? "correlation" : "correlation_file"),
               "factors are a correlation of their own, so one of them would be ignored", "take one of them out");
  } else if (factors) {
    read_factors(report, *factors, assets, loadings);
  } else if (assets > limit::walked_assets) {
    report.add_missing(
        matrix ? matrix->place
        : file ? file->place
               : at,
        fmt::format("there are {} assets without factors", assets),
        fmt::format("a full correlation steps every asset at every event, which has room for {}", limit::walked_assets),
        "give market.factors (proofload fit --factors makes them), or take assets out");
  } else if (matrix && file) {
    report.add(file->place, "market has both correlation and correlation_file", "one of them would be ignored",
               "take one of them out");
  } else if (matrix) {
    if (read_matrix(report, *matrix, rows)) check(report, matrix->place, "market.correlation", rows, assets, out);
  } else if (file) {
    if (read_matrix_file(report, *file, rows)) check(report, file->place, "market.correlation_file", rows, assets, out);
  } else {
    out.assign(1, {1.0});
    if (assets > 1)
      report.add_missing(
          at, "market.correlation is missing",
          fmt::format("there are {} assets, and zero would be a strong assumption", assets),
          fmt::format("add correlation = [[1.0, ...], ...] with {0} rows of {0} numbers, or correlation_file", assets));
  }
}

Matrix pulled_together(Matrix r, double overlay) {
  for (std::size_t i = 0; i < r.size(); ++i) {
    for (std::size_t j = 0; j < r.size(); ++j) r[i][j] = i == j ? 1.0 : (1.0 - overlay) * r[i][j] + overlay;
  }
  return r;
}

Matrix correlation_of(const MarketSpec& market, double overlay) {
  const std::size_t n = market.assets.size();
  Matrix r = market.factors.empty() ? market.correlation : Matrix(n, vector<double>(n));
  if (n == 1) r = {{1.0}};
  for (std::size_t i = 0; i < n && !market.factors.empty(); ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      for (std::size_t k = 0; k < market.factors[i].size(); ++k) r[i][j] += market.factors[i][k] * market.factors[j][k];
    }
  }
  return pulled_together(std::move(r), overlay);
}

double room_for(const vector<double>& loadings, const Matrix& correlation) {
  const Eigen e = eigen(correlation);
  double sum = 0.0;
  for (std::size_t i = 0; i < loadings.size(); ++i) {
    double along = 0.0;
    for (std::size_t k = 0; k < loadings.size(); ++k) along += e.vectors[k][i] * loadings[k];
    sum += along * along / std::max(e.values[i], smallest_allowed);
  }
  return 1.0 / std::sqrt(sum);
}

}  // namespace proofload::input
