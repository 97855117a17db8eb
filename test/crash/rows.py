"""The rows of the fault harness: made from their number alone, so that every single one can be told apart and checked.

rows.py make-h5 JSON          {path, from, to, dim, ids}: embeddings and, unless ids is "none", ids
rows.py make-collection JSON  {uri, collection, dim, ids, parts: {partition: [from, to]}, foreign: {first_id, rows}, auto_id}
rows.py audit JSON            {uri, collection, dim, ids, parts, foreign}: what a collection holds of them, read by pymilvus
rows.py audit-h5 JSON         {folder, dim, ids, parts}: the same of an archive, read by h5py

ids: "unique" (int64, negative ones too), "pairs" (every id twice), "text", or "none" (the server's own).
Prints {"rows": N} or {"count", "lost", "doubled", "wrong", "foreign"}.
"""
import glob
import json
import sys
import time
import warnings
from os.path import basename, join

import numpy as np

warnings.simplefilter('ignore')
BLOCK = 4000
PAGE = 4000


def vectors(rows, dim):
    """Row r is r, r + 1/64, r + 2/64, ...: exact in float32 below 2^17."""
    return (np.asarray(rows, '<f4')[:, None] + np.arange(dim, dtype='<f4') / 64 % 1).astype('<f4')


def id_of(row, ids):
    return {'unique': row * 7 - 50_000, 'pairs': row // 2, 'text': f'k{row:07d}ü'}[ids]


def ids_of(rows, ids):
    return [id_of(row, ids) for row in rows]


def make_h5(plan):
    import h5py

    rows = range(plan['from'], plan['to'])
    with h5py.File(plan['path'], 'w') as file:
        file['embeddings'] = vectors(rows, plan['dim'])
        if plan['ids'] == 'text':
            file['ids'] = np.array([one.encode() for one in ids_of(rows, 'text')])
        elif plan['ids'] != 'none':
            file['ids'] = np.array(ids_of(rows, plan['ids']), '<i8')
    return {'rows': len(rows)}


def connect(plan):
    import pymilvus

    pymilvus.connections.connect(uri=plan['uri'])
    return pymilvus


def make_collection(plan):
    milvus = connect(plan)
    kinds = milvus.DataType
    if milvus.utility.has_collection(plan['collection']):
        milvus.utility.drop_collection(plan['collection'])
    text = {'max_length': 32} if plan['ids'] == 'text' else {}
    auto = plan.get('auto_id', False)
    key = milvus.FieldSchema('id', kinds.VARCHAR if text else kinds.INT64, is_primary=True, auto_id=auto, **text)
    vector = milvus.FieldSchema('embedding', kinds.FLOAT_VECTOR, dim=plan['dim'])
    collection = milvus.Collection(plan['collection'], milvus.CollectionSchema([key, vector]))
    parts, written = plan.get('parts', {}), 0
    for partition, (start, end) in parts.items():
        if partition != '_default':
            collection.create_partition(partition)
        for at in range(start, end, BLOCK):
            rows = range(at, min(end, at + BLOCK))
            columns = [] if auto else [ids_of(rows, plan['ids'])]
            collection.insert([*columns, list(vectors(rows, plan['dim']))], partition_name=partition)
            written += len(rows)
    if 'foreign' in plan:
        written += insert_foreign(collection, plan)
    collection.flush()
    if plan.get('load'):
        collection.create_index('embedding', {'index_type': 'FLAT', 'metric_type': 'L2', 'params': {}})
        collection.load()
    return {'rows': written}


def insert_foreign(collection, plan):
    """Rows of somebody else: all of their values are -1; ids from `first_id`, or those of our first rows where there is none."""
    rows = plan['foreign']['rows']
    first = plan['foreign'].get('first_id')
    ids = ids_of(range(rows), plan['ids']) if first is None else list(range(first, first + rows))
    columns = [] if plan.get('auto_id') else [ids]
    collection.insert([*columns, list(np.full((rows, plan['dim']), -1, '<f4'))])
    return rows


class Tally:
    """Counts what is seen of the rows that are expected."""

    def __init__(self, plan):
        self.plan = plan
        self.expected = {row for start, end in plan['parts'].values() for row in range(start, end)}
        self.seen, self.doubled, self.wrong, self.foreign = set(), 0, 0, 0

    def add(self, keys, found):
        """One block: keys (None where the server made them) and the matrix of vectors."""
        first = found[:, 0]
        foreign = (found == -1).all(axis=1)
        self.foreign += int(foreign.sum())
        exact = (found == vectors(np.floor(first), self.plan['dim'])).all(axis=1)
        for i in np.flatnonzero(~foreign):
            row = int(first[i])
            right = exact[i] and row in self.expected and (keys is None or keys[i] == id_of(row, self.plan['ids']))
            if not right:
                self.wrong += 1
            elif row in self.seen:
                self.doubled += 1
            else:
                self.seen.add(row)

    def result(self, count):
        return {
            'count': count,
            'lost': len(self.expected - self.seen),
            'doubled': self.doubled,
            'wrong': self.wrong,
            'foreign': self.foreign,
        }


def count(collection, expression='', partitions=None, level='Eventually'):
    """One Strong count comes first and waits for all that was acknowledged; what follows need not wait again."""
    found = collection.query(expression, output_fields=['count(*)'], partition_names=partitions, consistency_level=level)
    return found[0]['count(*)']


def pages(collection, text):
    where = 'id >= ""' if text else f'id >= {-2**63 + 1}'
    while True:
        page = collection.query(where, output_fields=['id', 'embedding'], limit=PAGE, consistency_level='Eventually')
        if not page:
            return
        page.sort(key=lambda row: row['id'])
        yield [row['id'] for row in page], np.asarray([row['embedding'] for row in page], '<f4')
        where = f'id > {json.dumps(page[-1]["id"], ensure_ascii=False)}'


def hidden_copies(collection, tally, plan):
    """A query shows one copy of an id, count(*) counts each: lost and doubled copies of the ids that have several."""
    wanted = {}
    for row in tally.expected:
        one = id_of(row, plan['ids'])
        wanted[one] = wanted.get(one, 0) + 1
    if 'foreign' in plan and plan['foreign'].get('first_id') is None:
        for row in range(plan['foreign']['rows']):
            wanted[id_of(row, plan['ids'])] = wanted.get(id_of(row, plan['ids']), 0) + 1
    lost = doubled = 0
    todo = [sorted(wanted)[at : at + 500] for at in range(0, len(wanted), 500)]
    while todo:
        chunk = todo.pop()
        difference = count(collection, f'id in {json.dumps(chunk, ensure_ascii=False)}') - sum(wanted[one] for one in chunk)
        # A lost and a doubled row could cancel out: halves are looked at until a difference of none is no sum.
        if difference and len(chunk) > 1:
            todo += [chunk[: len(chunk) // 2], chunk[len(chunk) // 2 :]]
        lost, doubled = lost + max(0, -difference) * (len(chunk) == 1), doubled + max(0, difference) * (len(chunk) == 1)
    return lost, doubled


def audit(plan):
    milvus = connect(plan)
    name = plan['collection']
    collection = milvus.Collection(name)
    loaded = milvus.utility.load_state(name).name == 'Loaded'
    bare = not collection.indexes
    if bare:
        collection.create_index('embedding', {'index_type': 'FLAT', 'metric_type': 'L2', 'params': {}})
    if not loaded:
        collection.load()
    for attempt in range(2):
        # Milvus 2.3.5 under load was seen to answer a query with nothing: a loss is looked for twice.
        tally, total = Tally(plan), count(collection, level='Strong')
        for keys, found in pages(collection, plan['ids'] == 'text'):
            tally.add(None if plan['ids'] == 'none' else keys, found)
        result = tally.result(total)
        # Copies that should not be there take places of a page from other rows, so that pages alone prove nothing then.
        surplus = plan['ids'] != 'none' and total != len(tally.expected) + result['foreign']
        several = surplus or plan['ids'] == 'pairs' or ('foreign' in plan and plan['foreign'].get('first_id') is None)
        if several:
            result['lost'], result['doubled'] = hidden_copies(collection, tally, plan)
            result['foreign'] = plan.get('foreign', {}).get('rows', 0)
        else:
            result['doubled'] += result['count'] - len(tally.seen) - result['foreign'] - tally.doubled - tally.wrong
        for partition, (start, end) in plan['parts'].items():
            foreign = plan.get('foreign', {}).get('rows', 0) if partition == '_default' else 0
            if count(collection, partitions=[partition]) != end - start + foreign:
                result['wrong'] += 1
        if not result['lost']:
            break
        time.sleep(1)
    if not loaded:
        collection.release()
    return result


def audit_h5(plan):
    import h5py

    tally, total = Tally(plan), 0
    for path in sorted(glob.glob(join(plan['folder'], '**', '*.h5'), recursive=True)):
        start, end = plan['parts'].get(basename(path).split('.')[0], (0, 0))
        with h5py.File(path, 'r') as file:
            found, keys = file['embeddings'][...], file['ids'][...]
            if plan['ids'] == 'text':
                blob, at = keys.tobytes(), file['ids__offsets'][...].tolist()
                keys = [blob[a:b].decode() for a, b in zip(at, at[1:])]
            else:
                keys = keys.tolist()
        total += len(found)
        tally.add(keys, found)
        rows = found[:, 0]
        tally.wrong += int(((rows < start) | (rows >= end)).sum())
    return tally.result(total)


COMMANDS = {'make-h5': make_h5, 'make-collection': make_collection, 'audit': audit, 'audit-h5': audit_h5}

if __name__ == '__main__':
    print(json.dumps(COMMANDS[sys.argv[1]](json.loads(sys.argv[2]))))
