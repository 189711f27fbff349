/// whole_law.h -- the quantile function of a whole law over normal scores, z -> Q(Phi(z)), in pieces: atoms, straight
/// lines in p, and smooth curves. Between them lie gaps, in which the law has no value.
///
/// The law is cut wherever one of its parts begins or ends: inside a piece nothing is cut off, and where two parts
/// overlap the quantile solves sum of w_i F_i(x) = p. What is asked for at ten thousands of scores is computed in
/// Portable numbers; tests compare it with the Quads of parts.h.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "laws/parts.h"
#include "laws/portable.h"

namespace proofload {

/// A standard law in Portable numbers: tails and density at x.
class StandardFunction {
 public:
  explicit StandardFunction(const Standard&);
  BasicTails<Portable> tails(Portable x) const;
  Portable density(Portable x) const;
  /// An excess of shape 1 or more has none.
  bool has_mean() const { return law_.family != Family::excess || law_.a < 1.0; }

 private:
  Standard law_;
  std::optional<BasicImplicit<Portable>> implicit_;
  std::optional<BasicCut<Portable>> cut_;
};

/// A part of a law that has values in a piece; y = (x - origin) / unit is the piece's own measure.
struct ActivePart {
  Portable weight, start, scale;  ///< y = start + scale * X
  StandardFunction function;
};

struct LawPiece {
  enum class Kind { atom, straight, smooth };
  Kind kind;
  double from, to;               ///< normal scores; -infinity and infinity at the ends of the law
  double value = 0.0;            ///< atom
  double low = 0.0, high = 0.0;  ///< values at the ends; `high` may be infinite for a smooth piece
  Portable below, above;  ///< smooth: probability of the parts that end before it, and of those that begin after it;
                          ///< straight: of all that is below and above it
  double share = 0.0;     ///< straight: its probability
  double origin = 0.0, unit = 1.0;  ///< smooth: x = origin + unit * y
  std::vector<ActivePart> active;   ///< smooth
  std::string key;                  ///< smooth: equal keys are equal functions y(z)
  double sigma = 0.0;  ///< smooth, the whole of a lognormal law up to a score: x = origin + unit exp(sigma z)
};

/// The pieces of a law in the order of their scores; none is empty. Independent of the order of the parts.
std::vector<LawPiece> pieces_of(const std::vector<LawPart>& parts);

/// The shortest text that is this double, for keys.
std::string text_of(double);

/// x at a normal score.
double value_at(const std::vector<LawPiece>&, double z);

/// y(z) of a smooth piece. Quick when the scores that are asked for rise.
class PieceQuantile {
 public:
  explicit PieceQuantile(const LawPiece& piece);
  struct Point {
    double value, slope;  ///< y, dy/dz
  };
  Point operator()(double z);

 private:
  struct Sums {
    BasicTails<Portable> tails;
    Portable density;
  };
  Sums sums(Portable y) const;

  const LawPiece& piece_;
  Portable first_, last_;                     ///< y at the ends
  Portable w_ = 0.0, slope_ = 0.0, z_ = 0.0;  ///< ln(y - first) where it was asked last
  bool known_ = false;
};

}  // namespace proofload
