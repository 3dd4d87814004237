// What Swift keeps back or cannot say: fork, file descriptors sent over a socket, files that exist only in memory.
#pragma once
#include <stddef.h>
#include <sys/types.h>

// fork(2). A process of several threads must not go on in Swift after it; the caller has one.
pid_t isolation_fork(void);
// Sends bytes and the descriptors of files over a Unix socket. 0, or -1 with errno.
int isolation_send(int socket, const void *bytes, size_t byte_count, const int *files, int file_count);
// Takes a message of exactly that many bytes and files. 1; 0 if the other end is gone or said something else.
int isolation_receive(int socket, void *bytes, size_t byte_count, int *files, int file_count);
// A pipe that programs started from here do not inherit: where to read and where to write. 0, or -1 with errno.
int isolation_pipe(int *ends);
// Writes to one, and raises no signal if nobody reads. The number of bytes written, or -1 with errno.
ssize_t isolation_write(int file, const void *bytes, size_t byte_count);
// A file of that many zero bytes in memory, whose size nobody can change. Its descriptor, or -1 with errno.
int isolation_memory_file(const char *name, size_t byte_count);
// How a process that was waited for ended: the signal that killed it, or 0; and its exit code.
int isolation_signal(int status);
int isolation_exit_code(int status);
// Limits this process from now on: bytes of memory beyond what it has mapped, seconds of the processor, ten times as
// many by the clock; no core file and no further process.
void isolation_limit(size_t byte_count, unsigned seconds);
// From now on this process can open nothing.
void isolation_close_doors(void);
// From now on a mapped file that is cut short ends the process with a message and code 74.
void isolation_watch_mappings(void);
// Ends the process so, because of the file at a path.
void isolation_end_unreadable(const char *path) __attribute__((noreturn));
