"""Reads the Arrow files of a logical backup by pyarrow: `FILE...`; prints rows, types and a digest of every column as JSON."""
import hashlib
import json
import sys

import pyarrow as pa


def shown(value):
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, list):
        return [shown(one) for one in value]
    return value if value is None else str(value)


out = []
for path in sys.argv[1:]:
    with pa.memory_map(path) as source:
        table = pa.ipc.open_stream(source).read_all()
    table.validate(full=True)
    columns = {
        field.name: {
            'type': str(field.type),
            'milvus': (field.metadata or {}).get(b'milvus.type', b'').decode(),
            'nulls': table.column(i).null_count,
            'values': shown(table.column(i).to_pylist()) if len(table) <= 64 else None,
        }
        for i, field in enumerate(table.schema)
    }
    digest = hashlib.sha256(json.dumps([c['values'] for c in columns.values()]).encode()).hexdigest()
    out.append({'rows': len(table), 'columns': columns, 'digest': digest})
print(json.dumps(out))
