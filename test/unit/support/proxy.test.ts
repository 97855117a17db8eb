import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sleep } from '../../../src/util/abort.js';
import { type FaultyProxy, startProxy } from '../../support/proxy.js';

let echo: Server;
let proxy: FaultyProxy;
const opened: Socket[] = [];

beforeEach(async () => {
  echo = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  proxy = await startProxy(`127.0.0.1:${(echo.address() as { port: number }).port}`);
});
afterEach(async () => {
  for (const socket of opened.splice(0)) socket.destroy();
  await proxy[Symbol.asyncDispose]();
  echo.close();
});

interface Client {
  readonly socket: Socket;
  /** What has come back. */
  received(): string;
  /** 'open', 'ended' by the other side, or the code of the error that closed it. */
  state(): string;
}

async function client(): Promise<Client> {
  const [host, port] = proxy.address.split(':') as [string, string];
  const socket = connect({ host, port: Number(port), allowHalfOpen: true });
  opened.push(socket);
  let [text, state] = ['', 'open'];
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  socket.on('end', () => {
    state = 'ended';
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    state = error.code ?? 'error';
  });
  await Promise.race([once(socket, 'connect'), once(socket, 'close')]).catch(() => {});
  return { socket, received: () => text, state: () => state };
}

async function until(check: () => void): Promise<void> {
  for (const end = Date.now() + 60_000; ; await sleep(5)) {
    try {
      check();
      return;
    } catch (failed) {
      if (Date.now() > end) throw failed;
    }
  }
}

describe('the proxy', () => {
  it('passes on what it gets, both ways, and the end', async () => {
    const one = await client();
    one.socket.end('hello');
    await until(() => expect([one.received(), one.state()]).toStrictEqual(['hello', 'ended']));
    expect([proxy.passed, proxy.accepted, proxy.faults]).toStrictEqual([{ up: 5, down: 5 }, 1, 0]);
  });

  it('cuts what is open, and what comes then is served', async () => {
    const one = await client();
    one.socket.write('hello');
    await until(() => expect(one.received()).toBe('hello'));
    expect(proxy.strike('cut')).toBe(1);
    await until(() => expect(one.state()).toBe('ECONNRESET'));
    const two = await client();
    two.socket.write('again');
    await until(() => expect(two.received()).toBe('again'));
  });

  it.each(['up', 'down'] as const)('cuts behind the byte that it was told (%s)', async (direction) => {
    proxy.strikeAfter(direction, 7, 'cut');
    const one = await client();
    one.socket.write('hello');
    await until(() => expect(one.received()).toBe('hello'));
    one.socket.write('world');
    await until(() => expect(one.state()).not.toBe('open'));
    expect([proxy.passed[direction], proxy.faults]).toStrictEqual([7, 1]);
  });

  it('stalls, and goes on without a loss when healed', async () => {
    proxy.strikeAfter('up', 7, 'stall');
    const one = await client();
    one.socket.write('hello world');
    await until(() => expect(proxy.passed.up).toBe(7));
    one.socket.write(', and more');
    await sleep(100);
    expect([one.received(), one.state()]).toStrictEqual([one.received().slice(0, 7), 'open']);
    proxy.heal();
    await until(() => expect(one.received()).toBe('hello world, and more'));
  });

  it('ends the side of the server alone: the answer is lost, the request arrives', async () => {
    const one = await client();
    one.socket.write('hello');
    await until(() => expect(one.received()).toBe('hello'));
    proxy.strike('half-close');
    await until(() => expect(one.state()).toBe('ended'));
    one.socket.write('lost');
    await until(() => expect(proxy.passed.up).toBe(9));
    await sleep(50);
    expect([one.received(), proxy.passed.down]).toStrictEqual(['hello', 5]);
  });

  it('delays, in order and the end behind everything', async () => {
    proxy.delay(150);
    const one = await client();
    const began = performance.now();
    one.socket.write('hello');
    one.socket.end(' world');
    await until(() => expect([one.received(), one.state()]).toStrictEqual(['hello world', 'ended']));
    expect(performance.now() - began).toBeGreaterThan(290);
  });

  it('refuses new connections until healed', async () => {
    proxy.refuse();
    const one = await client();
    await until(() => expect(one.state()).toBe('ECONNRESET'));
    proxy.heal();
    const two = await client();
    two.socket.write('hello');
    await until(() => expect(two.received()).toBe('hello'));
    expect(proxy.accepted).toBe(2);
  });
});
