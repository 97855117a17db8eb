import { describe, expect, it, vi } from 'vitest';
import { makeBatch } from '../../../src/batch/columns.js';
import { createDigester } from '../../../src/batch/digest.js';
import type { JobEvent } from '../../../src/job/events.js';
import { openReader } from './fake-registry.js';
import { currentWriter, expectClosed, floatsIn, keysIn, run, stage, TEN, withNaN } from './run-support.js';
import { DIM, fileOf, storedRow, useStateFolder, vectorsFor, WITH_IDS } from './support.js';

vi.mock('../../../src/registry.js', () => import('./fake-registry.js'));

useStateFolder();

describe('a run that goes well', () => {
  it('writes every row and proves it', async () => {
    const all = await run({ files: [TEN] });
    const { report, writer } = all;
    const digester = await createDigester(WITH_IDS);
    digester.add(makeBatch(WITH_IDS, 10, TEN.columns));
    expect(report).toStrictEqual({
      version: 1,
      task: 'H2M',
      status: 'done',
      exit_code: 0,
      job_id: expect.stringMatching(/^[0-9a-f]{12}$/),
      resumable: false,
      targets: [
        {
          source: 'a',
          collection: 'books',
          partition: null,
          rows_read: 10,
          rows_written: 10,
          rows_skipped: 0,
          duplicates: 0,
          verified: 'sample',
          digest: digester.result().hex,
          target_rows: 10,
        },
      ],
      warnings: [],
      error: null,
      seconds: expect.any(Number),
      bytes: 240,
    });
    expect(keysIn(writer)).toStrictEqual(Array.from({ length: 10 }, (_, i) => BigInt(i)));
    for (let row = 0; row < 10; row++) {
      expect(floatsIn(writer, BigInt(row))).toStrictEqual([...vectorsFor(10).slice(row * DIM, (row + 1) * DIM)]);
    }
    expectClosed(all);
  });

  it('takes its steps in order', async () => {
    const { writer, events } = await run({ files: [TEN] });
    const steps = writer.steps.filter((step) => !/^(write|ack|countRows|findRows)/.test(step));
    expect(steps).toStrictEqual(['plan', 'prepare', 'commit', 'openForReading', 'settle']);
    expect(events.flatMap((event) => (event.type === 'phase' ? [event.phase] : []))).toStrictEqual([
      'plan',
      'connect',
      'preflight',
      'prepare',
      'write',
      'flush',
      'verify',
    ]);
  });

  it('tells its progress up to the total', async () => {
    const { events } = await run({ files: [TEN] });
    for (const phase of ['preflight', 'write'] as const) {
      const told = events.flatMap((event) => (event.type === 'progress' && event.phase === phase ? [event] : []));
      expect(told.map((event) => event.done)).toStrictEqual([3, 6, 9, 10]);
      expect(told.every((event) => event.total === 10)).toBe(true);
    }
  });

  it('keeps as many batches in flight as the target takes, and bears acks that overtake each other', async () => {
    const delays = [9, 1, 6, 2, 0, 7, 3];
    const { report, writer } = await run({
      files: [fileOf(Array.from({ length: 20 }, (_, i) => i))],
      target: { parallelism: 3, misbehave: { ackDelay: (batch) => delays[batch]! } },
    });
    expect(report).toMatchObject({ status: 'done', targets: [{ rows_written: 20, verified: 'sample' }] });
    expect(writer.mostInFlight).toBe(3);
    const acks = writer.steps.filter((step) => step.startsWith('ack')).map((step) => Number(step.slice(4)));
    expect(acks).not.toStrictEqual([...acks].sort((a, b) => a - b));
  });

  it('of an empty source is done and makes the collection', async () => {
    const { report, writer } = await run({ files: [fileOf([])] });
    expect(report).toMatchObject({
      status: 'done',
      exit_code: 0,
      targets: [{ rows_read: 0, rows_written: 0, target_rows: 0 }],
    });
    expect(writer.collection).toBeDefined();
  });

  it('writes several files behind each other, and gives each partition its own target', async () => {
    const { report, writer } = await run({
      files: [
        fileOf([1, 2], { partition: 'p' }),
        fileOf([3], { name: 'b', salt: 1 }),
        fileOf([4, 5], { name: 'c', partition: 'p', salt: 2 }),
      ],
    });
    expect(report.status).toBe('done');
    expect(report.targets.map((t) => [t.source, t.partition, t.rows_written, t.target_rows])).toStrictEqual([
      ['a, c', 'p', 4, 4],
      ['b', '_default', 1, 1],
    ]);
    expect(keysIn(writer, 'p')).toStrictEqual([1n, 2n, 4n, 5n]);
    expect(keysIn(writer)).toStrictEqual([3n]);
    expect(report.targets[0]!.digest).not.toBe(report.targets[1]!.digest);
  });

  it('puts everything into the partition that the configuration names', async () => {
    const { report, writer } = await run({ files: [TEN], config: { partition: 'q' } });
    expect(report.targets).toMatchObject([{ partition: 'q', rows_written: 10, target_rows: 10 }]);
    expect(keysIn(writer, 'q')).toHaveLength(10);
  });

  it('with a limit writes the first rows of the run', async () => {
    const files = [
      fileOf([0, 1, 2, 3]),
      fileOf([4, 5, 6], { name: 'b', salt: 1 }),
      fileOf([7], { name: 'c', salt: 2 }),
    ];
    const { report, writer } = await run({ files, options: { limit: 5 } });
    expect(report).toMatchObject({ status: 'done', targets: [{ rows_read: 5, rows_written: 5, target_rows: 5 }] });
    expect(keysIn(writer)).toStrictEqual([0n, 1n, 2n, 3n, 4n]);
  });

  it('does not look for duplicates among headers alone, and says so by null', async () => {
    const { report, reader } = await run({
      files: [fileOf([1, 1])],
      options: { preflight: 'headers', verify: 'count' },
    });
    expect(report).toMatchObject({
      status: 'done',
      targets: [{ duplicates: null, verified: 'count', rows_written: 2 }],
    });
    expect(reader.reads).toStrictEqual(['a: *']);
  });

  it('has the same digest with both kinds of preflight', async () => {
    const full = await run({ files: [TEN] });
    const headers = await run({ files: [TEN], options: { preflight: 'headers' } });
    expect(headers.report.targets[0]!.digest).toBe(full.report.targets[0]!.digest);
  });

  it('verifies by count what cannot be queried, with a warning', async () => {
    const { report } = await run({ files: [TEN], target: { canQuery: false } });
    expect(report.targets[0]).toMatchObject({ verified: 'count', target_rows: 10 });
    expect(report.warnings.join()).toContain('cannot be loaded');
  });

  it('verifies nothing when told so', async () => {
    const { report, writer } = await run({ files: [TEN], options: { verify: 'none' } });
    expect(report.targets[0]).toMatchObject({ verified: 'none', target_rows: null });
    expect(writer.steps).not.toContain('openForReading');
  });

  it('passes on what reader, target and configuration have to say', async () => {
    const { report, events } = await run({
      files: [TEN],
      reading: { warnings: ['narrowed'], metric: 'IP' },
      target: { warnings: ['no index'] },
      config: { notes: ['index_file_size has no counterpart'] },
    });
    expect(report.warnings).toStrictEqual([
      'index_file_size has no counterpart',
      'narrowed',
      'metric_type L2 of the YAML differs from IP in the source: the YAML wins',
      'no index',
    ]);
    expect(events.flatMap((event) => (event.type === 'warning' ? [event.message] : []))).toStrictEqual(report.warnings);
  });

  it('can be listened to for a while only', async () => {
    const { job } = stage({ files: [TEN] });
    const heard: JobEvent[] = [];
    job.on((event) => heard.push(event))();
    await job.run();
    expect(heard).toStrictEqual([]);
  });
});

describe('modes', () => {
  const existing = { _default: [storedRow(100n), storedRow(101n)], old: [storedRow(500n)] };

  it('skip leaves what exists alone and reports both counts', async () => {
    const { report, writer } = await run({ files: [TEN], config: { mode: 'skip' }, target: { existing } });
    expect(report).toMatchObject({
      status: 'skipped',
      exit_code: 0,
      error: null,
      bytes: 0,
      targets: [{ rows_read: 0, rows_written: 0, rows_skipped: 10, target_rows: 3, verified: 'none', digest: null }],
    });
    expect(writer.steps).toStrictEqual(['plan']);
  });

  it('skip of one partition writes the others', async () => {
    const files = [fileOf([1, 2], { partition: 'old' }), fileOf([3], { name: 'b', partition: 'new' })];
    const { report, writer } = await run({ files, config: { mode: 'skip' }, target: { existing } });
    expect(report).toMatchObject({
      status: 'done',
      targets: [
        { partition: 'old', rows_read: 0, rows_written: 0, rows_skipped: 2, target_rows: 1 },
        { partition: 'new', rows_read: 1, rows_written: 1, rows_skipped: 0, target_rows: 1 },
      ],
    });
    expect(keysIn(writer, 'old')).toStrictEqual([500n]);
    expect(keysIn(writer, 'new')).toStrictEqual([3n]);
  });

  it('append adds to rows that stay', async () => {
    const { report, writer } = await run({ files: [TEN], target: { existing } });
    expect(report).toMatchObject({ status: 'done', warnings: [], targets: [{ rows_written: 10, target_rows: 13 }] });
    expect(keysIn(writer).slice(0, 2)).toStrictEqual([100n, 101n]);
  });

  it('append only warns when the total is another than expected', async () => {
    const { report } = await run({
      files: [TEN],
      target: {
        existing,
        before(step) {
          if (step === 'commit') currentWriter().collection!.partitions.get('old')!.push(storedRow(6n));
        },
      },
    });
    expect(report).toMatchObject({ status: 'done', targets: [{ rows_written: 10, target_rows: 14 }] });
    expect(report.warnings.join()).toContain('holds 14 rows where 13 are expected');
  });

  it('append warns of an id that was there before with other values', async () => {
    const { report } = await run({ files: [fileOf([100, 7])], target: { existing, shows: 'first' } });
    expect(report.status).toBe('done');
    expect(report.warnings.join()).toMatch(/held sampled ids before: 100/);
  });

  it('overwrite leaves nothing of the collection', async () => {
    const { report, writer } = await run({ files: [TEN], config: { mode: 'overwrite' }, target: { existing } });
    expect(report).toMatchObject({ status: 'done', targets: [{ target_rows: 10 }] });
    expect([...writer.collection!.partitions.keys()]).toStrictEqual(['_default']);
  });

  it('overwrite of a partition leaves the others', async () => {
    const { writer } = await run({
      files: [TEN],
      config: { mode: 'overwrite', partition: 'old' },
      target: { existing },
    });
    expect(keysIn(writer, 'old')).toHaveLength(10);
    expect(keysIn(writer)).toStrictEqual([100n, 101n]);
  });

  it('overwrite by an empty source empties the target', async () => {
    const { report, writer } = await run({ files: [fileOf([])], config: { mode: 'overwrite' }, target: { existing } });
    expect(report).toMatchObject({ status: 'done', targets: [{ rows_written: 0, target_rows: 0 }] });
    expect(keysIn(writer)).toStrictEqual([]);
  });

  it('touch nothing before preflight has passed', async () => {
    const { report, writer } = await run({
      files: [withNaN([1, 2, 3], 2)],
      config: { mode: 'overwrite' },
      target: { existing },
    });
    expect(report).toMatchObject({ status: 'failed', exit_code: 3, error: { code: 'SRC_BAD_ROW' } });
    expect(writer.steps).toStrictEqual(['plan']);
    expect(keysIn(writer)).toStrictEqual([100n, 101n]);
  });
});

describe('a plan', () => {
  it('tells what a run would do and reads only', async () => {
    const all = stage({
      files: [TEN],
      config: { mode: 'overwrite' },
      target: { existing: { _default: [storedRow(1n)] } },
    });
    const { job, reader, writer } = all;
    const plan = await job.plan();
    expect(plan).toMatchObject({
      version: 1,
      task: 'H2M',
      status: 'planned',
      exit_code: 0,
      job_id: job.id,
      server: 'memory',
      collections: ['books'],
      metric: 'L2',
      rows: 10,
      bytes: 240,
      actions: [{ kind: 'drop', target: 'the collection' }],
      warnings: [],
    });
    expect(plan.sources).toMatchObject([{ path: 'a', rows: 10, ids: 'stored' }]);
    expect(writer.steps).toStrictEqual(['plan']);
    expect(reader.reads).toStrictEqual([]);
    expectClosed(all);
  });

  it('counts with a limit only the rows that it lets through', async () => {
    const plan = await stage({ files: [TEN, fileOf([], { name: 'b' })], options: { limit: 4 } }).job.plan();
    expect(plan).toMatchObject({ rows: 4, bytes: 96 });
    expect(plan.warnings).toStrictEqual(['--limit 4: only the first rows are written']);
  });

  it('throws what a run would refuse', async () => {
    const { job } = stage({ files: [TEN], options: { idStart: 1n } });
    await expect(job.plan()).rejects.toMatchObject({ code: 'CFG_CONFLICT' });
    openReader.mockRejectedValue(new TypeError('a bug'));
    await expect(job.plan()).rejects.toMatchObject({ code: 'INTERNAL', message: 'a bug' });
  });
});
