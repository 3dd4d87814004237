#include "images.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Most pixels of an image: 64 Mi.
static const size_t most_pixels = (size_t)1 << 26;

int image_make(image_t *image, size_t height, size_t width, int channels, char *message) {
    *image = (image_t){0};
    if (height == 0 || width == 0 || height > most_pixels / width) {
        snprintf(message, IMAGES_MESSAGE_SIZE, "%zu x %zu pixels; at most %zu are read", height, width, most_pixels);
        return -1;
    }
    uint8_t *pixels = malloc(height * width * (size_t)channels);
    if (!pixels) {
        snprintf(message, IMAGES_MESSAGE_SIZE, "%zu x %zu pixels, for which there is no memory", height, width);
        return -1;
    }
    *image = (image_t){(int)height, (int)width, channels, pixels};
    return 0;
}

void image_free(image_t *image) {
    free(image->pixels);
    image->pixels = NULL;
}

// Puts another image in the place of one.
static void replace(image_t *image, image_t other) {
    image_free(image);
    *image = other;
}

// Makes an image in place of one that has to be freed if that fails.
static int make_from(image_t *image, image_t *made, size_t height, size_t width, int channels, char *message) {
    if (image_make(made, height, width, channels, message) == 0) return 0;
    image_free(image);
    return -1;
}

// a / 255, rounded.
static uint8_t by_255(unsigned a) {
    a += 128;
    return (uint8_t)((a + (a >> 8)) >> 8);
}

int image_drop_alpha(image_t *image, int background, char *message) {
    if (image->channels != 2 && image->channels != 4) return 0;
    int colors = image->channels - 1;
    size_t count = (size_t)image->height * (size_t)image->width;
    uint8_t behind[3] = {(uint8_t)(background >> 16), (uint8_t)(background >> 8), (uint8_t)background};
    // Luma of the color behind, for gray.
    if (colors == 1) behind[0] = (uint8_t)((behind[0] * 19595u + behind[1] * 38470u + behind[2] * 7471u + 0x8000) >> 16);
    uint8_t *to = image->pixels;
    for (const uint8_t *from = image->pixels, *end = from + count * (size_t)image->channels; from < end; from += colors + 1) {
        unsigned alpha = from[colors];
        if (alpha != 255 && background < 0) {
            snprintf(message, IMAGES_MESSAGE_SIZE, "transparent pixels");
            image_free(image);
            return -1;
        }
        for (int c = 0; c < colors; c++) *to++ = by_255(from[c] * alpha + behind[c] * (255 - alpha));
    }
    image->channels = colors;
    return 0;
}

int image_set_channels(image_t *image, int channels, char *message) {
    if (image->channels == channels) return 0;
    image_t made;
    if (make_from(image, &made, (size_t)image->height, (size_t)image->width, channels, message)) return -1;
    size_t count = (size_t)image->height * (size_t)image->width;
    const uint8_t *from = image->pixels;
    uint8_t *to = made.pixels;
    if (channels == 3) {
        for (size_t i = 0; i < count; i++) to[3 * i] = to[3 * i + 1] = to[3 * i + 2] = from[i];
    } else {
        // ITU-R 601: 0.299 R + 0.587 G + 0.114 B
        for (size_t i = 0; i < count; i++)
            to[i] = (uint8_t)((from[3 * i] * 19595u + from[3 * i + 1] * 38470u + from[3 * i + 2] * 7471u + 0x8000) >> 16);
    }
    replace(image, made);
    return 0;
}

// The first row of the image as it is to be seen is, by EXIF's orientation: 1 top, 2 top from the right, 3 bottom from the
// right, 4 bottom, 5 left, 6 left from the bottom, 7 right from the bottom, 8 right.
int image_turn(image_t *image, int orientation, char *message) {
    if (orientation < 2 || orientation > 8) return 0;
    size_t height = (size_t)image->height, width = (size_t)image->width, channels = (size_t)image->channels;
    int is_transposed = orientation > 4;
    image_t made;
    if (make_from(image, &made, is_transposed ? width : height, is_transposed ? height : width, image->channels, message))
        return -1;
    int flips_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    int flips_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    uint8_t *to = made.pixels;
    for (size_t i = 0; i < (size_t)made.height; i++)
        for (size_t j = 0; j < (size_t)made.width; j++) {
            size_t y = is_transposed ? j : i, x = is_transposed ? i : j;
            if (flips_y) y = height - 1 - y;
            if (flips_x) x = width - 1 - x;
            memcpy(to, image->pixels + (y * width + x) * channels, channels);
            to += channels;
        }
    replace(image, made);
    return 0;
}

int image_decode(const uint8_t *bytes, size_t count, image_form_t form, image_t *image, char *message) {
    int is_png = count > 1 && bytes[0] == 0x89 && bytes[1] == 'P';
    *image = (image_t){0};
    if ((is_png ? image_read_png : image_read_jpeg)(bytes, count, image, message)) return -1;
    if (image_drop_alpha(image, form.background, message)) return -1;
    if (image_set_channels(image, form.channels, message)) return -1;
    if (image_turn(image, form.orientation, message)) return -1;
    return form.height > 0 ? image_resize(image, form.height, form.width, message) : 0;
}
