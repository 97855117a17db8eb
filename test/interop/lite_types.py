"""A collection of every field type that Milvus Lite has, by the pymilvus of the embedded environment: `make URI NAME ROWS`
makes one with nulls, default values, several vectors and dynamic fields, `dump URI NAME` prints the digest of its rows and
its fields, so that two collections can be compared without milvusdm.
"""
import hashlib
import json
import struct
import sys
import warnings

warnings.simplefilter('ignore')
from pymilvus import DataType, MilvusClient  # noqa: E402

ELEMENTS = ['BOOL', 'INT8', 'INT16', 'INT32', 'INT64', 'FLOAT', 'DOUBLE', 'VARCHAR']
ALL = '*'


def value(kind, i):
    if kind == 'BOOL':
        return i % 3 == 0
    if kind.startswith('INT'):
        top = 2 ** (int(kind[3:]) - 1)
        return [-top, top - 1, i % 100, -i % 100][i % 4]
    if kind in ('FLOAT', 'DOUBLE'):
        return i / 8 - 5
    return f'täxt "{i}" 中文'


def schema_of(client):
    schema = client.create_schema(enable_dynamic_field=True)
    schema.add_field('pk', DataType.INT64, is_primary=True)
    for kind in ELEMENTS:
        extra = {'max_length': 200} if kind == 'VARCHAR' else {}
        schema.add_field(f'f_{kind.lower()}', DataType[kind], **extra)
        schema.add_field(f'n_{kind.lower()}', DataType[kind], nullable=True, **extra)
        schema.add_field(f'a_{kind.lower()}', DataType.ARRAY, element_type=DataType[kind], max_capacity=16, **extra)
    schema.add_field('d_int32', DataType.INT32, default_value=5)
    schema.add_field('f_json', DataType.JSON)
    schema.add_field('n_json', DataType.JSON, nullable=True)
    schema.add_field('vec', DataType.FLOAT_VECTOR, dim=8)
    schema.add_field('other', DataType.FLOAT_VECTOR, dim=3)
    schema.add_field('sparse', DataType.SPARSE_FLOAT_VECTOR)
    return schema


def row(i):
    out = {'pk': (i * 7919 - 1000) * (2**40 if i % 3 == 0 else 1)}
    for kind in ELEMENTS:
        out[f'f_{kind.lower()}'] = value(kind, i)
        out[f'n_{kind.lower()}'] = None if i % 2 else value(kind, i)
        out[f'a_{kind.lower()}'] = [value(kind, i + n) for n in range(i % 5)]
    if i % 4:
        out['d_int32'] = i
    out['f_json'] = {'z': i, 'a': [1, 2.5, 'x', None, {'deep': True}], 'big': 9007199254740993 + i}
    out['n_json'] = None if i % 3 else {'i': i}
    out['vec'] = [(i + n) / 16 for n in range(8)]
    out['other'] = [i / 4, -i, 0.5]
    out['sparse'] = {i: 0.5, i + 3: 1.5, 70000 + i: 2.25}
    out['loose'] = {'n': i}
    return out


def make(client, name, rows):
    client.create_collection(name, schema=schema_of(client))
    client.create_partition(name, 'first')
    half = rows // 2
    client.insert(name, [row(i) for i in reversed(range(half))])
    client.insert(name, [row(i) for i in range(half, rows)], partition_name='first')
    params = client.prepare_index_params()
    params.add_index('vec', index_type='AUTOINDEX', metric_type='IP')
    params.add_index('other', index_type='AUTOINDEX', metric_type='L2')
    params.add_index('sparse', index_type='SPARSE_INVERTED_INDEX', metric_type='IP')
    client.create_index(name, params)
    client.create_alias(name, f'{name}_alias')
    print(json.dumps({'rows': rows}))


def plain(key, found):
    if key in ('vec', 'other'):
        return struct.pack(f'<{len(found)}f', *found).hex()
    if key == 'sparse':
        return sorted((int(k), float(v)) for k, v in dict(found).items())
    return list(found) if isinstance(found, (list, tuple)) or 'Container' in type(found).__name__ else found


def dump(client, name):
    client.load_collection(name)
    described = client.describe_collection(name)
    digest, parts = hashlib.sha256(), {}
    for partition in sorted(client.list_partitions(name)):
        found = client.query(name, filter='pk < 9223372036854775807', output_fields=[ALL], partition_names=[partition])
        parts[partition] = len(found)
        for r in sorted(found, key=lambda r: r['pk']):
            out = {k: plain(k, v) for k, v in r.items()}
            digest.update((partition + json.dumps(out, sort_keys=True)).encode())
    keep = ('name', 'type', 'params', 'element_type', 'is_primary', 'nullable', 'default_value')
    print(json.dumps({
        'partitions': parts,
        'sha256': digest.hexdigest(),
        'fields': [{k: str(f[k]) for k in keep if k in f} for f in described['fields']],
        'aliases': len(client.list_aliases(name)['aliases']),
        'dynamic': described['enable_dynamic_field'],
        'indexes': sorted(f"{i['field_name']} {i['index_type']} {i['metric_type']}" for i in (client.describe_index(name, n) for n in client.list_indexes(name))),
    }))


if __name__ == '__main__':
    milvus = MilvusClient(uri=sys.argv[2])
    if sys.argv[1] == 'make':
        make(milvus, sys.argv[3], int(sys.argv[4]))
    else:
        dump(milvus, sys.argv[3])
