"""Reads an HDF5 archive by h5py, without anything of milvusdm.

archive.py show FILE       one JSON object: per dataset its shape, dtype and the sha256 of its bytes
archive.py halves FILE D   the dataset D, bytes of float16, as a JSON list of lists
archive.py texts FILE D    the texts of D and D__offsets, as a JSON list; null where D__valid says so
archive.py repack FILE OUT a copy in which every dataset is chunked anew, shuffled and compressed
"""

import hashlib
import json
import sys

import h5py
import numpy


def show(path):
    with h5py.File(path, "r") as file:
        found = {}
        for name, dataset in file.items():
            data = numpy.ascontiguousarray(dataset[...])
            digest = hashlib.sha256(data.tobytes()).hexdigest()
            found[name] = {"shape": list(dataset.shape), "dtype": dataset.dtype.str, "sha256": digest}
        return found


def halves(path, name):
    with h5py.File(path, "r") as file:
        return file[name][...].view("<f2").astype(float).tolist()


def texts(path, name):
    with h5py.File(path, "r") as file:
        blob = file[name][...].tobytes()
        starts = file[name + "__offsets"][...].tolist()
        rows = [blob[a:b].decode() for a, b in zip(starts, starts[1:])]
        if name + "__valid" in file:
            rows = [row if valid else None for row, valid in zip(rows, file[name + "__valid"][...])]
        return rows


def repack(path, out):
    with h5py.File(path, "r") as file, h5py.File(out, "w", libver="latest") as copy:
        for name, dataset in file.items():
            more = {} if dataset.size == 0 else {"chunks": True, "compression": "gzip", "shuffle": True}
            copy.create_dataset(name, data=dataset[...], **more)
    return {}


MODES = {"show": show, "halves": halves, "texts": texts, "repack": repack}

if __name__ == "__main__":
    print(json.dumps(MODES[sys.argv[1]](*sys.argv[2:])))
