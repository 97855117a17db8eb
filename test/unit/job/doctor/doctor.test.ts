import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { MilvusEndpoint, TaskConfig } from '../../../../src/config/types.js';
import { type Check, within } from '../../../../src/job/doctor/checks.js';
import { examine } from '../../../../src/job/doctor/doctor.js';
import { reach, resolveName, shakeHands, splitAddress } from '../../../../src/job/doctor/network.js';
import { travelsInClear } from '../../../../src/job/doctor/server.js';
import { temporaryFolder } from '../../../support/temporary.js';
import { taskConfig, useStateFolder } from '../support.js';

const state = useStateFolder();
const servers: Server[] = [];
const sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

async function listen(server: Server): Promise<string> {
  servers.push(server);
  server.on('connection', (socket: Socket) => sockets.push(socket.on('error', () => {})));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const silent = (): Promise<string> => listen(createServer());

const dir = temporaryFolder('doctor');
const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];

beforeAll(() => {
  const subject = ['-subj', '/CN=milvus.test', '-addext', 'subjectAltName=DNS:milvus.test'];
  const args = [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '5',
    '-keyout',
    key,
    '-out',
    cert,
    ...subject,
  ];
  execFileSync('openssl', args, { stdio: 'ignore' });
});

const tlsServer = (): Promise<string> =>
  listen(createTlsServer({ key: readFileSync(key), cert: readFileSync(cert), ALPNProtocols: ['h2'] }));

function tlsEndpoint(address: string, tls: MilvusEndpoint['tls']): MilvusEndpoint {
  return { at: { kind: 'server', address, tls: true }, ...(tls ? { tls } : {}) };
}

describe('the way to a server', () => {
  it('reads host and port, also of IPv6', () => {
    expect(splitAddress('h.example:19530')).toEqual({ host: 'h.example', port: 19530 });
    expect(splitAddress('[::1]:443')).toEqual({ host: '::1', port: 443 });
  });

  it('is open, or closed and said so', async () => {
    expect(await reach(await silent())).toBeLessThan(5000);
    await expect(reach('127.0.0.1:1')).rejects.toMatchObject({ code: 'NET_UNAVAILABLE' });
  });

  it('a name that nobody knows', async () => {
    expect(await resolveName('127.0.0.1')).toEqual(['127.0.0.1']);
    await expect(resolveName('no-such-host.invalid')).rejects.toMatchObject({ code: 'NET_UNAVAILABLE' });
  });

  it('the certificate that the run would take, and how long it lasts', async () => {
    const address = await tlsServer();
    const found = await shakeHands(address, tlsEndpoint(address, { ca: cert, serverName: 'milvus.test' }));
    expect(found).toMatchObject({ subject: 'milvus.test', daysLeft: 4, expiresSoon: true });
    expect(found.protocol).toMatch(/^TLSv1\.[23]$/);
  });

  it('a certificate that the run would refuse', async () => {
    const address = await tlsServer();
    for (const tls of [undefined, { ca: cert, serverName: 'other.test' }]) {
      await expect(shakeHands(address, tlsEndpoint(address, tls))).rejects.toMatchObject({ code: 'NET_UNAVAILABLE' });
    }
    const blind = await shakeHands(address, tlsEndpoint(address, { skipVerify: true }));
    expect(blind.subject).toBe('milvus.test');
  });

  it('a certificate file that is not there', async () => {
    const endpoint = tlsEndpoint('127.0.0.1:1', { ca: join(dir, 'none.pem') });
    await expect(shakeHands('127.0.0.1:1', endpoint)).rejects.toMatchObject({ code: 'CFG_CONFLICT' });
  });

  it('a server that speaks no TLS', async () => {
    const address = await listen(createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')));
    const failed = shakeHands(address, tlsEndpoint(address, undefined));
    await expect(failed).rejects.toThrow(/speaks no TLS/);
  });

  it('a server that takes a connection and then says nothing ends in time', async () => {
    const address = await silent();
    await expect(shakeHands(address, tlsEndpoint(address, undefined))).rejects.toMatchObject({ code: 'NET_DEADLINE' });
  });
});

it.each([
  ['h:1', {}, false],
  ['h:1', { token: 't' }, true],
  ['h:1', { password: 'p' }, true],
  ['127.0.0.1:1', { token: 't' }, false],
  ['localhost:1', { token: 't' }, false],
  ['[::1]:1', { token: 't' }, false],
])('whether credentials for %s with %j travel in clear: %s', (address, access, clear) => {
  const at = { kind: 'server', address, tls: false } as const;
  expect(travelsInClear(address, { at, ...access })).toBe(clear);
  expect(travelsInClear(address, { at: { ...at, tls: true }, ...access })).toBe(false);
});

it('a limit of time is kept, and what was waited for may fail afterwards', async () => {
  const late = new Promise<never>((_, reject) => setTimeout(() => reject(new Error('late')), 30));
  await expect(within(5, 'it', late)).rejects.toMatchObject({
    code: 'NET_DEADLINE',
    message: 'it: no answer within 0.005 s',
  });
  await new Promise((resolve) => setTimeout(resolve, 40));
  expect(await within(1000, 'it', Promise.resolve(7))).toBe(7);
});

const H5 = join(import.meta.dirname, '../../../../fixtures/hdf5/float32.h5');

function config(more: Partial<TaskConfig> = {}): TaskConfig {
  const base = taskConfig();
  const source = { ...base.source, files: [{ path: H5 }] } as TaskConfig['source'];
  return { ...base, source, dest: { at: { kind: 'server', address: '127.0.0.1:1', tls: false } }, ...more };
}

function named(checks: readonly Check[]): string[] {
  return checks.map((c) => `${c.of} ${c.name}: ${c.status}`);
}

describe('doctor', () => {
  it('examines all that it can, and exits as the first failure says', async () => {
    const told: Check[] = [];
    const report = await examine(config(), (check) => told.push(check));
    expect(named(report.checks)).toEqual(['source readable: ok', 'target reachable: fail', 'machine state folder: ok']);
    expect(report).toMatchObject({ status: 'fail', exit_code: 5 });
    expect(told).toEqual(report.checks);
    expect(report.checks[0]!.detail).toContain('300 rows');
    expect(report.checks[1]!.hint).not.toBeNull();
  });

  it('a source that cannot be read comes first', async () => {
    const source = { ...taskConfig().source, files: [{ path: '/nowhere/a.h5' }] } as TaskConfig['source'];
    const report = await examine(config({ source }));
    expect(report.exit_code).toBe(3);
    expect(report.checks[0]).toMatchObject({ of: 'source', status: 'fail', code: 'SRC_NOT_FOUND' });
  });

  it('makes nothing: neither the folder of a Milvus Lite nor that of archives', async () => {
    const lite = join(dir, 'deep', 'lite');
    const report = await examine(config({ dest: { at: { kind: 'embedded', folder: lite } } }));
    expect(report).toMatchObject({ status: 'ok', exit_code: 0 });
    expect(report.checks.at(-1)!.detail).toContain(`${lite} (to be made): `);
    const archives = await examine(config({ archive: { dir: join(dir, 'archives') } }));
    expect(named(archives.checks).at(-1)).toBe('machine archive folder: ok');
    expect(readdirSync(dir).sort()).toEqual(['cert.pem', 'key.pem']);
    expect(readdirSync(state.path)).toEqual([]);
  });

  it('a folder that is a file, or where nothing may be written', async () => {
    const report = await examine(config({ archive: { dir: join(cert, 'archives') } }));
    expect(report.checks.at(-1)).toMatchObject({ name: 'archive folder', status: 'fail', code: 'DST_STORAGE' });
    expect(report.exit_code).toBe(4);
    if (process.getuid?.() === 0) return;
    const closed = join(temporaryFolder('closed'), 'closed');
    mkdirSync(closed);
    chmodSync(closed, 0o500);
    const refused = await examine(config({ archive: { dir: join(closed, 'a') } }));
    expect(refused.checks.at(-1)).toMatchObject({ status: 'fail', code: 'DST_STORAGE' });
  });

  it('a state folder that cannot be made', async () => {
    vi.stubEnv('MILVUSDM_PATH', join(cert, 'state'));
    const report = await examine(config({ archive: { dir } }));
    expect(report.checks.find((c) => c.name === 'state folder')).toMatchObject({ status: 'fail', code: 'ENV_STATE' });
    expect(report.exit_code).toBe(2);
  });

  it('ends where a server only listens, and tells no secret', async () => {
    const address = await silent();
    const dest = { at: { kind: 'server', address, tls: false }, token: 'secret-1' } as const;
    const report = await examine(config({ dest }));
    expect(named(report.checks)).toContain('target login: fail');
    expect(report.exit_code).toBe(5);
    expect(JSON.stringify(report)).not.toContain('secret-1');
  });

  it('an odd source is a warning', async () => {
    const folder = temporaryFolder('odd');
    writeFileSync(join(folder, 'a.h5'), readFileSync(H5));
    writeFileSync(join(folder, 'notes.txt'), '');
    const { files: _, ...rest } = config().source as Extract<TaskConfig['source'], { adapter: 'hdf5' }>;
    const report = await examine(config({ source: { ...rest, dir: folder } }));
    expect(report.checks[1]).toMatchObject({
      name: 'oddities',
      status: 'warn',
      detail: expect.stringContaining('notes.txt'),
    });
  });
});
