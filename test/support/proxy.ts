import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * What may befall a connection.
 * - cut: both sides end at once, by RST, or FIN and RST where bytes were just written
 * - half-close: the server's side is ended, so that answers in flight are lost and the client may go on sending
 * - stall: pass nothing on any more, in both directions, and leave the connection open
 */
export type Fault = 'cut' | 'half-close' | 'stall';

/** Which bytes a trigger counts: those of the client (requests) or of the server (answers). */
export type Direction = 'up' | 'down';

export interface FaultyProxy extends AsyncDisposable {
  /** 127.0.0.1:port */
  readonly address: string;
  /** Bytes passed on so far, over all connections. */
  readonly passed: Readonly<Record<Direction, number>>;
  /** Connections accepted so far. */
  readonly accepted: number;
  /** Faults that have befallen connections so far. */
  readonly faults: number;
  /** Lets the fault befall all connections that are open now; gives their number. */
  strike(fault: Fault): number;
  /** Lets the fault befall the connection that passes on the `bytes`-th further byte of a direction, right behind that byte. */
  strikeAfter(direction: Direction, bytes: number, fault: Fault): void;
  /** Resets every new connection as soon as it comes, until {@link heal}. */
  refuse(): void;
  /** Passes everything on so much later, until {@link heal}. */
  delay(ms: number): void;
  /** Ends refusing, delaying and stalling; what was held back is passed on. Connections that were cut stay cut. */
  heal(): void;
}

interface Trigger {
  readonly direction: Direction;
  readonly at: number;
  readonly fault: Fault;
}

/** One connection: a client's socket and ours to the server. */
interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  stalled: boolean;
}

function swallow(socket: Socket): void {
  socket.on('error', () => {}); // a reset is what this file is about
}

/**
 * A TCP proxy in front of `target` (host:port) whose network is as bad as it is told. It knows nothing of what it passes on.
 * Disposing resets all connections.
 */
export async function startProxy(target: string): Promise<FaultyProxy> {
  const [host, port] = target.split(':') as [string, string];
  const pairs = new Set<Pair>();
  const passed = { up: 0, down: 0 };
  let triggers: Trigger[] = [];
  let [accepted, faults, delayMs, refusing] = [0, 0, 0, false];

  function befall(pair: Pair, fault: Fault): void {
    faults++;
    if (fault === 'stall') {
      pair.stalled = true;
      pair.client.pause();
      pair.server.pause();
      return;
    }
    if (fault === 'half-close') {
      pair.client.end();
      pair.server.pause();
      return;
    }
    pair.client.resetAndDestroy();
    pair.server.resetAndDestroy();
  }

  /** Passes a chunk on, up to the byte at which a fault waits. */
  function forward(pair: Pair, direction: Direction, chunk: Buffer): void {
    const to = direction === 'up' ? pair.server : pair.client;
    const due = triggers.filter((t) => t.direction === direction && t.at <= passed[direction] + chunk.length);
    const [trigger] = due.sort((a, b) => a.at - b.at);
    const part = trigger ? chunk.subarray(0, trigger.at - passed[direction]) : chunk;
    passed[direction] += part.length;
    if (part.length > 0) to.write(part);
    if (!trigger) return;
    triggers = triggers.filter((t) => t !== trigger);
    befall(pair, trigger.fault);
    const rest = chunk.subarray(part.length);
    if (trigger.fault === 'stall' && rest.length > 0) (direction === 'up' ? pair.client : pair.server).unshift(rest);
  }

  function pipe(pair: Pair, direction: Direction): void {
    const [from, to] = direction === 'up' ? [pair.client, pair.server] : [pair.server, pair.client];
    swallow(from);
    const later = (act: () => void): void => void (delayMs === 0 ? act() : setTimeout(act, delayMs));
    from.on('data', (chunk: Buffer) => {
      later(() => {
        if (pair.stalled) from.unshift(chunk);
        else forward(pair, direction, chunk);
        if (!to.writableNeedDrain) return;
        from.pause();
        to.once('drain', () => pair.stalled || from.resume());
      });
    });
    from.on('end', () => later(() => to.end()));
    from.on('close', () => {
      pairs.delete(pair);
      later(() => to.destroy());
    });
  }

  const server: Server = createServer({ allowHalfOpen: true }, (client) => {
    accepted++;
    if (refusing) {
      swallow(client);
      client.resetAndDestroy();
      return;
    }
    const pair: Pair = { client, server: connect({ host, port: Number(port), allowHalfOpen: true }), stalled: false };
    pairs.add(pair);
    pipe(pair, 'up');
    pipe(pair, 'down');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const strike = (fault: Fault): number => {
    const struck = [...pairs];
    for (const pair of struck) befall(pair, fault);
    return struck.length;
  };
  return {
    address: `127.0.0.1:${(server.address() as { port: number }).port}`,
    passed,
    get accepted() {
      return accepted;
    },
    get faults() {
      return faults;
    },
    strike,
    strikeAfter(direction, bytes, fault) {
      triggers.push({ direction, at: passed[direction] + bytes, fault });
    },
    refuse() {
      refusing = true;
    },
    delay(ms) {
      delayMs = ms;
    },
    heal() {
      refusing = false;
      delayMs = 0;
      for (const pair of pairs) {
        pair.stalled = false;
        pair.client.resume();
        pair.server.resume();
      }
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const pair of [...pairs]) {
        pair.client.resetAndDestroy();
        pair.server.resetAndDestroy();
      }
      await closed;
    },
  };
}
