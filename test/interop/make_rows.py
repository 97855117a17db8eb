"""Writes rows as HDF5 for H2M: make_rows.py PATH ROWS DIM. Datasets ids, embeddings, price (float64), name (text)."""
import sys

import h5py
import numpy as np

path, rows, dim = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
random = np.random.default_rng(7)
with h5py.File(path, 'w') as file:
    file['ids'] = np.arange(rows, dtype=np.int64) * 3 - 1000
    file['embeddings'] = random.random((rows, dim), dtype=np.float32)
    file['price'] = random.random(rows)
    file.create_dataset('name', data=[f'item {i}' for i in range(rows)], dtype=h5py.string_dtype())
