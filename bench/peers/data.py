"""Makes the files that the benchmark reads.

hdf5 PATH ROWS DIM      float32 "embeddings" (contiguous, random) and int64 "ids" (0, 1, ...)
hollow PATH ROWS DIM    the same with vectors that are a hole in the file, and ids in random order
faiss PATH ROWS DIM     IndexFlatL2, random
ivf PATH ROWS DIM       IndexIVFFlat with 256 lists, random, ids 0, 1, ...
hollow-faiss PATH ROWS DIM   IndexFlatL2 whose vectors are a hole in the file
"""

import os
import struct
import sys

import numpy as np

kind, path, rows, dim = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
rng = np.random.default_rng(7)
BLOCK = 50_000


def blocks():
    for first in range(0, rows, BLOCK):
        yield first, rng.standard_normal((min(BLOCK, rows - first), dim), dtype=np.float32)


def hdf5():
    import h5py

    with h5py.File(path, "w") as f:
        data = f.create_dataset("embeddings", (rows, dim), "<f4")
        for first, block in blocks():
            data[first : first + len(block)] = block
        f["ids"] = np.arange(rows, dtype=np.int64)


def hollow():
    import h5py

    with h5py.File(path, "w") as f:
        space = h5py.h5s.create_simple((rows, dim))
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        plist.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        h5py.h5d.create(f.id, b"embeddings", h5py.h5t.IEEE_F32LE, space, plist)
        f["ids"] = rng.permutation(rows).astype(np.int64)


def faiss_flat():
    import faiss

    index = faiss.IndexFlatL2(dim)
    for _, block in blocks():
        index.add(block)
    faiss.write_index(index, path)


def faiss_ivf():
    import faiss

    quantizer = faiss.IndexFlatL2(dim)
    index = faiss.IndexIVFFlat(quantizer, dim, 256)
    index.cp.niter = 2
    index.train(rng.standard_normal((20_000, dim), dtype=np.float32))
    for _, block in blocks():
        index.add(block)
    faiss.write_index(index, path)


def hollow_faiss():
    """A written index of one row, its two counts changed, the rest a hole."""
    import faiss

    index = faiss.IndexFlatL2(dim)
    index.add(np.zeros((1, dim), dtype=np.float32))
    faiss.write_index(index, path)
    size = os.path.getsize(path)
    data = size - 4 * dim
    with open(path, "r+b") as f:
        f.seek(8)
        assert struct.unpack("<q", f.read(8))[0] == 1
        f.seek(8)
        f.write(struct.pack("<q", rows))
        f.seek(data - 8)
        (floats,) = struct.unpack("<q", f.read(8))
        f.seek(data - 8)
        f.write(struct.pack("<q", floats * rows))
        f.truncate(data + 4 * dim * rows)


{"hdf5": hdf5, "hollow": hollow, "faiss": faiss_flat, "ivf": faiss_ivf, "hollow-faiss": hollow_faiss}[kind]()
