#define _GNU_SOURCE
#include "isolation.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_FILES = 4 };

// What is forked ends with the process that forked it, however that ends.
pid_t isolation_fork(void) {
    pid_t parent = getpid(), child = fork();
    if (child != 0) return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(0);
    return 0;
}

static struct msghdr message(struct iovec *part, char *control, size_t control_size) {
    struct msghdr header = {0};
    header.msg_iov = part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = control_size;
    return header;
}

int isolation_send(int socket, const void *bytes, size_t byte_count, const int *files, int file_count) {
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(MOST_FILES * sizeof(int))] = {0};
    struct iovec part = {(void *)bytes, byte_count};
    size_t size = (size_t)file_count * sizeof(int);
    struct msghdr header = message(&part, file_count > 0 ? control : NULL, file_count > 0 ? CMSG_SPACE(size) : 0);
    if (file_count > 0) {
        struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(rights), files, size);
    }
    ssize_t sent;
    do sent = sendmsg(socket, &header, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)byte_count ? 0 : -1;
}

int isolation_receive(int socket, void *bytes, size_t byte_count, int *files, int file_count) {
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(MOST_FILES * sizeof(int))];
    struct iovec part = {bytes, byte_count};
    struct msghdr header = message(&part, control, sizeof control);
    ssize_t count;
    do count = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
    while (count < 0 && errno == EINTR);
    if (count != (ssize_t)byte_count) return 0;
    if (file_count == 0) return 1;
    struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
    size_t size = (size_t)file_count * sizeof(int);
    if (!rights || rights->cmsg_type != SCM_RIGHTS || rights->cmsg_len != CMSG_LEN(size)) return 0;
    memcpy(files, CMSG_DATA(rights), size);
    return 1;
}

int isolation_pipe(int *ends) { return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends); }

ssize_t isolation_write(int file, const void *bytes, size_t byte_count) {
    return send(file, bytes, byte_count, MSG_NOSIGNAL);
}

int isolation_memory_file(const char *name, size_t byte_count) {
    int file = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file < 0) return -1;
    if (ftruncate(file, (off_t)byte_count) != 0 || fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0) {
        int reason = errno;
        close(file);
        errno = reason;
        return -1;
    }
    return file;
}

int isolation_signal(int status) { return WIFSIGNALED(status) ? WTERMSIG(status) : 0; }

int isolation_exit_code(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -1; }

static void limit(int resource, size_t value) {
    struct rlimit both = {value, value};
    setrlimit(resource, &both);
}

// The bytes of addresses that are in use already: the program and its libraries.
static size_t address_space(void) {
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file) return (size_t)1 << 30;
    if (fscanf(file, "%zu", &pages) != 1) pages = ((size_t)1 << 30) / (size_t)getpagesize();
    fclose(file);
    return pages * (size_t)getpagesize();
}

void isolation_limit(size_t byte_count, unsigned seconds) {
    // Whoever started us may have blocked or ignored the signals that end a child.
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    const int fatal[] = {SIGXCPU, SIGALRM, SIGILL, SIGTRAP, SIGABRT, SIGSEGV, SIGBUS, SIGFPE};
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) signal(fatal[i], SIG_DFL);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NPROC, 0);
    // At the first of these limits comes a signal that says so, at the second one that says nothing.
    struct rlimit processor = {seconds, seconds + 1};
    setrlimit(RLIMIT_CPU, &processor);
    limit(RLIMIT_AS, address_space() + byte_count);
    // Who waits uses no processor; for slow disks the limit by the clock is generous.
    alarm(10 * seconds);
}

void isolation_close_doors(void) { limit(RLIMIT_NOFILE, 0); }
