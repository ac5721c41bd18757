/* On `g`: the file BENCH_BLOCK, BENCH_REPEAT times, then <SENT 0>, the next time <SENT 1>: a token that a
   wrapper still shows from the last time is none.
   On `Q`: the file once more, and an exit right behind it: a wrapper that does not drain loses bytes here. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "child.h"

int main(void) {
    begin();
    const char *path = getenv("BENCH_BLOCK"), *repeat = getenv("BENCH_REPEAT");
    struct stat info;
    int fd = path ? open(path, O_RDONLY) : -1;
    if (!repeat || fd < 0 || fstat(fd, &info) != 0) return 2;
    size_t size = (size_t)info.st_size;
    char *block = malloc(size);
    if (!block || read(fd, block, size) != (ssize_t)size) return 2;
    close(fd);
    char token[32];
    unsigned sent = 0;
    for (;;) {
        switch (key()) {
        case 'g':
            for (int i = atoi(repeat); i > 0; i--) put(block, size);
            put(token, (size_t)sprintf(token, "<SENT %u>", sent++));
            break;
        case QUIT:
            put(block, size);
            return 0;
        }
    }
}
