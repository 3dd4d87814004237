"""Floats of 4 to 16 bits in HDF5: the types that the library itself converts when anybody reads them as float32.

The library rounds wrongly when it converts to such a type, so codes are computed here and written as they are.
"""

import h5py
import numpy as np


def float_type(exponent, mantissa, bias, *, size=None, offset=0, big_endian=False):
    """A type of 1 + exponent + mantissa bits, in elements of `size` bytes with the code `offset` bits from the lowest."""
    bits = 1 + exponent + mantissa
    made = (h5py.h5t.IEEE_F32BE if big_endian else h5py.h5t.IEEE_F32LE).copy()
    # Fields first, so that they fit when the precision shrinks.
    made.set_fields(bits - 1, mantissa, exponent, 0, mantissa)
    made.set_precision(bits)
    made.set_size(size or (1 if bits <= 8 else 2))
    made.set_offset(offset)
    made.set_ebias(bias)
    return made


def elements(codes, made):
    """The bytes of elements with these codes."""
    order = ">" if made.get_order() == h5py.h5t.ORDER_BE else "<"
    return (np.asarray(codes, "u4") << made.get_offset()).astype(f"{order}u{made.get_size()}")


def write_codes(group, name, codes, made, *, packed=False, gzip=0, shuffle=False, chunks=None):
    """Writes a dataset of codes: one chunk unless told, packed by the N-bit filter, compressed by gzip."""
    codes = np.asarray(codes)
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    if packed or gzip:
        properties.set_chunk(chunks or codes.shape)
    if packed:
        properties.set_filter(h5py.h5z.FILTER_NBIT, h5py.h5z.FLAG_OPTIONAL)
    if shuffle:
        properties.set_shuffle()
    if gzip:
        properties.set_deflate(gzip)
    links = h5py.h5p.create(h5py.h5p.LINK_CREATE)
    links.set_create_intermediate_group(True)
    space = h5py.h5s.create_simple(codes.shape)
    dataset = h5py.h5d.create(group.id, name.encode(), made, space, properties, links)
    dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, np.ascontiguousarray(elements(codes, made)), mtype=made)


def numbers(exponent, mantissa, bias):
    """What every code stands for, by the definition."""
    codes = np.arange(1 << (1 + exponent + mantissa))
    e, m = codes >> mantissa & (1 << exponent) - 1, (codes & (1 << mantissa) - 1).astype("f8")
    normal, small = (1 + m / 2**mantissa) * 2.0 ** (e - bias), m * 2.0 ** (1 - bias - mantissa)
    values = np.where(e == 0, small, np.where(e < (1 << exponent) - 1, normal, np.where(m == 0, np.inf, np.nan)))
    return np.where(codes >> (exponent + mantissa), -values, values)


def nearest_codes(values, exponent, mantissa, bias):
    """The code of the nearest number for each value."""
    table = numbers(exponent, mantissa, bias)
    finite = np.flatnonzero(np.isfinite(table))
    order = finite[np.argsort(table[finite], kind="stable")]
    middles = (table[order][1:] + table[order][:-1]) / 2
    return order[np.searchsorted(middles, values)]
