"""Reads a collection back with pymilvus and prints one JSON object of what is really in it, independently of milvusdm.

The sha256 of the vectors (as stored), of the ids and of every scalar field, in ascending order of the ids, are those of the fixtures'
expected.json. Of several collections it prints one line each.
Reads by pages of the primary key, which no limit on offsets stops. A query needs an index and a loaded collection: what is
missing is made for the time of reading and taken away again.
"""
import argparse
import hashlib
import json
import struct
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np

warnings.simplefilter('ignore')
from pymilvus import Collection, DataType, connections, utility  # noqa: E402

VECTORS = {
    DataType.FLOAT_VECTOR,
    DataType.BINARY_VECTOR,
    DataType.FLOAT16_VECTOR,
    DataType.BFLOAT16_VECTOR,
}
SCALARS = {
    DataType.BOOL: '?',
    DataType.INT8: '<i1',
    DataType.INT16: '<i2',
    DataType.INT32: '<i4',
    DataType.INT64: '<i8',
    DataType.FLOAT: '<f4',
    DataType.DOUBLE: '<f8',
}
PAGE = 8000


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument('--uri', required=True)
    parser.add_argument('--collection', required=True, nargs='+')
    parser.add_argument('--partition')
    parser.add_argument('--vector-field')
    parser.add_argument('--db', default='default')
    parser.add_argument('--counts', action='store_true', help='no digests')
    parser.add_argument('--each-partition', action='store_true', help='the digests of every partition instead')
    return parser.parse_args()


def stored_bytes(value, kind):
    if kind == DataType.FLOAT_VECTOR:
        return np.asarray(value, '<f4').tobytes()
    return b''.join(bytes(part) for part in value) if isinstance(value, list) else bytes(value)


def count(collection, partitions, consistency='Strong'):
    # Without an expression Milvus Lite counts the whole collection, whatever the partition.
    where = '1 == 1' if 'lite-' in utility.get_server_version() else ''
    found = collection.query(where, output_fields=['count(*)'], partition_names=partitions, consistency_level=consistency)
    return found[0]['count(*)']


def scalar_bytes(value, kind):
    if kind == DataType.VARCHAR:
        text = value.encode()
        return struct.pack('<I', len(text)) + text
    return np.asarray(value, SCALARS[kind]).tobytes()


def pages(collection, key, fields, partitions, consistency):
    text = key.dtype == DataType.VARCHAR
    where = f'{key.name} >= ""' if text else f'{key.name} >= {-2**63 + 1}'
    while True:
        page = collection.query(
            where, output_fields=fields, partition_names=partitions, limit=PAGE, consistency_level=consistency
        )
        if not page:
            return
        page.sort(key=lambda row: row[key.name])
        yield page
        where = f'{key.name} > {json.dumps(page[-1][key.name], ensure_ascii=False)}'


def content(collection, vector, partitions, consistency='Strong'):
    """Reads once more when fewer rows came than are counted: Milvus 2.3.5 under load was seen to answer a query with nothing."""
    facts = content_once(collection, vector, partitions, consistency)
    if facts['rows'] != count(collection, partitions, consistency):
        time.sleep(1)
        facts = content_once(collection, vector, partitions, 'Strong')
    return facts


def content_once(collection, vector, partitions, consistency):
    key = collection.schema.primary_field
    vectors, ids, rows = hashlib.sha256(), hashlib.sha256(), 0
    scalars = {f.name: (f.dtype, hashlib.sha256()) for f in collection.schema.fields if f.dtype in {*SCALARS, DataType.VARCHAR}}
    for page in pages(collection, key, [*scalars, vector.name], partitions, consistency):
        for row in page:
            one = row[key.name]
            ids.update(one.encode() + b'\0' if isinstance(one, str) else np.int64(one).tobytes())
            vectors.update(stored_bytes(row[vector.name], vector.dtype))
            for name, (kind, sha) in scalars.items():
                sha.update(scalar_bytes(row[name], kind))
        rows += len(page)
    return {
        'rows': rows,
        'dim': vector.params.get('dim'),
        'vector': vector.dtype.name,
        'sha256': vectors.hexdigest(),
        'sha256_ids': ids.hexdigest(),
        'columns': {name: {'type': kind.name, 'sha256': sha.hexdigest()} for name, (kind, sha) in scalars.items()},
    }


def describe(field):
    facts = {
        'name': field.name,
        'type': field.dtype.name,
        'primary': bool(field.is_primary),
        'auto_id': bool(field.auto_id),
    }
    return {**facts, **({'dim': field.params['dim']} if 'dim' in field.params else {})}


def describe_index(index):
    return {
        'field': index.field_name,
        'type': index.params.get('index_type'),
        'metric': index.params.get('metric_type'),
    }


def make_readable(collection, fields, loaded):
    """Indexes what a query needs and loads; gives the function that undoes both."""
    bare = [field for field in fields if not any(index.field_name == field.name for index in collection.indexes)]
    for field in bare:
        binary = field.dtype == DataType.BINARY_VECTOR
        kind, metric = ('BIN_FLAT', 'HAMMING') if binary else ('FLAT', 'L2')
        collection.create_index(field.name, {'index_type': kind, 'metric_type': metric, 'params': {}})
    if not loaded:
        collection.load()

    def undo():
        if not loaded:
            collection.release()
            for index in [index for index in collection.indexes if index.field_name in {field.name for field in bare}]:
                collection.drop_index(index_name=index.index_name)

    return undo


def examine(name, options):
    state = utility.load_state(name).name
    collection = Collection(name)
    vectors = [field for field in collection.schema.fields if field.dtype in VECTORS]
    vector = next(field for field in vectors if options.vector_field in (None, field.name))
    chosen = [options.partition] if options.partition else None
    facts = {
        'collection': name,
        'partition': options.partition,
        'fields': [describe(field) for field in collection.schema.fields],
        'partitions': [partition.name for partition in collection.partitions],
        'indexes': [describe_index(index) for index in collection.indexes],
        'aliases': sorted(collection.aliases),
        'load_state': state,
    }
    undo = make_readable(collection, vectors, state == 'Loaded')
    facts['count'] = count(collection, chosen)
    # The first count has waited for everything that was acknowledged; what follows need not wait again.
    facts['partition_counts'] = {name: count(collection, [name], 'Eventually') for name in facts['partitions']}
    if options.each_partition:
        facts['parts'] = {name: content(collection, vector, [name], 'Eventually') for name in facts['partitions']}
    elif not options.counts:
        facts.update(content(collection, vector, chosen))
    undo()
    return facts


def main():
    options = arguments()
    connections.connect(uri=options.uri, db_name=options.db)
    with ThreadPoolExecutor(4) as pool:
        for facts in pool.map(lambda name: examine(name, options), options.collection):
            print(json.dumps(facts))


if __name__ == '__main__':
    main()
