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
        y[i] = x[i] > threshold ? (x[i] < max_value ? x[i] : max_value) : slope * (x[i] - threshold);
}

FAST void cv_relu_layer_gradient(float max_value, float slope, float threshold, ptrdiff_t count, const float *x,
                                 const float *dy, float *dx) {
    for (ptrdiff_t i = 0; i < count; i++) dx[i] = dy[i] * (x[i] > threshold ? (x[i] < max_value ? 1 : 0) : slope);
}

FAST void cv_glu(ptrdiff_t rows, ptrdiff_t columns, const float *x, float *y) {
    for (ptrdiff_t r = 0; r < rows; r++, x += 2 * columns, y += columns)
        for (ptrdiff_t c = 0; c < columns; c++) y[c] = x[c] * sigmoid(x[columns + c]);
}

FAST void cv_glu_gradient(ptrdiff_t rows, ptrdiff_t columns, const float *x, const float *dy, float *dx) {
    for (ptrdiff_t r = 0; r < rows; r++, x += 2 * columns, dx += 2 * columns, dy += columns)
        for (ptrdiff_t c = 0; c < columns; c++) {
            float s = sigmoid(x[columns + c]), d = dy[c] * s;
            dx[columns + c] = d * x[c] * (1 - s);
            dx[c] = d;
        }
}

// What the numbers of a row must be above to take part in sparsemax (Martins and Astudillo, 2016): those that are not
// leave one round after another, until none does (Michelot, 1986).
INLINE float sparse_bound(ptrdiff_t columns, const float *x) {
    float largest = x[0], bound = -INFINITY;
    for (ptrdiff_t c = 1; c < columns; c++) largest = x[c] > largest ? x[c] : largest;
    for (ptrdiff_t before = -1;;) {
        float sum = 0;
        ptrdiff_t count = 0;
        for (ptrdiff_t c = 0; c < columns; c++) {
            int isAbove = x[c] - largest > bound;
            sum += isAbove ? x[c] - largest : 0;
            count += isAbove;
        }
        if (count == before || count == 0) return bound + largest;
        before = count;
        bound = (sum - 1) / (float)count;
    }
}

// How many of those that take part are no larger than x[c]: 1 for the smallest of them.
INLINE float sparse_weight(ptrdiff_t columns, const float *x, float bound, ptrdiff_t c) {
    float weight = 0;
    for (ptrdiff_t i = 0; i < columns; i++)
        weight += x[i] > bound && (x[i] < x[c] || (x[i] == x[c] && i >= c));
    return weight;
}

FAST void cv_sparsemax(ptrdiff_t rows, ptrdiff_t columns, const float *x, float *y) {
    for (ptrdiff_t r = 0; r < rows; r++, x += columns, y += columns) {
        float bound = sparse_bound(columns, x), sum = 0, count = 0;
        for (ptrdiff_t c = 0; c < columns; c++) {
            if (!(x[c] > bound)) continue;
            sum += x[c] * sparse_weight(columns, x, bound, c);
            count++;
        }
        float threshold = (sum - 1) / count;
        for (ptrdiff_t c = 0; c < columns; c++) y[c] = x[c] > threshold ? x[c] - threshold : 0;
    }
}

FAST void cv_sparsemax_gradient(ptrdiff_t rows, ptrdiff_t columns, const float *x, const float *y, const float *dy,
                                float *dx) {
    for (ptrdiff_t r = 0; r < rows; r++, x += columns, y += columns, dy += columns, dx += columns) {
        float bound = sparse_bound(columns, x), sum = 0, count = 0;
        for (ptrdiff_t c = 0; c < columns; c++) {
            sum += y[c] > 0 ? dy[c] : 0;
            count += x[c] > bound;
        }
        for (ptrdiff_t c = 0; c < columns; c++) {
            float share = x[c] > bound ? sparse_weight(columns, x, bound, c) / count : 0;
            dx[c] = (y[c] > 0 ? dy[c] : 0) - sum * share;
        }
    }
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
    for (ptrdiff_t i = 0; i < count; i++) y[i] = highest(a[i], b[i]);
}
FAST void cv_minimum(ptrdiff_t count, const float *a, const float *b, float *y) {
    for (ptrdiff_t i = 0; i < count; i++) y[i] = lowest(a[i], b[i]);
}
FAST void cv_affine(ptrdiff_t count, float scale, float offset, const float *x, float *y) {
    for (ptrdiff_t i = 0; i < count; i++) y[i] = x[i] * scale + offset;
}
FAST void cv_add_scaled(ptrdiff_t count, float scale, const float *x, float *y) {
    for (ptrdiff_t i = 0; i < count; i++) y[i] += scale * x[i];
}
static inline uint32_t bits_of_bfloat16(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint32_t nearest = (bits + 0x7fff + (bits >> 16 & 1)) >> 16, none = bits >> 16 | 0x40;
    return (bits & 0x7fffffff) > 0x7f800000 ? none : nearest;
}
FAST void cv_round_bfloat16(ptrdiff_t count, float *x) {
    for (ptrdiff_t i = 0; i < count; i++) {
        uint32_t bits = bits_of_bfloat16(x[i]) << 16;
        memcpy(x + i, &bits, sizeof bits);
    }
}
FAST void cv_pack_bfloat16(ptrdiff_t count, const float *x, uint16_t *y) {
    for (ptrdiff_t i = 0; i < count; i++) y[i] = (uint16_t)bits_of_bfloat16(x[i]);
}
FAST void cv_unpack_bfloat16(ptrdiff_t count, const uint16_t *x, float *y) {
    for (ptrdiff_t i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)x[i] << 16;
        memcpy(y + i, &bits, sizeof bits);
    }
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

// What a row is divided by, and how that changes with the row.
typedef struct { float inverse, mean, slope; } row_size;

INLINE row_size row_length(int32_t kind, ptrdiff_t columns, float epsilon, const float *x) {
    float mean = 0, squares = 0;
    if (kind == CV_DEVIATION) {
        for (ptrdiff_t c = 0; c < columns; c++) mean += x[c];
        mean /= (float)columns;
    }
    for (ptrdiff_t c = 0; c < columns; c++) squares += (x[c] - mean) * (x[c] - mean);
    if (kind == CV_LENGTH) {
        float inverse = 1 / __builtin_elementwise_sqrt(squares > epsilon ? squares : epsilon);
        return (row_size){inverse, 0, squares > epsilon ? inverse * inverse * inverse : 0};
    }
    float inverse = 1 / __builtin_elementwise_sqrt(squares / (float)columns + epsilon);
    return (row_size){inverse, mean, inverse * inverse * inverse / (float)columns};
}

FAST void cv_length_norm(int32_t kind, ptrdiff_t rows, ptrdiff_t columns, float epsilon, const float *x,
                         const float *gamma, float *y) {
    for (ptrdiff_t r = 0; r < rows; r++, x += columns, y += columns) {
        float s = row_length(kind, columns, epsilon, x).inverse;
        EITHER(gamma, for (ptrdiff_t c = 0; c < columns; c++) y[c] = x[c] * s * (gamma ? gamma[c] : 1);)
    }
}

// With d = dy gamma: dx = s d - slope (x - mean) Σ d x, where slope = -∂s/∂x / (x - mean).
FAST void cv_length_norm_gradient(int32_t kind, ptrdiff_t rows, ptrdiff_t columns, float epsilon, const float *x,
                                  const float *gamma, const float *dy, float *dx, float *dgamma) {
    if (dgamma) memset(dgamma, 0, sizeof(float) * (size_t)columns);
    for (ptrdiff_t r = 0; r < rows; r++, x += columns, dy += columns) {
        row_size size = row_length(kind, columns, epsilon, x);
        float along = 0;
        EITHER(gamma, for (ptrdiff_t c = 0; c < columns; c++) along += dy[c] * (gamma ? gamma[c] : 1) * x[c];)
        if (dgamma) for (ptrdiff_t c = 0; c < columns; c++) dgamma[c] += dy[c] * x[c] * size.inverse;
        if (dx) {
            float *row = dx + r * columns;
            EITHER(gamma, for (ptrdiff_t c = 0; c < columns; c++)
                row[c] = size.inverse * dy[c] * (gamma ? gamma[c] : 1) - size.slope * (x[c] - size.mean) * along;)
        }
    }
}

FAST void cv_group_norm(ptrdiff_t examples, ptrdiff_t positions, ptrdiff_t groups, ptrdiff_t size, float epsilon,
                        const float *x, const float *gamma, const float *beta, float *y, float *mean, float *inverse) {
    ptrdiff_t channels = groups * size;
    float n = 1 / (float)(positions * size);
    for (ptrdiff_t e = 0; e < examples; e++, x += positions * channels, y += positions * channels)
        for (ptrdiff_t g = 0; g < groups; g++) {
            float sum = 0, squares = 0;
            for (ptrdiff_t p = 0; p < positions; p++)
                for (ptrdiff_t c = g * size; c < (g + 1) * size; c++) sum += x[p * channels + c];
            float m = sum * n;
            for (ptrdiff_t p = 0; p < positions; p++)
                for (ptrdiff_t c = g * size; c < (g + 1) * size; c++)
                    squares += (x[p * channels + c] - m) * (x[p * channels + c] - m);
            float s = 1 / __builtin_elementwise_sqrt(squares * n + epsilon);
            mean[e * groups + g] = m;
            inverse[e * groups + g] = s;
            for (ptrdiff_t p = 0; p < positions; p++)
                for (ptrdiff_t c = g * size; c < (g + 1) * size; c++)
                    y[p * channels + c] = (x[p * channels + c] - m) * s * (gamma ? gamma[c] : 1) + (beta ? beta[c] : 0);
        }
}

FAST void cv_group_norm_gradient(ptrdiff_t examples, ptrdiff_t positions, ptrdiff_t groups, ptrdiff_t size,
                                 const float *x, const float *gamma, const float *mean, const float *inverse,
                                 const float *dy, float *dx, float *dgamma, float *dbeta) {
    ptrdiff_t channels = groups * size;
    float n = 1 / (float)(positions * size);
    if (dgamma) memset(dgamma, 0, sizeof(float) * (size_t)channels);
    if (dbeta) memset(dbeta, 0, sizeof(float) * (size_t)channels);
    for (ptrdiff_t e = 0; e < examples; e++, x += positions * channels, dy += positions * channels)
        for (ptrdiff_t g = 0; g < groups; g++) {
            float m = mean[e * groups + g], s = inverse[e * groups + g], sum = 0, along = 0;
            for (ptrdiff_t p = 0; p < positions; p++)
                for (ptrdiff_t c = g * size; c < (g + 1) * size; c++) {
                    ptrdiff_t i = p * channels + c;
                    float centered = (x[i] - m) * s, d = dy[i] * (gamma ? gamma[c] : 1);
                    sum += d;
                    along += d * centered;
                    if (dgamma) dgamma[c] += dy[i] * centered;
                    if (dbeta) dbeta[c] += dy[i];
                }
            if (!dx) continue;
            float *out = dx + e * positions * channels;
            for (ptrdiff_t p = 0; p < positions; p++)
                for (ptrdiff_t c = g * size; c < (g + 1) * size; c++) {
                    ptrdiff_t i = p * channels + c;
                    out[i] = s * (dy[i] * (gamma ? gamma[c] : 1) - sum * n - (x[i] - m) * s * along * n);
                }
        }
}

// 1 / the number of rows that count; rows without any have moments of 0, as in Keras.
INLINE float share(ptrdiff_t rows, const float *weight) {
    float count = 0;
    if (!weight) return 1 / (float)rows;
    for (ptrdiff_t r = 0; r < rows; r++) count += weight[r] != 0;
    return count > 0 ? 1 / count : 0;
}

FAST void cv_column_moments(ptrdiff_t rows, ptrdiff_t columns, const float *x, const float *weight, float *R mean,
                            float *R variance) {
    memset(mean, 0, sizeof(float) * (size_t)columns);
    memset(variance, 0, sizeof(float) * (size_t)columns);
    float scale = share(rows, weight);
    for (ptrdiff_t r = 0; r < rows; r++) {
        if (weight && weight[r] == 0) continue;
        for (ptrdiff_t c = 0; c < columns; c++) mean[c] += x[r * columns + c];
    }
    for (ptrdiff_t c = 0; c < columns; c++) mean[c] *= scale;
    for (ptrdiff_t r = 0; r < rows; r++) {
        if (weight && weight[r] == 0) continue;
        for (ptrdiff_t c = 0; c < columns; c++) {
            float d = x[r * columns + c] - mean[c];
            variance[c] += d * d;
        }
    }
    for (ptrdiff_t c = 0; c < columns; c++) variance[c] *= scale;
}

FAST void cv_column_dots_centered(ptrdiff_t rows, ptrdiff_t columns, const float *x, const float *mean,
                                  const float *dy, float *R sums) {
    memset(sums, 0, sizeof(float) * (size_t)columns);
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t c = 0; c < columns; c++) sums[c] += dy[r * columns + c] * (x[r * columns + c] - mean[c]);
}

FAST void cv_batch_norm_gradient(ptrdiff_t rows, ptrdiff_t columns, const float *x, const float *weight,
                                 const float *mean, const float *scale, const float *inverse, const float *sum_dy,
                                 const float *sum_dy_xc, const float *dy, float *dx) {
    float all = share(rows, weight);
    for (ptrdiff_t r = 0; r < rows; r++) {
        float n = weight && weight[r] == 0 ? 0 : all;
        for (ptrdiff_t c = 0; c < columns; c++) {
            ptrdiff_t i = r * columns + c;
            dx[i] =
                scale[c] * (dy[i] - sum_dy[c] * n - (x[i] - mean[c]) * inverse[c] * inverse[c] * sum_dy_xc[c] * n);
        }
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

FAST void cv_resample(ptrdiff_t outer, ptrdiff_t inputs, ptrdiff_t outputs, ptrdiff_t inner, ptrdiff_t taps,
                      const ptrdiff_t *first, const float *weight, const float *x, float *R y) {
    for (ptrdiff_t n = 0; n < outer; n++, x += inputs * inner)
        for (ptrdiff_t o = 0; o < outputs; o++, y += inner) {
            memset(y, 0, sizeof(float) * (size_t)inner);
            for (ptrdiff_t t = 0; t < taps; t++) {
                float w = weight[o * taps + t];
                if (w == 0) continue;
                const float *R row = x + (first[o] + t) * inner;
                for (ptrdiff_t i = 0; i < inner; i++) y[i] += w * row[i];
            }
        }
}

FAST void cv_resample_gradient(ptrdiff_t outer, ptrdiff_t inputs, ptrdiff_t outputs, ptrdiff_t inner, ptrdiff_t taps,
                               const ptrdiff_t *first, const float *weight, const float *dy, float *R dx) {
    memset(dx, 0, sizeof(float) * (size_t)(outer * inputs * inner));
    for (ptrdiff_t n = 0; n < outer; n++, dx += inputs * inner)
        for (ptrdiff_t o = 0; o < outputs; o++, dy += inner)
            for (ptrdiff_t t = 0; t < taps; t++) {
                float w = weight[o * taps + t];
                if (w == 0) continue;
                float *R row = dx + (first[o] + t) * inner;
                for (ptrdiff_t i = 0; i < inner; i++) row[i] += w * dy[i];
            }
}

// By tiles, so that what is read and what is written both stay in the cache.
FAST void cv_swap_axes(ptrdiff_t outer, ptrdiff_t a, ptrdiff_t b, ptrdiff_t inner, const float *x, float *R y) {
    enum { tile = 16 };
    for (ptrdiff_t n = 0; n < outer; n++, x += a * b * inner, y += a * b * inner)
        for (ptrdiff_t i = 0; i < a; i += tile)
            for (ptrdiff_t j = 0; j < b; j += tile)
                for (ptrdiff_t r = i; r < a && r < i + tile; r++)
                    for (ptrdiff_t c = j; c < b && c < j + tile; c++)
                        for (ptrdiff_t k = 0; k < inner; k++) y[(c * a + r) * inner + k] = x[(r * b + c) * inner + k];
}
