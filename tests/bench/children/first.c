/* Says READY and waits for the end: for the time to the first byte. */
#include "child.h"

int main(void) {
    begin();
    while (key() != QUIT) {
    }
    return 0;
}
