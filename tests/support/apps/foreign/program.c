/* A FastCGI program on libfcgi. QUERY_STRING: crash, or milliseconds to take. Answers "c PID BYTES". */
#include <fcgi_stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
    while (FCGI_Accept() >= 0) {
        const char *query = getenv("QUERY_STRING");
        const char *length = getenv("CONTENT_LENGTH");
        long left = length ? atol(length) : 0, got = 0;
        if (query && strcmp(query, "crash") == 0) abort();
        if (query && *query) usleep(1000 * atoi(query));
        while (got < left && FCGI_getchar() != EOF) got++;
        char answer[64];
        int size = sprintf(answer, "c %d %ld\n", (int)getpid(), got);
        printf("Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", size, answer);
    }
    return 0;
}
