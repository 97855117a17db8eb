import { describe, expect, it } from 'vitest';
import { createRecorder } from '../../../src/job/recorder.js';
import { KEY, VECTOR } from './support.js';

function open() {
  let time = 1000;
  const recorder = createRecorder(() => time);
  const progress = (done: number, bytes = done * 10, phase: 'write' | 'preflight' = 'write'): void =>
    recorder.listen({ type: 'progress', phase, done, total: 1e9, bytes });
  return { recorder, progress, pass: (ms: number) => (time += ms), phase: recorder.listen };
}

describe('the recorder', () => {
  it('adds up the time of each phase, over all collections', () => {
    const { recorder, pass } = open();
    for (const [phase, ms] of [
      ['plan', 100],
      ['write', 2000],
      ['flush', 30],
      ['write', 500],
    ] as const) {
      recorder.listen({ type: 'phase', phase });
      pass(ms);
    }
    const { phases } = recorder.record();
    expect(phases).toEqual([
      { phase: 'plan', seconds: 0.1 },
      { phase: 'write', seconds: 2.5 },
      { phase: 'flush', seconds: 0.03 },
    ]);
    pass(9999);
    expect(recorder.record().phases).toEqual(phases);
  });

  it('sums the rows of each step, also where the count starts again with a collection', () => {
    const { recorder, progress, pass } = open();
    progress(100);
    progress(150);
    pass(260);
    progress(200);
    pass(250);
    recorder.listen({ type: 'phase', phase: 'write' });
    progress(900);
    progress(1e6, 1e7, 'preflight');
    expect(recorder.record().throughput).toEqual({
      step_seconds: 0.25,
      rows: [150, 50, 900],
      bytes: [1500, 500, 9000],
    });
  });

  it('leaves out what an earlier run has settled', () => {
    const { recorder, progress } = open();
    recorder.listen({ type: 'phase', phase: 'write' });
    recorder.listen({ type: 'resumed', rows: 5000, bytes: 50_000 });
    progress(5100);
    expect(recorder.record().throughput).toMatchObject({ rows: [100], bytes: [1000] });
  });

  it('never holds more than 240 steps, however long a run lasts, and loses no row', () => {
    const { recorder, progress, pass } = open();
    let rows = 0;
    for (let i = 0; i < 20_000; i++) {
      rows += 7;
      progress(rows);
      pass(i % 3 === 0 ? 5000 : 900);
    }
    const { throughput } = recorder.record();
    expect(throughput.rows.length).toBeLessThanOrEqual(240);
    expect(throughput.rows.length).toBeGreaterThan(100);
    expect(throughput.rows.reduce((sum, n) => sum + n, 0)).toBe(rows);
    expect(throughput.bytes.reduce((sum, n) => sum + n, 0)).toBe(rows * 10);
    expect(throughput.step_seconds * throughput.rows.length).toBeGreaterThan(45_000);
  });

  it('jumps over a long silence at once', () => {
    const { recorder, progress, pass } = open();
    progress(1);
    pass(30 * 24 * 3600_000);
    progress(2);
    expect(recorder.record().throughput.rows.length).toBeLessThanOrEqual(240);
  });

  it('keeps what the digests cover, and the parts that hold nothing else', () => {
    const { recorder } = open();
    recorder.listen({
      type: 'collection',
      collection: 'books',
      server: 'Milvus',
      fields: [KEY, { ...VECTOR, description: 'left out' }],
      units: [
        { partition: 'red', write: true, existingRows: 0, fresh: true },
        { partition: 'blue', write: true, existingRows: 3, fresh: false },
        { partition: 'old', write: false, existingRows: 3, fresh: false },
      ],
    });
    expect(recorder.record().collections).toEqual([
      {
        collection: 'books',
        server: 'Milvus',
        fields: [
          { name: 'id', type: 'INT64', primaryKey: true },
          { name: 'embedding', type: 'FLOAT_VECTOR', dim: 4 },
        ],
        fresh: ['red'],
      },
    ]);
  });
});
