// The inner loops of the optimizers: one pass over the weights, no temporaries.
#include "elementary.h"

FAST void cv_sgd(ptrdiff_t count, float rate, float momentum, int32_t nesterov, float decay, const float *R g,
                 float *R w, float *R velocity) {
    for (ptrdiff_t i = 0; i < count; i++) {
        float kept = w[i] - decay * w[i];
        float v = momentum * velocity[i] - rate * g[i];
        velocity[i] = v;
        w[i] = nesterov ? kept + momentum * v - rate * g[i] : kept + v;
    }
}

FAST void cv_adam(ptrdiff_t count, float rate, float beta1, float beta2, float epsilon, float decay, const float *R g,
                  float *R w, float *R m, float *R v) {
    for (ptrdiff_t i = 0; i < count; i++) {
        m[i] += (g[i] - m[i]) * (1 - beta1);
        v[i] += (g[i] * g[i] - v[i]) * (1 - beta2);
        w[i] = w[i] - decay * w[i] - rate * m[i] / (__builtin_elementwise_sqrt(v[i]) + epsilon);
    }
}

FAST void cv_average(ptrdiff_t count, float decay, const float *R w, float *R average) {
    for (ptrdiff_t i = 0; i < count; i++) average[i] = decay * average[i] + (1 - decay) * w[i];
}
