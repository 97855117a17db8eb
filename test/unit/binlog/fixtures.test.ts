import { describe, expect, it } from 'vitest';
import { isText } from '../../../src/batch/columns.js';
import { readDeletes } from '../../../src/binlog/delta-log.js';
import { memorySource } from '../../../src/binlog/source.js';
import { FACTS, type Facts, fixture, readField, type Shown, segmentOf } from './support.js';

/** Numbers by their value: Python and JavaScript write 1e+300 and 1.0 differently. */
function comparable(type: string | undefined, value: Shown): unknown {
  if (Array.isArray(value)) return value.map((item) => comparable(type, item as Shown));
  const number = type === 'FLOAT' || type === 'DOUBLE';
  return number && typeof value === 'string' ? Number(value) : value;
}

const typed = (facts: Pick<Facts, 'spec'>, values: readonly Shown[]): unknown[] =>
  values.map((value) => comparable(facts.spec?.elementType ?? facts.spec?.type, value));

describe('columns of log files', () => {
  const fields = FACTS.filter(([, facts]) => facts.values);
  it.each(fields)('%s', async (name, facts) => {
    const segment = segmentOf({ [facts.field!]: fixture(name) });
    const field = { id: BigInt(facts.field!), spec: facts.spec! };
    for (const maxBytes of [1 << 20, 1000, 33]) {
      expect(typed(facts, await readField(segment, field, maxBytes))).toStrictEqual(typed(facts, facts.values!));
    }
  });

  it('are all there', () => {
    expect(fields.length).toBe(15 * 3 + 3 + 8);
  });

  it('of storage v2 are found by the names in the footers, whatever the folder', async () => {
    const segment = segmentOf({ 0: fixture('packed.0'), 102: fixture('packed.102') });
    const columns = FACTS.flatMap(([, facts]) => Object.entries(facts.columns ?? {}));
    expect(columns.map(([id]) => id)).toStrictEqual(['100', '101', '102']);
    for (const [id, { spec, values }] of columns) {
      expect(await readField(segment, { id: BigInt(id), spec }, 700), id).toStrictEqual(values);
    }
  });
});

describe('logs of deletes', () => {
  it.each(FACTS.filter(([, facts]) => facts.deletes))('%s', async (name, facts) => {
    const found: [string, string][] = [];
    for await (const { keys, times, rows } of readDeletes(memorySource(name, fixture(name)), facts.key!)) {
      for (let i = 0; i < rows; i++) {
        const text = isText(keys)
          ? Buffer.from(keys.bytes.subarray(keys.offsets[i]!, keys.offsets[i + 1]!))
          : undefined;
        found.push([text?.toString('hex') ?? String((keys as BigInt64Array)[i]), String(times[i])]);
      }
    }
    expect(found).toStrictEqual(facts.deletes);
  });

  it('without bytes hold none', async () => {
    expect(await readDeletes(memorySource('empty', new Uint8Array(0)), 'INT64').next()).toMatchObject({ done: true });
  });
});

describe('files that are refused', () => {
  it.each(FACTS.filter(([, facts]) => facts.refused))('%s', async (name, facts) => {
    const segment = segmentOf({ 100: fixture(name) });
    const read = readField(segment, { id: 100n, spec: { name: 'id', type: 'INT64' } }, 1000);
    await expect(read).rejects.toMatchObject({
      code: 'SRC_UNSUPPORTED',
      message: expect.stringContaining(facts.refused!),
    });
  });
});
