import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inspectFaiss, isFaiss } from '../../../../src/adapters/faiss/index.js';
import { REFUSED_KINDS } from '../../../../src/adapters/faiss/refused.js';
import { errorOf, FIXTURES, fixtures, openFiles, temporaryFolder } from './support.js';

const SAYS = {
  none: 'it stores no vectors',
  approximate: 'it stores approximations',
};

function fileOf(content: string | Buffer): string {
  const path = join(temporaryFolder(), 'some.index');
  writeFileSync(path, content);
  return path;
}

describe('a kind that is not read is refused by its name', () => {
  const cases = [...fixtures('unsupported'), ...fixtures('refuse')];
  it.each(cases)('%s', async (name, entry) => {
    const path = join(FIXTURES, name);
    const error = await errorOf(() => openFiles(path));
    expect([error.code, error.exitCode]).toEqual([entry.code, 3]);
    expect(error.message).toContain(path);
    if (entry.code !== 'SRC_UNSUPPORTED') {
      expect((await errorOf(() => inspectFaiss(path))).message).toBe(error.message);
      return;
    }
    expect(error.message).toContain(`(${entry.kind})`);
    const info = await inspectFaiss(path);
    const lossy = entry.outcome === 'unsupported';
    expect(info).toMatchObject({ verdict: lossy ? 'lossy' : 'refused', dim: 16, rows: 300 });
    expect(error.hint?.includes('allow_lossy')).toBe(lossy);
    expect(info.details.join('\n')).toContain(lossy ? 'allow_lossy: true' : entry.reason);
  });

  it.each([...REFUSED_KINDS])('%s', async (fourcc, kind) => {
    expect(isFaiss(Buffer.from(fourcc, 'latin1'))).toBe(true);
    const error = await errorOf(() => openFiles(fileOf(`${fourcc}${'\0'.repeat(64)}`)));
    expect(error.code).toBe('SRC_UNSUPPORTED');
    expect(error.message).toContain(`${kind.name} (${fourcc})`);
    expect(error.message).toContain(SAYS[kind.why]);
    expect(error.message).toContain(kind.holds);
  });

  it('names the index inside an id map', async () => {
    const error = await errorOf(() => openFiles('idmap_pq.index'));
    expect(error.message).toContain('IDMap (IxMp) over PQ (IxPq): it stores approximations');
  });
});

describe('what is no Faiss index', () => {
  it.each([
    ['an unknown kind', 'IxZZ....', 'SRC_UNSUPPORTED', '"IxZZ"'],
    ['another format', '\x89HDF\r\n', 'SRC_UNREADABLE', 'begins with the bytes'],
    ['text', 'id,vector\n', 'SRC_UNREADABLE', 'begins with "id,v"'],
    ['nothing', '', 'SRC_TRUNCATED', 'need 4 bytes at offset 0, have 0'],
  ])('%s', async (_, content, code, words) => {
    const error = await errorOf(() => openFiles(fileOf(content)));
    expect([error.code, error.exitCode]).toEqual([code, 3]);
    expect(error.message).toContain(words);
  });

  it('a missing file and a folder', async () => {
    const folder = temporaryFolder();
    expect((await errorOf(() => openFiles(join(folder, 'none.index')))).code).toBe('SRC_NOT_FOUND');
    expect((await errorOf(() => openFiles(folder))).code).toBe('SRC_UNREADABLE');
  });
});
