#pragma once

// Keeps the names and signatures of 1.10 when the installed library is a later one.
#define H5_USE_110_API
#include <hdf5.h>
#include <stdbool.h>

// HDF5's constants are macros that initialise the library or cast; Swift sees these instead.

static inline hid_t chdf5_class_file_access(void) { return H5P_FILE_ACCESS; }
static inline hid_t chdf5_class_file_create(void) { return H5P_FILE_CREATE; }
static inline hid_t chdf5_class_group_create(void) { return H5P_GROUP_CREATE; }
static inline hid_t chdf5_class_dataset_create(void) { return H5P_DATASET_CREATE; }
static inline hid_t chdf5_class_dataset_access(void) { return H5P_DATASET_ACCESS; }
static inline hid_t chdf5_class_link_create(void) { return H5P_LINK_CREATE; }
static inline hid_t chdf5_default(void) { return H5P_DEFAULT; }
static inline hid_t chdf5_all(void) { return H5S_ALL; }
static inline unsigned chdf5_read_only(void) { return H5F_ACC_RDONLY; }
static inline unsigned chdf5_exclusive(void) { return H5F_ACC_EXCL; }
static inline unsigned chdf5_truncate(void) { return H5F_ACC_TRUNC; }
static inline H5F_libver_t chdf5_latest_version(void) { return H5F_LIBVER_LATEST; }
static inline size_t chdf5_variable_length(void) { return H5T_VARIABLE; }
static inline haddr_t chdf5_undefined_address(void) { return HADDR_UNDEF; }

static inline unsigned chdf5_dont_filter_partial_chunks(void) { return H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS; }

static inline hid_t chdf5_c_string(void) { return H5T_C_S1; }
static inline hid_t chdf5_float32(void) { return H5T_IEEE_F32LE; }
static inline hid_t chdf5_float64(void) { return H5T_IEEE_F64LE; }
static inline hid_t chdf5_int8(void) { return H5T_STD_I8LE; }
static inline hid_t chdf5_int16(void) { return H5T_STD_I16LE; }
static inline hid_t chdf5_int32(void) { return H5T_STD_I32LE; }
static inline hid_t chdf5_int64(void) { return H5T_STD_I64LE; }
static inline hid_t chdf5_uint8(void) { return H5T_STD_U8LE; }
static inline hid_t chdf5_uint16(void) { return H5T_STD_U16LE; }
static inline hid_t chdf5_uint32(void) { return H5T_STD_U32LE; }
static inline hid_t chdf5_uint64(void) { return H5T_STD_U64LE; }

/// Whether a file lies in memory, and not on a disk.
static inline bool chdf5_is_in_memory(hid_t file) {
    hid_t access = H5Fget_access_plist(file);
    bool result = access >= 0 && H5Pget_driver(access) == H5FD_CORE;
    if (access >= 0) H5Pclose(access);
    return result;
}

/// The class and address of an object, without the walk through its metadata that fuller information needs.
static inline herr_t chdf5_object_info(hid_t object, H5O_info_t *info) {
    return H5Oget_info2(object, info, H5O_INFO_BASIC);
}

// Declared by string.h only where GNU extensions are on.
extern void *memmem(const void *bytes, size_t count, const void *wanted, size_t wanted_count);

/// Finds four bytes among many; null if they are not there.
static inline const void *chdf5_find(const void *bytes, size_t count, const char *wanted) {
    return memmem(bytes, count, wanted, 4);
}
