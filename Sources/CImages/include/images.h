// Decodes PNG and JPEG images of bytes in memory, and resizes them. Both libraries report errors by jumping out of
// their functions, which Swift cannot do.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { IMAGES_MESSAGE_SIZE = 200 };

// Pixels row by row, channels last. The memory is that of malloc.
typedef struct {
    int height, width, channels;
    uint8_t *pixels;
} image_t;

// What an image is to become.
typedef struct {
    int channels;       // 1 or 3
    int height, width;  // 0 for as it is
    int orientation;    // EXIF's, from 1 to 8: how to turn it
    int background;     // 0xRRGGBB, the color behind transparent pixels; -1 to refuse these
} image_form_t;

// 0; or -1, and why not in `message`, which has IMAGES_MESSAGE_SIZE bytes.
int image_decode(const uint8_t *bytes, size_t count, image_form_t form, image_t *image, char *message);

// The parts of it. An image that is replaced is freed, and so it is on failure.
int image_read_png(const uint8_t *bytes, size_t count, image_t *image, char *message);
int image_read_jpeg(const uint8_t *bytes, size_t count, image_t *image, char *message);
int image_drop_alpha(image_t *image, int background, char *message);
int image_set_channels(image_t *image, int channels, char *message);
int image_turn(image_t *image, int orientation, char *message);
int image_resize(image_t *image, int height, int width, char *message);

// Makes an image without content. 0, or -1 where it is too large or there is no memory.
int image_make(image_t *image, size_t height, size_t width, int channels, char *message);
void image_free(image_t *image);
