#include "images.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

// Bilinear interpolation with antialiasing, as Pillow computes Image.resize(size, BILINEAR): each pixel is a weighted mean of
// those below a triangle, which is as wide as two pixels of the larger grid. Rows first, rounded to bytes, then columns, as all
// versions of Pillow before 13 do.

// Weights are whole numbers of this many bits behind the point: their sums with bytes fit 32 bits.
enum { BITS = 32 - 8 - 2 };

typedef struct {
    int first, count;
    const int *weights;
} window_t;

typedef struct {
    window_t *windows;
    int *weights;
} filter_t;

static void filter_free(filter_t filter) {
    free(filter.windows);
    free(filter.weights);
}

// For each pixel of the output, which of the input it is made of, and how much of each. 0; -1 if there is no memory.
static int filter_make(filter_t *filter, int in, int out) {
    double scale = (double)in / out, width = scale < 1 ? 1 : scale;
    int most = (int)ceil(width) * 2 + 1;
    filter->windows = malloc((size_t)out * sizeof *filter->windows);
    filter->weights = malloc((size_t)out * (size_t)most * sizeof *filter->weights);
    double *exact = malloc((size_t)most * sizeof *exact);
    if (!filter->windows || !filter->weights || !exact) {
        free(exact);
        filter_free(*filter);
        return -1;
    }
    for (int i = 0; i < out; i++) {
        double center = (i + 0.5) * scale, sum = 0;
        int first = (int)(center - width + 0.5), end = (int)(center + width + 0.5);
        if (first < 0) first = 0;
        if (end > in) end = in;
        int *weights = filter->weights + (size_t)i * (size_t)most;
        for (int j = first; j < end; j++) {
            double distance = fabs((j - center + 0.5) * (1 / width));
            exact[j - first] = distance < 1 ? 1 - distance : 0;
            sum += exact[j - first];
        }
        for (int j = 0; j < end - first; j++) weights[j] = (int)(0.5 + exact[j] / sum * (1 << BITS));
        filter->windows[i] = (window_t){first, end - first, weights};
    }
    free(exact);
    return 0;
}

// One pixel of one channel, from some that are `step` apart.
static uint8_t weighted(const uint8_t *from, size_t step, window_t window) {
    int sum = 1 << (BITS - 1);
    for (int k = 0; k < window.count; k++) sum += from[(size_t)k * step] * window.weights[k];
    sum >>= BITS;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

static int resize_axis(image_t *image, int height, int width, char *message) {
    int is_row = width != image->width;
    filter_t filter;
    image_t made = {0};
    if (filter_make(&filter, is_row ? image->width : image->height, is_row ? width : height)) {
        snprintf(message, IMAGES_MESSAGE_SIZE, "no memory to resize it");
        image_free(image);
        return -1;
    }
    if (image_make(&made, (size_t)height, (size_t)width, image->channels, message)) {
        filter_free(filter);
        image_free(image);
        return -1;
    }
    size_t channels = (size_t)image->channels, row = (size_t)image->width * channels;
    uint8_t *to = made.pixels;
    for (size_t i = 0; i < (size_t)height; i++)
        for (size_t j = 0; j < (size_t)width; j++) {
            window_t window = filter.windows[is_row ? j : i];
            size_t first = (size_t)window.first;
            const uint8_t *from = image->pixels + (is_row ? i * row + first * channels : first * row + j * channels);
            for (size_t c = 0; c < channels; c++) *to++ = weighted(from + c, is_row ? channels : row, window);
        }
    filter_free(filter);
    image_free(image);
    *image = made;
    return 0;
}

int image_resize(image_t *image, int height, int width, char *message) {
    if (width != image->width && resize_axis(image, image->height, width, message)) return -1;
    return height != image->height ? resize_axis(image, height, width, message) : 0;
}
