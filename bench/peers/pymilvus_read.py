"""Makes a collection of random vectors, or reads it by pymilvus' query iterator and throws the rows away:

make HOST PORT COLLECTION ROWS DIM      int64 ids 0, 1, ..., one shard, FLAT index, loaded
read HOST PORT COLLECTION BATCH         consistency Bounded; prints {"rows", "seconds", "sum"}, sum over all ids
"""

import json
import sys
import time

import numpy as np
from pymilvus import Collection, CollectionSchema, DataType, FieldSchema, connections

BLOCK = 20_000


def make(name, rows, dim):
    fields = [FieldSchema("id", DataType.INT64, is_primary=True), FieldSchema("embedding", DataType.FLOAT_VECTOR, dim=dim)]
    collection = Collection(name, CollectionSchema(fields), shards_num=1)
    rng = np.random.default_rng(7)
    for first in range(0, rows, BLOCK):
        count = min(BLOCK, rows - first)
        collection.insert([list(range(first, first + count)), list(rng.standard_normal((count, dim), dtype=np.float32))])
    collection.flush()
    collection.create_index("embedding", {"index_type": "FLAT", "metric_type": "L2", "params": {}})
    collection.load()


def read(name, batch):
    collection = Collection(name)
    start = time.perf_counter()
    rows = total = 0
    pages = collection.query_iterator(
        batch_size=batch, expr="id >= 0", output_fields=["id", "embedding"], consistency_level="Bounded"
    )
    while page := pages.next():
        rows += len(page)
        total += sum(row["id"] for row in page)
    pages.close()
    print(json.dumps({"rows": rows, "seconds": time.perf_counter() - start, "sum": str(total)}))


command, host, port, name, *numbers = sys.argv[1:]
connections.connect(host=host, port=port)
{"make": make, "read": read}[command](name, *map(int, numbers))
