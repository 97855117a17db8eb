"""Writes int64 ids and float vectors by h5py, contiguous, in blocks of 4 MiB, then brings them to the disk: PATH ROWS DIM

Prints the seconds of writing and of all.
"""

import json
import os
import sys
import time

import h5py
import numpy as np

path, rows, dim = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
most = 4 * 2**20 // (dim * 4 + 8)
block = np.sin(np.arange(most * dim, dtype="<f4")).reshape(most, dim)
start = time.perf_counter()
with h5py.File(path, "w") as f:
    vectors = f.create_dataset("embeddings", (rows, dim), "<f4")
    ids = f.create_dataset("ids", (rows,), "<i8")
    for first in range(0, rows, most):
        count = min(most, rows - first)
        vectors[first : first + count] = block[:count]
        ids[first : first + count] = np.arange(first, first + count)
written = time.perf_counter()
with open(path, "rb") as f:
    os.fsync(f.fileno())
print(json.dumps({"write": written - start, "all": time.perf_counter() - start}))
