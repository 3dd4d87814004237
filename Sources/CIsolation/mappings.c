#define _GNU_SOURCE
#include "isolation.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// What is mapped, for the handler, which may neither wait nor allocate. An entry without a start is free.
enum { MOST_MAPPINGS = 1024, CANNOT_READ = 74 };
static struct {
    _Atomic uintptr_t start;
    size_t byte_count;
    char *path;
} mappings[MOST_MAPPINGS];

static void say(const char *text) { (void)!write(STDERR_FILENO, text, strlen(text)); }

// The system's way to say that a page of a mapped file is not there any more.
static void end_process(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    uintptr_t address = (uintptr_t)info->si_addr;
    const char *path = NULL;
    for (int i = 0; i < MOST_MAPPINGS; i++) {
        uintptr_t start = atomic_load(&mappings[i].start);
        if (start && address >= start && address - start < mappings[i].byte_count) path = mappings[i].path;
    }
    say("error: ");
    if (path) say("'"), say(path), say("': ");
    say("the file was cut short, or the disk failed, while it was read. Go on with --resume: what is damaged is made anew\n");
    _exit(CANNOT_READ);
}

void isolation_watch_mappings(void) {
    struct sigaction action = {0};
    action.sa_sigaction = end_process;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGBUS, &action, NULL);
}

int isolation_note_mapping(const void *start, size_t byte_count, const char *path) {
    for (int i = 0; i < MOST_MAPPINGS; i++) {
        uintptr_t none = 0;
        // 1 keeps the entry while it is filled: no page begins there.
        if (!atomic_compare_exchange_strong(&mappings[i].start, &none, 1)) continue;
        mappings[i].byte_count = byte_count;
        mappings[i].path = strdup(path);
        atomic_store(&mappings[i].start, (uintptr_t)start);
        return i;
    }
    return -1;
}

void isolation_forget_mapping(int entry) {
    if (entry < 0) return;
    char *path = mappings[entry].path;
    mappings[entry].path = NULL;
    atomic_store(&mappings[entry].start, 0);
    free(path);
}
