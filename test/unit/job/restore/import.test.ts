import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ImportUnit } from '../../../../src/job/restore/folders.js';
import { importUnits } from '../../../../src/job/restore/import.js';
import { grpcImporter } from '../../../../src/job/restore/importer.js';
import type { Connection } from '../../../../src/milvus/connection.js';
import { protoDecode, protoEncode } from '../../milvus/proto.js';

const [DONE, FAILED, STARTED, PENDING] = [6, 1, 2, 0];

type State = readonly [state: number, rows?: number, reason?: string];

interface FakeServer {
  /** How often each import was asked about. */
  readonly asked: number[];
  readonly connection: Connection;
  readonly requests: Record<string, unknown>[];
}

/** A server that goes through these states of each import in turn, the last one staying. */
function fakeServer(states: readonly (readonly State[])[]): FakeServer {
  const requests: Record<string, unknown>[] = [];
  const asked: number[] = [];
  const call = async (method: string, request: Uint8Array): Promise<Uint8Array> => {
    if (method === 'Import') {
      requests.push(protoDecode('ImportRequest', request));
      return protoEncode('ImportResponse', { status: {}, tasks: [requests.length] });
    }
    const task = Number(protoDecode('GetImportStateRequest', request).task) - 1;
    const own = states[task]!;
    asked[task] = (asked[task] ?? -1) + 1;
    const [state, rows = 0, reason = ''] = own[Math.min(asked[task], own.length - 1)]!;
    const infos = reason === '' ? [] : [{ key: 'failed_reason', value: reason }];
    return protoEncode('GetImportStateResponse', { status: {}, state, row_count: rows, infos });
  };
  return { requests, asked, connection: { retry: { totalMs: 0 }, call, version: 'v2.3.5' } as unknown as Connection };
}

const unit = (name: string, more: Partial<ImportUnit> = {}): ImportUnit => ({
  partition: 'p',
  insert: `i/${name}/`,
  rows: 10,
  deltaBytes: 0,
  bytes: 1,
  storageVersion: 0,
  name,
  ...more,
});

async function run(
  server: FakeServer,
  units: readonly ImportUnit[],
  signal = new AbortController().signal,
): Promise<{ rows: number[]; told: number[]; log: string[] }> {
  const [told, log]: [number[], string[]] = [[], []];
  const rows = await importUnits(grpcImporter(server.connection), units, {
    collection: 'c',
    view: (key) => `/seen/${key}`,
    signal,
    log: (message) => log.push(message),
    onRows: (count) => told.push(count),
  });
  return { rows: units.map((one) => rows.get(one) ?? -1), told, log };
}

afterEach(() => {
  vi.useRealTimers();
});

describe('imports', () => {
  it('run beside each other until the last one is done, and tell rows as they come', async () => {
    const server = fakeServer([
      [
        [STARTED, 4],
        [DONE, 10],
      ],
      [[STARTED], [STARTED, 3], [DONE, 7]],
    ]);
    const { rows, told } = await run(server, [unit('1'), unit('2', { delta: 'd/2/' })]);
    expect(rows).toEqual([10, 7]);
    expect(told.reduce((sum, count) => sum + count, 0)).toBe(17);
    expect(server.requests.map(({ files }) => files)).toEqual([
      ['/seen/i/1/', ''],
      ['/seen/i/2/', '/seen/d/2/'],
    ]);
    expect(server.requests[0]?.options).toEqual([
      { key: 'backup', value: 'true' },
      { key: 'skip_disk_quota_check', value: 'true' },
    ]);
  });

  it('of deletes alone come behind the rows, with options of their own', async () => {
    const server = fakeServer([[[DONE, 10]], [[DONE]]]);
    const { insert: _, ...deletes } = unit('l0', { delta: 'd/l0/', partition: '' });
    await run(server, [deletes, unit('rows', { storageVersion: 2 })]);
    expect(
      server.requests.map(({ files, options }) => [files, (options as { key: string }[]).map(({ key }) => key)]),
    ).toEqual([
      [
        ['/seen/i/rows/', ''],
        ['backup', 'skip_disk_quota_check', 'storage_version'],
      ],
      [['/seen/d/l0/'], ['l0_import', 'skip_disk_quota_check']],
    ]);
  });

  it('that fail are named and begun again, and their rows do not count twice', async () => {
    const server = fakeServer([
      [
        [STARTED, 5],
        [FAILED, 0, 'disk hiccup'],
      ],
      [[DONE, 10]],
    ]);
    const { rows, told, log } = await run(server, [unit('segment 7')]);
    expect(rows).toEqual([10]);
    expect(told.reduce((sum, count) => sum + count, 0)).toBe(10);
    expect(log).toEqual(['the import of segment 7 into c/p failed (task 1): disk hiccup; once more']);
  });

  it('that keep failing end the restore', async () => {
    const server = fakeServer([[[FAILED, 0, 'bad magic']], [[FAILED, 0, 'bad magic']], [[FAILED, 0, 'bad magic']]]);
    await expect(run(server, [unit('segment 7')])).rejects.toMatchObject({
      code: 'DST_REFUSED',
      exitCode: 4,
      message: 'the import of segment 7 into c/p failed (task 3): bad magic; tried 3 times',
    });
    expect(server.requests).toHaveLength(3);
  });

  it('that wait for their turn are asked about once a second, and at once when another has ended', async () => {
    vi.useFakeTimers();
    const busy = Array.from({ length: 30 }, (_, at): State => [STARTED, at]);
    const server = fakeServer([
      [...busy, [DONE, 10]],
      [...Array.from({ length: 5 }, (): State => [PENDING]), [DONE, 10]],
    ]);
    const running = run(server, [unit('1'), unit('2')]);
    await vi.advanceTimersByTimeAsync(2950);
    expect(server.asked[0]).toBeGreaterThan(25);
    expect(server.asked[1]).toBeLessThan(4);
    await vi.advanceTimersByTimeAsync(10_000);
    expect((await running).rows).toEqual([10, 10]);
  });

  it('stand still only where nothing moves: one that waits behind hours of others does not', async () => {
    vi.useFakeTimers();
    const hours = Array.from({ length: 10_000 }, (_, at): State => [STARTED, at]);
    const behind = [...Array.from({ length: 10_000 }, (): State => [PENDING]), [DONE, 1] as const];
    const server = fakeServer([[...hours, [DONE, 10_000]], behind, [[STARTED]]]);
    const running = run(server, [unit('1', { rows: 10_000 }), unit('2')]);
    await vi.advanceTimersByTimeAsync(4 * 3600_000);
    expect((await running).rows).toEqual([10_000, 1]);
    const stuck = run(server, [unit('3')]).catch((thrown: unknown) => thrown);
    await vi.advanceTimersByTimeAsync(31 * 60_000);
    expect(await stuck).toMatchObject({ code: 'NET_DEADLINE' });
  });

  it('are not waited for once the run is stopped', async () => {
    const stop = new AbortController();
    const running = run(fakeServer([[[STARTED]]]), [unit('1')], stop.signal);
    setTimeout(() => stop.abort(), 50);
    await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });
});
