#define _GNU_SOURCE
#include "isolation.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

enum { CANNOT_READ = 74 };

static void say(const char *text) { (void)!write(STDERR_FILENO, text, strlen(text)); }

void isolation_end_unreadable(const char *path) {
    say("error: ");
    if (path) say("'"), say(path), say("': ");
    say("the file was cut short, or the disk failed, while it was read. Go on with --resume: what is damaged is made anew\n");
    _exit(CANNOT_READ);
}

// The system's way to say that a page of a mapped file is not there any more.
static void end_process(int number) {
    (void)number;
    isolation_end_unreadable(NULL);
}

void isolation_watch_mappings(void) { signal(SIGBUS, end_process); }
