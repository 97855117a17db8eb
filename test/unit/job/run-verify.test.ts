import { describe, expect, it, vi } from 'vitest';
import { fail } from '../../../src/util/errors.js';
import { openReader, openTarget } from './fake-registry.js';
import { currentWriter, expectClosed, keysIn, run, stage, TEN } from './run-support.js';
import { fileOf, storedRow, useStateFolder } from './support.js';

vi.mock('../../../src/registry.js', () => import('./fake-registry.js'));

useStateFolder();

describe('a target that misbehaves', () => {
  const mismatch = { status: 'failed', exit_code: 6, error: { code: 'VERIFY_MISMATCH' } };

  it.each([
    ['loses a row', { loseRow: 4 }, '"books" holds 9 rows where 10 are expected'],
    ['stores a batch twice', { doubleBatch: 1 }, '"books" holds 13 rows where 10 are expected'],
    ['flips a bit', { flipBit: 7 }, '1 of 10 sampled rows of "books" are wrong (0 missing): ids 7 (different)'],
  ])('and %s is found out', async (_, misbehave, message) => {
    const { report, writer } = await run({ files: [TEN], target: { misbehave } });
    expect(report).toMatchObject(mismatch);
    expect(report.error!.message).toBe(message);
    expect(report.targets[0]).toMatchObject({ rows_written: 10, verified: 'none' });
    expect(writer.steps).not.toContain('settle');
  });

  it('and loses one row and doubles another is found out by the sample', async () => {
    const { report } = await run({
      files: [TEN],
      target: {
        misbehave: { loseRow: 2 },
        before(step) {
          if (step !== 'commit') return;
          const rows = currentWriter().collection!.partitions.get('_default')!;
          rows.push(rows[5]!);
        },
      },
    });
    expect(report).toMatchObject(mismatch);
    expect(report.error!.message).toContain('(1 missing): ids 2 (missing)');
  });

  it('is not noticed by a count alone when a bit flips: that is what the sample is for', async () => {
    const { report } = await run({ files: [TEN], options: { verify: 'count' }, target: { misbehave: { flipBit: 7 } } });
    expect(report.status).toBe('done');
  });

  it('in append mode is found out too', async () => {
    const existing = { _default: [storedRow(50n)] };
    for (const misbehave of [{ loseRow: 4 }, { flipBit: 4 }]) {
      const { report } = await run({ files: [TEN], options: { restart: true }, target: { existing, misbehave } });
      expect(report).toMatchObject(mismatch);
      expect(report.error!.message).toMatch(/ids 4 \((missing|different)\)/);
    }
  });

  it('and refuses a batch ends the run with its error, after the batches in flight', async () => {
    const error = fail('NET_DEADLINE', 'no answer');
    const { report, writer } = await run({
      files: [fileOf(Array.from({ length: 60 }, (_, i) => i))],
      target: {
        parallelism: 2,
        misbehave: { failAck: { batch: 2, error }, ackDelay: (batch) => (batch === 3 ? 20 : 1) },
      },
    });
    expect(report).toMatchObject({
      status: 'failed',
      exit_code: 5,
      error: { code: 'NET_DEADLINE', message: 'no answer' },
    });
    const target = report.targets[0]!;
    expect(target.rows_written).toBe(keysIn(writer).length);
    expect(target.rows_written).toBeLessThan(20);
    expect(target.rows_read).toBeLessThan(25);
    expect(writer.steps).not.toContain('commit');
    const written = writer.steps.filter((step) => step.startsWith('write')).length;
    // One more may have waited for its place when the failure came; it was not sent.
    expect(written - writer.steps.filter((step) => step.startsWith('ack')).length).toBeLessThanOrEqual(1);
  });

  it('and is rude ends as our own fault', async () => {
    const { report } = await run({
      files: [TEN],
      target: { misbehave: { failAck: { batch: 0, error: new TypeError('oops') } } },
    });
    expect(report).toMatchObject({ status: 'failed', exit_code: 1, error: { code: 'INTERNAL', message: 'oops' } });
  });

  it.each(['plan', 'prepare', 'commit', 'openForReading', 'findRows', 'settle'])(
    'and fails at %s gives a report, and is closed',
    async (at) => {
      const all = await run({
        files: [TEN],
        target: {
          before(step) {
            if (step === at) throw fail('NET_UNAVAILABLE', `gone at ${at}`);
          },
        },
      });
      expect(all.report).toMatchObject({
        status: 'failed',
        exit_code: 5,
        error: { code: 'NET_UNAVAILABLE', message: `gone at ${at}` },
      });
      expectClosed(all);
    },
  );

  it('cannot be opened: the reader is closed', async () => {
    const all = stage({ files: [TEN] });
    openTarget.mockRejectedValue(fail('NET_UNAVAILABLE', 'nobody there'));
    expect(await all.job.run()).toMatchObject({ status: 'failed', exit_code: 5, targets: [] });
    expect(all.reader.disposals).toBe(openReader.mock.calls.length);
  });
});

describe('a source that fails', () => {
  it('in the middle ends the run; what was written is told', async () => {
    let passes = 0;
    const { report, writer } = await run({
      files: [TEN],
      reading: {
        beforeBatch(_, row) {
          if (row === 0) passes++;
          if (passes === 2 && row === 6) throw fail('SRC_CHANGED', 'the file changed');
        },
      },
    });
    expect(report).toMatchObject({
      status: 'failed',
      exit_code: 3,
      error: { code: 'SRC_CHANGED' },
      targets: [{ rows_read: 6, rows_written: 6 }],
    });
    expect(keysIn(writer)).toHaveLength(6);
  });

  it('in preflight leaves the target untouched', async () => {
    const { report, writer } = await run({
      files: [TEN],
      reading: {
        beforeBatch() {
          throw fail('SRC_TRUNCATED', 'short');
        },
      },
    });
    expect(report).toMatchObject({ status: 'failed', exit_code: 3 });
    expect(writer.steps).toStrictEqual(['plan']);
  });
});
