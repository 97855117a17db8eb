"""Runs pymilvusdm 2.0, as PyPI has it, on the folder of an old Milvus: PACKAGES SOURCE COLLECTION HOST PORT STATE

Its dependency pymilvus_orm 2.0.0rc1 needs a grpcio that current Pythons cannot install, so the names that it takes from there are
those of today's pymilvus. A log line of its own asks for the name `delids`, which it never sets, as soon as a segment has deleted
rows; it is given one. Prints the rows and the seconds of its work; then the collection is flushed and counted, which it leaves to others.
"""

import json
import os
import sys
import time
import types

packages, source, collection, host, port, state = sys.argv[1:7]
os.environ["MILVUSDM_PATH"] = state
sys.path.insert(0, packages)

import pymilvus  # noqa: E402

NAMES = {
    "": {"connections": pymilvus.connections, "utility": pymilvus.utility},
    ".types": {"DataType": pymilvus.DataType},
    ".schema": {"FieldSchema": pymilvus.FieldSchema, "CollectionSchema": pymilvus.CollectionSchema},
    ".collection": {"Collection": pymilvus.Collection},
}
for suffix, names in NAMES.items():
    module = types.ModuleType("pymilvus_orm" + suffix)
    module.__dict__.update(names)
    module.__path__ = []
    sys.modules[module.__name__] = module

import pymilvusdm.core.read_milvus_data as read_milvus_data  # noqa: E402
from pymilvusdm.main import execute  # noqa: E402

read_milvus_data.delids = ()
yaml = os.path.join(state, "M2M.yaml")
os.makedirs(state, exist_ok=True)
with open(yaml, "w") as f:
    json.dump(
        {
            "M2M": {
                "source_milvus_path": source,
                "mysql_parameter": "",
                "source_collection": {collection: None},
                "dest_host": host,
                "dest_port": int(port),
                "mode": "append",
            }
        },
        f,
    )
start = time.perf_counter()
execute(yaml)
worked = time.perf_counter() - start
written = pymilvus.Collection(collection)
written.flush()
print(json.dumps({"rows": written.num_entities, "work": worked}))
