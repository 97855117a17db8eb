"""Changes one row of a collection by pymilvus and puts it back by upsert: change_row.py URI COLLECTION ID FIELD

A vector gets its lowest bit flipped, a text a letter more, a number one more. The collection must be loaded.
Prints {"before": ..., "after": ...} of the first element.
"""
import json
import sys
import warnings

import numpy as np

warnings.simplefilter('ignore')
from pymilvus import Collection, connections  # noqa: E402


def changed(value):
    if isinstance(value, list):
        vector = np.array(value, dtype=np.float32)
        vector.view(np.uint32)[0] ^= 1
        return vector.tolist()
    if isinstance(value, str):
        return value + 'x'
    return value + 1


def first(value):
    return value[0] if isinstance(value, list) else value


def main():
    uri, name, key, field = sys.argv[1:5]
    connections.connect(uri=uri)
    collection = Collection(name)
    fields = [f.name for f in collection.schema.fields]
    primary = collection.primary_field.name
    [row] = collection.query(f'{primary} == {key}', output_fields=fields, consistency_level='Strong')
    row = {f: [float(x) for x in row[f]] if isinstance(row[f], list) else row[f] for f in fields}
    before = first(row[field])
    row[field] = changed(row[field])
    collection.upsert([[row[f]] for f in fields])
    print(json.dumps({'before': before, 'after': first(row[field])}))


main()
