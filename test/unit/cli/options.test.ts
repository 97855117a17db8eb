import { afterEach, expect, it, vi } from 'vitest';
import { mayColor } from '../../../src/cli/options.js';

afterEach(() => {
  vi.unstubAllEnvs();
});

const stream = (isTTY: boolean): NodeJS.WriteStream => ({ isTTY }) as NodeJS.WriteStream;

it.each([
  ['a terminal', undefined, true, '', true],
  ['a terminal that is told so', true, true, '', true],
  ['no terminal', true, false, '', false],
  ['--no-color', false, true, '', false],
  ['NO_COLOR', undefined, true, '1', false],
])('colours on %s', (_, color, isTTY, noColor, may) => {
  vi.stubEnv('NO_COLOR', noColor);
  expect(mayColor(color === undefined ? {} : { color }, stream(isTTY))).toBe(may);
});
