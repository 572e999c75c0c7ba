/* Moving and multiplying lines of B numbers; B is 1 or a power of 2 from 8 on. */
/* n rows of x, to one line an element; a line that is not full is filled with 0. */
APART void load(const double *x, count n, count size, double *w)
{
    count whole = 0; /* rows that are read as vectors, which must not reach beyond x */
#if B > 1
    for (; size > 2 && whole + 8 <= n && (size >= 8 || (whole + 7) * size + 8 <= n * size); whole += 8)
        for (count e = 0; e < size; e += 8) {
            line8 r[8];
            if (e > 0 && e > size - 8) e = size - 8;
            UNROLL for (int i = 0; i < 8; i++) r[i] = *(const line8_anywhere *)(x + (whole + i) * size + e);
            turn(r);
            UNROLL for (int k = 0; k < 8; k++)
                if (k < size) *(line8 *)(w + (e + k) * B + whole) = r[k];
        }
#endif
    for (count e = 0; e < size; e++) {
        for (count l = whole; l < n; l++) w[e * B + l] = x[l * size + e];
        for (count l = n; l < B; l++) w[e * B + l] = 0.0;
    }
}

/* The elements `at` (all in order if there is no such list) of n samples, to rows of y that are `row` numbers apart. */
APART void store(const double *w, const int *at, count n, count size, count row, double *y)
{
    count whole = 0; /* rows that are written as vectors; what these write beyond a row is written again after */
#if B > 1
    for (; size > 2 && whole + 8 <= n && (size >= 8 || (size == row && (whole + 7) * row + 8 <= n * row)); whole += 8)
        for (count e = 0; e < size; e += 8) {
            line8 r[8];
            if (e > 0 && e > size - 8) e = size - 8;
            UNROLL for (int k = 0; k < 8; k++) {
                count element = k < size ? e + k : 0;
                r[k] = *(const line8 *)(w + (at ? at[element] : element) * B + whole);
            }
            turn(r);
            UNROLL for (int i = 0; i < 8; i++) *(line8_anywhere *)(y + (whole + i) * row + e) = r[i];
        }
#endif
    for (count l = whole; l < n; l++)
        for (count k = 0; k < size; k++) y[l * row + k] = w[(at ? at[k] : k) * B + l];
}

INLINE void copy(double *o, const double *x)
{
    SIMD
    for (count l = 0; l < B; l++) o[l] = x[l];
}

INLINE void fill(double *o, double x)
{
    SIMD
    for (count l = 0; l < B; l++) o[l] = x;
}

#if B == 1
/* R rows of a product for one sample, 32 columns at a time. */
#define ROW_GROUP(R)                                                                                            \
    for (; m + R <= M; m += R)                                                                                  \
        for (count n = 0; n < N; n += 32) {                                                                     \
            line8 s[R][4];                                                                                      \
            count left = N - n < 32 ? N - n : 32, vectors = (left + 7) / 8;                                     \
            UNROLL for (count r = 0; r < R; r++)                                                                \
                UNROLL for (count c = 0; c < 4; c++) s[r][c] = (line8){0};                                      \
            if (vectors == 4)                                                                                   \
                for (count k = 0; k < K; k++) {                                                                 \
                    const line8 *y = (const line8 *)(b + k * row + n);                                          \
                    UNROLL for (count r = 0; r < R; r++)                                                        \
                        UNROLL for (count c = 0; c < 4; c++) s[r][c] += a[(m + r) * am + k * ak] * y[c];        \
                }                                                                                               \
            else                                                                                                \
                for (count c = 0; c < vectors; c++)                                                             \
                    for (count k = 0; k < K; k++) {                                                             \
                        line8 q = *(const line8 *)(b + k * row + n + 8 * c);                                    \
                        UNROLL for (count r = 0; r < R; r++) s[r][c] += a[(m + r) * am + k * ak] * q;           \
                    }                                                                                           \
            for (count r = 0; r < R; r++) {                                                                     \
                double *z = o + (m + r) * om + n * on;                                                          \
                count c = 0;                                                                                    \
                for (; on == 1 && c + 8 <= left; c += 8) *(line8_anywhere *)(z + c) = s[r][c / 8];              \
                for (; c < left; c++) z[c * on] = s[r][c / 8][c % 8];                                           \
            }                                                                                                   \
        }

/* o = a b for one sample: M by K numbers a of its own, K by N numbers b in rows of `row` numbers, a multiple of 8. */
CONTRACTED APART void product(double *o, count om, count on, const double *a, count am, count ak,
                              const double *b, count row, count M, count K, count N)
{
    CONTRACT
    count m = 0;
    ROW_GROUP(SIDE)
    ROW_GROUP(1)
}
#undef ROW_GROUP

/* o = a b for one sample: M by K and K by N numbers of its own. */
CONTRACTED APART void product_of_lines(double *o, count om, count on, const double *a, count am, count ak,
                                       const double *b, count bk, count bn, count M, count K, count N)
{
    CONTRACT
    for (count m = 0; m < M; m++) {
        count n = 0;
        for (; bn == 1 && n + 8 <= N; n += 8) {
            line8 s = {0};
            for (count k = 0; k < K; k++) s += a[m * am + k * ak] * *(const line8_anywhere *)(b + k * bk + n);
            for (count c = 0; c < 8; c++) o[m * om + (n + c) * on] = s[c];
        }
        for (; n < N; n++) {
            double s = 0.0;
            for (count k = 0; k < K; k++) s += a[m * am + k * ak] * b[k * bk + n * bn];
            o[m * om + n * on] = s;
        }
    }
}
#else
/* C columns of one row of a product, V vectors of each at a time. */
#define COLUMN_GROUP(C, V)                                                                                      \
    for (; n + C <= N; n += C)                                                                                  \
        for (count part = 0; part < B; part += V * 8) {                                                         \
            line8 s[C][V];                                                                                      \
            const double *x = a + m * am * B + part, *y = b + n;                                                \
            UNROLL for (count c = 0; c < C; c++)                                                                \
                UNROLL for (count v = 0; v < V; v++) s[c][v] = (line8){0};                                      \
            for (count k = 0; k < K; k++, x += ak * B, y += row)                                                \
                UNROLL for (count v = 0; v < V; v++) {                                                          \
                    line8 p = *(const line8 *)(x + 8 * v);                                                      \
                    UNROLL for (count c = 0; c < C; c++) s[c][v] += p * y[c];                                   \
                }                                                                                               \
            UNROLL for (count c = 0; c < C; c++) {                                                              \
                double *z = o + (m * om + (n + c) * on) * B + part;                                             \
                UNROLL for (count v = 0; v < V; v++) *(line8 *)(z + 8 * v) = s[c][v];                           \
            }                                                                                                   \
        }

/* o = a b for M by K lines a and K by N numbers b in rows of `row` numbers; the other strides count lines. */
CONTRACTED APART void product(double *o, count om, count on, const double *a, count am, count ak,
                              const double *b, count row, count M, count K, count N)
{
    CONTRACT
    for (count m = 0; m < M; m++) {
        count n = 0;
#if SUMS >= 8
        COLUMN_GROUP(8, VECTORS(8))
#endif
        COLUMN_GROUP(4, VECTORS(4))
        COLUMN_GROUP(2, VECTORS(2))
        COLUMN_GROUP(1, VECTORS(1))
    }
}
#undef COLUMN_GROUP

/* A tile of R by C sums of a product. */
#define TILE(R, C)                                                                                              \
    for (; n + C <= N; n += C)                                                                                  \
        for (count part = 0; part < B; part += 8) {                                                             \
            line8 s[R][C];                                                                                      \
            const double *x = a + m * am * B + part, *y = b + n * bn * B + part;                                \
            UNROLL for (count r = 0; r < R; r++)                                                                \
                UNROLL for (count c = 0; c < C; c++) s[r][c] = (line8){0};                                      \
            for (count k = 0; k < K; k++, x += ak * B, y += bk * B)                                             \
                UNROLL for (count c = 0; c < C; c++) {                                                          \
                    line8 q = *(const line8 *)(y + c * bn * B);                                                 \
                    UNROLL for (count r = 0; r < R; r++) s[r][c] += *(const line8 *)(x + r * am * B) * q;       \
                }                                                                                               \
            UNROLL for (count r = 0; r < R; r++)                                                                \
                UNROLL for (count c = 0; c < C; c++)                                                            \
                    *(line8 *)(o + ((m + r) * om + (n + c) * on) * B + part) = s[r][c];                         \
        }

/* o = a b for M by K lines a and K by N lines b. */
CONTRACTED APART void product_of_lines(double *o, count om, count on, const double *a, count am, count ak,
                                       const double *b, count bk, count bn, count M, count K, count N)
{
    CONTRACT
    count m = 0;
    for (; m + SIDE <= M; m += SIDE) {
        count n = 0;
        TILE(SIDE, SIDE)
        TILE(SIDE, 1)
    }
    for (; m < M; m++) {
        count n = 0;
        TILE(1, SIDE)
        TILE(1, 1)
    }
}
#undef TILE
#endif
