#include "cmpi.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

// The same functions with handles that are addresses, and with handles that are numbers.
typedef int (*pointer_rank)(void *, int *);
typedef int (*number_rank)(int, int *);
typedef int (*pointer_both)(const void *, int, void *, int, int, void *, int, void *, int, int, void *, void *);
typedef int (*number_both)(const void *, int, int, int, int, void *, int, int, int, int, int, void *);
typedef int (*pointer_send)(const void *, int, void *, int, int, void *);
typedef int (*number_send)(const void *, int, int, int, int, int);
typedef int (*pointer_receive)(void *, int, void *, int, int, void *, void *);
typedef int (*number_receive)(void *, int, int, int, int, int, void *);
typedef int (*pointer_abort)(void *, int);
typedef int (*number_abort)(int, int);

enum { TAG = 1 };

// A message has an int for its size, and less than 2 GiB; several smaller ones are as fast.
static const size_t piece = (size_t)64 << 20;

static struct {
    void *initialize, *rank, *size, *both, *send, *receive, *abort, *finalize, *version;
    int has_pointers;
    void *world, *byte;          // where handles are addresses
    int number_world, number_byte;
    int funneled;                // MPI_THREAD_FUNNELED: one thread calls, others compute
} mpi;

// MPI_Status has at most 40 bytes; nobody looks at it.
static _Alignas(16) char status[256];

static int find(void *library, char *message) {
    const struct { void **place; const char *name; } functions[] = {
        {&mpi.initialize, "MPI_Init_thread"}, {&mpi.rank, "MPI_Comm_rank"}, {&mpi.size, "MPI_Comm_size"},
        {&mpi.both, "MPI_Sendrecv"}, {&mpi.send, "MPI_Send"}, {&mpi.receive, "MPI_Recv"}, {&mpi.abort, "MPI_Abort"},
        {&mpi.finalize, "MPI_Finalize"}, {&mpi.version, "MPI_Get_library_version"},
    };
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        *functions[i].place = dlsym(library, functions[i].name);
        if (!*functions[i].place) {
            snprintf(message, CMPI_MESSAGE_SIZE, "it has no function %s", functions[i].name);
            return -1;
        }
    }
    void *world = dlsym(library, "ompi_mpi_comm_world"), *byte = dlsym(library, "ompi_mpi_byte");
    mpi.funneled = 1;
    if (world && byte) {
        mpi.has_pointers = 1, mpi.world = world, mpi.byte = byte;
    } else if (dlsym(library, "MPI_Abi_get_version") && !dlsym(library, "MPIR_Dup_fn")) {
        mpi.has_pointers = 1, mpi.world = (void *)(uintptr_t)0x101, mpi.byte = (void *)(uintptr_t)0x247;
        mpi.funneled = 1024;
    } else {
        mpi.has_pointers = 0, mpi.number_world = 0x44000000, mpi.number_byte = 0x4c00010d;
    }
    return 0;
}

int cmpi_start(const char *libraries, cmpi_world *world, char *message) {
    void *library = NULL;
    // Plug-ins of Open MPI look for the symbols of the library among those that all see.
    char name[1024];
    for (size_t length; !library && *libraries; libraries += length + (libraries[length] == ':')) {
        length = strcspn(libraries, ":");
        snprintf(name, sizeof name, "%.*s", (int)length, libraries);
        library = dlopen(name, RTLD_NOW | RTLD_GLOBAL);
    }
    if (!library) {
        const char *reason = dlerror();
        snprintf(message, CMPI_MESSAGE_SIZE, "%s", reason ? reason : "no library is named");
        return -1;
    }
    if (find(library, message)) return -1;
    int provided = 0, length = 0;
    int result = ((int (*)(int *, char ***, int, int *))mpi.initialize)(NULL, NULL, mpi.funneled, &provided);
    if (!result)
        result = mpi.has_pointers ? ((pointer_rank)mpi.rank)(mpi.world, &world->rank)
                                  : ((number_rank)mpi.rank)(mpi.number_world, &world->rank);
    if (!result)
        result = mpi.has_pointers ? ((pointer_rank)mpi.size)(mpi.world, &world->count)
                                  : ((number_rank)mpi.size)(mpi.number_world, &world->count);
    if (result) {
        snprintf(message, CMPI_MESSAGE_SIZE, "it does not start (error %d)", result);
        return -1;
    }
    // MPI_MAX_LIBRARY_VERSION_STRING is at most 8192. The first line or sentence says enough.
    static char version[8193];
    ((int (*)(char *, int *))mpi.version)(version, &length);
    snprintf(world->library, CMPI_MESSAGE_SIZE, "%.*s", (int)strcspn(version, ",\n"), version);
    return 0;
}

static void both(const char *out, int out_count, int to, char *in, int in_count, int from) {
    if (mpi.has_pointers)
        ((pointer_both)mpi.both)(out, out_count, mpi.byte, to, TAG, in, in_count, mpi.byte, from, TAG, mpi.world, status);
    else
        ((number_both)mpi.both)(
            out, out_count, mpi.number_byte, to, TAG, in, in_count, mpi.number_byte, from, TAG, mpi.number_world, status);
}

static void send(const char *out, int count, int to) {
    if (mpi.has_pointers) ((pointer_send)mpi.send)(out, count, mpi.byte, to, TAG, mpi.world);
    else ((number_send)mpi.send)(out, count, mpi.number_byte, to, TAG, mpi.number_world);
}

static void receive(char *in, int count, int from) {
    if (mpi.has_pointers) ((pointer_receive)mpi.receive)(in, count, mpi.byte, from, TAG, mpi.world, status);
    else ((number_receive)mpi.receive)(in, count, mpi.number_byte, from, TAG, mpi.number_world, status);
}

static int piece_at(size_t start, size_t count) { return (int)(count - start < piece ? count - start : piece); }

void cmpi_exchange(const void *out, size_t out_count, int to, void *in, size_t in_count, int from) {
    // Processes take the pieces in the same order, so that none waits for one that waits for it.
    for (size_t start = 0; start < out_count || start < in_count; start += piece) {
        const char *next_out = (const char *)out + start;
        char *next_in = (char *)in + start;
        if (start >= in_count) send(next_out, piece_at(start, out_count), to);
        else if (start >= out_count) receive(next_in, piece_at(start, in_count), from);
        else both(next_out, piece_at(start, out_count), to, next_in, piece_at(start, in_count), from);
    }
}

void cmpi_abort(int code) {
    if (mpi.has_pointers) ((pointer_abort)mpi.abort)(mpi.world, code);
    else ((number_abort)mpi.abort)(mpi.number_world, code);
}

void cmpi_end(void) { ((int (*)(void))mpi.finalize)(); }
