import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { lineView, type ProgressView } from '../../../../src/cli/render/progress.js';
import type { JobEvent } from '../../../../src/job/events.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const progress = (done: number, total = 1_000_000): JobEvent => ({
  type: 'progress',
  phase: 'write',
  done,
  total,
  bytes: 0,
});

function open(form?: (text: string) => string): { view: ProgressView; lines: string[] } {
  const lines: string[] = [];
  return { view: lineView((line) => lines.push(line), form), lines };
}

describe('progress in lines', () => {
  it('is one line a phase and one every ten seconds', () => {
    const { view, lines } = open();
    view.show({ type: 'phase', phase: 'write' });
    for (let second = 1; second <= 25; second++) {
      vi.advanceTimersByTime(1000);
      view.show(progress(second * 10_000));
    }
    expect(lines).toStrictEqual([
      'phase write',
      'write 110,000 of 1,000,000 10,000/s 1 min 29 s left',
      'write 220,000 of 1,000,000 10,000/s 1 min 18 s left',
    ]);
  });

  it('counts rate and rest from the start of the phase', () => {
    const { view, lines } = open();
    view.show({ type: 'phase', phase: 'preflight' });
    vi.advanceTimersByTime(60_000);
    view.show({ type: 'phase', phase: 'write' });
    vi.advanceTimersByTime(11_000);
    view.show(progress(990_000));
    expect(lines.at(-1)).toBe('write 990,000 of 1,000,000 90,000/s 0 s left');
  });

  it('names no rest while nothing is done', () => {
    const { view, lines } = open();
    vi.advanceTimersByTime(11_000);
    view.show(progress(0));
    expect(lines).toStrictEqual(['write 0 of 1,000,000 0/s']);
  });

  it('gives its own lines the form that is asked for, and those of the log as they come', () => {
    const { view, lines } = open((text) => JSON.stringify({ msg: text }));
    view.show({ type: 'phase', phase: 'flush' });
    view.line('a line of the log');
    view.show({ type: 'warning', message: 'not shown here' });
    view.stop();
    expect(lines).toStrictEqual(['{"msg":"phase flush"}', 'a line of the log']);
  });
});
