/* The wall clock as a test wants it: preloaded into a program, it adds the seconds that stand in the
   file CLOCK_SHIM (a double) to what the kernel tells. The steady clocks stay as they are. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile double *ahead;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("CLOCK_SHIM");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *at = mmap(NULL, sizeof(double), PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (at != MAP_FAILED) ahead = at;
}

int clock_gettime(clockid_t which, struct timespec *out) {
    int failed = (int)syscall(SYS_clock_gettime, which, out);
    if (failed || !ahead || (which != CLOCK_REALTIME && which != CLOCK_REALTIME_COARSE))
        return failed;
    double whole = floor(*ahead);
    out->tv_sec += (time_t)whole;
    out->tv_nsec += (long)((*ahead - whole) * 1e9);
    if (out->tv_nsec >= 1000000000L) {
        out->tv_nsec -= 1000000000L;
        out->tv_sec += 1;
    }
    return 0;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
