"""Collections of every field type, by pymilvus: `make URI NAME ROWS [lite|long]` makes one, `dump URI NAME` prints what is in it as JSON.

dump gives one digest over all rows in the order of their ids (every field of every row, vectors by their bytes), the schema,
indexes, properties and partitions, so that two collections can be compared without milvusdm.
"""
import hashlib
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

ELEMENTS = ['BOOL', 'INT8', 'INT16', 'INT32', 'INT64', 'FLOAT', 'DOUBLE', 'VARCHAR']
DIM = 8


def scalar(kind, random, i):
    if kind == 'BOOL':
        return bool(random.integers(0, 2))
    if kind.startswith('INT'):
        bits = int(kind[3:])
        return int(random.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1, endpoint=True))
    if kind == 'FLOAT':
        return float(np.float32(random.standard_normal()))
    if kind == 'DOUBLE':
        return float(random.standard_normal())
    return f'täxt "{i}" \u4e2d\u6587'


def fields(lite, long=False):
    plain = ELEMENTS if not lite else [e for e in ELEMENTS]
    out = [FieldSchema('pk', DataType.INT64, is_primary=True, description='the key')]
    for kind in plain:
        extra = {'max_length': 65535 if long else 200} if kind == 'VARCHAR' else {}
        out.append(FieldSchema(f'f_{kind.lower()}', DataType[kind], **extra))
    out.append(FieldSchema('f_json', DataType.JSON))
    if not lite:
        for kind in ELEMENTS:
            extra = {'max_length': 100} if kind == 'VARCHAR' else {}
            out.append(FieldSchema(f'a_{kind.lower()}', DataType.ARRAY, element_type=DataType[kind], max_capacity=16, **extra))
    out.append(FieldSchema('vec', DataType.FLOAT_VECTOR, dim=DIM))
    return out


def row(schema, random, i, key):
    out = {'pk': key}
    for f in schema[1:]:
        if f.name.startswith('f_') and f.name != 'f_json':
            out[f.name] = scalar(f.name[2:].upper(), random, i)
        elif f.name.startswith('a_'):
            out[f.name] = [scalar(f.name[2:].upper(), random, i) for _ in range(i % 5)]
    out['f_json'] = {'z': i, 'a': [1, 2.5, 'x', None, {'deep': True}], 'big': 9007199254740993 + i}
    out['vec'] = random.standard_normal(DIM).astype(np.float32).tolist()
    out['loose'] = {'n': i}
    out['other'] = f'dyn {i}'
    return out


def make(uri, name, rows, lite, long):
    if utility.has_collection(name):
        utility.drop_collection(name)
    random = np.random.default_rng(5)
    described = fields(lite, long)
    schema = CollectionSchema(described, description='all types', enable_dynamic_field=True)
    extra = {} if lite else {'num_shards': 2, 'properties': {'collection.ttl.seconds': 864000}}
    c = Collection(name, schema, consistency_level='Bounded', **extra)
    c.create_partition('first')
    c.create_partition('empty')
    keys = [(i * 7919 - 1000) * (2**40 if i % 3 == 0 else 1) for i in range(rows)]
    data = [row(described, random, i, key) for i, key in enumerate(keys)]
    if long:
        for one in data[7::40]:
            one['f_varchar'] *= 500
            one['f_json']['many'] = ['\u4e2d'] * 2000
    half = rows // 2
    c.insert(data[:half])
    c.insert(data[half:], partition_name='first')
    c.flush()
    params = {'index_type': 'AUTOINDEX' if lite else 'IVF_FLAT', 'metric_type': 'IP', 'params': {} if lite else {'nlist': 16}}
    c.create_index('vec', params)
    if not lite:
        utility.create_alias(name, f'{name}_alias')
    print(json.dumps({'rows': rows}))


def plain(value):
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return list(value) if type(value).__name__ == 'RepeatedScalarContainer' else value


def dump(name):
    c = Collection(name)
    c.load()
    names = [f.name for f in c.schema.fields]
    digest, total, parts = hashlib.sha256(), 0, {}
    for partition in sorted(p.name for p in c.partitions):
        found = c.query('pk < 9223372036854775807', output_fields=['*'], partition_names=[partition], limit=16000, consistency_level='Strong')
        found.sort(key=lambda r: r['pk'])
        parts[partition] = len(found)
        total += len(found)
        for r in found:
            out = {k: plain(v) for k, v in r.items()}
            out['vec'] = np.asarray(r['vec'], '<f4').tobytes().hex()
            digest.update((partition + json.dumps(out, sort_keys=True)).encode())
    described = c.describe()
    print(json.dumps({
        'rows': total,
        'partitions': parts,
        'sha256': digest.hexdigest(),
        'fields': [[f.name, f.dtype.name, f.description, str(f.params), bool(f.is_primary), f.element_type.name if f.dtype == DataType.ARRAY else ''] for f in c.schema.fields],
        'dynamic': c.schema.enable_dynamic_field,
        'description': c.schema.description,
        'shards': described.get('num_shards'),
        'consistency': described.get('consistency_level'),
        'properties': {k: v for k, v in (described.get('properties') or {}).items()},
        'indexes': [[i.field_name, i.params.get('index_type'), i.params.get('metric_type'), str(i.params.get('params'))] for i in c.indexes],
        'aliases': list(described.get('aliases') or []),
        'names': names,
    }))


if __name__ == '__main__':
    connections.connect(uri=sys.argv[2])
    if sys.argv[1] == 'make':
        make(sys.argv[2], sys.argv[3], int(sys.argv[4]), 'lite' in sys.argv[5:], 'long' in sys.argv[5:])
    else:
        dump(sys.argv[3])
