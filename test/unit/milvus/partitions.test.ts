import { describe, expect, it } from 'vitest';
import { statisticsRows } from '../../../src/milvus/collections.js';
import type { Connection } from '../../../src/milvus/connection.js';

const OK = { error_code: 'Success', code: 0, reason: '' };
const UNKNOWN = { error_code: 'UnexpectedError', code: 200, reason: 'partition not found[partition=p]' };

/** A server whose proxy does not know partition "p" until an alias has come and gone so many times. */
function connection(o: { mendings: number; there: boolean }): { connection: Connection; aliases: string[] } {
  const aliases: string[] = [];
  let dropped = 0;
  const sdk = {
    getPartitionStatistics: async () =>
      dropped < o.mendings ? { status: UNKNOWN, stats: [] } : { status: OK, stats: [{ key: 'row_count', value: '7' }] },
    hasPartition: async () => ({ status: OK, value: o.there }),
    createAlias: async ({ alias }: { alias: string }) => {
      aliases.push(alias);
      return OK;
    },
    dropAlias: async ({ alias }: { alias: string }) => {
      expect(aliases.pop()).toBe(alias);
      dropped++;
      return OK;
    },
  };
  return { connection: { retry: { totalMs: 0 }, sdk } as unknown as Connection, aliases };
}

describe('a partition that the proxy has missed', () => {
  it.each([0, 1, 3])('is found after %i aliases that came and went', async (mendings) => {
    const { connection: server, aliases } = connection({ mendings, there: true });
    expect(await statisticsRows(server, 'c', 'p')).toBe(7);
    expect(aliases).toEqual([]);
  });

  it('is not looked for without end', async () => {
    const { connection: server, aliases } = connection({ mendings: 1000, there: true });
    await expect(statisticsRows(server, 'c', 'p')).rejects.toMatchObject({ code: 'DST_REFUSED' });
    expect(aliases).toEqual([]);
  });

  it('is not there where the coordinator says so', async () => {
    const { connection: server } = connection({ mendings: 1, there: false });
    await expect(statisticsRows(server, 'c', 'p')).rejects.toMatchObject({ message: expect.stringContaining('200') });
  });
});
