/*
 * A disk that fails when it is told to, for everything below one folder: preloaded into a process, it answers writes,
 * flushes, creations, links and renames (and reads, if asked for) with an error, in so many of a thousand cases.
 *
 * Instead of an error it may be told to hang: whatever is asked of it is answered when it is told something else, as by
 * a mount whose server does not answer.
 *
 * FAILING_DISK_ROOT   the folder
 * FAILING_DISK_ORDERS a file of 16 bytes, mapped: error number, how many in a thousand, 1 = reads too, calls failed
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define HANGS 65535

struct orders { uint32_t error, permille, reads, failed; };

static struct orders *orders;
static char root[PATH_MAX];
static size_t root_length;
static __thread uint64_t state;

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("FAILING_DISK_ROOT"), *file = getenv("FAILING_DISK_ORDERS");
    if (!folder || !file || !realpath(folder, root)) return;
    root_length = strlen(root);
    int fd = open(file, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    void *mapped = mmap(NULL, sizeof *orders, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped != MAP_FAILED) orders = mapped;
}

static int below(const char *path) {
    return strncmp(path, root, root_length) == 0 && (path[root_length] == '/' || path[root_length] == 0);
}

/* splitmix64: each thread draws its own. */
static int drawn(void) {
    if (state == 0) state = (uint64_t)getpid() * 0x9e3779b97f4a7c15u ^ (uint64_t)(uintptr_t)&state ^ (uint64_t)time(NULL);
    uint64_t mixed = (state += 0x9e3779b97f4a7c15u);
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return (mixed ^ (mixed >> 31)) % 1000 < orders->permille;
}

static int armed(int reading) { return orders && orders->error != 0 && (!reading || orders->reads); }

static int fail(void) {
    __atomic_fetch_add(&orders->failed, 1, __ATOMIC_RELAXED);
    if (orders->error == HANGS) {
        while (((volatile struct orders *)orders)->error == HANGS) usleep(10000);
        return 0;
    }
    errno = (int)orders->error;
    return 1;
}

static int fails_at(const char *path, int reading) {
    return armed(reading) && path && path[0] == '/' && below(path) && drawn() && fail();
}

static int fails_on(int fd, int reading) {
    if (!armed(reading)) return 0;
    char link[32], path[PATH_MAX];
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = before;
    if (length <= 0) return 0;
    path[length] = 0;
    return below(path) && drawn() && fail();
}

#define REAL(name) static __typeof__(name) *real; if (!real) real = dlsym(RTLD_NEXT, #name)
#define ON_FILE(type, name, parameters, call, reading) \
    type name parameters { REAL(name); if (fails_on(fd, reading)) return -1; return real call; }
#define ON_PATH(type, name, parameters, call, path) \
    type name parameters { REAL(name); if (fails_at(path, 0)) return -1; return real call; }

ON_FILE(ssize_t, write, (int fd, const void *from, size_t bytes), (fd, from, bytes), 0)
ON_FILE(ssize_t, pwrite64, (int fd, const void *from, size_t bytes, off64_t at), (fd, from, bytes, at), 0)
ON_FILE(ssize_t, pwrite, (int fd, const void *from, size_t bytes, off_t at), (fd, from, bytes, at), 0)
ON_FILE(ssize_t, writev, (int fd, const struct iovec *from, int count), (fd, from, count), 0)
ON_FILE(ssize_t, pwritev, (int fd, const struct iovec *from, int count, off_t at), (fd, from, count, at), 0)
ON_FILE(ssize_t, pwritev64, (int fd, const struct iovec *from, int count, off64_t at), (fd, from, count, at), 0)
ON_FILE(int, fsync, (int fd), (fd), 0)
ON_FILE(int, fdatasync, (int fd), (fd), 0)
ON_FILE(int, ftruncate, (int fd, off_t bytes), (fd, bytes), 0)
ON_FILE(int, ftruncate64, (int fd, off64_t bytes), (fd, bytes), 0)
ON_FILE(ssize_t, read, (int fd, void *into, size_t bytes), (fd, into, bytes), 1)
ON_FILE(ssize_t, pread, (int fd, void *into, size_t bytes, off_t at), (fd, into, bytes, at), 1)
ON_FILE(ssize_t, pread64, (int fd, void *into, size_t bytes, off64_t at), (fd, into, bytes, at), 1)
ON_PATH(int, link, (const char *from, const char *to), (from, to), to)
ON_PATH(int, rename, (const char *from, const char *to), (from, to), to)
ON_PATH(int, mkdir, (const char *path, mode_t mode), (path, mode), path)
ON_PATH(int, symlink, (const char *from, const char *to), (from, to), to)

static int opening(const char *path, int flags) {
    int hangs = orders && orders->error == HANGS;
    return ((flags & O_CREAT) || hangs) && fails_at(path, 0);
}

#define OPENS(name)                                                              \
    int name(const char *path, int flags, ...) {                                 \
        REAL(name);                                                              \
        va_list rest;                                                            \
        va_start(rest, flags);                                                   \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                                            \
        if (opening(path, flags)) return -1;                                     \
        return real(path, flags, mode);                                          \
    }
OPENS(open64)
OPENS(open)
