"""Runs Python scripts in forks of one process that has the slow imports behind it. A line of JSON on stdin starts one:
{"id", "argv": [script, ...], "out": file, "err": file}; {"kill": id} ends one. A line {"id", "code"} on stdout is its end.
"""

import json
import os
import runpy
import selectors
import signal
import sys
import traceback

import numpy  # noqa: F401
import pymilvus  # noqa: F401


def run(argv, out, err):
    """In the fork: the script as `python -I script` would run it."""
    for path, fd in ((out, 1), (err, 2)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, fd)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv = argv
    code = 0
    try:
        runpy.run_path(argv[0], run_name="__main__")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        if code and not isinstance(end.code, int):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def start(request):
    child = os.fork()
    if child == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        run(request["argv"], request["out"], request["err"])
    return child


def main():
    wake, awake = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(awake, False)
    signal.set_wakeup_fd(awake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    selector = selectors.DefaultSelector()
    selector.register(0, selectors.EVENT_READ)
    selector.register(wake, selectors.EVENT_READ)
    running, rest = {}, b""
    while True:
        ready = {key.fd for key, _ in selector.select()}
        if wake in ready:
            os.read(wake, 4096)
        while running:
            child, status = os.waitpid(-1, os.WNOHANG)
            if child == 0:
                break
            print(json.dumps({"id": running.pop(child), "code": os.waitstatus_to_exitcode(status)}), flush=True)
        if 0 not in ready:
            continue
        read = os.read(0, 65536)
        if not read:
            for child in running:
                os.kill(child, signal.SIGKILL)
            return
        *lines, rest = (rest + read).split(b"\n")
        for line in lines:
            request = json.loads(line)
            if "kill" in request:
                for child in [child for child, id in running.items() if id == request["kill"]]:
                    os.kill(child, signal.SIGKILL)
            else:
                running[start(request)] = request["id"]


main()
