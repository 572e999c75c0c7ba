"""What every compiled kernel stands on, in C: exp and tanh of a line, products of matrices, and the way in and out."""

from __future__ import annotations

from math import factorial

_TERMS = 13
"""Of exp's series: at |r| <= ln 2 / 2 the first one left out is below 2e-17 of the result."""

_ONCE = """\
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
SERIES
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
"""

_PER_LINE = """\
/* n rows of x, to one line an element; a line that is not full is filled with 0. */
APART void load(const double *x, long n, long size, double *w)
{
    for (long e = 0; e < size; e++) {
        for (long l = 0; l < n; l++) w[e * B + l] = x[l * size + e];
        for (long l = n; l < B; l++) w[e * B + l] = 0.0;
    }
}

APART void store(const double *w, long n, long size, double *y)
{
    long e = 0;
    for (; e + 8 <= size; e += 8)
        for (long l = 0; l < n; l++)
            for (long k = 0; k < 8; k++) y[l * size + e + k] = w[(e + k) * B + l];
    for (long l = 0; l < n; l++)
        for (long k = e; k < size; k++) y[l * size + k] = w[k * B + l];
}

INLINE void copy(double *o, const double *x)
{
    SIMD
    for (long l = 0; l < B; l++) o[l] = x[l];
}

INLINE void fill(double *o, double x)
{
    SIMD
    for (long l = 0; l < B; l++) o[l] = x;
}

/* o = a b for M by K lines a and K by N numbers b; strides count lines, and numbers. */
CONTRACTED APART void product(double *o, long om, long on, const double *a, long am, long ak,
                               const double *b, long bk, long bn, long M, long K, long N)
{
    CONTRACT
    for (long part = 0; part < B; part += WIDE * 8)
        for (long m = 0; m < M; m++) {
            long n = 0;
            for (; n + 4 <= N; n += 4) {
                line8 s[4][WIDE];
                const double *x = a + m * am * B + part, *y = b + n * bn;
                UNROLL for (long c = 0; c < 4; c++)
                    UNROLL for (long v = 0; v < WIDE; v++) s[c][v] = (line8){0};
                for (long k = 0; k < K; k++, x += ak * B, y += bk)
                    UNROLL for (long v = 0; v < WIDE; v++) {
                        line8 p = *(const line8 *)(x + 8 * v);
                        UNROLL for (long c = 0; c < 4; c++) s[c][v] += p * y[c * bn];
                    }
                UNROLL for (long c = 0; c < 4; c++) {
                    double *z = o + (m * om + (n + c) * on) * B + part;
                    UNROLL for (long v = 0; v < WIDE; v++) *(line8 *)(z + 8 * v) = s[c][v];
                }
            }
            for (; n < N; n++) {
                line8 s[WIDE];
                const double *x = a + m * am * B + part, *y = b + n * bn;
                UNROLL for (long v = 0; v < WIDE; v++) s[v] = (line8){0};
                for (long k = 0; k < K; k++, x += ak * B, y += bk)
                    UNROLL for (long v = 0; v < WIDE; v++) s[v] += *(const line8 *)(x + 8 * v) * *y;
                UNROLL for (long v = 0; v < WIDE; v++) *(line8 *)(o + (m * om + n * on) * B + part + 8 * v) = s[v];
            }
        }
}

/* o = a b for M by K lines a and K by N lines b. */
CONTRACTED APART void product_of_lines(double *o, long om, long on, const double *a, long am, long ak,
                                        const double *b, long bk, long bn, long M, long K, long N)
{
    CONTRACT
    for (long part = 0; part < B; part += WIDE * 8)
        for (long m = 0; m < M; m++)
            for (long n = 0; n < N; n++) {
                line8 s[WIDE];
                const double *x = a + m * am * B + part, *y = b + n * bn * B + part;
                UNROLL for (long v = 0; v < WIDE; v++) s[v] = (line8){0};
                for (long k = 0; k < K; k++, x += ak * B, y += bk * B)
                    UNROLL for (long v = 0; v < WIDE; v++)
                        s[v] += *(const line8 *)(x + 8 * v) * *(const line8 *)(y + 8 * v);
                UNROLL for (long v = 0; v < WIDE; v++) *(line8 *)(o + (m * om + n * on) * B + part + 8 * v) = s[v];
            }
}
"""


def once() -> str:
    """What stands at the top of a file."""
    # Horner's scheme for (exp(r) - 1 - r) / r²
    lines = [f"    q = {1.0 / factorial(_TERMS)!r};"]
    lines += [f"    q = MULTIPLY_ADD(q, r, {1.0 / factorial(n)!r});" for n in range(_TERMS - 1, 1, -1)]
    return _ONCE.replace("SERIES", "\n".join(lines))


def for_lines(length: int) -> str:
    """The functions that depend on the length B of a line, a multiple of 8, under names that end in it."""
    names = ("load", "store", "copy", "fill", "product", "product_of_lines")
    text = "".join(f"#undef {name}\n#define {name} {name}_{length}\n" for name in names)
    wide = 1 if length == 8 else 2
    return f"#undef B\n#define B {length}\n#undef WIDE\n#define WIDE {wide}\n{text}{_PER_LINE}"
