/* Answers every small letter with a token that no frame contains, `<000042k>`, on the first row.
   A capital sets the size of the frames painted below it, 60 times a second: A none, B 4 KB, F 20 KB. */
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <time.h>

#include "child.h"

enum { STEP = 4096, LARGEST = 'P' - 'A', LOOKS = 8, SEGMENT = 8 };
static const long PERIOD_US = 1000000L / 60;

static char frame[LOOKS][LARGEST * STEP];
static size_t frame_size[LOOKS];

static long now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000L + t.tv_nsec / 1000;
}

static int key_before(long due) {
    long wait = due - now_us();
    struct timeval t = {0, wait > 0 ? wait : 0};
    fd_set input;
    FD_ZERO(&input);
    FD_SET(0, &input);
    return select(1, &input, NULL, NULL, &t) > 0;
}

/* A frame is a synchronized update that fills the rows from the third on with short coloured pieces,
   as often as it takes.  Each look has other letters and colours, so that every frame changes every cell. */
static void compose(int look, size_t size) {
    static const char end[] = "\033[m\033[?2026l";
    struct winsize window = {0};
    ioctl(1, TIOCGWINSZ, &window);
    int rows = window.ws_row > 3 ? window.ws_row : 24, columns = window.ws_col >= SEGMENT ? window.ws_col : 80;
    char *at = frame[look], *limit = frame[look] + size - sizeof end - 40;
    at += sprintf(at, "\033[?2026h");
    for (int row = 3, piece = look; at < limit; row = row < rows ? row + 1 : 3) {
        at += sprintf(at, "\033[%d;1H", row);
        for (int column = 0; column + SEGMENT <= columns && at < limit; column += SEGMENT, piece++) {
            at += sprintf(at, "\033[38;5;%dm", 16 + (piece * 7) % 216);
            memset(at, 'a' + (piece + look) % 26, SEGMENT);
            at += SEGMENT;
        }
    }
    at += sprintf(at, "%s", end);
    frame_size[look] = (size_t)(at - frame[look]);
}

int main(void) {
    begin();
    unsigned answered = 0;
    int look = 0, painting = 0;
    long due = 0;
    for (;;) {
        if (painting && !key_before(due)) {
            put(frame[look], frame_size[look]);
            look = (look + 1) % LOOKS;
            due += PERIOD_US;
            if (due < now_us()) due = now_us(); /* the terminal is slower than 60 frames/s */
            continue;
        }
        char c = key();
        if (c == QUIT) return 0;
        if (c >= 'a' && c <= 'z') {
            char answer[32];
            put(answer, (size_t)sprintf(answer, "\033[1;1H\033[2K<%06u%c>", answered++, c));
        } else if (c >= 'A' && c <= 'A' + LARGEST) {
            painting = c - 'A';
            for (int i = 0; painting && i < LOOKS; i++) compose(i, (size_t)painting * STEP);
            due = now_us();
        }
    }
}
