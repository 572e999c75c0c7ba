/* Moving and multiplying lines of B numbers; B is a multiple of 8, and WIDE is how many vectors are kept at once. */
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
