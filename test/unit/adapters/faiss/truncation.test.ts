import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cpuMs } from '../../../support/cpu.js';
import { copyOf, errorOf, FIXTURES, fixtures, readAll } from './support.js';

const SIXTEENTHS = Array.from({ length: 16 }, (_, i) => i);

async function expectRefusal(path: string, cut: string): Promise<void> {
  const started = cpuMs();
  const error = await errorOf(() => readAll(path));
  expect(error.exitCode, cut).toBe(3);
  expect(cpuMs() - started, cut).toBeLessThan(1000);
}

describe('a file that was cut', () => {
  it.each(fixtures().map(([name]) => name))('%s is refused at every sixteenth', async (name) => {
    const bytes = readFileSync(join(FIXTURES, name));
    const path = copyOf(name);
    for (const part of SIXTEENTHS) {
      const length = Math.floor((bytes.length * part) / 16);
      writeFileSync(path, bytes.subarray(0, length));
      await expectRefusal(path, `${name} cut to ${length} bytes`);
    }
  });

  it.each(fixtures('ok').map(([name]) => name))('%s is refused when any of its last bytes is missing', async (name) => {
    const path = copyOf(name);
    const { size } = statSync(path);
    for (let length = size - 1; length >= Math.max(0, size - 40); length--) {
      truncateSync(path, length);
      await expectRefusal(path, `${name} cut to ${length} bytes`);
    }
  });

  it.each(fixtures('ok').filter(([, entry]) => entry.needs))(
    '%s is refused with a cut data file',
    async (name, entry) => {
      const path = copyOf(name);
      for (const further of entry.needs!) {
        const bytes = readFileSync(join(FIXTURES, further));
        const data = join(dirname(path), further);
        for (const length of [...SIXTEENTHS.map((part) => Math.floor((bytes.length * part) / 16)), bytes.length - 1]) {
          writeFileSync(data, bytes.subarray(0, length));
          await expectRefusal(path, `${further} cut to ${length} bytes`);
        }
        writeFileSync(data, bytes);
        expect((await readAll(path)).vectors.length).toBe(entry.rows);
      }
    },
  );

  it('says how many bytes are missing', async () => {
    const path = copyOf('flat_l2.index', (bytes) => bytes.subarray(0, 10_000));
    const error = await errorOf(() => readAll(path));
    expect([error.code, error.message]).toEqual([
      'SRC_TRUNCATED',
      `${path}: values of the vectors: need 19200 bytes at offset 45, have 9955`,
    ]);
  });
});
