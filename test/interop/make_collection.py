"""Makes a collection with pymilvus from one JSON argument (`CollectionPlan` of test/support/python.ts); prints {"rows": N}."""
import json
import sys
import warnings

import numpy as np

warnings.simplefilter('ignore')
from pymilvus import (  # noqa: E402
    Collection,
    CollectionSchema,
    DataType,
    FieldSchema,
    connections,
    utility,
)

INTEGERS = {'INT8': np.int8, 'INT16': np.int16, 'INT32': np.int32, 'INT64': np.int64}


def field_schema(field):
    extra = {name: field[name] for name in ('dim', 'max_length', 'auto_id') if name in field}
    return FieldSchema(field['name'], DataType[field['type']], is_primary=field.get('primary', False), **extra)


def values(field, ids, random):
    kind, rows = field['type'], len(ids)
    if field.get('primary'):
        return [str(i) for i in ids] if kind == 'VARCHAR' else ids
    if kind == 'FLOAT_VECTOR':
        return list(random.random((rows, field['dim']), dtype=np.float32))
    if kind == 'BINARY_VECTOR':
        return [row.tobytes() for row in random.integers(0, 256, (rows, field['dim'] // 8), dtype=np.uint8)]
    if kind in INTEGERS:
        return random.integers(0, 100, rows).astype(INTEGERS[kind]).tolist()
    if kind in ('FLOAT', 'DOUBLE'):
        return random.random(rows).astype(np.float32 if kind == 'FLOAT' else np.float64).tolist()
    if kind == 'BOOL':
        return (random.integers(0, 2, rows) == 1).tolist()
    if kind == 'VARCHAR':
        return [f'text {i}' for i in ids]
    if kind == 'JSON':
        return [{'i': i} for i in ids]
    raise SystemExit(f'make_collection.py has no values for {kind}')


def main():
    plan = json.loads(sys.argv[1])
    connections.connect(uri=plan['uri'])
    name = plan['collection']
    if utility.has_collection(name):
        utility.drop_collection(name)
    schema = CollectionSchema([field_schema(field) for field in plan['fields']], enable_dynamic_field=plan.get('dynamic', False))
    extra = {'num_shards': plan['shards']} if 'shards' in plan else {}
    collection = Collection(name, schema, properties=plan.get('properties'), **extra)
    for partition in plan.get('partitions', []):
        collection.create_partition(partition)
    next_id = rows = 0
    for block in plan.get('insert', []):
        first = block.get('first_id', next_id)
        ids = list(range(first, first + block['rows']))
        random = np.random.default_rng(block.get('seed', 0))
        columns = [values(field, ids, random) for field in plan['fields'] if not field.get('auto_id')]
        collection.insert(columns, partition_name=block.get('partition'))
        next_id, rows = first + block['rows'], rows + block['rows']
    collection.flush()
    if 'index' in plan:
        index = plan['index']
        collection.create_index(
            index['field'],
            {'index_type': index['type'], 'metric_type': index['metric'], 'params': index.get('params', {})},
        )
    for alias in plan.get('aliases', []):
        utility.create_alias(name, alias)
    if plan.get('load'):
        collection.load()
    print(json.dumps({'rows': rows}))


if __name__ == '__main__':
    main()
