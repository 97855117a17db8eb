import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { freePort, isFree } from '../../support/ports.js';

it('a port is given once, is free, and none that the system gives', async () => {
  const ports = await Promise.all(Array.from({ length: 200 }, () => freePort()));
  expect(new Set(ports).size).toBe(200);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  // Where the system keeps to its default.
  if (port > 32_767) expect(Math.max(...ports)).toBeLessThan(32_768);
  expect(await isFree(port)).toBe(false);
  await new Promise((resolve) => server.close(resolve));
  expect(await isFree(ports[0]!)).toBe(true);
});
