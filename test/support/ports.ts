import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';

/** Where the system takes the ports of connections that go out; Linux's own default where it does not tell. */
function firstOfSystem(): number {
  try {
    return Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1').split(/\s/)[0]);
  } catch {
    return 32_768;
  }
}

const FIRST = 10_000;
const LAST = Math.max(FIRST + 5000, firstOfSystem() - 1);
const TRIES = 1000;

/** A server that listens there; undefined where that is taken. */
function listening(where: number | string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (thrown: NodeJS.ErrnoException) => {
      if (thrown.code === 'EADDRINUSE' || thrown.code === 'EACCES') resolve(undefined);
      else reject(thrown);
    });
    server.listen(where, () => resolve(server));
  });
}

/** Whether nobody listens there, on any interface. */
export async function isFree(port: number): Promise<boolean> {
  const server = await listening(port);
  if (server) await new Promise((resolve) => server.close(resolve));
  return server !== undefined;
}

/** A name of the kernel's, which goes with this process: of all the tests that run, one has the port. */
async function claim(port: number): Promise<boolean> {
  if (process.platform !== 'linux') return true;
  const name = await listening(`\0milvusdm-test-port-${port}`);
  name?.unref();
  return name !== undefined;
}

/**
 * A port for a server that takes no port 0, ours until this process ends. It is none of those that the system gives by itself:
 * between our look and the server's start, any connection of anybody's could have got such a one.
 */
export async function freePort(): Promise<number> {
  for (let left = TRIES; left > 0; left--) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST + 1));
    if ((await claim(port)) && (await isFree(port))) return port;
  }
  throw new Error(`none of ${TRIES} ports from ${FIRST} to ${LAST} is free`);
}
