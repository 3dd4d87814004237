// Distances between what two networks say, with their gradients.
#include "elementary.h"

// log(1 + y) for y from 0 to 1: 2 artanh(y / (2 + y)) by its series, to about one unit in the last place.
INLINE float log_one_plus(float y) {
    float s = y / (2 + y), t = s * s;
    float p = 1.0f / 15;
    p = p * t + 1.0f / 13;
    p = p * t + 1.0f / 11;
    p = p * t + 1.0f / 9;
    p = p * t + 1.0f / 7;
    p = p * t + 1.0f / 5;
    p = p * t + 1.0f / 3;
    return 2 * (s + s * t * p);
}

// q log(q / p) - q + p, where r = log(p / q): never negative, and q r² / 2 + q r³ / 6 + ... where p is near q, so that
// a divergence is not the difference of two entropies. The sums of p and of q being 1, -q + p adds up to nothing, and
// an error of r that all classes share is as good as none.
INLINE float divergence_term(float p, float q, float r) {
    float s = 1.0f / 40320;
    s = s * r + 1.0f / 5040;
    s = s * r + 1.0f / 720;
    s = s * r + 1.0f / 120;
    s = s * r + 1.0f / 24;
    s = s * r + 1.0f / 6;
    s = s * r + 1.0f / 2;
    float near = q * r * r * s, far = p - q - q * r;
    return fabsf(r) < 0.5f ? near : (far < 0 ? 0 : far);
}

// A logit of the teacher may be infinite where it is sure.
INLINE float limited(float v) { return clip(v, -1e20f, 1e20f); }

FAST double cv_divergence(ptrdiff_t rows, ptrdiff_t columns, float temperature, const float *z, const float *v,
                          float scale, float *gradient) {
    float inverse = 1 / temperature;
    double total = 0;
    for (ptrdiff_t r = 0; r < rows; r++, z += columns, v += columns, gradient += columns) {
        float top_z = z[0], top_v = limited(v[0]), sum_z = 0, sum_v = 0, sum = 0;
        for (ptrdiff_t c = 1; c < columns; c++) {
            top_z = z[c] > top_z ? z[c] : top_z;
            top_v = limited(v[c]) > top_v ? limited(v[c]) : top_v;
        }
        for (ptrdiff_t c = 0; c < columns; c++) {
            sum_z += exponential((z[c] - top_z) * inverse);
            sum_v += exponential(limited(v[c]) - top_v);
        }
        float log_z = logf(sum_z), log_v = logf(sum_v);
        LANES for (ptrdiff_t c = 0; c < columns; c++) {
            float log_p = (z[c] - top_z) * inverse - log_z, log_q = limited(v[c]) - top_v - log_v;
            float p = exponential(log_p), q = exponential(log_q);
            sum += divergence_term(p, q, log_p - log_q);
            gradient[c] += scale * (p - q);
        }
        total += (double)sum;
    }
    return total;
}

FAST double cv_binary_divergence(ptrdiff_t rows, ptrdiff_t columns, float temperature, const float *z, const float *v,
                                 float scale, float *gradient) {
    float inverse = 1 / temperature;
    double total = 0;
    for (ptrdiff_t r = 0; r < rows; r++, z += columns, v += columns, gradient += columns) {
        float sum = 0;
        LANES for (ptrdiff_t c = 0; c < columns; c++) {
            float x = z[c] * inverse, y = limited(v[c]);
            float a = exponential(-fabsf(x)), b = exponential(-fabsf(y));
            // p = sigmoid(x) and q = sigmoid(y); the large one of p and 1 - p is 1 / (1 + a), the other a / (1 + a).
            float p_large = 1 / (1 + a), q_large = 1 / (1 + b), p_small = a * p_large, q_small = b * q_large;
            float p = x > 0 ? p_large : p_small, not_p = x > 0 ? p_small : p_large;
            float q = y > 0 ? q_large : q_small, not_q = y > 0 ? q_small : q_large;
            float change = log_one_plus(b) - log_one_plus(a);
            float log_ratio = (x < 0 ? x : 0) - (y < 0 ? y : 0) + change;
            float log_ratio_not = (y > 0 ? y : 0) - (x > 0 ? x : 0) + change;
            sum += divergence_term(p, q, log_ratio) + divergence_term(not_p, not_q, log_ratio_not);
            gradient[c] += scale * (x + y > 0 ? not_q - not_p : p - q);
        }
        total += (double)sum;
    }
    return total;
}

FAST double cv_binary_cross_entropy(ptrdiff_t rows, ptrdiff_t columns, float temperature, const float *z, const float *y,
                                    float scale, float *gradient) {
    float inverse = 1 / temperature;
    double total = 0;
    for (ptrdiff_t r = 0; r < rows; r++, z += columns, y += columns, gradient += columns) {
        float sum = 0;
        LANES for (ptrdiff_t c = 0; c < columns; c++) {
            float x = z[c] * inverse, a = exponential(-fabsf(x)), large = 1 / (1 + a);
            // log(1 + exp x) - y x, without the difference of large numbers.
            sum += log_one_plus(a) + fabsf(x) * (x > 0 ? 1 - y[c] : y[c]);
            gradient[c] += scale * ((x > 0 ? large : a * large) - y[c]);
        }
        total += (double)sum;
    }
    return total;
}

FAST double cv_correlation_distance(ptrdiff_t rows, ptrdiff_t columns, const float *x, const float *y, float scale,
                                    float *gradient) {
    // Deviations below this share of the numbers are what rounding leaves of none.
    const float floor = 1e-6f;
    float n = 1 / (float)columns;
    double total = 0;
    for (ptrdiff_t r = 0; r < rows; r++, x += columns, y += columns, gradient += columns) {
        float mean_x = 0, mean_y = 0, xx = 0, yy = 0, distance = 0;
        for (ptrdiff_t c = 0; c < columns; c++) {
            mean_x += x[c];
            mean_y += y[c];
        }
        mean_x *= n;
        mean_y *= n;
        for (ptrdiff_t c = 0; c < columns; c++) {
            xx += (x[c] - mean_x) * (x[c] - mean_x);
            yy += (y[c] - mean_y) * (y[c] - mean_y);
        }
        float deviation_x = __builtin_elementwise_sqrt(xx * n), deviation_y = __builtin_elementwise_sqrt(yy * n);
        if (!(deviation_x > floor * fabsf(mean_x) && deviation_y > floor * fabsf(mean_y))) {
            total += 1;
            continue;
        }
        float by_x = 1 / __builtin_elementwise_sqrt(xx), by_y = 1 / __builtin_elementwise_sqrt(yy);
        // 1 - Σ u w = ½ Σ (u - w)² for unit vectors, without the difference of numbers near 1.
        for (ptrdiff_t c = 0; c < columns; c++) {
            float d = (x[c] - mean_x) * by_x - (y[c] - mean_y) * by_y;
            distance += 0.5f * d * d;
        }
        LANES for (ptrdiff_t c = 0; c < columns; c++) {
            float u = (x[c] - mean_x) * by_x, w = (y[c] - mean_y) * by_y;
            gradient[c] += scale * by_x * (u - w - distance * u);
        }
        total += (double)distance;
    }
    return total;
}

FAST void cv_squared_distances(ptrdiff_t rows, ptrdiff_t columns, const float *x, double *R d) {
    for (ptrdiff_t i = 0; i < rows; i++) {
        d[i * rows + i] = 0;
        for (ptrdiff_t j = 0; j < i; j++) {
            const float *a = x + i * columns, *b = x + j * columns;
            double sum = 0;
            for (ptrdiff_t c = 0; c < columns; c++) {
                double difference = (double)a[c] - (double)b[c];
                sum += difference * difference;
            }
            d[i * rows + j] = d[j * rows + i] = sum;
        }
    }
}

// With a = ½ (D_ij + D_jk - D_ik) / (d_ij d_jk) the cosine at j, by the law of cosines:
// ∂a/∂D_ij = ½ / (d_ij d_jk) - ½ a / D_ij, likewise for jk, and ∂a/∂D_ik = -½ / (d_ij d_jk).
FAST double cv_angle_distance(ptrdiff_t n, const double *R d, const double *R inverse, const double *R e,
                              const double *R inverse_e, double *R gradient) {
    double total = 0;
    for (ptrdiff_t j = 0; j < n; j++) {
        const double *dj = d + j * n, *rj = inverse + j * n, *ej = e + j * n, *sj = inverse_e + j * n;
        double *R gj = gradient + j * n;
        for (ptrdiff_t i = 0; i < n; i++) {
            if (i == j) continue;
            const double *di = d + i * n, *ei = e + i * n;
            double dij = dj[i], rij = rj[i], eij = ej[i], sij = sj[i], own = 0, sum = 0;
            double *R gi = gradient + i * n;
            for (ptrdiff_t k = i + 1; k < n; k++) {
                double half = 0.5 * rij * rj[k], a = (dij + dj[k] - di[k]) * half;
                double b = (eij + ej[k] - ei[k]) * 0.5 * sij * sj[k], difference = a - b;
                double g = difference > 1 ? 1 : (difference < -1 ? -1 : difference);
                sum += g * (difference - 0.5 * g);
                own += g * (half - 0.5 * a * rij * rij);
                gj[k] += g * (half - 0.5 * a * rj[k] * rj[k]);
                gi[k] -= g * half;
            }
            gj[i] += own;
            total += sum;
        }
    }
    return total;
}

FAST void cv_center_rows(ptrdiff_t rows, ptrdiff_t columns, const float *x, float *y) {
    for (ptrdiff_t r = 0; r < rows; r++, x += columns, y += columns) {
        double sum = 0;
        for (ptrdiff_t c = 0; c < columns; c++) sum += (double)x[c];
        float mean = (float)(sum / (double)columns);
        for (ptrdiff_t c = 0; c < columns; c++) y[c] = x[c] - mean;
    }
}

FAST void cv_row_dots(ptrdiff_t rows, ptrdiff_t columns, const float *a, const float *b, float *sums) {
    for (ptrdiff_t r = 0; r < rows; r++, a += columns, b += columns) {
        float sum = 0;
        for (ptrdiff_t c = 0; c < columns; c++) sum += a[c] * b[c];
        sums[r] = sum;
    }
}
