import { describe, expect, it } from 'vitest';
import type { GlobalOptions } from '../../../src/cli/options.js';
import { shardOf } from '../../../src/cli/shard-number.js';

const BASE: GlobalOptions = { logLevel: 'info', logFormat: 'text' };

describe('which shard a process is to write', () => {
  it.each([
    [{}, {}, undefined],
    [{}, { JOB_COMPLETION_INDEX: '2' }, undefined],
    [{ shard: { index: 1, of: 3 } }, { JOB_COMPLETION_INDEX: '2', JOB_COMPLETIONS: '8' }, { index: 1, of: 3 }],
    [{ shard: { index: 1, of: 3 }, shards: 3 }, {}, { index: 1, of: 3 }],
    [{ shards: 3 }, { JOB_COMPLETION_INDEX: '2' }, { index: 2, of: 3 }],
    [{}, { JOB_COMPLETION_INDEX: '0', JOB_COMPLETIONS: '8' }, { index: 0, of: 8 }],
  ] as const)('%j with %j is %j', (options, env, shard) => {
    expect(shardOf({ ...BASE, ...options }, env)).toStrictEqual(shard);
  });

  it.each([
    [{ shard: { index: 1, of: 3 }, shards: 4 }, {}, 'contradict'],
    [{ shards: 3 }, {}, 'JOB_COMPLETION_INDEX is not set'],
    [{ shards: 3 }, { JOB_COMPLETION_INDEX: '3' }, 'from 0 to 2'],
    [{ shards: 3 }, { JOB_COMPLETION_INDEX: '-1' }, 'a whole number'],
    [{}, { JOB_COMPLETION_INDEX: '0', JOB_COMPLETIONS: 'x' }, 'JOB_COMPLETIONS is "x"'],
    [{}, { JOB_COMPLETION_INDEX: '0', JOB_COMPLETIONS: '0' }, 'JOB_COMPLETION_INDEX'],
    [{ work: '/shared' }, {}, 'which shard'],
    [{ wait: 1000 }, {}, 'which shard'],
  ] as const)('%j with %j is refused: %s', (options, env, why) => {
    expect(() => shardOf({ ...BASE, ...options }, env)).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(why) }),
    );
  });
});
