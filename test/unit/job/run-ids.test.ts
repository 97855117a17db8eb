import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { makeBatch } from '../../../src/batch/columns.js';
import { createDigester } from '../../../src/batch/digest.js';
import { schemaOf } from '../batch/support.js';
import { currentWriter, floatsIn, keysIn, run, type Scene, TEN, withNaN } from './run-support.js';
import {
  DIM,
  fileOf,
  KEY,
  plainFile,
  storedRow,
  textFileOf,
  useStateFolder,
  VECTOR,
  vectorsFor,
  WITH_IDS,
  WITH_TEXT_IDS,
  WITHOUT_IDS,
} from './support.js';

vi.mock('../../../src/registry.js', () => import('./fake-registry.js'));

const state = useStateFolder();

describe('ids', () => {
  it('are row numbers from 0 where the source has none', async () => {
    const { report, writer } = await run({ schema: WITHOUT_IDS, files: [plainFile(4), plainFile(3, 'b')] });
    expect(report).toMatchObject({ status: 'done', targets: [{ rows_written: 7, duplicates: 0 }] });
    expect(keysIn(writer)).toStrictEqual([0n, 1n, 2n, 3n, 4n, 5n, 6n]);
  });

  it.each([
    ['a number', { idStart: 50n }, 50n],
    ['auto', { idStart: 'auto' as const }, 1001n],
  ])('start where id_start says (%s) when rows stay', async (_, options, start) => {
    const existing = { _default: [storedRow(1000n), storedRow(3n)] };
    const { report, writer } = await run({ schema: WITHOUT_IDS, files: [plainFile(3)], options, target: { existing } });
    expect(report.status).toBe('done');
    expect(keysIn(writer).slice(2)).toStrictEqual([start, start + 1n, start + 2n]);
  });

  it('without a start are refused where rows stay', async () => {
    const existing = { _default: [storedRow(0n)] };
    const { report, writer } = await run({ schema: WITHOUT_IDS, files: [plainFile(3)], target: { existing } });
    expect(report).toMatchObject({ status: 'failed', exit_code: 4, error: { code: 'DST_IDS' } });
    expect(writer.steps).toStrictEqual(['plan']);
  });

  it('of the source are shifted by the offset', async () => {
    const { report, writer } = await run({ files: [fileOf([1, 2])], options: { idOffset: -10n } });
    expect(report.status).toBe('done');
    expect(keysIn(writer)).toStrictEqual([-9n, -8n]);
  });

  it('made by the target are learnt from its answers and looked up', async () => {
    const { report, writer } = await run({
      files: [TEN],
      options: { newIds: true },
      target: { autoId: true, parallelism: 3, misbehave: { ackDelay: (b) => 5 - b } },
    });
    expect(report).toMatchObject({ status: 'done', targets: [{ verified: 'sample', rows_written: 10 }] });
    expect(writer.steps).toContain('findRows');
    const flipped = await run({
      files: [TEN],
      options: { newIds: true },
      target: { autoId: true, misbehave: { flipBit: 3 } },
    });
    expect(flipped.report).toMatchObject({ exit_code: 6, error: { code: 'VERIFY_MISMATCH' } });
  });

  it.each<[string, Scene, string]>([
    ['id_start with ids of the source', { files: [TEN], options: { idStart: 5n } }, 'id_start is set'],
    [
      'id_offset without ids',
      { schema: WITHOUT_IDS, files: [plainFile(1)], options: { idOffset: 5n } },
      'id_offset is set',
    ],
    [
      'id_offset with text ids',
      { schema: WITH_TEXT_IDS, files: [textFileOf(['a'])], options: { idOffset: 5n } },
      'id_offset needs integer ids',
    ],
    [
      'another dimension',
      { files: [TEN], config: { parameter: { idField: 'id', vectorField: 'v', load: false, dimension: 8 } } },
      'dimension is 8',
    ],
  ])('and settings that contradict each other are refused: %s', async (_, scene, message) => {
    const { report } = await run(scene);
    expect(report).toMatchObject({ status: 'failed', exit_code: 2, error: { code: 'CFG_CONFLICT' } });
    expect(report.error!.message).toContain(message);
  });

  it('at the ends of int64 are written with a warning and left out of the sample', async () => {
    const ends = [2n ** 63n - 1n, -(2n ** 63n), 5n];
    const { report, writer } = await run({ files: [fileOf(ends)] });
    expect(report.status).toBe('done');
    expect(report.warnings.join()).toContain('2 rows with the id 2^63-1 or -2^63');
    expect(keysIn(writer)).toHaveLength(3);
    const lost = await run({ files: [fileOf([5n, 6n, 2n ** 63n - 1n])], target: { misbehave: { flipBit: 2 } } });
    expect(lost.report.status).toBe('done');
  });

  it('that are all at the ends leave only the count to verify', async () => {
    const { report } = await run({ files: [fileOf([2n ** 63n - 1n, -(2n ** 63n)])] });
    expect(report.targets[0]).toMatchObject({ rows_written: 2, verified: 'count' });
    expect(report.warnings.join()).toContain('no row of "books" can be looked up by its id');
  });

  it('of text are written and verified', async () => {
    const { report, writer } = await run({ schema: WITH_TEXT_IDS, files: [textFileOf(['é', 'b', ''])] });
    expect(report).toMatchObject({ status: 'done', targets: [{ verified: 'sample', duplicates: 0 }] });
    expect(keysIn(writer)).toStrictEqual(['é', 'b', '']);
  });
});

describe('ids that occur more than once', () => {
  const REPEATED = fileOf([5, 1, 5, 2, 5, 1]);

  it('are all kept, counted and told', async () => {
    const { report, writer } = await run({ files: [REPEATED] });
    expect(report).toMatchObject({
      status: 'done',
      exit_code: 0,
      targets: [{ rows_written: 6, duplicates: 3, target_rows: 6, verified: 'sample' }],
    });
    expect(keysIn(writer)).toHaveLength(6);
    expect(report.warnings).toStrictEqual([
      'ids that occur more than once: 2, 3 rows too many (on_duplicate_id: keep): 5 (rows 0, 2, 4); 1 (rows 1, 5)',
    ]);
  });

  it.each(['first', 'last'] as const)('may show any of their rows (%s)', async (shows) => {
    expect((await run({ files: [REPEATED], target: { shows } })).report.status).toBe('done');
  });

  it('must show one of their rows', async () => {
    const { report } = await run({
      files: [REPEATED],
      target: {
        before(step) {
          if (step !== 'commit') return;
          const rows = currentWriter().collection!.partitions.get('_default')!;
          for (const [i, row] of rows.entries()) if (row.key === 5n) rows[i] = storedRow(5n);
        },
      },
    });
    expect(report).toMatchObject({ exit_code: 6, error: { message: expect.stringContaining('5 (different)') } });
  });

  it.each([
    ['first', [5n, 1n, 2n], 0],
    ['last', [2n, 5n, 1n], 4],
  ] as const)('are reduced to the %s', async (onDuplicateId, keys, rowOf5) => {
    for (const preflight of ['full', 'headers'] as const) {
      const { report, writer } = await run({ files: [REPEATED], options: { onDuplicateId, preflight } });
      expect(report).toMatchObject({
        status: 'done',
        targets: [{ rows_read: 6, rows_written: 3, rows_skipped: 3, duplicates: 3, target_rows: 3 }],
      });
      expect(keysIn(writer)).toStrictEqual(keys);
      expect(floatsIn(writer, 5n)).toStrictEqual([...vectorsFor(6).slice(rowOf5 * DIM, (rowOf5 + 1) * DIM)]);
      const written = makeBatch(WITH_IDS, 6, REPEATED.columns);
      const digester = await createDigester(WITH_IDS);
      for (const row of onDuplicateId === 'first' ? [0, 1, 3] : [3, 4, 5]) digester.add(written.slice(row, row + 1));
      expect(report.targets[0]!.digest).toBe(digester.result().hex);
    }
  });

  it('are judged over all files of a run', async () => {
    const files = [fileOf([1, 2]), fileOf([2, 3], { name: 'b', salt: 1 })];
    const { report } = await run({ files, options: { onDuplicateId: 'first' } });
    expect(report.targets[0]).toMatchObject({ rows_written: 3, rows_skipped: 1, duplicates: 1 });
  });

  it.each(['full', 'headers'] as const)(
    'are refused when told so, before anything is written (%s)',
    async (preflight) => {
      const { report, writer } = await run({ files: [REPEATED], options: { onDuplicateId: 'error', preflight } });
      expect(report).toMatchObject({ status: 'failed', exit_code: 3, error: { code: 'SRC_DUPLICATE_ID' } });
      expect(report.error!.message).toContain('2 ids occur more than once (3 rows too many): id 5 in rows 0, 2, 4');
      expect(writer.steps).toStrictEqual(['plan']);
    },
  );

  it('on a target that keeps the last copy are counted once', async () => {
    const { report, writer } = await run({ files: [REPEATED], target: { deduplicates: true, parallelism: 1 } });
    expect(report).toMatchObject({
      status: 'done',
      targets: [{ rows_written: 6, duplicates: 3, target_rows: 3, verified: 'sample' }],
    });
    expect(keysIn(writer)).toHaveLength(3);
    expect(report.warnings).toContain('memory keeps only the last copy of an id, whatever is asked');
    const lost = await run({
      files: [REPEATED],
      target: { deduplicates: true, parallelism: 1, misbehave: { loseRow: 3 } },
    });
    expect(lost.report).toMatchObject({ exit_code: 6, error: { code: 'VERIFY_MISMATCH' } });
  });
});

describe('rows that cannot be stored', () => {
  const BAD = withNaN([10, 11, 12, 13, 14], 1, 3);

  it.each(['full', 'headers'] as const)('are refused, with row and id (%s)', async (preflight) => {
    const { report } = await run({ files: [BAD], options: { preflight } });
    expect(report).toMatchObject({ status: 'failed', exit_code: 3, error: { code: 'SRC_BAD_ROW' } });
    expect(report.error!.message).toContain('a row 1 (id 11): NaN or infinity in the vector');
  });

  it.each(['full', 'headers'] as const)('are set aside when told so (%s)', async (preflight) => {
    const { report, writer } = await run({ files: [BAD], options: { preflight, onBadRow: 'quarantine' } });
    expect(report).toMatchObject({
      status: 'partial',
      exit_code: 7,
      error: {
        code: 'ROWS_QUARANTINED',
        message: expect.stringMatching(/^2 rows were set aside in .*\.quarantine\.jsonl; all others are written$/),
      },
      targets: [{ rows_read: 5, rows_written: 3, rows_skipped: 2, target_rows: 3, verified: 'sample' }],
    });
    expect(keysIn(writer)).toStrictEqual([10n, 12n, 14n]);
    const [file] = readdirSync(join(state.path, 'reports'));
    const lines = readFileSync(join(state.path, 'reports', file!), 'utf8')
      .trimEnd()
      .split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toStrictEqual([
      { source: 'a', row: 1, id: '11', reason: 'NaN or infinity in the vector' },
      { source: 'a', row: 3, id: '13', reason: 'NaN or infinity in the vector' },
    ]);
  });

  it.each(['full', 'headers'] as const)(
    'are named by their row in the file also where duplicates are left out (%s)',
    async (preflight) => {
      const files = [fileOf([1, 2, 3]), { ...withNaN([1, 2, 4, 5], 2), name: 'b' }];
      const { report, writer } = await run({
        files,
        options: { preflight, onBadRow: 'quarantine', onDuplicateId: 'first' },
      });
      expect(report).toMatchObject({ exit_code: 7, targets: [{ rows_read: 7, rows_written: 4, rows_skipped: 3 }] });
      expect(keysIn(writer)).toStrictEqual([1n, 2n, 3n, 5n]);
      const [file] = readdirSync(join(state.path, 'reports'));
      expect(JSON.parse(readFileSync(join(state.path, 'reports', file!), 'utf8'))).toMatchObject({
        source: 'b',
        row: 2,
        id: '4',
      });
    },
  );

  it('are refused beyond the limit of the quarantine, before anything is written', async () => {
    const { report, writer } = await run({ files: [BAD], options: { onBadRow: 'quarantine', quarantineLimit: 1 } });
    expect(report).toMatchObject({ status: 'failed', exit_code: 3, error: { code: 'SRC_BAD_ROW' } });
    expect(writer.steps).toStrictEqual(['plan']);
  });

  it.each(['full', 'headers'] as const)(
    'are those with NaN in a number where the target refuses it (%s)',
    async (preflight) => {
      const schema = schemaOf(KEY, VECTOR, { name: 'price', type: 'DOUBLE' });
      const ids = [10, 11, 12];
      const prices = Float64Array.of(1, Number.NaN, Number.NEGATIVE_INFINITY);
      const files = [{ name: 'a', rows: 3, columns: [BigInt64Array.from(ids, BigInt), vectorsFor(3), prices] }];
      const kept = await run({ schema, files, options: { preflight } });
      expect(kept.report).toMatchObject({ status: 'done', targets: [{ rows_written: 3, verified: 'sample' }] });
      const target = { finiteScalars: true };
      const { report } = await run({ schema, files, target, options: { preflight } });
      expect(report).toMatchObject({ exit_code: 3, error: { code: 'SRC_BAD_ROW' } });
      expect(report.error!.message).toContain('a row 1 (id 11): NaN or infinity in the field price');
      const aside = await run({ schema, files, target, options: { preflight, onBadRow: 'quarantine' } });
      expect(aside.report).toMatchObject({ exit_code: 7, targets: [{ rows_written: 1, rows_skipped: 2 }] });
      expect(keysIn(aside.writer)).toStrictEqual([10n]);
    },
  );
});
