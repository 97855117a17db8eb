import fs, { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type ArchiveFile, createArchiveFile } from '../../../../src/adapters/hdf5/index.js';
import { schemaOf } from '../../batch/support.js';
import { errorOf } from '../hdf5/support.js';
import { open, readBack, scratchFolder, simpleBatch, simpleSpecs } from './support.js';

const scratch = scratchFolder();
let count = 0;

/** A folder of its own, and the path of an archive in it. */
function place(): { folder: string; path: string } {
  const folder = join(scratch, `storage-${count++}`);
  mkdirSync(folder);
  return { folder, path: join(folder, 'a.h5') };
}

function create(path: string, overwrite = false): Promise<ArchiveFile> {
  const schema = schemaOf(...simpleSpecs(16));
  return createArchiveFile({ path, schema, meta: {}, keyName: 'id', vectorName: 'vec', overwrite });
}

const realWrite = fs.writeSync;

function refusal(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: refused, write`), { code });
}

/** A disk with room for so many bytes: what exceeds them is cut off, and all further writes are refused. */
function diskOf(bytes: number, code = 'ENOSPC'): void {
  let left = bytes;
  vi.spyOn(fs, 'writeSync').mockImplementation(((
    fd: number,
    data: Uint8Array,
    at: number,
    length: number,
    to: number,
  ) => {
    if (left === 0 && length > 0) throw refusal(code);
    const written = realWrite(fd, data, at, Math.min(length, left), to);
    left -= written;
    return written;
  }) as typeof fs.writeSync);
}

afterEach(() => vi.restoreAllMocks());

describe('a full disk', () => {
  // Before the first chunk, within one, at the rest, at the schema and at the very end.
  it.each([0, 100, 700_000, 1_500_000, 2_900_000])('of %i bytes is noticed, and nothing is left', async (bytes) => {
    const { folder, path } = place();
    diskOf(bytes);
    const run = async (): Promise<void> => {
      await using archive = await create(path);
      for (let i = 0; i < 4; i++) await archive.append(simpleBatch(10_000, 16, i * 10_000));
      await archive.finish();
    };
    const error = await errorOf(run());
    expect(error).toMatchObject({ code: 'DST_STORAGE', exitCode: 4 });
    expect(error.message).toBe(`${path} cannot be written: the disk is full (ENOSPC)`);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('that says so only on closing is noticed too', async () => {
    const { folder, path } = place();
    await using archive = await create(path);
    await archive.append(simpleBatch(10_000, 16));
    const close = vi.spyOn(fs, 'closeSync').mockImplementationOnce(() => {
      throw refusal('EIO');
    });
    const error = await errorOf(archive.finish());
    expect(close).toHaveBeenCalledOnce();
    expect(error.message).toBe(`${path} cannot be written: the disk reports an error (EIO)`);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('does not hurt another archive that is written at the same time', async () => {
    const [full, fine] = [place(), place()];
    await using other = await create(fine.path);
    await other.append(simpleBatch(20_000, 16));
    await using archive = await create(full.path);
    diskOf(0, 'EDQUOT');
    const error = await errorOf(archive.append(simpleBatch(20_000, 16)));
    expect(error.message).toMatch(/the quota is used up \(EDQUOT\)/);
    vi.restoreAllMocks();
    await other.append(simpleBatch(10, 16, 20_000));
    await other.finish();
    await using reader = await open([fine.path]);
    expect((await readBack(reader)).rows.length).toBe(20_010);
    expect((await errorOf(archive.append(simpleBatch(1, 16)))).message).toMatch(/is lost/);
  });
});

describe('a disk that stores something else', () => {
  it('is noticed when the archive is read back', async () => {
    const { folder, path } = place();
    vi.spyOn(fs, 'writeSync').mockImplementation(((
      fd: number,
      data: Uint8Array,
      at: number,
      length: number,
      to: number,
    ) => {
      if (length < 1 << 20) return realWrite(fd, data, at, length, to);
      const changed = Buffer.from(data.buffer, data.byteOffset + at, length).map((byte, i) =>
        i === 77 ? byte ^ 1 : byte,
      );
      return realWrite(fd, changed, 0, length, to);
    }) as typeof fs.writeSync);
    await using archive = await create(path);
    await archive.append(simpleBatch(20_000, 16));
    const error = await errorOf(archive.finish());
    expect(error).toMatchObject({ code: 'VERIFY_MISMATCH', exitCode: 6 });
    expect(error.message).toMatch(/dataset "embeddings" of .*a\.h5 is not what was written: rows 0 to 16,383 differ/);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('the name of an archive', () => {
  it('must be free, unless it may be replaced', async () => {
    const { folder, path } = place();
    writeFileSync(path, 'precious');
    const error = await errorOf(create(path));
    expect(error.message).toBe(`${path} cannot be written: it exists already (EEXIST)`);
    expect(readFileSync(path, 'utf8')).toBe('precious');
    await using archive = await create(path, true);
    await archive.append(simpleBatch(5, 16));
    expect(readFileSync(path, 'utf8')).toBe('precious');
    await archive.finish();
    await using reader = await open([path]);
    expect((await readBack(reader)).rows.length).toBe(5);
    expect(readdirSync(folder)).toEqual(['a.h5']);
  });

  it('is not taken from a file that came meanwhile', async () => {
    const { folder, path } = place();
    await using archive = await create(path);
    writeFileSync(path, 'came later');
    expect((await errorOf(archive.finish())).code).toBe('DST_STORAGE');
    expect(readFileSync(path, 'utf8')).toBe('came later');
    expect(readdirSync(folder)).toEqual(['a.h5']);
  });

  it('may lie in folders that are not there yet', async () => {
    const { folder } = place();
    const path = join(folder, 'run', 'books', '_default.h5');
    await using archive = await create(path);
    await archive.finish();
    expect(existsSync(path)).toBe(true);
  });

  it('is refused below a file, and where there is a folder', async () => {
    const { folder, path } = place();
    writeFileSync(path, '');
    expect((await errorOf(create(join(path, 'b.h5')))).code).toBe('DST_STORAGE');
    expect((await errorOf(create(folder))).code).toBe('DST_STORAGE');
  });
});

describe('an archive that is not finished', () => {
  it('leaves nothing', async () => {
    const { folder, path } = place();
    {
      await using archive = await create(path);
      await archive.append(simpleBatch(20_000, 16));
      expect(readdirSync(folder).length).toBe(1);
      expect(existsSync(path)).toBe(false);
    }
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is lost when its folder goes away', async () => {
    const { folder, path } = place();
    await using archive = await create(path);
    await archive.append(simpleBatch(20_000, 16));
    rmSync(folder, { recursive: true });
    expect((await errorOf(archive.finish())).code).toBe('DST_STORAGE');
  });

  it('takes no batch of another schema', async () => {
    const { folder, path } = place();
    await using archive = await create(path);
    expect((await errorOf(archive.append(simpleBatch(1, 8)))).code).toBe('INTERNAL');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('counts what was given', async () => {
    await using archive = await create(place().path);
    await archive.append(simpleBatch(1000, 16));
    expect(archive).toMatchObject({ rows: 1000, bytes: 72_000 });
  });
});
