import { describe, expect, it } from 'vitest';
import type { Connection } from '../../../src/milvus/connection.js';
import { importProgress, listImports, startImport } from '../../../src/milvus/imports.js';
import { protoDecode, protoEncode } from './proto.js';

function connectionTo(answer: (method: string, request: Uint8Array) => Uint8Array): Connection {
  return {
    retry: { totalMs: 0 },
    call: async (method: string, request: Uint8Array) => answer(method, request),
  } as unknown as Connection;
}

function long(value: bigint): { low: number; high: number } {
  return { low: Number(BigInt.asIntN(32, value)), high: Number(value >> 32n) };
}

const REQUEST = {
  collection: 'c',
  partition: 'p',
  files: ['files/a/', ''],
  options: { backup: 'true', skip_disk_quota_check: 'true' },
};

describe('an import', () => {
  it('is asked for with both places and its options', async () => {
    let seen: unknown;
    const connection = connectionTo((method, request) => {
      seen = [method, protoDecode('ImportRequest', request)];
      return protoEncode('ImportResponse', { status: {}, tasks: [long(470596403606015148n), long(2n)] });
    });
    expect(await startImport(connection, REQUEST)).toEqual([470596403606015148n, 2n]);
    expect(seen).toEqual([
      'Import',
      {
        collection_name: 'c',
        partition_name: 'p',
        files: ['files/a/', ''],
        options: [
          { key: 'backup', value: 'true' },
          { key: 'skip_disk_quota_check', value: 'true' },
        ],
      },
    ]);
  });

  it('that the server refuses is an error', async () => {
    const status = { error_code: 1, reason: 'no such partition', code: 200 };
    const connection = connectionTo(() => protoEncode('ImportResponse', { status }));
    await expect(startImport(connection, REQUEST)).rejects.toMatchObject({
      code: 'DST_REFUSED',
      message: expect.stringContaining('no such partition'),
    });
  });

  it.each([
    [0, 'pending'],
    [1, 'failed'],
    [2, 'running'],
    [5, 'running'],
    [8, 'running'],
    [6, 'done'],
    [7, 'failed'],
  ])('in state %d is %s', async (state, meant) => {
    const infos = [
      { key: 'progress_percent', value: '70' },
      { key: 'failed_reason', value: 'because' },
    ];
    const connection = connectionTo((_, request) => {
      expect(protoDecode('GetImportStateRequest', request)).toEqual({ task: '470596403606015148' });
      return protoEncode('GetImportStateResponse', { status: {}, state, row_count: 12, infos });
    });
    const progress = await importProgress(connection, 470596403606015148n);
    expect(progress).toEqual({ state: meant, rows: 12, percent: 70, reason: 'because' });
  });

  it('that the server does not know (any more) is an error', async () => {
    const status = { error_code: 1, reason: 'task id not found', code: 0 };
    const connection = connectionTo(() => protoEncode('GetImportStateResponse', { status, state: 0 }));
    await expect(importProgress(connection, 1n)).rejects.toMatchObject({ code: 'DST_REFUSED' });
  });

  it('is found again among those of its collection, by its files', async () => {
    const connection = connectionTo((method, request) => {
      expect([method, protoDecode('ListImportTasksRequest', request)]).toEqual([
        'ListImportTasks',
        { collection_name: 'c', limit: '500' },
      ]);
      const infos = [{ key: 'files', value: 'files/a/id.npy,files/a/embedding.npy' }];
      const tasks = [
        { status: {}, id: long(470596403606015148n), state: 6, infos },
        { id: long(7n), state: 2 },
      ];
      return protoEncode('ListImportTasksResponse', { status: {}, tasks });
    });
    expect(await listImports(connection, 'c', 500)).toEqual([
      { task: 470596403606015148n, files: ['files/a/id.npy', 'files/a/embedding.npy'] },
      { task: 7n, files: [] },
    ]);
  });
});
