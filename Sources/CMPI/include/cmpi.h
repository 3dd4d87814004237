// The few functions of MPI that move bytes between the processes of a job, out of a library that is opened at run time: the
// user's own, which knows the network. There are three binary interfaces, in which handles and constants differ:
//
//   Open MPI 4 and 5 (libmpi.so.40)                handles are addresses of objects of the library
//   MPICH, Intel, Cray (libmpi.so.12)              handles are numbers, as MPICH's mpi.h has them
//   the standard one of MPI 5 (libmpi_abi.so.1)    handles are small addresses, MPI 5.0, appendix A
#pragma once
#include <stddef.h>

enum { CMPI_MESSAGE_SIZE = 400 };

typedef struct {
    int rank, count;
    char library[CMPI_MESSAGE_SIZE];  // as it calls itself
} cmpi_world;

// Opens the first of the libraries, with colons between them, that is there, and starts it. 0; or -1, and why not in `message`, CMPI_MESSAGE_SIZE bytes.
int cmpi_start(const char *libraries, cmpi_world *world, char *message);

// Sends bytes to one process while bytes come from another one, or the same. Every process must call it in the same order with
// sizes that fit. Mistakes end the job.
void cmpi_exchange(const void *out, size_t out_count, int to, void *in, size_t in_count, int from);

// Ends the whole job with an exit code.
void cmpi_abort(int code);

// Ends MPI in this process, when all others do.
void cmpi_end(void);
