// What the frames of a video are together.
#include "elementary.h"
#include "CVector.h"

FAST void cv_first_maximum_gradient(ptrdiff_t count, const float *R x, const float *R y, float *R left, float *R dx) {
    for (ptrdiff_t i = 0; i < count; i++) {
        float slope = x[i] == y[i] ? left[i] : 0;
        dx[i] = slope;
        left[i] -= slope;
    }
}

FAST void cv_fisher(ptrdiff_t features, ptrdiff_t clusters, float floor, const float *R covariances,
                    const float *R centers, const float *R M, const float *R Q, const float *R s, float *R y) {
    for (ptrdiff_t f = 0; f < features; f++) {
        float *R first = y + 2 * f * clusters, *R second = first + clusters;
        for (ptrdiff_t k = 0; k < clusters; k++) {
            ptrdiff_t i = f * clusters + k;
            float c = centers[i], v = covariances[i] * covariances[i] + floor;
            first[k] = (M[i] - c * s[k]) / v;
            second[k] = (Q[i] - 2 * c * M[i] + c * c * s[k]) / (v * v) - s[k];
        }
    }
}

FAST void cv_fisher_gradient(ptrdiff_t features, ptrdiff_t clusters, float floor, const float *R covariances,
                             const float *R centers, const float *R M, const float *R Q, const float *R s,
                             const float *R dy, float *R dM, float *R dQ, float *R ds, float *R dcovariances,
                             float *R dcenters) {
    for (ptrdiff_t k = 0; k < clusters; k++) ds[k] = 0;
    for (ptrdiff_t f = 0; f < features; f++) {
        const float *R dfirst = dy + 2 * f * clusters, *R dsecond = dfirst + clusters;
        for (ptrdiff_t k = 0; k < clusters; k++) {
            ptrdiff_t i = f * clusters + k;
            float c = centers[i], v = covariances[i] * covariances[i] + floor;
            float slope1 = dfirst[k] / v, slope2 = dsecond[k] / (v * v);
            float first = M[i] - c * s[k], second = Q[i] - 2 * c * M[i] + c * c * s[k];
            dM[i] = slope1 - 2 * c * slope2;
            dQ[i] = slope2;
            ds[k] += c * c * slope2 - c * slope1 - dsecond[k];
            dcenters[i] += 2 * (c * s[k] - M[i]) * slope2 - s[k] * slope1;
            dcovariances[i] -= 2 * covariances[i] * (slope1 * first + 2 * slope2 * second) / v;
        }
    }
}

FAST void cv_column_scaling_gradient(ptrdiff_t rows, ptrdiff_t columns, const float *R x, const float *R s,
                                     const float *R t, const float *dy, float *dx) {
    for (ptrdiff_t i = 0; i < rows * columns; i += columns)
        for (ptrdiff_t c = 0; c < columns; c++) dx[i + c] = s[c] * dy[i + c] - t[c] * x[i + c];
}
