"""The plain way in Python: streams a collection of an old Milvus, 20,000 rows at a time, and inserts by pymilvus: SOURCE COLLECTION HOST PORT TARGET

Prints the rows and the seconds of the loop (reading, leaving out deleted rows, inserting); the flush comes behind it.
"""

import json
import os
import sqlite3
import sys
import time

import numpy as np
from pymilvus import Collection, CollectionSchema, DataType, FieldSchema, connections

ROWS = 20_000
source, name, host, port, target = sys.argv[1:6]
meta = sqlite3.connect(f"file:{source}/db/meta.sqlite?mode=ro", uri=True)
(dim,) = meta.execute("SELECT dimension FROM Tables WHERE table_id = ? AND state = 0", (name,)).fetchone()
segments = meta.execute(
    "SELECT segment_id FROM TableFiles WHERE table_id = ? AND file_type IN (1, 2, 7) ORDER BY id", (name,)
).fetchall()
connections.connect(host=host, port=port)
fields = [
    FieldSchema("id", DataType.INT64, is_primary=True, auto_id=False),
    FieldSchema("embedding", DataType.FLOAT_VECTOR, dim=dim),
]
collection = Collection(target, CollectionSchema(fields), shards_num=1)
total = 0
start = time.perf_counter()
for (segment,) in segments:
    folder = os.path.join(source, "db", "tables", name, segment)
    ids = np.fromfile(os.path.join(folder, f"{segment}.uid"), dtype="<i8", offset=8)
    keep = np.ones(len(ids), dtype=bool)
    keep[np.fromfile(os.path.join(folder, "deleted_docs"), dtype="<i4", offset=8)] = False
    with open(os.path.join(folder, f"{segment}.rv"), "rb") as f:
        f.seek(8)
        for first in range(0, len(ids), ROWS):
            some = slice(first, first + ROWS)
            vectors = np.fromfile(f, dtype="<f4", count=len(ids[some]) * dim).reshape(-1, dim)[keep[some]]
            collection.insert([ids[some][keep[some]].tolist(), list(vectors)])
            total += len(vectors)
worked = time.perf_counter() - start
collection.flush()
assert collection.num_entities == total, collection.num_entities
print(json.dumps({"rows": total, "work": worked}))
