// One time step of SimpleRNN, LSTM and GRU, forward and backward, after the matrix products.
#include "elementary.h"

// Keras's defaults (tanh, sigmoid) become constants, so that their loops become vectors; the rest share one loop.
#define FOR_KINDS(a, g, ...)                                                                                          \
    if ((a) == CV_TANH && (g) == CV_SIGMOID) { enum { A = CV_TANH, G = CV_SIGMOID }; __VA_ARGS__; }                         \
    else { const int32_t A = (a), G = (g); (void)A; (void)G; __VA_ARGS__; }

FAST void cv_rnn_step(ptrdiff_t rows, ptrdiff_t u, int32_t a, const float *mask, const float *z, const float *previous,
                      float *h) {
    FOR_KINDS(a, CV_SIGMOID, {
        if (!mask) for (ptrdiff_t i = 0; i < rows * u; i++) h[i] = activate(A, 1, z[i]);
        else for (ptrdiff_t r = 0; r < rows; r++)
            for (ptrdiff_t i = r * u; i < (r + 1) * u; i++) h[i] = mask[r] ? activate(A, 1, z[i]) : previous[i];
    })
}

FAST void cv_rnn_step_gradient(ptrdiff_t rows, ptrdiff_t u, int32_t a, const float *mask, const float *R h,
                               const float *R dh, float *R dz, float *R carry) {
    FOR_KINDS(a, CV_SIGMOID, for (ptrdiff_t r = 0; r < rows; r++) {
        int real = !mask || mask[r];
        for (ptrdiff_t i = r * u; i < (r + 1) * u; i++) {
            dz[i] = real ? dh[i] * derivative(A, 1, h[i]) : 0;
            carry[i] = real ? 0 : dh[i];
        }
    })
}

INLINE void lstm_row(int32_t A, int32_t G, ptrdiff_t u, int real, float *R z, const float *R hp, const float *R cp,
                     float *R h, float *R c) {
    LANES for (ptrdiff_t j = 0; j < u; j++) {
        float i = activate(G, 1, z[j]), f = activate(G, 1, z[u + j]);
        float n = activate(A, 1, z[2 * u + j]), o = activate(G, 1, z[3 * u + j]);
        z[j] = i; z[u + j] = f; z[2 * u + j] = n; z[3 * u + j] = o;
        float cell = f * cp[j] + i * n;
        c[j] = real ? cell : cp[j];
        h[j] = real ? o * activate(A, 1, cell) : hp[j];
    }
}

FAST void cv_lstm_step(ptrdiff_t rows, ptrdiff_t u, int32_t a, int32_t g, const float *mask, float *z,
                       const float *previous_h, const float *previous_c, float *h, float *c) {
    FOR_KINDS(a, g, for (ptrdiff_t r = 0; r < rows; r++)
        lstm_row(A, G, u, !mask || mask[r], z + 4 * u * r, previous_h + u * r, previous_c + u * r, h + u * r, c + u * r);)
}

INLINE void lstm_row_gradient(int32_t A, int32_t G, ptrdiff_t u, int real, const float *R z, const float *R cp,
                              const float *R c, const float *R dh, float *R dc, float *R dz, float *R carry) {
    LANES for (ptrdiff_t j = 0; j < u; j++) {
        float i = z[j], f = z[u + j], n = z[2 * u + j], o = z[3 * u + j], m = activate(A, 1, c[j]);
        float d = dc[j] + dh[j] * o * derivative(A, 1, m);
        dz[j] = real ? d * n * derivative(G, 1, i) : 0;
        dz[u + j] = real ? d * cp[j] * derivative(G, 1, f) : 0;
        dz[2 * u + j] = real ? d * i * derivative(A, 1, n) : 0;
        dz[3 * u + j] = real ? dh[j] * m * derivative(G, 1, o) : 0;
        dc[j] = real ? d * f : dc[j];
        carry[j] = real ? 0 : dh[j];
    }
}

FAST void cv_lstm_step_gradient(ptrdiff_t rows, ptrdiff_t u, int32_t a, int32_t g, const float *mask, const float *z,
                                const float *previous_c, const float *c, const float *dh, float *dc, float *dz,
                                float *carry) {
    FOR_KINDS(a, g, for (ptrdiff_t r = 0; r < rows; r++)
        lstm_row_gradient(A, G, u, !mask || mask[r], z + 4 * u * r, previous_c + u * r, c + u * r, dh + u * r,
                          dc + u * r, dz + 4 * u * r, carry + u * r);)
}

INLINE void gru_row(int32_t A, int32_t G, ptrdiff_t u, int real, float *R x, const float *R s, const float *R hp,
                    float *R h) {
    LANES for (ptrdiff_t j = 0; j < u; j++) {
        float z = activate(G, 1, x[j] + s[j]), r = activate(G, 1, x[u + j] + s[u + j]);
        float n = activate(A, 1, x[2 * u + j] + r * s[2 * u + j]);
        x[j] = z; x[u + j] = r; x[2 * u + j] = n;
        h[j] = real ? z * hp[j] + (1 - z) * n : hp[j];
    }
}

FAST void cv_gru_step(ptrdiff_t rows, ptrdiff_t u, int32_t a, int32_t g, const float *mask, float *x, const float *s,
                      const float *previous, float *h) {
    FOR_KINDS(a, g, for (ptrdiff_t r = 0; r < rows; r++)
        gru_row(A, G, u, !mask || mask[r], x + 3 * u * r, s + 3 * u * r, previous + u * r, h + u * r);)
}

INLINE void gru_row_gradient(int32_t A, int32_t G, ptrdiff_t u, int real, const float *R x, const float *R s,
                             const float *R hp, const float *R dh, float *R dx, float *R ds, float *R carry) {
    LANES for (ptrdiff_t j = 0; j < u; j++) {
        float z = x[j], r = x[u + j], n = x[2 * u + j];
        float dz = dh[j] * (hp[j] - n) * derivative(G, 1, z);
        float dn = dh[j] * (1 - z) * derivative(A, 1, n);
        float dr = dn * s[2 * u + j] * derivative(G, 1, r);
        dx[j] = ds[j] = real ? dz : 0;
        dx[u + j] = ds[u + j] = real ? dr : 0;
        dx[2 * u + j] = real ? dn : 0;
        ds[2 * u + j] = real ? dn * r : 0;
        carry[j] = real ? dh[j] * z : dh[j];
    }
}

FAST void cv_gru_step_gradient(ptrdiff_t rows, ptrdiff_t u, int32_t a, int32_t g, const float *mask, const float *x,
                               const float *s, const float *previous, const float *dh, float *dx, float *ds,
                               float *carry) {
    FOR_KINDS(a, g, for (ptrdiff_t r = 0; r < rows; r++)
        gru_row_gradient(A, G, u, !mask || mask[r], x + 3 * u * r, s + 3 * u * r, previous + u * r, dh + u * r,
                         dx + 3 * u * r, ds + 3 * u * r, carry + u * r);)
}

FAST void cv_gru_gates(ptrdiff_t rows, ptrdiff_t u, int32_t g, float *R x, const float *R previous, float *R reset) {
    FOR_KINDS(CV_TANH, g, for (ptrdiff_t r = 0; r < rows; r++, x += 3 * u)
        LANES for (ptrdiff_t j = 0; j < u; j++) {
            x[j] = activate(G, 1, x[j]);
            x[u + j] = activate(G, 1, x[u + j]);
            reset[r * u + j] = x[u + j] * previous[r * u + j];
        })
}

FAST void cv_gru_candidate(ptrdiff_t rows, ptrdiff_t u, int32_t a, const float *mask, float *R x,
                           const float *R previous, float *R h) {
    FOR_KINDS(a, CV_SIGMOID, for (ptrdiff_t r = 0; r < rows; r++, x += 3 * u) {
        int real = !mask || mask[r];
        LANES for (ptrdiff_t j = 0; j < u; j++) {
            float n = x[2 * u + j] = activate(A, 1, x[2 * u + j]);
            h[r * u + j] = real ? x[j] * previous[r * u + j] + (1 - x[j]) * n : previous[r * u + j];
        }
    })
}

FAST void cv_gru_candidate_gradient(ptrdiff_t rows, ptrdiff_t u, int32_t a, int32_t g, const float *mask,
                                    const float *R x, const float *R previous, const float *R dh, float *R dx,
                                    float *R carry) {
    FOR_KINDS(a, g, for (ptrdiff_t r = 0; r < rows; r++, x += 3 * u, dx += 3 * u) {
        int real = !mask || mask[r];
        LANES for (ptrdiff_t j = 0; j < u; j++) {
            ptrdiff_t i = r * u + j;
            float z = x[j], n = x[2 * u + j];
            dx[j] = real ? dh[i] * (previous[i] - n) * derivative(G, 1, z) : 0;
            dx[2 * u + j] = real ? dh[i] * (1 - z) * derivative(A, 1, n) : 0;
            carry[i] = real ? dh[i] * z : dh[i];
        }
    })
}

FAST void cv_gru_reset_gradient(ptrdiff_t rows, ptrdiff_t u, int32_t g, const float *mask, const float *R x,
                                const float *R previous, const float *R dreset, float *R dx, float *R carry) {
    FOR_KINDS(CV_TANH, g, for (ptrdiff_t r = 0; r < rows; r++, x += 3 * u, dx += 3 * u) {
        int real = !mask || mask[r];
        LANES for (ptrdiff_t j = 0; j < u; j++) {
            ptrdiff_t i = r * u + j;
            dx[u + j] = real ? dreset[i] * previous[i] * derivative(G, 1, x[u + j]) : 0;
            carry[i] += real ? dreset[i] * x[u + j] : 0;
        }
    })
}
