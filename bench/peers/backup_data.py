"""Makes a backup in milvus-backup's layout: `FOLDER ROWS DIM bytes|floats`.

One collection of one segment, in logs of 250,000 rows each as Milvus writes them: a container around a Parquet file of one
row group with fixed-length vectors in pages of 1 MiB, zstd level 3. `bytes` are vectors of random bytes, which do not
compress at all; `floats` are uniform random floats, of which zstd takes a tenth away.
"""
import io
import json
import os
import struct
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROWS_A_LOG = 250_000
COLLECTION, PARTITION, SEGMENT = 470000000000000001, 470000000000000002, 470000000000000003


def parquet(array):
    table = pa.table([array], schema=pa.schema([pa.field('val', array.type, nullable=False)]))
    sink = io.BytesIO()
    pq.write_table(
        table,
        sink,
        compression='zstd',
        compression_level=3,
        store_schema=False,
        row_group_size=ROWS_A_LOG,
        data_page_size=1 << 20,
        dictionary_pagesize_limit=1 << 20,
    )
    return sink.getvalue()


def container(payload, field, kind):
    extra = b'{"original_size":"1"}'
    data = struct.pack('<qqqqQQi', COLLECTION, PARTITION, SEGMENT, field, 1, 1, kind)
    data += bytes([0x34] + [0x10] * 7) + struct.pack('<i', len(extra)) + extra
    head = struct.pack('<Qbii', 1, 0, 17 + len(data), 4 + 17 + len(data)) + data
    length = 33 + len(payload)
    event = struct.pack('<Qbii', 1, 1, length, 4 + len(head) + length) + struct.pack('<QQ', 1, 1)
    return struct.pack('<I', 0xFFFABC) + head + event + payload


def main(folder, rows, dim, kind):
    random = np.random.default_rng(1)
    logs = {0: [], 1: [], 100: [], 101: []}
    number = 470000000000000100
    for first in range(0, rows, ROWS_A_LOG):
        count = min(ROWS_A_LOG, rows - first)
        if kind == 'bytes':
            raw = random.integers(0, 256, count * dim * 4, dtype=np.uint8).tobytes()
        else:
            raw = random.random(count * dim, dtype=np.float32).tobytes()
        vectors = pa.FixedSizeBinaryArray.from_buffers(pa.binary(dim * 4), count, [None, pa.py_buffer(raw)])
        ids = pa.array(np.arange(first, first + count, dtype=np.int64))
        times = pa.array(np.full(count, 470596602995146756, dtype=np.int64))
        for field, array, code in ((0, ids, 5), (1, times, 5), (100, ids, 5), (101, vectors, 101)):
            number += 1
            place = f'{folder}/binlogs/insert_log/{COLLECTION}/{PARTITION}/{SEGMENT}/{SEGMENT}/{field}'
            os.makedirs(place, exist_ok=True)
            data = container(parquet(array), field, code)
            with open(f'{place}/{number}', 'wb') as file:
                file.write(data)
            logs[field].append({'log_path': '', 'log_size': len(data), 'log_id': number})
    fields = [
        {'fieldID': 100, 'name': 'id', 'is_primary_key': True, 'data_type': 5},
        {'fieldID': 101, 'name': 'embedding', 'data_type': 101, 'type_params': [{'key': 'dim', 'value': str(dim)}]},
    ]
    segment = {
        'segment_id': SEGMENT,
        'collection_id': COLLECTION,
        'partition_id': PARTITION,
        'num_of_rows': rows,
        'group_id': SEGMENT,
        'binlogs': [{'fieldID': field, 'binlogs': found} for field, found in logs.items()],
        'deltalogs': [{}],
    }
    partition = {
        'partition_id': PARTITION,
        'partition_name': '_default',
        'collection_id': COLLECTION,
        'segment_backups': [segment],
    }
    collection = {
        'collection_id': COLLECTION,
        'db_name': 'default',
        'collection_name': 'bench',
        'schema': {'name': 'bench', 'fields': fields},
        'shards_num': 1,
        'partition_backups': [partition],
        'size': 0,
        'has_index': False,
    }
    meta = {'id': 'bench', 'state_code': 0, 'name': 'bench', 'collection_backups': [collection], 'size': 0}
    os.makedirs(f'{folder}/meta')
    for name in ('backup', 'full'):
        with open(f'{folder}/meta/{name}_meta.json', 'w') as file:
            json.dump(meta, file)


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
