"""Fills a collection by pymilvus until it can be searched: HOST PORT COLLECTION FORM SOURCE

FORM: columns = SOURCE is an HDF5 file, inserted 20,000 rows a call; staged = SOURCE is a folder with a folder of .npy files for
every import, all of which are started at once. The end is the same for both: flushed, a FLAT index, loaded, every row counted.
Prints rows and seconds, from the first byte read or the first import on.
"""

import json
import os
import sys
import time

import h5py
import numpy as np
from pymilvus import BulkInsertState, Collection, CollectionSchema, DataType, FieldSchema, connections, utility

ROWS = 20_000
POLL_S = 0.5
host, port, name, form, source = sys.argv[1:6]
connections.connect(host=host, port=port)


def make(dim):
    fields = [
        FieldSchema("id", DataType.INT64, is_primary=True, auto_id=False),
        FieldSchema("embedding", DataType.FLOAT_VECTOR, dim=dim),
    ]
    return Collection(name, CollectionSchema(fields), shards_num=1)


def columns():
    with h5py.File(source, "r") as f:
        vectors, ids = f["embeddings"], f["ids"]
        collection = make(vectors.shape[1])
        start = time.perf_counter()
        for first in range(0, len(ids), ROWS):
            collection.insert([ids[first : first + ROWS].tolist(), list(vectors[first : first + ROWS])])
        return collection, len(ids), start


def staged():
    sets = [os.path.join(source, folder) for folder in sorted(os.listdir(source))]
    sets = [[os.path.join(folder, file) for file in sorted(os.listdir(folder))] for folder in sets]
    vectors = [np.load(next(f for f in files if f.endswith("embedding.npy")), mmap_mode="r") for files in sets]
    collection = make(vectors[0].shape[1])
    start = time.perf_counter()
    tasks = [utility.do_bulk_insert(name, files) for files in sets]
    while tasks:
        time.sleep(POLL_S)
        states = {task: utility.get_bulk_insert_state(task) for task in tasks}
        failed = [s for s in states.values() if s.state in (BulkInsertState.ImportFailed, BulkInsertState.ImportFailedAndCleaned)]
        assert not failed, failed
        tasks = [task for task, s in states.items() if s.state != BulkInsertState.ImportCompleted]
    return collection, sum(len(v) for v in vectors), start


collection, rows, start = {"columns": columns, "staged": staged}[form]()
written = time.perf_counter()
collection.flush()
collection.create_index("embedding", {"index_type": "FLAT", "metric_type": "L2", "params": {}})
utility.wait_for_index_building_complete(name)
collection.load()
while collection.query("", output_fields=["count(*)"])[0]["count(*)"] != rows:
    time.sleep(0.1)
print(json.dumps({"rows": rows, "seconds": time.perf_counter() - start, "writing": written - start}))
