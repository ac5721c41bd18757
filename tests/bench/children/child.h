/* What the three child programs share: a raw terminal, whole writes, an end that is never missed. */
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define READY "<READY>" /* the first bytes of every child, in one write */
#define QUIT 'Q'        /* the key that ends every child */

static void put(const char *data, size_t size) {
    while (size > 0) {
        ssize_t n = write(1, data, size);
        if (n <= 0) exit(1); /* the terminal is gone */
        data += n;
        size -= (size_t)n;
    }
}

/* A wrapper may run the client once more for its own purposes (`--version`), without a terminal:
   that run must not paint or blast anything. */
static void begin(void) {
    struct termios mode;
    if (!isatty(0) || !isatty(1) || tcgetattr(0, &mode) != 0) exit(0);
    cfmakeraw(&mode);
    tcsetattr(0, TCSANOW, &mode);
    put(READY, strlen(READY));
}

static char key(void) {
    char c;
    if (read(0, &c, 1) != 1) exit(0); /* hang-up */
    return c;
}
