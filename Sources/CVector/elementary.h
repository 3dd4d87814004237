// Elementary functions and activations as inline code, shared by the loops of this target.
#pragma once
#include "CVector.h"
#include <math.h>
#include <string.h>

#if defined(__x86_64__) && defined(__linux__)
#define FAST __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FAST
#endif
#define INLINE static inline __attribute__((always_inline))
#define R restrict

// Sums may be reordered into vector lanes: the order is fixed when the file is compiled, not when it runs.
#pragma clang fp reassociate(on) contract(fast)

// eˣ to about one unit in the last place (range reduction by ln 2, then the polynomial of Cephes' expf).
INLINE float exponential(float x) {
    float limited = x < -87.33654f ? -87.33654f : (x > 88.72283f ? 88.72283f : x);
    float n = limited * 1.44269504f;
    n = (n + 12582912.0f) - 12582912.0f;
    float r = limited - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    // Two factors, so that n = 128 does not overflow the exponent.
    int32_t half = (int32_t)n >> 1, rest = (int32_t)n - half;
    union { int32_t i; float f; } a = {(half + 127) << 23}, b = {(rest + 127) << 23};
    p = p * a.f * b.f;
    return x != x ? x : p;
}
INLINE float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }
INLINE float hyperbolic(float x) { return 1.0f - 2.0f / (1.0f + exponential(2.0f * x)); }
INLINE float clip(float x, float low, float high) { return x < low ? low : (x > high ? high : x); }
// What is no number stays none, as in Keras.
INLINE float highest(float a, float b) { return a > b || a != a ? a : b; }
INLINE float lowest(float a, float b) { return a < b || a != a ? a : b; }
INLINE float softplus(float x) { return log1pf(expf(-fabsf(x))) + (x > 0 ? x : 0); }

#define SELU_SCALE 1.0507009873554805f
#define SELU_ALPHA 1.6732632423543772f

// The derivative of a softplus-like argument is exact at both ends; `slope` as in the header.
INLINE float activate(int32_t kind, float slope, float x) {
    switch (kind) {
    case CV_RELU: return x > 0 ? x : (x != x ? x : 0);
    case CV_TANH: return hyperbolic(x);
    case CV_SIGMOID: return sigmoid(x);
    case CV_ELU: return x > 0 ? x : slope * (exponential(x) - 1);
    case CV_SELU: return SELU_SCALE * (x > 0 ? x : SELU_ALPHA * (exponential(x) - 1));
    case CV_SOFTPLUS: return softplus(x);
    case CV_SOFTSIGN: return x / (1 + fabsf(x));
    case CV_EXPONENTIAL: return exponential(x);
    case CV_HARD_SIGMOID: return clip(x * (1.0f / 6) + 0.5f, 0, 1);
    case CV_HARD_SIGMOID_K2: return clip(0.2f * x + 0.5f, 0, 1);
    case CV_RELU6: return clip(x, 0, 6);
    case CV_LEAKY_RELU: return x > 0 ? x : slope * x;
    case CV_HARD_TANH: return clip(x, -1, 1);
    case CV_SOFT_SHRINK: return x > 0.5f ? x - 0.5f : (x < -0.5f ? x + 0.5f : 0);
    case CV_HARD_SHRINK: return fabsf(x) > 0.5f ? x : 0;
    case CV_SPARSE_PLUS: return x <= -1 ? 0 : (x < 1 ? 0.25f * (x + 1) * (x + 1) : x);
    case CV_SPARSE_SIGMOID: return clip(0.5f * (x + 1), 0, 1);
    case CV_GELU: return 0.5f * x * (1 + erff(x * 0.70710678f));
    case CV_GELU_TANH: return 0.5f * x * (1 + hyperbolic(0.79788456f * (x + 0.044715f * x * x * x)));
    case CV_SILU: return x * sigmoid(x);
    case CV_MISH: return x * hyperbolic(softplus(x));
    case CV_HARD_SILU: return x * clip(x * (1.0f / 6) + 0.5f, 0, 1);
    case CV_LOG_SIGMOID: return -softplus(-x);
    case CV_SQUAREPLUS: return 0.5f * (x + __builtin_elementwise_sqrt(x * x + 4));
    case CV_TANH_SHRINK: return x - hyperbolic(x);
    default: return x;
    }
}

// f' from v, which is y below CV_FROM_INPUT and x above.
INLINE float derivative(int32_t kind, float slope, float v) {
    switch (kind) {
    case CV_RELU: return v > 0 ? 1 : 0;
    case CV_TANH: return 1 - v * v;
    case CV_SIGMOID: return v * (1 - v);
    case CV_ELU: return v > 0 ? 1 : v + slope;
    case CV_SELU: return v > 0 ? SELU_SCALE : v + SELU_SCALE * SELU_ALPHA;
    case CV_SOFTPLUS: return 1 - exponential(-v);
    case CV_SOFTSIGN: { float s = 1 - fabsf(v); return s * s; }
    case CV_EXPONENTIAL: return v;
    case CV_HARD_SIGMOID: return v > 0 && v < 1 ? 1.0f / 6 : 0;
    case CV_HARD_SIGMOID_K2: return v > 0 && v < 1 ? 0.2f : 0;
    case CV_RELU6: return v > 0 && v < 6 ? 1 : 0;
    case CV_LEAKY_RELU: return v > 0 ? 1 : slope;
    case CV_HARD_TANH: return v > -1 && v < 1 ? 1 : 0;
    case CV_SOFT_SHRINK: case CV_HARD_SHRINK: return v != 0 ? 1 : 0;
    case CV_SPARSE_PLUS: return v <= 0 ? 0 : (v < 1 ? __builtin_elementwise_sqrt(v) : 1);
    case CV_SPARSE_SIGMOID: return v > 0 && v < 1 ? 0.5f : 0;
    case CV_GELU: return 0.5f * (1 + erff(v * 0.70710678f)) + v * 0.39894228f * exponential(-0.5f * v * v);
    case CV_GELU_TANH: {
        float t = hyperbolic(0.79788456f * (v + 0.044715f * v * v * v));
        return 0.5f * (1 + t) + 0.5f * v * (1 - t * t) * 0.79788456f * (1 + 3 * 0.044715f * v * v);
    }
    case CV_SILU: { float s = sigmoid(v); return s * (1 + v * (1 - s)); }
    case CV_MISH: {
        float t = hyperbolic(softplus(v));
        return t + v * (1 - t * t) * sigmoid(v);
    }
    case CV_HARD_SILU: return v <= -3 ? 0 : (v >= 3 ? 1 : v * (1.0f / 3) + 0.5f);
    case CV_LOG_SIGMOID: return sigmoid(-v);
    case CV_SQUAREPLUS: return 0.5f * (1 + v / __builtin_elementwise_sqrt(v * v + 4));
    case CV_TANH_SHRINK: { float t = hyperbolic(v); return t * t; }
    default: return 1;
    }
}

// A loop that reads an array or, where that is null, does without. It is compiled for each: the vector loads that a
// compiler makes of `array ? array[c] : 1` read nothing at address 0, and take a hundred times as long as others to do so.
#define EITHER(array, LOOP)                                                                                            \
    if (array) { LOOP } else { const float *const array = 0; LOOP }

// Runs LOOP with `kind` as a constant, so that the switch leaves the loop and the loop becomes vectors.
#define EACH_KIND(kind, LOOP)                                                                                          \
    switch (kind) {                                                                                                    \
    case CV_RELU: { enum { k = CV_RELU }; LOOP } break;                                                                \
    case CV_TANH: { enum { k = CV_TANH }; LOOP } break;                                                                \
    case CV_SIGMOID: { enum { k = CV_SIGMOID }; LOOP } break;                                                          \
    case CV_ELU: { enum { k = CV_ELU }; LOOP } break;                                                                  \
    case CV_SELU: { enum { k = CV_SELU }; LOOP } break;                                                                \
    case CV_LINEAR: { enum { k = CV_LINEAR }; LOOP } break;                                                            \
    case CV_LEAKY_RELU: { enum { k = CV_LEAKY_RELU }; LOOP } break;                                                    \
    case CV_RELU6: { enum { k = CV_RELU6 }; LOOP } break;                                                              \
    case CV_SILU: { enum { k = CV_SILU }; LOOP } break;                                                                \
    case CV_EXPONENTIAL: { enum { k = CV_EXPONENTIAL }; LOOP } break;                                                  \
    default: { const int32_t k = kind; LOOP } break;                                                                   \
    }

// Promises that the arrays and blocks of a loop do not overlap. Loops over kinds that are no constants stay scalar all the
// same, and Clang need not say so.
#pragma clang diagnostic ignored "-Wpass-failed"
#define LANES _Pragma("clang loop vectorize(assume_safety)")
