"""Reads the ids and vectors of a backup's files by pyarrow, on one thread: `FOLDER`; prints MB of vectors a second and a second of
CPU, and the peak in MiB."""
import glob
import os
import resource
import sys
import time

import pyarrow as pa
import pyarrow.parquet as pq

folder = sys.argv[1]
pa.set_cpu_count(1)
pa.set_io_thread_count(1)


def logs(field):
    return sorted(glob.glob(f'{folder}/binlogs/insert_log/*/*/*/*/{field}/*'))


def column(path):
    # The Parquet file behind the descriptor and the event header begins with PAR1 and ends with the file.
    with open(path, 'rb') as file:
        start = file.read(4096).index(b'PAR1')
    source = pa.memory_map(path)
    payload = source.read_buffer(os.path.getsize(path)).slice(start)
    return pq.read_table(pa.BufferReader(payload), use_threads=False)


started, before = time.perf_counter(), time.process_time()
size = 0
for ids, vectors in zip(logs(100), logs(101)):
    column(ids)
    size += column(vectors).nbytes
seconds, cpu = time.perf_counter() - started, time.process_time() - before
print(size / 1e6 / seconds, size / 1e6 / cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
