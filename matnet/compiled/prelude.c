/* What every compiled kernel stands on: exp and tanh of one number. No header is needed, so no C library is either. */
#define fabs __builtin_fabs
#define sqrt __builtin_sqrt
#define NAN __builtin_nan("")
#define INFINITY __builtin_inf()

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)

/* What a library has to bring along where it is linked without C's: its entry, and what the compiler itself calls. */
int DllMainCRTStartup(void *library, unsigned reason, void *reserved)
{
    return 1;
}

void *memset(void *to, int value, __SIZE_TYPE__ size)
{
    volatile char *p = to; /* volatile: or the loop is compiled to a call of memset */
    while (size--) *p++ = (char)value;
    return to;
}

void *memcpy(void *to, const void *from, __SIZE_TYPE__ size)
{
    volatile char *p = to;
    const char *q = from;
    while (size--) *p++ = *q++;
    return to;
}
#else
#define EXPORT __attribute__((visibility("default")))
#endif

#define APART static __attribute__((noinline, noclone, unused))
#define UNROLL _Pragma("GCC unroll 8")
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

/* A loop as vector instructions. Clang computes several vectors at a time, so that one does not wait for another's
   results; GCC has no such directive. */
#define DIRECTIVE(text) _Pragma(#text)
#define VECTORIZED DIRECTIVE(omp simd)
#if defined(__clang__)
#define INTERLEAVED(vectors) DIRECTIVE(clang loop vectorize(assume_safety) interleave_count(vectors))
#else
#define INTERLEAVED(vectors) VECTORIZED
#endif

typedef __PTRDIFF_TYPE__ count; /* as wide as a pointer on every system, which long is not */
typedef double line8 __attribute__((vector_size(64), may_alias));
typedef double line8_anywhere __attribute__((vector_size(64), may_alias, aligned(8)));

/* How many vectors of sums a product keeps in registers, their square root, and how many lie along a line */
#if defined(__AVX512F__)
#define SUMS 16
#define SIDE 4
#else
#define SUMS 4
#define SIDE 2
#endif
#define VECTORS(columns) (SUMS / (columns) < B / 8 ? SUMS / (columns) : B / 8)

/* The numbers of two vectors at eight positions. */
#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define SHUFFLED(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#endif
#endif
#if !defined(SHUFFLED)
typedef long long line8_positions __attribute__((vector_size(64)));
#define SHUFFLED(a, b, ...) __builtin_shuffle(a, b, (line8_positions){__VA_ARGS__})
#endif

/* Eight vectors, of one element each, to eight vectors of one sample each. */
INLINE void turn(line8 *r)
{
    line8 s[8];
    UNROLL for (int i = 0; i < 8; i += 2) {
        s[i] = SHUFFLED(r[i], r[i + 1], 0, 8, 2, 10, 4, 12, 6, 14);
        s[i + 1] = SHUFFLED(r[i], r[i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
    }
    UNROLL for (int i = 0; i < 8; i += 4)
        UNROLL for (int j = i; j < i + 2; j++) {
            r[j] = SHUFFLED(s[j], s[j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
            r[j + 2] = SHUFFLED(s[j], s[j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
        }
    UNROLL for (int i = 0; i < 4; i++) {
        s[i] = SHUFFLED(r[i], r[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        s[i + 4] = SHUFFLED(r[i], r[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
    UNROLL for (int i = 0; i < 8; i++) r[i] = s[i];
}

#define ROUNDING 0x1.8p52 /* added and taken away again, it leaves a whole number */

INLINE double power_of_two(double k)
{
    double shifted = k + (ROUNDING + 1023.0), found;
    unsigned long long bits;
    __builtin_memcpy(&bits, &shifted, 8);
    bits <<= 52;
    __builtin_memcpy(&found, &bits, 8);
    return found;
}

/* (exp(r) - 1 - r) / r^2 for |r| <= ln 2 / 2: the polynomial of degree 9 that has the least error relative to
   exp(r) - 1, 2e-17, found by Remez' algorithm with 50 digits. Sums of pairs depend on each other less than Horner's. */
INLINE double series(double r)
{
    double s = r * r, first, second;
    first = MULTIPLY_ADD(MULTIPLY_ADD(0x1.1111111119033p-7, r, 0x1.555555555228fp-5), s,
                         MULTIPLY_ADD(0x1.5555555555539p-3, r, 0x1.0000000000005p-1));
    second = MULTIPLY_ADD(MULTIPLY_ADD(0x1.71de8843b896cp-19, r, 0x1.a019a74ae6ca4p-16), s,
                          MULTIPLY_ADD(0x1.a01a0174ee125p-13, r, 0x1.6c16c17ee6f3fp-10));
    second = MULTIPLY_ADD(MULTIPLY_ADD(0x1.ae6b7a15d86ccp-26, r, 0x1.28a206378c092p-22), s * s, second);
    return MULTIPLY_ADD(second, s * s, first);
}

/* exp(t) = 2^k (1 + p) */
INLINE double parts(double t, double *k)
{
    double r;
    *k = MULTIPLY_ADD(t, 1.4426950408889634, ROUNDING) - ROUNDING;
    r = MULTIPLY_ADD(-*k, 0x1.62e42fefp-1, t);
    r = MULTIPLY_ADD(-*k, 0x1.473de6af278edp-34, r);
    return MULTIPLY_ADD(r * r, series(r), r);
}

/* 2^k may be out of range, so it is the product of two powers. NaN stays. */
INLINE double exponential(double t)
{
    double k, half, p;
    t = t < -746.0 ? -746.0 : t;
    t = t > 710.0 ? 710.0 : t;
    p = parts(t, &k);
    half = MULTIPLY_ADD(k, 0.5, ROUNDING) - ROUNDING;
    return ((1.0 + p) * power_of_two(half)) * power_of_two(k - half);
}

#define RAISED 54 /* 2^(k + 54) is in range for every k of an exp(t), t <= 0, that is not 0 */

INLINE double parts_of_decay(double t, double *raised)
{
    double k, p = parts(t < -746.0 ? -746.0 : t, &k);
    *raised = power_of_two(k + RAISED);
    return p;
}

/* exp(t) for t <= 0 */
INLINE double decay(double t)
{
    double raised, p = parts_of_decay(t, &raised);
    return ((1.0 + p) * raised) * 0x1p-54;
}

/* (1 - e) / (1 + e) with e = exp(-2 |n|), where 1 - e = (1 - 2^k) - 2^k p loses nothing near 0. */
INLINE double tangent(double n)
{
    double raised, p = parts_of_decay(-2.0 * fabs(n), &raised), power = raised * 0x1p-54;
    double above = MULTIPLY_ADD(-power, p, 1.0 - power), e = ((1.0 + p) * raised) * 0x1p-54;
    return __builtin_copysign(above * (1.0 / (1.0 + e)), n);
}
