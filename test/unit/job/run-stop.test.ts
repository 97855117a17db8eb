import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { expectClosed, keysIn, run, stage, withNaN } from './run-support.js';
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

describe('a run that ends before it touches the target', () => {
  it('leaves nothing to continue', async () => {
    const { report } = await run({ files: [withNaN([1, 2], 0)] });
    expect(report.resumable).toBe(false);
    expect(readdirSync(join(state.path, 'jobs'))).toStrictEqual([]);
  });
});
