/* What every compiled kernel stands on: exp and tanh of one number. */
#include <math.h>
#include <string.h>

#define SIMD _Pragma("omp simd")
#define APART static __attribute__((noinline, noclone, unused))
#define UNROLL _Pragma("GCC unroll 4")
#define INLINE static inline __attribute__((always_inline))

#if defined(__FP_FAST_FMA) || defined(__ARM_FEATURE_FMA)
#define MULTIPLY_ADD(a, b, c) __builtin_fma(a, b, c)
#else
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#endif

/* In sums of products rounding once is as good as rounding twice, and nothing else may be contracted. */
#if defined(__clang__)
#define CONTRACTED
#define CONTRACT _Pragma("clang fp contract(fast)")
#else
#define CONTRACTED __attribute__((optimize("fp-contract=fast")))
#define CONTRACT
#endif

typedef double line8 __attribute__((vector_size(64), may_alias));

#define ROUNDING 0x1.8p52 /* added and taken away again, it leaves a whole number */

INLINE double power_of_two(double k)
{
    double shifted = k + (ROUNDING + 1023.0), found;
    unsigned long long bits;
    memcpy(&bits, &shifted, 8);
    bits <<= 52;
    memcpy(&found, &bits, 8);
    return found;
}

/* exp(t) = 2^k (1 + p), 2^k as the product of two powers since it may be out of range. NaN stays. */
INLINE double parts(double t, double *first, double *second)
{
    double k, half, r, q;
    t = t < -746.0 ? -746.0 : t;
    t = t > 710.0 ? 710.0 : t;
    k = MULTIPLY_ADD(t, 1.4426950408889634, ROUNDING) - ROUNDING;
    r = MULTIPLY_ADD(-k, 0x1.62e42fefp-1, t);
    r = MULTIPLY_ADD(-k, 0x1.473de6af278edp-34, r);
    /* Horner's scheme for (exp(r) - 1 - r) / r^2; at |r| <= ln 2 / 2 the first term left out is below 2e-17 of the
       result */
    q = 1.0 / 6227020800.0;
    q = MULTIPLY_ADD(q, r, 1.0 / 479001600.0);
    q = MULTIPLY_ADD(q, r, 1.0 / 39916800.0);
    q = MULTIPLY_ADD(q, r, 1.0 / 3628800.0);
    q = MULTIPLY_ADD(q, r, 1.0 / 362880.0);
    q = MULTIPLY_ADD(q, r, 1.0 / 40320.0);
    q = MULTIPLY_ADD(q, r, 1.0 / 5040.0);
    q = MULTIPLY_ADD(q, r, 1.0 / 720.0);
    q = MULTIPLY_ADD(q, r, 1.0 / 120.0);
    q = MULTIPLY_ADD(q, r, 1.0 / 24.0);
    q = MULTIPLY_ADD(q, r, 1.0 / 6.0);
    q = MULTIPLY_ADD(q, r, 1.0 / 2.0);
    half = (k * 0.5 + ROUNDING) - ROUNDING;
    *first = power_of_two(half);
    *second = power_of_two(k - half);
    return MULTIPLY_ADD(r * r, q, r);
}

INLINE double exponential(double t)
{
    double first, second, p = parts(t, &first, &second);
    return ((1.0 + p) * first) * second;
}

/* (1 - e) / (1 + e) with e = exp(-2 |n|), where 1 - e = (1 - 2^k) - 2^k p loses nothing near 0. */
INLINE double tangent(double n)
{
    double first, second, p = parts(-2.0 * fabs(n), &first, &second), power = first * second;
    double above = (1.0 - power) - power * p, e = ((1.0 + p) * first) * second;
    return __builtin_copysign(above * (1.0 / (1.0 + e)), n);
}
