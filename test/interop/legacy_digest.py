"""Prints, per partition of a collection, rows and the sha256 of all ids (int64 little-endian, ascending), then all vectors in that order.

legacy_digest.py URI COLLECTION: the form of fixtures/legacy/*/expected.json.
"""
import hashlib
import json
import sys
import warnings

import numpy as np

warnings.simplefilter('ignore')
from pymilvus import Collection, DataType, connections  # noqa: E402


def main():
    connections.connect(uri=sys.argv[1])
    c = Collection(sys.argv[2])
    key = c.schema.primary_field.name
    vector = next(f for f in c.schema.fields if f.dtype in (DataType.FLOAT_VECTOR, DataType.BINARY_VECTOR))
    binary = vector.dtype == DataType.BINARY_VECTOR
    if not c.indexes:
        kind, metric = ('BIN_FLAT', 'HAMMING') if binary else ('FLAT', 'L2')
        c.create_index(vector.name, {'index_type': kind, 'metric_type': metric, 'params': {}})
    c.load()
    out = {}
    for p in c.partitions:
        rows = c.query(f'{key} < 9223372036854775807', output_fields=[key, vector.name], partition_names=[p.name], limit=16000, consistency_level='Strong')
        rows.sort(key=lambda r: r[key])
        sha = hashlib.sha256()
        for r in rows:
            sha.update(np.int64(r[key]).tobytes())
        for r in rows:
            v = r[vector.name]
            sha.update(bytes(v[0]) if binary else np.asarray(v, '<f4').tobytes())
        out[p.name] = {'rows': len(rows), 'sha256': sha.hexdigest()}
    print(json.dumps(out))


main()
