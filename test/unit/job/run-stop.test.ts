import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { fail } from '../../../src/util/errors.js';
import { expectClosed, keysIn, run, type Scene, stage, TEN, withNaN } from './run-support.js';
import { fileOf, storedRow, useStateFolder, withoutWaiting } from './support.js';

vi.mock('../../../src/registry.js', () => import('./fake-registry.js'));

const state = useStateFolder();

describe('a run that is stopped', () => {
  const MANY = fileOf(Array.from({ length: 60 }, (_, i) => i));

  it('once finishes the batches in flight', async () => {
    const scene = stage({
      files: [MANY],
      target: {
        parallelism: 2,
        misbehave: { ackDelay: () => 5 },
        before(step) {
          if (step === 'write 3') scene.job.stop();
        },
      },
    });
    const report = await scene.job.run();
    expect(report).toMatchObject({ status: 'interrupted', exit_code: 130, error: { code: 'INTERRUPTED' } });
    const target = report.targets[0]!;
    expect(target.rows_written).toBe(keysIn(scene.writer).length);
    // The fourth batch waited for its place when the stop came, and was not sent.
    expect(target.rows_written).toBe(9);
    expect(scene.writer.steps).not.toContain('commit');
    expectClosed(scene);
  });

  it('twice gives those up, too', async () => {
    const scene = stage({
      files: [MANY],
      target: {
        parallelism: 2,
        misbehave: { ackDelay: () => 5 },
        before(step) {
          if (step !== 'write 3') return;
          scene.job.stop();
          scene.job.stop();
        },
      },
    });
    const report = await scene.job.run();
    expect(report).toMatchObject({ status: 'interrupted', exit_code: 130, error: { code: 'INTERRUPTED' } });
    expect(report.targets[0]!.rows_written).toBe(keysIn(scene.writer).length);
    expect(report.targets[0]!.rows_written).toBeLessThan(12);
  });

  it('twice ends although the target does not answer any more', async () => {
    const scene = stage({
      files: [MANY],
      target: {
        async before(step) {
          if (step !== 'ack 1') return;
          scene.job.stop();
          scene.job.stop();
          await new Promise(() => {});
        },
      },
    });
    const report = await withoutWaiting(() => scene.job.run());
    expect(report).toMatchObject({ status: 'interrupted', exit_code: 130 });
  });

  it('before the target is touched leaves it as it was', async () => {
    for (const first of [fileOf([]), MANY]) {
      const scene = stage({
        files: [first],
        config: { mode: 'overwrite' },
        target: { existing: { _default: [storedRow(1n)] } },
      });
      scene.job.stop();
      expect(await scene.job.run()).toMatchObject({ status: 'interrupted', exit_code: 130 });
      expect(scene.writer.steps).toStrictEqual(['plan']);
    }
  });

  it('while it waits for its rate stops at once', async () => {
    const scene = stage({
      files: [MANY],
      options: { maxRate: { rowsPerSecond: 0.001 } },
      target: {
        before(step) {
          if (step === 'ack 0') setImmediate(() => scene.job.stop());
        },
      },
    });
    expect(await scene.job.run()).toMatchObject({ status: 'interrupted', targets: [{ rows_written: 3 }] });
  });
});

describe('a run that was cut short', () => {
  const failing: Scene = {
    files: [TEN],
    target: { misbehave: { failAck: { batch: 1, error: fail('NET_UNAVAILABLE', 'gone') } } },
  };

  it.each(['append', 'skip'] as const)('is not built upon with mode %s', async (mode) => {
    expect((await run({ ...failing, config: { mode } })).report.exit_code).toBe(5);
    const existing = { _default: [storedRow(0n)] };
    const again = await run({ files: [TEN], config: { mode }, target: { existing } });
    expect(again.report).toMatchObject({ status: 'failed', exit_code: 4, error: { code: 'DST_UNFINISHED' } });
    expect(again.writer.steps).toStrictEqual(['plan']);
    const restarted = await run({ files: [TEN], config: { mode }, options: { restart: true }, target: { existing } });
    expect(restarted.report.status).toBe(mode === 'skip' ? 'skipped' : 'done');
  });

  it('is written again with mode overwrite, after which the mark is gone', async () => {
    await run({ ...failing, config: { mode: 'overwrite' } });
    expect(readdirSync(join(state.path, 'jobs'))).toHaveLength(1);
    const again = await run({
      files: [TEN],
      config: { mode: 'overwrite' },
      target: { existing: { _default: [storedRow(0n)] } },
    });
    expect(again.report.status).toBe('done');
    expect(readdirSync(join(state.path, 'jobs'))).toStrictEqual([]);
  });

  it('before it touched the target leaves no mark', async () => {
    await run({ files: [withNaN([1, 2], 0)] });
    expect(existsSync(join(state.path, 'jobs'))).toBe(false);
  });
});
