/// coefficients.h -- written by scripts/research/fit_coefficients (Sollya): do not edit.
#pragma once
// clang-format off
// -2 ln(1 + f) / f on [-1/3, 1/3]; exact at f = 0; relative error of the fit 1.1e-06
#define PROOFLOAD_MINUS_TWO_LOG \
  {-2.0f, 1.00004256f, -0.666738927f, 0.496897846f, -0.396267742f, 0.387742668f, -0.340334266f}
// sin(pi/2 t) / (t sqrt 2) in g = t^2, t in [-1/2, 1/2]; relative error of the fit 1.7e-08
#define PROOFLOAD_SIN_QUARTER {1.11072075f, -0.45676586f, 0.0563479736f, -0.00326676271f}
// cos(pi/2 t) / sqrt 2 in g = t^2, t in [-1/2, 1/2]; relative error of the fit 3.6e-08
#define PROOFLOAD_COS_QUARTER {0.707106769f, -0.87235558f, 0.179320961f, -0.014428881f}
// exp(r) on [-ln 2 / 2, ln 2 / 2]; exact at r = 0; relative error of the fit 9.2e-08
#define PROOFLOAD_EXP {1.0f, 0.999999702f, 0.499991506f, 0.166676521f, 0.0418978222f, 0.00828929059f}
