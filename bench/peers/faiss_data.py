"""Makes a Faiss file of any kind: python faiss_data.py PATH ROWS DIM FACTORY_KEY

The codes of 20,000 random rows (of an additive quantizer, whose search for codes is slow: 2,000) are repeated until there are
enough: reading takes as long, and making takes seconds.
"""
import os
import sys

os.environ['OMP_NUM_THREADS'] = os.environ['OPENBLAS_NUM_THREADS'] = '2'
import faiss  # noqa: E402
import numpy as np  # noqa: E402

path, rows, dim, key = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
x = np.random.default_rng(7).standard_normal((2_000 if key.startswith('RQ') else 20_000, dim), dtype=np.float32)
index = faiss.index_factory(dim, key)
store = index
while hasattr(store, 'index'):
    store = faiss.downcast_index(store.index)
for clustering in (getattr(store, 'cp', None), getattr(getattr(store, 'pq', None), 'cp', None)):
    if clustering is not None:
        clustering.niter = 2
index.train(x)
index.add(x)
times = -(-rows // len(x))
if hasattr(store, 'codes'):
    codes = faiss.vector_to_array(store.codes)
    faiss.copy_array_to_vector(np.tile(codes, times), store.codes)
    ntotal = len(x) * times
    level = index
    while True:
        level.ntotal = ntotal
        if not hasattr(level, 'index'):
            break
        level = faiss.downcast_index(level.index)
else:
    for _ in range(times - 1):
        index.add(x)
faiss.write_index(index, path)
