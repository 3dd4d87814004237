// Starts a program many times for Tools/fuzz, and loads its libraries once, which takes longer than most of what it is to do:
// loaded before them (LD_PRELOAD), it stops just before `main`, and forks a process for each request.
//
//     FORK_SERVER   the number of a socket of messages (SOCK_SEQPACKET). A request is a folder, a file for standard error and
//                   the arguments, each with a NUL after it. It is answered twice: with the number of the new process, and
//                   when that has ended, with its status and its largest memory in kB, as wait4 gives them.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

typedef int Main(int, char **, char **);
static Main *program;

static void stop(const char *what) {
    perror(what);
    _exit(127);
}

/// In the new process: goes on as if the program had been started so.
static int begin(char *request, const char *end, char *name) {
    char *folder = request, *errors = folder + strlen(folder) + 1, *next = errors + strlen(errors) + 1;
    char *arguments[64] = {name};
    int count = 1;
    for (; next < end && count < 63; next += strlen(next) + 1) arguments[count++] = next;
    int file = open(errors, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || dup2(file, 2) < 0 || close(file) != 0 || chdir(folder) != 0) stop("fork-server");
    // Swift asks the system for the arguments, unless it has been given others.
    void (*replace)(char **, int) = (void (*)(char **, int))dlsym(RTLD_DEFAULT, "_swift_stdlib_overrideUnsafeArgvArgc");
    if (!replace) stop("fork-server: the program is not linked to Swift's library");
    replace(arguments, count);
    return program(count, arguments, environ);
}

/// What runs instead of `main`: returns in new processes alone.
static int serve(int count, char **arguments, char **environment) {
    (void)count, (void)environment;
    static char request[1 << 16];
    int channel = atoi(getenv("FORK_SERVER"));
    unsetenv("FORK_SERVER");
    unsetenv("LD_PRELOAD");
    ssize_t length;
    while ((length = recv(channel, request, sizeof request - 1, 0)) > 0) {
        pid_t child = fork();
        if (child == 0) {
            close(channel);
            return begin(request, request + length, arguments[0]);
        }
        int status = 0;
        struct rusage usage;
        if (child < 0 || dprintf(channel, "%d", child) < 0 || wait4(child, &status, 0, &usage) < 0 ||
            dprintf(channel, "%d %ld", status, usage.ru_maxrss) < 0)
            stop("fork-server");
    }
    _exit(0);
}

int __libc_start_main(Main *main, int count, char **arguments, void (*init)(void), void (*fini)(void), void (*loader)(void),
                      void *stack) {
    __typeof__(&__libc_start_main) real = (__typeof__(&__libc_start_main))dlsym(RTLD_NEXT, "__libc_start_main");
    program = main;
    return real(getenv("FORK_SERVER") ? serve : main, count, arguments, init, fini, loader, stack);
}
