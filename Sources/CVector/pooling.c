// Pooling and depthwise convolution, channels last: the inner loop runs over the channels.
#include "elementary.h"


INLINE ptrdiff_t larger(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }
INLINE ptrdiff_t smaller(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

// The rows and columns of x under output cell (oh, ow), cut at the edges.
#define WINDOW(p, oh, ow)                                                                                              \
    ptrdiff_t top = larger((oh) * (p)->stride_height - (p)->before_height, 0);                                         \
    ptrdiff_t bottom = smaller((oh) * (p)->stride_height - (p)->before_height + (p)->pool_height, (p)->height);        \
    ptrdiff_t left = larger((ow) * (p)->stride_width - (p)->before_width, 0);                                          \
    ptrdiff_t right = smaller((ow) * (p)->stride_width - (p)->before_width + (p)->pool_width, (p)->width);

FAST void cv_max_pool(const cv_pool *p, const float *R x, float *R y) {
    ptrdiff_t C = p->channels;
    for (ptrdiff_t b = 0; b < p->batch; b++, x += p->height * p->width * C)
        for (ptrdiff_t oh = 0; oh < p->out_height; oh++)
            for (ptrdiff_t ow = 0; ow < p->out_width; ow++, y += C) {
                WINDOW(p, oh, ow)
                const float *first = x + (top * p->width + left) * C;
                if (bottom - top == 2 && right - left == 2) {
                    const float *R a = first, *R d = first + C, *R e = first + p->width * C, *R f = e + C;
                    for (ptrdiff_t c = 0; c < C; c++) y[c] = highest(highest(a[c], d[c]), highest(e[c], f[c]));
                    continue;
                }
                memcpy(y, first, sizeof(float) * (size_t)C);
                for (ptrdiff_t h = top; h < bottom; h++)
                    for (ptrdiff_t w = left; w < right; w++) {
                        const float *R cell = x + (h * p->width + w) * C;
                        for (ptrdiff_t c = 0; c < C; c++) y[c] = highest(cell[c], y[c]);
                    }
            }
}

FAST void cv_max_pool_gradient(const cv_pool *p, const float *R x, const float *R y, const float *R dy, float *R dx) {
    ptrdiff_t C = p->channels;
    int disjoint = p->stride_height == 2 && p->stride_width == 2 && p->pool_height == 2 && p->pool_width == 2
        && p->before_height == 0 && p->before_width == 0 && p->height == 2 * p->out_height
        && p->width == 2 * p->out_width;
    if (!disjoint) memset(dx, 0, sizeof(float) * (size_t)(p->batch * p->height * p->width * C));
    for (ptrdiff_t b = 0; b < p->batch; b++, x += p->height * p->width * C, dx += p->height * p->width * C)
        for (ptrdiff_t oh = 0; oh < p->out_height; oh++)
            for (ptrdiff_t ow = 0; ow < p->out_width; ow++, y += C, dy += C) {
                WINDOW(p, oh, ow)
                if (bottom - top == 2 && right - left == 2 && p->stride_height >= 2 && p->stride_width >= 2) {
                    ptrdiff_t o = (top * p->width + left) * C, down = p->width * C;
                    const float *R a = x + o, *R d = a + C, *R e = a + down;
                    float *R ga = dx + o, *R gd = ga + C, *R ge = ga + down, *R gf = ge + C;
                    LANES for (ptrdiff_t c = 0; c < C; c++) {
                        float v = y[c], g = dy[c];
                        float wa = a[c] == v ? g : 0, wd = a[c] != v && d[c] == v ? g : 0;
                        float we = a[c] != v && d[c] != v && e[c] == v ? g : 0;
                        ga[c] = wa;
                        gd[c] = wd;
                        ge[c] = we;
                        gf[c] = a[c] != v && d[c] != v && e[c] != v ? g : 0;
                    }
                    continue;
                }
                for (ptrdiff_t c = 0; c < C; c++) {
                    int found = 0;
                    for (ptrdiff_t h = top; h < bottom && !found; h++)
                        for (ptrdiff_t w = left; w < right && !found; w++) {
                            ptrdiff_t i = (h * p->width + w) * C + c;
                            if (x[i] == y[c]) { dx[i] += dy[c]; found = 1; }
                        }
                }
            }
}

FAST void cv_average_pool(const cv_pool *p, const float *R x, float *R y) {
    ptrdiff_t C = p->channels;
    for (ptrdiff_t b = 0; b < p->batch; b++, x += p->height * p->width * C)
        for (ptrdiff_t oh = 0; oh < p->out_height; oh++)
            for (ptrdiff_t ow = 0; ow < p->out_width; ow++, y += C) {
                WINDOW(p, oh, ow)
                float share = 1.0f / (float)((bottom - top) * (right - left));
                memset(y, 0, sizeof(float) * (size_t)C);
                for (ptrdiff_t h = top; h < bottom; h++)
                    for (ptrdiff_t w = left; w < right; w++) {
                        const float *R cell = x + (h * p->width + w) * C;
                        for (ptrdiff_t c = 0; c < C; c++) y[c] += cell[c];
                    }
                for (ptrdiff_t c = 0; c < C; c++) y[c] *= share;
            }
}

FAST void cv_average_pool_gradient(const cv_pool *p, const float *R dy, float *R dx) {
    ptrdiff_t C = p->channels;
    memset(dx, 0, sizeof(float) * (size_t)(p->batch * p->height * p->width * C));
    for (ptrdiff_t b = 0; b < p->batch; b++, dx += p->height * p->width * C)
        for (ptrdiff_t oh = 0; oh < p->out_height; oh++)
            for (ptrdiff_t ow = 0; ow < p->out_width; ow++, dy += C) {
                WINDOW(p, oh, ow)
                float share = 1.0f / (float)((bottom - top) * (right - left));
                for (ptrdiff_t h = top; h < bottom; h++)
                    for (ptrdiff_t w = left; w < right; w++) {
                        float *R cell = dx + (h * p->width + w) * C;
                        for (ptrdiff_t c = 0; c < C; c++) cell[c] += dy[c] * share;
                    }
            }
}

// Calls BODY for every kernel cell that lies inside the input of output cell (oh, ow).
#define EACH_TAP(d, oh, ow, BODY)                                                                                      \
    for (ptrdiff_t kh = 0; kh < (d)->kernel_height; kh++) {                                                            \
        ptrdiff_t h = (oh) * (d)->stride_height - (d)->before_height + kh * (d)->dilation_height;                      \
        if (h < 0 || h >= (d)->height) continue;                                                                       \
        for (ptrdiff_t kw = 0; kw < (d)->kernel_width; kw++) {                                                         \
            ptrdiff_t w = (ow) * (d)->stride_width - (d)->before_width + kw * (d)->dilation_width;                     \
            if (w < 0 || w >= (d)->width) continue;                                                                    \
            ptrdiff_t cell = ((b * (d)->height + h) * (d)->width + w) * C;                                             \
            ptrdiff_t tap = (kh * (d)->kernel_width + kw) * C * M;                                                     \
            BODY                                                                                                       \
        }                                                                                                              \
    }

FAST void cv_depthwise_forward(const cv_depthwise *d, const float *R x, const float *R kernel, float *R y) {
    ptrdiff_t C = d->channels, M = d->multiplier;
    for (ptrdiff_t b = 0; b < d->batch; b++)
        for (ptrdiff_t oh = 0; oh < d->out_height; oh++)
            for (ptrdiff_t ow = 0; ow < d->out_width; ow++, y += C * M) {
                memset(y, 0, sizeof(float) * (size_t)(C * M));
                EACH_TAP(d, oh, ow, {
                    if (M == 1) for (ptrdiff_t c = 0; c < C; c++) y[c] += x[cell + c] * kernel[tap + c];
                    else for (ptrdiff_t c = 0; c < C; c++)
                        for (ptrdiff_t m = 0; m < M; m++) y[c * M + m] += x[cell + c] * kernel[tap + c * M + m];
                })
            }
}

FAST void cv_depthwise_gradient(const cv_depthwise *d, const float *R x, const float *R kernel, const float *R dy,
                                float *R dx, float *R dkernel) {
    ptrdiff_t C = d->channels, M = d->multiplier;
    if (dx) memset(dx, 0, sizeof(float) * (size_t)(d->batch * d->height * d->width * C));
    memset(dkernel, 0, sizeof(float) * (size_t)(d->kernel_height * d->kernel_width * C * M));
    for (ptrdiff_t b = 0; b < d->batch; b++)
        for (ptrdiff_t oh = 0; oh < d->out_height; oh++)
            for (ptrdiff_t ow = 0; ow < d->out_width; ow++, dy += C * M)
                EACH_TAP(d, oh, ow, {
                    if (M == 1) {
                        for (ptrdiff_t c = 0; c < C; c++) dkernel[tap + c] += dy[c] * x[cell + c];
                        if (dx) for (ptrdiff_t c = 0; c < C; c++) dx[cell + c] += dy[c] * kernel[tap + c];
                    } else {
                        for (ptrdiff_t c = 0; c < C; c++)
                            for (ptrdiff_t m = 0; m < M; m++) {
                                dkernel[tap + c * M + m] += dy[c * M + m] * x[cell + c];
                                if (dx) dx[cell + c] += dy[c * M + m] * kernel[tap + c * M + m];
                            }
                    }
                })
}
