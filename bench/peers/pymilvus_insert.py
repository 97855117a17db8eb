"""Inserts an HDF5 file by pymilvus, 20,000 rows a call in columns, then flushes: PATH HOST PORT COLLECTION FORM

FORM: how a block of vectors is handed over. rows = list of numpy rows, lists = list of lists of float, array = the array.
Prints the seconds of the loop (reading, inserting) and of the flush.
"""

import json
import sys
import time

import h5py
from pymilvus import Collection, CollectionSchema, DataType, FieldSchema, connections

ROWS = 20_000
path, host, port, name, form = sys.argv[1:6]
HAND_OVER = {"rows": list, "lists": lambda block: block.tolist(), "array": lambda block: block}[form]

connections.connect(host=host, port=port)
with h5py.File(path, "r") as f:
    vectors, ids = f["embeddings"], f["ids"]
    schema = CollectionSchema(
        [
            FieldSchema("id", DataType.INT64, is_primary=True, auto_id=False),
            FieldSchema("embedding", DataType.FLOAT_VECTOR, dim=vectors.shape[1]),
        ]
    )
    collection = Collection(name, schema, shards_num=1)
    start = time.perf_counter()
    for first in range(0, len(ids), ROWS):
        block = HAND_OVER(vectors[first : first + ROWS])
        collection.insert([ids[first : first + ROWS].tolist(), block])
    inserted = time.perf_counter()
    collection.flush()
    flushed = time.perf_counter()
    rows = len(ids)
assert collection.num_entities == rows, collection.num_entities
print(json.dumps({"rows": rows, "insert": inserted - start, "flush": flushed - inserted}))
