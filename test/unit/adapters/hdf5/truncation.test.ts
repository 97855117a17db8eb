import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { inspectHdf5, openHdf5 } from '../../../../src/adapters/hdf5/index.js';
import { EXPECTED, errorOf, FIXTURES, NAMES, readAll, source } from './support.js';

const folder = mkdtempSync(join(tmpdir(), 'hdf5-cut-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('a file that is cut off', () => {
  it.each(EXPECTED)('%s is refused at every sixteenth of its length', async (name, entry) => {
    const bytes = readFileSync(join(FIXTURES, name));
    for (let part = 0; part < 16; part++) {
      const path = join(folder, `${part}-${name}`);
      writeFileSync(path, bytes.subarray(0, Math.floor((bytes.length * part) / 16)));
      const read = async (): Promise<void> => {
        await using reader = await openHdf5(source([path], entry.options ?? {}), NAMES);
        await readAll(reader, { maxBytes: 1 << 20 });
      };
      const error = await errorOf(read());
      expect(error.exitCode).toBe(3);
      if (entry.outcome === 'ok' && part > 0) {
        const head = name === 'userblock.h5' ? 1024 : 0;
        const cut = Math.floor((bytes.length * part) / 16) >= head + 8;
        expect(error.code).toBe(cut ? 'SRC_TRUNCATED' : 'SRC_UNREADABLE');
      }
      expect((await errorOf(inspectHdf5(path))).exitCode).toBe(3);
    }
  });

  it('is refused when only its last byte is missing', async () => {
    const path = join(folder, 'last.h5');
    writeFileSync(path, readFileSync(join(FIXTURES, 'float32.h5')).subarray(0, -1));
    const error = await errorOf(openHdf5(source([path]), NAMES));
    expect(error.code).toBe('SRC_TRUNCATED');
    expect(error.message).toMatch(/announces 23,648 bytes, the file has 23,647/);
  });
});

describe('a file with damaged bytes', () => {
  // A fixed walk over positions: results are repeatable. Whatever is damaged must end in rows or in one of our errors.
  it.each(['float32.h5', 'latest_btree.h5', 'ids_text_vlen.h5', 'columns.h5', 'v108.h5', 'szip.h5', 'scaleoffset.h5'])(
    '%s never crashes the reader',
    async (name) => {
      const entry = EXPECTED.find(([file]) => file === name)?.[1];
      const bytes = readFileSync(join(FIXTURES, name));
      let seed = 12345;
      const next = (bound: number): number => {
        seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
        return Math.floor((seed / 2 ** 32) * bound);
      };
      for (let round = 0; round < 60; round++) {
        const copy = Buffer.from(bytes);
        for (let i = 0; i < 4; i++) copy[next(round % 2 === 0 ? Math.min(4096, copy.length) : copy.length)] = next(256);
        const path = join(folder, `${round}-damaged-${name}`);
        writeFileSync(path, copy);
        try {
          await using reader = await openHdf5(source([path], entry?.options ?? {}), NAMES);
          await readAll(reader, { maxBytes: 1 << 16 });
        } catch (thrown) {
          expect((thrown as { exitCode?: number }).exitCode, String(thrown)).toBe(3);
        }
      }
      // The library still works afterwards.
      await using reader = await openHdf5(source([join(FIXTURES, 'float32.h5')]), NAMES);
      expect((await readAll(reader, { maxBytes: 1 << 20 })).starts).toEqual([0]);
    },
  );
});
