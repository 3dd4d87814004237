#include "images.h"

#include <stdio.h>
#include <stddef.h>
#include <jpeglib.h>
#include <jerror.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

// A file that paints the same picture over and over takes time without end.
static const int most_scans = 100;

typedef struct {
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    char *message;
    jmp_buf place;
    // What is to be freed: in memory, because a jump forgets what is in registers.
    image_t image;
} state_t;

static void give_up(j_common_ptr jpeg) {
    state_t *state = (state_t *)jpeg->err;
    char text[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, text);
    snprintf(state->message, IMAGES_MESSAGE_SIZE, "a damaged or unusual JPEG file (%.150s)", text);
    longjmp(state->place, 1);
}

// Of the warnings, those are errors after which pixels are made up.
static void warn(j_common_ptr jpeg, int level) {
    int code = jpeg->err->msg_code;
    if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE
            || code == JWRN_ARITH_BAD_CODE || code == JWRN_MUST_RESYNC))
        give_up(jpeg);
}

static void say_nothing(j_common_ptr jpeg) { (void)jpeg; }

static void refuse(state_t *state, const char *text) {
    snprintf(state->message, IMAGES_MESSAGE_SIZE, "%s", text);
    longjmp(state->place, 1);
}

static void count_scans(j_common_ptr jpeg) {
    if (((j_decompress_ptr)jpeg)->input_scan_number > most_scans)
        refuse((state_t *)jpeg->err, "a JPEG file of more than 100 scans");
}

static void decode(struct jpeg_decompress_struct *jpeg, const uint8_t *bytes, size_t count, state_t *state) {
    jpeg_mem_src(jpeg, bytes, count);
    jpeg_read_header(jpeg, TRUE);
    if (jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK)
        refuse(state, "a JPEG file in CMYK");
    int channels = jpeg->jpeg_color_space == JCS_GRAYSCALE ? 1 : 3;
    jpeg->out_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    size_t height = jpeg->image_height, width = jpeg->image_width;
    if (image_make(&state->image, height, width, channels, state->message)) longjmp(state->place, 1);
    jpeg_start_decompress(jpeg);
    while (jpeg->output_scanline < height) {
        JSAMPROW row = state->image.pixels + jpeg->output_scanline * width * (size_t)channels;
        jpeg_read_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_decompress(jpeg);
}

int image_read_jpeg(const uint8_t *bytes, size_t count, image_t *image, char *message) {
    struct jpeg_decompress_struct jpeg;
    state_t state = {.message = message};
    jpeg.err = jpeg_std_error(&state.errors);
    state.errors.error_exit = give_up;
    state.errors.emit_message = warn;
    state.errors.output_message = say_nothing;
    int failed = setjmp(state.place);
    if (!failed) {
        jpeg_create_decompress(&jpeg);
        state.progress.progress_monitor = count_scans;
        jpeg.progress = &state.progress;
        decode(&jpeg, bytes, count, &state);
    }
    jpeg_destroy_decompress(&jpeg);
    if (failed) {
        image_free(&state.image);
        return -1;
    }
    *image = state.image;
    return 0;
}
