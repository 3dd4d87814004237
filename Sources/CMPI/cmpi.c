#include "cmpi.h"

#include <dlfcn.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

// The same functions with handles that are addresses, and with handles that are numbers.
typedef int (*pointer_rank)(void *, int *);
typedef int (*number_rank)(int, int *);
typedef int (*pointer_send)(const void *, int, void *, int, int, void *, void **);
typedef int (*number_send)(const void *, int, int, int, int, int, int *);
typedef int (*pointer_receive)(void *, int, void *, int, int, void *, void **);
typedef int (*number_receive)(void *, int, int, int, int, int, int *);
typedef int (*pointer_test)(void **, int *, void *);
typedef int (*number_test)(int *, int *, void *);
typedef int (*pointer_abort)(void *, int);
typedef int (*number_abort)(int, int);

enum { TAG = 1 };

// How long a process asks for a message again and again before it sleeps in between, and for how long it does.
static const double patience_seconds = 200e-6;
static const struct timespec nap = {.tv_nsec = 20000};

// A message has an int for its size, and less than 2 GiB; several smaller ones are as fast.
static const size_t piece = (size_t)64 << 20;

static struct {
    void *initialize, *rank, *size, *send, *receive, *test, *abort, *finalize, *version;
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
        {&mpi.send, "MPI_Isend"}, {&mpi.receive, "MPI_Irecv"}, {&mpi.test, "MPI_Test"}, {&mpi.abort, "MPI_Abort"},
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

// A message that is on its way.
typedef union {
    void *pointer;
    int number;
} request;

static void send(const char *out, int count, int to, request *request) {
    if (mpi.has_pointers) ((pointer_send)mpi.send)(out, count, mpi.byte, to, TAG, mpi.world, &request->pointer);
    else ((number_send)mpi.send)(out, count, mpi.number_byte, to, TAG, mpi.number_world, &request->number);
}

static void receive(char *in, int count, int from, request *request) {
    if (mpi.has_pointers) ((pointer_receive)mpi.receive)(in, count, mpi.byte, from, TAG, mpi.world, &request->pointer);
    else ((number_receive)mpi.receive)(in, count, mpi.number_byte, from, TAG, mpi.number_world, &request->number);
}

static int is_done(request *request) {
    int done = 0;
    if (mpi.has_pointers) ((pointer_test)mpi.test)(&request->pointer, &done, status);
    else ((number_test)mpi.test)(&request->number, &done, status);
    return done;
}

static double seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + 1e-9 * time.tv_nsec;
}

// MPI's own way to wait keeps a processor busy, which other threads compute with meanwhile. Short waits, as those of processes of
// one host for each other, are too short for the system's clock.
static void finish(request *request) {
    double start = seconds();
    while (!is_done(request)) {
        if (seconds() - start < patience_seconds) sched_yield();
        else nanosleep(&nap, NULL);
    }
}

void cmpi_exchange(const void *out, size_t out_count, int to, void *in, size_t in_count, int from) {
    // Processes take the pieces in the same order, so that none waits for one that waits for it.
    for (size_t start = 0; start < out_count || start < in_count; start += piece) {
        size_t out_left = start < out_count ? out_count - start : 0, in_left = start < in_count ? in_count - start : 0;
        request sent, received;
        if (in_left) receive((char *)in + start, in_left < piece ? in_left : piece, from, &received);
        if (out_left) send((const char *)out + start, out_left < piece ? out_left : piece, to, &sent);
        if (in_left) finish(&received);
        if (out_left) finish(&sent);
    }
}

void cmpi_abort(int code) {
    if (mpi.has_pointers) ((pointer_abort)mpi.abort)(mpi.world, code);
    else ((number_abort)mpi.abort)(mpi.number_world, code);
}

void cmpi_end(void) { ((int (*)(void))mpi.finalize)(); }
