#include "images.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const uint8_t *bytes;
    size_t left;
    char *message;
    jmp_buf place;
    // What is to be freed: in memory, because a jump forgets what is in registers.
    image_t image;
    png_bytep *rows;
} state_t;

static void fail(png_structp png, png_const_charp text) {
    state_t *state = png_get_error_ptr(png);
    snprintf(state->message, IMAGES_MESSAGE_SIZE, "a damaged PNG file (%s)", text);
    longjmp(state->place, 1);
}

static void ignore(png_structp png, png_const_charp text) { (void)png, (void)text; }

static void take(png_structp png, png_bytep bytes, size_t count) {
    state_t *state = png_get_io_ptr(png);
    if (count > state->left) png_error(png, "its end is missing");
    memcpy(bytes, state->bytes, count);
    state->bytes += count;
    state->left -= count;
}

// Gray or color, with or without alpha, of 8 bits: the upper ones of 16.
static void decode(png_structp png, png_infop info, state_t *state) {
    png_set_user_limits(png, 1 << 20, 1 << 20);
    png_set_chunk_malloc_max(png, 1 << 24);
    png_set_read_fn(png, state, take);
    png_read_info(png, info);
    png_byte type = png_get_color_type(png, info), depth = png_get_bit_depth(png, info);
    if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
    if (type == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(png);
    if (png_get_valid(png, info, PNG_INFO_tRNS)) png_set_tRNS_to_alpha(png);
    if (depth == 16) png_set_strip_16(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
    size_t height = png_get_image_height(png, info), width = png_get_image_width(png, info);
    int channels = png_get_channels(png, info);
    if (image_make(&state->image, height, width, channels, state->message)) longjmp(state->place, 1);
    if (png_get_rowbytes(png, info) != width * (size_t)channels) png_error(png, "its rows are of another length");
    state->rows = malloc(height * sizeof *state->rows);
    if (!state->rows) png_error(png, "no memory");
    for (size_t i = 0; i < height; i++) state->rows[i] = state->image.pixels + i * width * (size_t)channels;
    png_read_image(png, state->rows);
    png_read_end(png, NULL);
}

int image_read_png(const uint8_t *bytes, size_t count, image_t *image, char *message) {
    state_t state = {.bytes = bytes, .left = count, .message = message};
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &state, fail, ignore);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info) {
        png_destroy_read_struct(png ? &png : NULL, NULL, NULL);
        snprintf(message, IMAGES_MESSAGE_SIZE, "no memory to read it");
        return -1;
    }
    int failed = setjmp(state.place);
    if (!failed) decode(png, info, &state);
    free(state.rows);
    png_destroy_read_struct(&png, &info, NULL);
    if (failed) {
        image_free(&state.image);
        return -1;
    }
    *image = state.image;
    return 0;
}
