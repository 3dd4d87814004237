// A disk that fails on order, for Tools/fault-injection: loaded before the program's libraries (LD_PRELOAD), it counts the
// calls that write under one folder, and lets the one with a given number fail.
//
//     FAULT_FOLDER   the folder, an absolute path without links
//     FAULT_AT       which call fails, counted from 1; 0 for none
//     FAULT_MODE     once: that call alone; on: that and all later ones; short: writes half, and the rest goes well;
//                    kill: the process is killed before that call
//     FAULT_LOG      a file, to which a line is added for each call: its number, its name, its path, and what became of it

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_int calls;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int is_inside(const char *path) {
    const char *folder = getenv("FAULT_FOLDER");
    char full[PATH_MAX];
    if (!folder || !path) return 0;
    if (path[0] != '/') {
        if (!getcwd(full, sizeof full)) return 0;
        strncat(full, "/", sizeof full - strlen(full) - 1);
        strncat(full, path, sizeof full - strlen(full) - 1);
        path = full;
    }
    size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 && path[length] == '/';
}

/// The path of an open file or folder under the folder; NULL for others, and for files that were removed.
static const char *path_of(int descriptor, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length <= 0) return NULL;
    path[length] = 0;
    // Pipes and sockets have no path.
    return path[0] == '/' && is_inside(path) && !strstr(path, " (deleted)") ? path : NULL;
}

static int is_for_writing(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

static int mode_is(const char *mode) {
    const char *wanted = getenv("FAULT_MODE");
    return wanted && strcmp(wanted, mode) == 0;
}

enum verdict { GOOD, BAD, SHORT };

/// Counts a call, and says what becomes of it; `code` is the error that it would have.
static enum verdict judge(const char *name, const char *path, int code, int is_write) {
    const char *at = getenv("FAULT_AT"), *log = getenv("FAULT_LOG");
    int number = atomic_fetch_add(&calls, 1) + 1, wanted = at ? atoi(at) : 0;
    enum verdict verdict = GOOD;
    if (wanted > 0 && number == wanted) {
        // A disk that becomes full takes a part of the last write.
        verdict = is_write && !mode_is("once") && !mode_is("kill") ? SHORT : mode_is("short") ? GOOD : BAD;
    } else if (wanted > 0 && number > wanted && mode_is("on")) {
        verdict = BAD;
    }
    if (log) {
        char line[PATH_MAX + 64];
        int length = snprintf(line, sizeof line, "%d %s %s %s\n", number, name,
                              verdict == GOOD ? "good" : verdict == BAD ? "bad" : "short", path);
        long file = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
        if (file >= 0) {
            syscall(SYS_write, file, line, length);
            syscall(SYS_close, file);
        }
    }
    if (number == wanted && mode_is("kill")) raise(SIGKILL);
    if (verdict == BAD) errno = code;
    return verdict;
}

/// Whether the disk is full or a quota used up: both must be understood.
static int full(void) { return atomic_load(&calls) % 4 == 3 ? EDQUOT : ENOSPC; }

// Opening

/// Whether a file is to be opened for writing that is there, or may be created.
static int is_to_write(const char *path, int flags) {
    return (flags & O_ACCMODE) != O_RDONLY && is_inside(path) && (flags & O_CREAT || access(path, F_OK) == 0);
}

#define OPEN(name)                                                                   \
    int name(const char *path, int flags, ...) {                                     \
        va_list rest;                                                                \
        va_start(rest, flags);                                                       \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;    \
        va_end(rest);                                                                \
        if (is_to_write(path, flags) && judge("open", path, full(), 0) == BAD) return -1; \
        return REAL(name)(path, flags, mode);                                        \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                 \
    int name(int folder, const char *path, int flags, ...) {                         \
        va_list rest;                                                                \
        va_start(rest, flags);                                                       \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;    \
        va_end(rest);                                                                \
        if (is_to_write(path, flags) && judge("open", path, full(), 0) == BAD) return -1; \
        return REAL(name)(folder, path, flags, mode);                                \
    }
OPENAT(openat)
OPENAT(openat64)

int mkdir(const char *path, mode_t mode) {
    struct stat status;
    if (is_inside(path) && stat(path, &status) != 0 && judge("mkdir", path, full(), 0) == BAD) return -1;
    return REAL(mkdir)(path, mode);
}

// Writing

static enum verdict judge_write(int descriptor, const char *name) {
    char path[PATH_MAX];
    const char *inside = path_of(descriptor, path);
    return inside ? judge(name, inside, full(), 1) : GOOD;
}

static size_t part(enum verdict verdict, size_t count) { return verdict == SHORT && count > 1 ? count / 2 : count; }

ssize_t write(int descriptor, const void *bytes, size_t count) {
    enum verdict verdict = judge_write(descriptor, "write");
    return verdict == BAD ? -1 : REAL(write)(descriptor, bytes, part(verdict, count));
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
    enum verdict verdict = judge_write(descriptor, "pwrite");
    return verdict == BAD ? -1 : REAL(pwrite)(descriptor, bytes, part(verdict, count), offset);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t offset) {
    enum verdict verdict = judge_write(descriptor, "pwrite");
    return verdict == BAD ? -1 : REAL(pwrite64)(descriptor, bytes, part(verdict, count), offset);
}

int ftruncate(int descriptor, off_t length) {
    char path[PATH_MAX];
    const char *inside = path_of(descriptor, path);
    return inside && judge("ftruncate", inside, full(), 0) == BAD ? -1 : REAL(ftruncate)(descriptor, length);
}

int ftruncate64(int descriptor, off64_t length) {
    char path[PATH_MAX];
    const char *inside = path_of(descriptor, path);
    return inside && judge("ftruncate", inside, full(), 0) == BAD ? -1 : REAL(ftruncate64)(descriptor, length);
}

// What the disk says late

int fsync(int descriptor) {
    char path[PATH_MAX];
    const char *inside = path_of(descriptor, path);
    return inside && judge("fsync", inside, EIO, 0) == BAD ? -1 : REAL(fsync)(descriptor);
}

int fdatasync(int descriptor) {
    char path[PATH_MAX];
    const char *inside = path_of(descriptor, path);
    return inside && judge("fsync", inside, EIO, 0) == BAD ? -1 : REAL(fdatasync)(descriptor);
}

int close(int descriptor) {
    char path[PATH_MAX];
    const char *inside = is_for_writing(descriptor) ? path_of(descriptor, path) : NULL;
    int isBad = inside && judge("close", inside, EIO, 0) == BAD;
    int result = REAL(close)(descriptor);
    if (!isBad) return result;
    errno = EIO;
    return -1;
}

int rename(const char *from, const char *to) {
    return is_inside(to) && judge("rename", to, full(), 0) == BAD ? -1 : REAL(rename)(from, to);
}
