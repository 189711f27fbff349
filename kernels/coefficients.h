/// coefficients.h -- written by scripts/fit_coefficients (Sollya): do not edit.
#pragma once
// -2 ln(1 + f) / f on [-1/3, 1/3]
#define PROOFLOAD_MINUS_TWO_LOG {-1.99999797f, 1.00007653f, -.666900158f, .495917559f, -.393226355f, .394055337f, -.356403977f}
// sin(pi/2 t) / (t sqrt 2) and cos(pi/2 t) / sqrt 2 in g = t^2, t in [-1/2, 1/2]
#define PROOFLOAD_SIN_QUARTER {1.11072068f, -0.456764785f, 0.056339373f, -0.00324723885f}
#define PROOFLOAD_COS_QUARTER {0.707106781f, -0.872355557f, 0.179321332f, -0.0144308913f}
// exp(r) on [-ln 2 / 2, ln 2 / 2]
#define PROOFLOAD_EXP {1.0f, 1.0f, 0.5f, 0.16666667f, 0.041666668f, 0.0083333338f}
