// Loops over floats that must run at the processor's full vector width.
//
// SwiftPM compiles Swift for the oldest x86-64 (four floats to a vector, no fused multiply-add) and has no attribute
// that compiles one function for several processors. Clang has: every function here exists for AVX-512, AVX2 and the
// baseline, and the loader picks one. Arithmetic only: no memory is owned, no shape is known, all arrays are dense
// unless a stride is named, and outputs may be the same array as an input of the same index unless said otherwise.
#pragma once
#include <stddef.h>
#include <stdint.h>

// Elementwise activations, by Keras's names. Those above CV_FROM_INPUT need x for their derivative; the others
// are differentiated from y, so that their input need not be kept.
enum {
    CV_LINEAR = 0, CV_RELU, CV_TANH, CV_SIGMOID, CV_ELU, CV_SELU, CV_SOFTPLUS, CV_SOFTSIGN, CV_EXPONENTIAL,
    CV_HARD_SIGMOID, CV_HARD_SIGMOID_K2, CV_RELU6, CV_LEAKY_RELU, CV_HARD_TANH, CV_SOFT_SHRINK, CV_HARD_SHRINK,
    CV_SPARSE_PLUS, CV_SPARSE_SIGMOID,
    CV_FROM_INPUT = 64,
    CV_GELU = CV_FROM_INPUT, CV_SILU, CV_MISH, CV_HARD_SILU, CV_LOG_SIGMOID, CV_SQUAREPLUS, CV_GELU_TANH, CV_TANH_SHRINK,
};

// y = f(x). `slope` is the negative slope of CV_LEAKY_RELU and the alpha of CV_ELU.
void cv_activate(int32_t kind, float slope, ptrdiff_t count, const float *x, float *y);
// dx = dy f'; `value` is x for the kinds from CV_FROM_INPUT on, y for the others.
void cv_activate_gradient(int32_t kind, float slope, ptrdiff_t count, const float *value, const float *dy, float *dx);
// y[r, c] = f(y[r, c] + bias[c]); bias may be null.
void cv_bias_activate(int32_t kind, float slope, ptrdiff_t rows, ptrdiff_t columns, const float *bias, float *y);
// Keras's ReLU layer: min(x, max_value) if x > threshold, else negative_slope * (x - threshold).
void cv_relu_layer(float max_value, float negative_slope, float threshold, ptrdiff_t count, const float *x, float *y);
void cv_relu_layer_gradient(float max_value, float negative_slope, float threshold, ptrdiff_t count, const float *x,
                            const float *dy, float *dx);

// y = a sigmoid(b) of each row of x, whose first half is a and whose second half is b; `columns` are those of y.
void cv_glu(ptrdiff_t rows, ptrdiff_t columns, const float *x, float *y);
void cv_glu_gradient(ptrdiff_t rows, ptrdiff_t columns, const float *x, const float *dy, float *dx);
// Keras's sparsemax of each row. With the k numbers of the support sorted down, y = max(x - t, 0) where
// t = (the sum of their partial sums - 1) / k: Keras 3 adds up all partial sums where the paper has the last alone.
void cv_sparsemax(ptrdiff_t rows, ptrdiff_t columns, const float *x, float *y);
// dx of the same; must not be dy.
void cv_sparsemax_gradient(ptrdiff_t rows, ptrdiff_t columns, const float *x, const float *y, const float *dy,
                           float *dx);

// y = softmax(x / temperature) over each row.
void cv_softmax(ptrdiff_t rows, ptrdiff_t columns, float temperature, const float *x, float *y);
// dx = y (dy - y·dy) over each row.
void cv_softmax_gradient(ptrdiff_t rows, ptrdiff_t columns, const float *y, const float *dy, float *dx);
// log Σ exp(x / temperature) of each row.
void cv_log_sum_exp(ptrdiff_t rows, ptrdiff_t columns, float temperature, const float *x, float *result);
// p = softmax(z / temperature), and the result is Σ over rows and columns of q (z / temperature − log Σ exp): minus the
// cross-entropy of q and p, as a double.
double cv_soft_cross_entropy(ptrdiff_t rows, ptrdiff_t columns, float temperature, const float *q, const float *z, float *p);

// Σ KL(softmax(v) ‖ softmax(z / temperature)) of each row, exact to rounding even where both are nearly the same; adds
// scale (softmax(z / temperature) - softmax(v)) to the gradient. Infinite v are large ones.
double cv_divergence(ptrdiff_t rows, ptrdiff_t columns, float temperature, const float *z, const float *v, float scale,
                     float *gradient);
// The same of sigmoids, each number by itself: Bernoulli divergences.
double cv_binary_divergence(ptrdiff_t rows, ptrdiff_t columns, float temperature, const float *z, const float *v,
                            float scale, float *gradient);
// Σ of the binary cross-entropies of sigmoid(z / temperature) with targets y from 0 to 1, each number by itself; adds
// scale (sigmoid(z / temperature) - y) to the gradient.
double cv_binary_cross_entropy(ptrdiff_t rows, ptrdiff_t columns, float temperature, const float *z, const float *y,
                               float scale, float *gradient);
// Σ 1 - Pearson's correlation of each row of x with that of y; adds scale times the gradient at x. Where all numbers of
// a row are equal, the correlation is 0 and so is the gradient.
double cv_correlation_distance(ptrdiff_t rows, ptrdiff_t columns, const float *x, const float *y, float scale,
                               float *gradient);
// d[i, j] = ‖x_i - x_j‖², (rows, rows).
void cv_squared_distances(ptrdiff_t rows, ptrdiff_t columns, const float *x, double *d);
// Σ Huber's loss, with δ = 1, of the differences of cosines at j between (i, j) and (k, j), over i < k and j: of n
// points with the squared distances d (n, n) to n others with e. `inverse` is 1 / distance, and 0 where that is 0: the
// cosine of an angle with a side of length 0 is 0. Adds the gradient at the entries of d; that of the distance of i and
// j is in [i, j] and [j, i] together.
double cv_angle_distance(ptrdiff_t n, const double *d, const double *inverse, const double *e, const double *inverse_e,
                         double *gradient);

// How many of the numbers are NaN or infinite.
ptrdiff_t cv_count_not_finite(ptrdiff_t count, const float *x);
void cv_fill(ptrdiff_t count, float value, float *y);
void cv_add(ptrdiff_t count, const float *a, const float *b, float *y);
void cv_subtract(ptrdiff_t count, const float *a, const float *b, float *y);
void cv_multiply(ptrdiff_t count, const float *a, const float *b, float *y);
void cv_maximum(ptrdiff_t count, const float *a, const float *b, float *y);
void cv_minimum(ptrdiff_t count, const float *a, const float *b, float *y);
// y = scale x + offset
void cv_affine(ptrdiff_t count, float scale, float offset, const float *x, float *y);
// y += scale x
void cv_add_scaled(ptrdiff_t count, float scale, const float *x, float *y);
// bfloat16, the upper half of a float: to the nearest, ties to even; what is no number stays none. The numbers themselves are
// rounded, or written as halves, or halves as numbers.
void cv_round_bfloat16(ptrdiff_t count, float *x);
void cv_pack_bfloat16(ptrdiff_t count, const float *x, uint16_t *y);
void cv_unpack_bfloat16(ptrdiff_t count, const uint16_t *x, float *y);
// da = dy where a won (a ties with b: each gets half); sign +1 for maximum, -1 for minimum
void cv_extremum_gradient(ptrdiff_t count, float sign, const float *a, const float *b, const float *dy, float *da,
                          float *db);
// y[r, c] = x[r, c] s[c] + t[c]; either of s, t may be null.
void cv_scale_columns(ptrdiff_t rows, ptrdiff_t columns, const float *x, const float *s, const float *t, float *y);
// y[r, c] = x[r, c] s[r]
void cv_scale_rows(ptrdiff_t rows, ptrdiff_t columns, const float *x, const float *s, float *y);
// sums[c] (+)= Σ_r x[r, c]
void cv_column_sums(ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t stride, const float *x, int32_t adding, float *sums);
// sums[c] = Σ_r a[r, c] b[r, c]
void cv_column_dots(ptrdiff_t rows, ptrdiff_t columns, const float *a, const float *b, float *sums);
// sums[r] = Σ over the columns of a b
void cv_row_dots(ptrdiff_t rows, ptrdiff_t columns, const float *a, const float *b, float *sums);
// y = x minus the mean of its row.
void cv_center_rows(ptrdiff_t rows, ptrdiff_t columns, const float *x, float *y);
// Σ x² as a double, in a fixed order.
double cv_sum_of_squares(ptrdiff_t count, const float *x);
// 1 where every element is finite.
int32_t cv_all_finite(ptrdiff_t count, const float *x);
// y = scale x + offset from bytes.
void cv_from_bytes(ptrdiff_t count, float scale, float offset, const uint8_t *x, float *y);

// y = x / (1 - rate) where hash(key, index) ≥ rate · 2³², else 0. Element i of repeat group i / group uses the
// index (i / (group·columns))·columns + i % columns, so that whole feature maps drop together; group 1: elementwise.
void cv_dropout(ptrdiff_t count, ptrdiff_t group, ptrdiff_t columns, float rate, uint64_t key, const float *x,
                float *y);

// Layer normalisation of each row: y = (x - mean) · inverse · gamma + beta; gamma, beta may be null.
void cv_layer_norm(ptrdiff_t rows, ptrdiff_t columns, float epsilon, const float *x, const float *gamma,
                   const float *beta, float *y, float *mean, float *inverse);
// dgamma and dbeta are overwritten (null to skip); dx may be null.
void cv_layer_norm_gradient(ptrdiff_t rows, ptrdiff_t columns, const float *x, const float *gamma, const float *mean,
                            const float *inverse, const float *dy, float *dx, float *dgamma, float *dbeta);

// What divides each row: see cv_length_norm.
enum { CV_ROOT_MEAN_SQUARE = 0, CV_DEVIATION, CV_LENGTH };
// y = x · s · gamma with s of each row: 1 / sqrt(mean x² + epsilon), 1 / sqrt(variance + epsilon), or
// 1 / sqrt(max(Σ x², epsilon)). gamma may be null.
void cv_length_norm(int32_t kind, ptrdiff_t rows, ptrdiff_t columns, float epsilon, const float *x, const float *gamma,
                    float *y);
// dgamma is overwritten (null to skip); dx may be null, and may be dy.
void cv_length_norm_gradient(int32_t kind, ptrdiff_t rows, ptrdiff_t columns, float epsilon, const float *x,
                             const float *gamma, const float *dy, float *dx, float *dgamma);

// Group normalisation of (positions, groups · size) for each example: the moments of each group over all positions.
// mean and inverse have a number for each group of each example; gamma and beta, for each channel, may be null.
void cv_group_norm(ptrdiff_t examples, ptrdiff_t positions, ptrdiff_t groups, ptrdiff_t size, float epsilon,
                   const float *x, const float *gamma, const float *beta, float *y, float *mean, float *inverse);
// dgamma and dbeta are overwritten (null to skip); dx may be null.
void cv_group_norm_gradient(ptrdiff_t examples, ptrdiff_t positions, ptrdiff_t groups, ptrdiff_t size, const float *x,
                            const float *gamma, const float *mean, const float *inverse, const float *dy, float *dx,
                            float *dgamma, float *dbeta);

// Mean and biased variance of each column, in two passes, over the rows whose weight is not 0 (all, if null).
void cv_column_moments(ptrdiff_t rows, ptrdiff_t columns, const float *x, const float *weight, float *mean,
                       float *variance);
// dx = gamma·inverse·(dy - sum_dy/n - (x - mean)·inverse²·sum_dy_xc/n), columnwise; the sums are per column,
// sum_dy_xc = Σ dy (x - mean). Only the n rows whose weight is not 0 (all, if null) have a part in the moments, and so
// only they have the last two terms.
void cv_batch_norm_gradient(ptrdiff_t rows, ptrdiff_t columns, const float *x, const float *weight, const float *mean,
                            const float *scale, const float *inverse, const float *sum_dy, const float *sum_dy_xc,
                            const float *dy, float *dx);
// sum_dy_xc[c] = Σ_r dy[r, c] (x[r, c] - mean[c])
void cv_column_dots_centered(ptrdiff_t rows, ptrdiff_t columns, const float *x, const float *mean, const float *dy,
                             float *sums);

// One frame of a maximum over frames, from the first to the last: dx is what is left of dy where x is the maximum y, and
// nothing is left there afterwards.
void cv_first_maximum_gradient(ptrdiff_t count, const float *x, const float *y, float *left, float *dx);
// Fisher vectors of one example, (features, 2 clusters): (M - c s) / v and (Q - 2 c M + c² s) / v² - s of each feature,
// with v = covariances² + floor and centers c; s has a number for each cluster.
void cv_fisher(ptrdiff_t features, ptrdiff_t clusters, float floor, const float *covariances, const float *centers,
               const float *M, const float *Q, const float *s, float *y);
// The gradients at M, Q and s; what the example adds to those of the parameters is added.
void cv_fisher_gradient(ptrdiff_t features, ptrdiff_t clusters, float floor, const float *covariances,
                        const float *centers, const float *M, const float *Q, const float *s, const float *dy, float *dM,
                        float *dQ, float *ds, float *dcovariances, float *dcenters);
// dx[r, c] = s[c] dy[r, c] - t[c] x[r, c]; dx may be dy.
void cv_column_scaling_gradient(ptrdiff_t rows, ptrdiff_t columns, const float *x, const float *s, const float *t,
                                const float *dy, float *dx);

// Pooling over H and W of (B, H, W, C). `before` is the padding in front; cells outside are ignored.
typedef struct {
    ptrdiff_t batch, height, width, channels, out_height, out_width;
    ptrdiff_t pool_height, pool_width, stride_height, stride_width, before_height, before_width;
} cv_pool;
void cv_max_pool(const cv_pool *pool, const float *x, float *y);
// dx is overwritten; the gradient goes to the first maximum of each window.
void cv_max_pool_gradient(const cv_pool *pool, const float *x, const float *y, const float *dy, float *dx);
void cv_average_pool(const cv_pool *pool, const float *x, float *y);
void cv_average_pool_gradient(const cv_pool *pool, const float *dy, float *dx);

// Depthwise convolution of (B, H, W, C) with kernel (kh, kw, C, multiplier).
typedef struct {
    ptrdiff_t batch, height, width, channels, multiplier, out_height, out_width, kernel_height, kernel_width;
    ptrdiff_t stride_height, stride_width, dilation_height, dilation_width, before_height, before_width;
} cv_depthwise;
void cv_depthwise_forward(const cv_depthwise *d, const float *x, const float *kernel, float *y);
void cv_depthwise_gradient(const cv_depthwise *d, const float *x, const float *kernel, const float *dy, float *dx,
                           float *dkernel);

// One step of the recurrent cells for `rows` examples, u units. `a` and `g` are activation kinds (CV_TANH, …).
// A `mask` of one float an example (1 real, 0 padding) may be null; at a masked step states are carried over.
//
// SimpleRNN: h = a(z), z (rows, u).
void cv_rnn_step(ptrdiff_t rows, ptrdiff_t u, int32_t a, const float *mask, const float *z, const float *previous,
                 float *h);
// dz = dh·a'(h) where real; carry = dh where masked, else 0 (it is added to the gradient of the previous state).
void cv_rnn_step_gradient(ptrdiff_t rows, ptrdiff_t u, int32_t a, const float *mask, const float *h, const float *dh,
                          float *dz, float *carry);
// LSTM: z (rows, 4u) holds i, f, c, o before activation, and their activations afterwards.
void cv_lstm_step(ptrdiff_t rows, ptrdiff_t u, int32_t a, int32_t g, const float *mask, float *z,
                  const float *previous_h, const float *previous_c, float *h, float *c);
// dc is the gradient of c on entry and of previous_c on return.
void cv_lstm_step_gradient(ptrdiff_t rows, ptrdiff_t u, int32_t a, int32_t g, const float *mask, const float *z,
                           const float *previous_c, const float *c, const float *dh, float *dc, float *dz,
                           float *carry);
// GRU with reset_after: x (rows, 3u) is the input's share with its bias: on return z, r, h~. s (rows, 3u) is the
// recurrent share with its bias; its last block is kept for the gradient.
void cv_gru_step(ptrdiff_t rows, ptrdiff_t u, int32_t a, int32_t g, const float *mask, float *x, const float *s,
                 const float *previous, float *h);
// ds (rows, 3u): gradient at s; dx (rows, 3u): at x; carry: the part of dh that goes to previous directly.
void cv_gru_step_gradient(ptrdiff_t rows, ptrdiff_t u, int32_t a, int32_t g, const float *mask, const float *x,
                          const float *s, const float *previous, const float *dh, float *dx, float *ds, float *carry);
// GRU without reset_after, in two halves: gates (z, r) and r∘previous first, the candidate later.
void cv_gru_gates(ptrdiff_t rows, ptrdiff_t u, int32_t g, float *x, const float *previous, float *reset);
void cv_gru_candidate(ptrdiff_t rows, ptrdiff_t u, int32_t a, const float *mask, float *x, const float *previous,
                      float *h);
// dx's last block and the z block; dh goes on as carry.
void cv_gru_candidate_gradient(ptrdiff_t rows, ptrdiff_t u, int32_t a, int32_t g, const float *mask, const float *x,
                               const float *previous, const float *dh, float *dx, float *carry);
// dreset = gradient at r∘previous: fills dx's r block, adds dreset∘r to carry.
void cv_gru_reset_gradient(ptrdiff_t rows, ptrdiff_t u, int32_t g, const float *mask, const float *x,
                           const float *previous, const float *dreset, float *dx, float *carry);

// Sums of neighbours along one axis of (outer, inputs, inner): output o of `outputs` is the sum of weight[o, t] times
// input first[o] + t over `taps`; inputs whose weight is 0 are not read.
void cv_resample(ptrdiff_t outer, ptrdiff_t inputs, ptrdiff_t outputs, ptrdiff_t inner, ptrdiff_t taps,
                 const ptrdiff_t *first, const float *weight, const float *x, float *y);
// dx, overwritten: what cv_resample read, added up.
void cv_resample_gradient(ptrdiff_t outer, ptrdiff_t inputs, ptrdiff_t outputs, ptrdiff_t inner, ptrdiff_t taps,
                          const ptrdiff_t *first, const float *weight, const float *dy, float *dx);
// (outer, a, b, inner) to (outer, b, a, inner).
void cv_swap_axes(ptrdiff_t outer, ptrdiff_t a, ptrdiff_t b, ptrdiff_t inner, const float *x, float *y);

// Optimizers. `rate` already contains bias correction where the rule has one.
void cv_sgd(ptrdiff_t count, float rate, float momentum, int32_t nesterov, float decay, const float *g, float *w,
            float *velocity);
// Adam as Keras writes it: w -= rate · m / (sqrt(v) + epsilon); `decay` is AdamW's rate·weight_decay (0: none).
void cv_adam(ptrdiff_t count, float rate, float beta1, float beta2, float epsilon, float decay, const float *g,
             float *w, float *m, float *v);
// average = decay·average + (1 - decay)·w
void cv_average(ptrdiff_t count, float decay, const float *w, float *average);

// The processor's own CRC-32C (Castagnoli) of bytes behind those of which `remainder` is left; 0 if it has none, and
// nothing was computed.
int32_t cv_crc32c(uint32_t *remainder, const uint8_t *bytes, ptrdiff_t count);

// The processor that the loader picks functions for.
const char *cv_instruction_set(void);
