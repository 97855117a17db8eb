import { describe, expect, it } from 'vitest';
import { takeEvents } from '../../../web/src/api/event-text.js';
import { bytes, duration, percent, words } from '../../../web/src/format.js';
import { offsetOf } from '../../../web/src/parts/offset.js';

describe('server-sent events', () => {
  it('are taken when they are whole, wherever the text was cut', () => {
    const text =
      'retry: 2000\n\nid: 1\nevent: job\ndata: {"a":1}\n\n: still here\n\nevent: log\r\ndata: x\r\ndata: y\r\n\r\n';
    const whole = [
      { event: 'job', data: '{"a":1}' },
      { event: 'log', data: 'x\ny' },
    ];
    for (let cut = 0; cut <= text.length; cut++) {
      const first = takeEvents(text.slice(0, cut));
      const second = takeEvents(first.rest + text.slice(cut));
      expect([...first.events, ...second.events], `cut at ${cut}`).toStrictEqual(whole);
    }
  });
});

describe('the place of a mistake', () => {
  const text = 'ab\ncde\n\nf';
  it.each([
    [1, 1, 0],
    [1, 9, 2],
    [2, 2, 4],
    [3, 1, 7],
    [4, 1, 8],
    [9, 9, 9],
  ])('%i:%i is at %i', (line, column, offset) => {
    expect(offsetOf(text, line, column)).toBe(offset);
  });
});

describe('figures', () => {
  it('are read easily', () => {
    expect([0, 9.94, 59, 61, 3599.6, 3661, -1].map(duration)).toStrictEqual([
      '0.0 s',
      '9.9 s',
      '59 s',
      '1 min 01 s',
      '1 h 00 min',
      '1 h 01 min',
      'unknown',
    ]);
    expect([0, 1023, 1024, 5 << 30].map(bytes)).toStrictEqual(['0 B', '1023 B', '1.0 KiB', '1.0 GiB']);
    expect([null, '', 0, 1234, true, { a: 1 }].map(words)).toStrictEqual([
      'none',
      'none',
      '0',
      '1,234',
      'yes',
      '{"a":1}',
    ]);
  });

  it('never say 100 percent before the end', () => {
    expect([percent(0, 10), percent(9999, 10_000), percent(10, 10), percent(5, 0)]).toStrictEqual([0, 99, 100, null]);
  });
});
