// Elementwise, rowwise and columnwise loops.
#include "elementary.h"
#include <string.h>

FAST void cv_activate(int32_t kind, float slope, ptrdiff_t count, const float *x, float *y) {
    EACH_KIND(kind, for (ptrdiff_t i = 0; i < count; i++) y[i] = activate(k, slope, x[i]);)
}

FAST void cv_activate_gradient(int32_t kind, float slope, ptrdiff_t count, const float *v, const float *dy, float *dx) {
    EACH_KIND(kind, for (ptrdiff_t i = 0; i < count; i++) dx[i] = dy[i] * derivative(k, slope, v[i]);)
}

FAST void cv_bias_activate(int32_t kind, float slope, ptrdiff_t rows, ptrdiff_t columns, const float *bias, float *y) {
    if (!bias) {
        if (kind == CV_LINEAR) return;
        EACH_KIND(kind, for (ptrdiff_t i = 0; i < rows * columns; i++) y[i] = activate(k, slope, y[i]);)
        return;
    }
    EACH_KIND(kind, for (ptrdiff_t r = 0; r < rows; r++) {
        float *R row = y + r * columns;
        for (ptrdiff_t c = 0; c < columns; c++) row[c] = activate(k, slope, row[c] + bias[c]);
    })
}

FAST void cv_relu_layer(float max_value, float slope, float threshold, ptrdiff_t count, const float *x, float *y) {
    for (ptrdiff_t i = 0; i < count; i++)
        y[i] = x[i] >= max_value ? max_value : (x[i] >= threshold ? x[i] : slope * (x[i] - threshold));
}

FAST void cv_relu_layer_gradient(float max_value, float slope, float threshold, ptrdiff_t count, const float *x,
                                 const float *dy, float *dx) {
    for (ptrdiff_t i = 0; i < count; i++) dx[i] = dy[i] * (x[i] >= max_value ? 0 : (x[i] >= threshold ? 1 : slope));
}

FAST void cv_softmax(ptrdiff_t rows, ptrdiff_t columns, float temperature, const float *x, float *y) {
    float inverse = 1 / temperature;
    for (ptrdiff_t r = 0; r < rows; r++, x += columns, y += columns) {
        float largest = x[0];
        for (ptrdiff_t c = 1; c < columns; c++) largest = x[c] > largest ? x[c] : largest;
        float sum = 0;
        for (ptrdiff_t c = 0; c < columns; c++) sum += y[c] = exponential((x[c] - largest) * inverse);
        float scale = 1 / sum;
        for (ptrdiff_t c = 0; c < columns; c++) y[c] *= scale;
    }
}

FAST void cv_softmax_gradient(ptrdiff_t rows, ptrdiff_t columns, const float *y, const float *dy, float *dx) {
    for (ptrdiff_t r = 0; r < rows; r++, y += columns, dy += columns, dx += columns) {
        float along = 0;
        for (ptrdiff_t c = 0; c < columns; c++) along += y[c] * dy[c];
        for (ptrdiff_t c = 0; c < columns; c++) dx[c] = y[c] * (dy[c] - along);
    }
}

FAST void cv_log_sum_exp(ptrdiff_t rows, ptrdiff_t columns, float temperature, const float *x, float *result) {
    float inverse = 1 / temperature;
    for (ptrdiff_t r = 0; r < rows; r++, x += columns) {
        float largest = x[0];
        for (ptrdiff_t c = 1; c < columns; c++) largest = x[c] > largest ? x[c] : largest;
        float sum = 0;
        for (ptrdiff_t c = 0; c < columns; c++) sum += exponential((x[c] - largest) * inverse);
        result[r] = largest * inverse + logf(sum);
    }
}

FAST void cv_fill(ptrdiff_t count, float value, float *y) { for (ptrdiff_t i = 0; i < count; i++) y[i] = value; }
FAST void cv_add(ptrdiff_t count, const float *a, const float *b, float *y) {
    for (ptrdiff_t i = 0; i < count; i++) y[i] = a[i] + b[i];
}
FAST void cv_subtract(ptrdiff_t count, const float *a, const float *b, float *y) {
    for (ptrdiff_t i = 0; i < count; i++) y[i] = a[i] - b[i];
}
FAST void cv_multiply(ptrdiff_t count, const float *a, const float *b, float *y) {
    for (ptrdiff_t i = 0; i < count; i++) y[i] = a[i] * b[i];
}
FAST void cv_maximum(ptrdiff_t count, const float *a, const float *b, float *y) {
    for (ptrdiff_t i = 0; i < count; i++) y[i] = a[i] > b[i] ? a[i] : b[i];
}
FAST void cv_minimum(ptrdiff_t count, const float *a, const float *b, float *y) {
    for (ptrdiff_t i = 0; i < count; i++) y[i] = a[i] < b[i] ? a[i] : b[i];
}
FAST void cv_affine(ptrdiff_t count, float scale, float offset, const float *x, float *y) {
    for (ptrdiff_t i = 0; i < count; i++) y[i] = x[i] * scale + offset;
}
FAST void cv_add_scaled(ptrdiff_t count, float scale, const float *x, float *y) {
    for (ptrdiff_t i = 0; i < count; i++) y[i] += scale * x[i];
}
FAST void cv_extremum_gradient(ptrdiff_t count, float sign, const float *a, const float *b, const float *dy, float *da,
                               float *db) {
    for (ptrdiff_t i = 0; i < count; i++) {
        float ahead = sign * (a[i] - b[i]);
        float share = ahead > 0 ? 1 : (ahead < 0 ? 0 : 0.5f);
        da[i] = dy[i] * share;
        db[i] = dy[i] * (1 - share);
    }
}

FAST void cv_scale_columns(ptrdiff_t rows, ptrdiff_t columns, const float *x, const float *s, const float *t, float *y) {
    for (ptrdiff_t r = 0; r < rows; r++, x += columns, y += columns) {
        if (s && t) for (ptrdiff_t c = 0; c < columns; c++) y[c] = x[c] * s[c] + t[c];
        else if (s) for (ptrdiff_t c = 0; c < columns; c++) y[c] = x[c] * s[c];
        else if (t) for (ptrdiff_t c = 0; c < columns; c++) y[c] = x[c] + t[c];
        else if (x != y) memcpy(y, x, sizeof(float) * (size_t)columns);
    }
}

FAST void cv_scale_rows(ptrdiff_t rows, ptrdiff_t columns, const float *x, const float *s, float *y) {
    for (ptrdiff_t r = 0; r < rows; r++, x += columns, y += columns)
        for (ptrdiff_t c = 0; c < columns; c++) y[c] = x[c] * s[r];
}

FAST void cv_column_sums(ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t stride, const float *x, int32_t adding,
                         float *R sums) {
    if (!adding) memset(sums, 0, sizeof(float) * (size_t)columns);
    ptrdiff_t r = 0;
    for (; r + 4 <= rows; r += 4) {
        const float *R a = x + r * stride, *R b = a + stride, *R c = b + stride, *R d = c + stride;
        for (ptrdiff_t i = 0; i < columns; i++) sums[i] += (a[i] + b[i]) + (c[i] + d[i]);
    }
    for (; r < rows; r++)
        for (ptrdiff_t i = 0; i < columns; i++) sums[i] += x[r * stride + i];
}

FAST void cv_column_dots(ptrdiff_t rows, ptrdiff_t columns, const float *a, const float *b, float *R sums) {
    memset(sums, 0, sizeof(float) * (size_t)columns);
    for (ptrdiff_t r = 0; r < rows; r++, a += columns, b += columns)
        for (ptrdiff_t c = 0; c < columns; c++) sums[c] += a[c] * b[c];
}

FAST double cv_sum_of_squares(ptrdiff_t count, const float *x) {
    double sum = 0;
    for (ptrdiff_t i = 0; i < count; i++) sum += (double)x[i] * (double)x[i];
    return sum;
}

FAST int32_t cv_all_finite(ptrdiff_t count, const float *x) {
    const uint32_t *bits = (const uint32_t *)x;
    uint32_t bad = 0;
    for (ptrdiff_t i = 0; i < count; i++) bad |= (bits[i] & 0x7f800000u) == 0x7f800000u;
    return !bad;
}

FAST void cv_from_bytes(ptrdiff_t count, float scale, float offset, const uint8_t *x, float *y) {
    for (ptrdiff_t i = 0; i < count; i++) y[i] = (float)x[i] * scale + offset;
}

// Murmur3's finaliser over a 32-bit counter: one multiply-xor chain a lane, no state.
INLINE uint32_t hashed(uint32_t index, uint32_t low, uint32_t high) {
    uint32_t h = (index ^ low) * 0x9E3779B1u;
    h ^= h >> 16; h *= 0x85EBCA6Bu; h += high;
    h ^= h >> 13; h *= 0xC2B2AE35u;
    return h ^ h >> 16;
}

FAST void cv_dropout(ptrdiff_t count, ptrdiff_t group, ptrdiff_t columns, float rate, uint64_t key, const float *x,
                     float *y) {
    uint32_t low = (uint32_t)key, high = (uint32_t)(key >> 32);
    uint32_t threshold = (uint32_t)((double)rate * 4294967296.0);
    float scale = 1 / (1 - rate);
    if (group <= 1) {
        for (ptrdiff_t i = 0; i < count; i++)
            y[i] = hashed((uint32_t)i, low, high) >= threshold ? x[i] * scale : 0;
        return;
    }
    ptrdiff_t block = group * columns;
    for (ptrdiff_t start = 0, b = 0; start < count; start += block, b++)
        for (ptrdiff_t r = 0; r < group; r++)
            for (ptrdiff_t c = 0; c < columns; c++) {
                ptrdiff_t i = start + r * columns + c;
                y[i] = hashed((uint32_t)(b * columns + c), low, high) >= threshold ? x[i] * scale : 0;
            }
}

FAST void cv_layer_norm(ptrdiff_t rows, ptrdiff_t columns, float epsilon, const float *x, const float *gamma,
                        const float *beta, float *y, float *mean, float *inverse) {
    for (ptrdiff_t r = 0; r < rows; r++, x += columns, y += columns) {
        float sum = 0, squares = 0;
        for (ptrdiff_t c = 0; c < columns; c++) sum += x[c];
        float m = sum / (float)columns;
        for (ptrdiff_t c = 0; c < columns; c++) squares += (x[c] - m) * (x[c] - m);
        float s = 1 / __builtin_elementwise_sqrt(squares / (float)columns + epsilon);
        mean[r] = m;
        inverse[r] = s;
        for (ptrdiff_t c = 0; c < columns; c++)
            y[c] = (x[c] - m) * s * (gamma ? gamma[c] : 1) + (beta ? beta[c] : 0);
    }
}

FAST void cv_layer_norm_gradient(ptrdiff_t rows, ptrdiff_t columns, const float *x, const float *gamma,
                                 const float *mean, const float *inverse, const float *dy, float *dx, float *dgamma,
                                 float *dbeta) {
    if (dgamma) memset(dgamma, 0, sizeof(float) * (size_t)columns);
    if (dbeta) memset(dbeta, 0, sizeof(float) * (size_t)columns);
    for (ptrdiff_t r = 0; r < rows; r++, x += columns, dy += columns) {
        float m = mean[r], s = inverse[r], sum = 0, along = 0;
        for (ptrdiff_t c = 0; c < columns; c++) {
            float d = dy[c] * (gamma ? gamma[c] : 1);
            sum += d;
            along += d * (x[c] - m) * s;
        }
        sum /= (float)columns;
        along /= (float)columns;
        if (dgamma) for (ptrdiff_t c = 0; c < columns; c++) dgamma[c] += dy[c] * (x[c] - m) * s;
        if (dbeta) for (ptrdiff_t c = 0; c < columns; c++) dbeta[c] += dy[c];
        if (dx) {
            float *row = dx + r * columns;
            for (ptrdiff_t c = 0; c < columns; c++)
                row[c] = s * (dy[c] * (gamma ? gamma[c] : 1) - sum - (x[c] - m) * s * along);
        }
    }
}

FAST void cv_column_moments(ptrdiff_t rows, ptrdiff_t columns, const float *x, float *R mean, float *R variance) {
    memset(mean, 0, sizeof(float) * (size_t)columns);
    memset(variance, 0, sizeof(float) * (size_t)columns);
    float scale = 1 / (float)rows;
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t c = 0; c < columns; c++) mean[c] += x[r * columns + c];
    for (ptrdiff_t c = 0; c < columns; c++) mean[c] *= scale;
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t c = 0; c < columns; c++) {
            float d = x[r * columns + c] - mean[c];
            variance[c] += d * d;
        }
    for (ptrdiff_t c = 0; c < columns; c++) variance[c] *= scale;
}

FAST void cv_column_dots_centered(ptrdiff_t rows, ptrdiff_t columns, const float *x, const float *mean,
                                  const float *dy, float *R sums) {
    memset(sums, 0, sizeof(float) * (size_t)columns);
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t c = 0; c < columns; c++) sums[c] += dy[r * columns + c] * (x[r * columns + c] - mean[c]);
}

FAST void cv_batch_norm_gradient(ptrdiff_t rows, ptrdiff_t columns, const float *x, const float *mean,
                                 const float *scale, const float *inverse, const float *sum_dy, const float *sum_dy_xc,
                                 const float *dy, float *dx) {
    float n = 1 / (float)rows;
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t c = 0; c < columns; c++) {
            ptrdiff_t i = r * columns + c;
            dx[i] = scale[c] * (dy[i] - sum_dy[c] * n - (x[i] - mean[c]) * inverse[c] * inverse[c] * sum_dy_xc[c] * n);
        }
}

FAST double cv_soft_cross_entropy(ptrdiff_t rows, ptrdiff_t columns, float temperature, const float *q, const float *z,
                                  float *p) {
    float inverse = 1 / temperature;
    double total = 0;
    for (ptrdiff_t r = 0; r < rows; r++, q += columns, z += columns, p += columns) {
        float largest = z[0];
        for (ptrdiff_t c = 1; c < columns; c++) largest = z[c] > largest ? z[c] : largest;
        float sum = 0, along = 0, mass = 0;
        for (ptrdiff_t c = 0; c < columns; c++) {
            float shifted = (z[c] - largest) * inverse;
            along += q[c] * shifted;
            mass += q[c];
            sum += p[c] = exponential(shifted);
        }
        float scale = 1 / sum;
        for (ptrdiff_t c = 0; c < columns; c++) p[c] *= scale;
        total += (double)along - (double)mass * (double)logf(sum);
    }
    return total;
}

FAST ptrdiff_t cv_count_not_finite(ptrdiff_t count, const float *x) {
    // By their bits: the compiler may assume that arithmetic gives finite numbers.
    const uint32_t exponent = 0x7F800000;
    ptrdiff_t total = 0;
    for (ptrdiff_t start = 0; start < count; start += 1 << 16) {
        ptrdiff_t end = count - start < 1 << 16 ? count : start + (1 << 16);
        uint32_t found = 0;
        for (ptrdiff_t i = start; i < end; i++) {
            uint32_t bits;
            memcpy(&bits, x + i, sizeof bits);
            found += (bits & exponent) == exponent;
        }
        total += found;
    }
    return total;
}
