import { describe, expect, it } from 'vitest';
import { defaultBackupName, requireBackupName } from '../../../src/backup/names.js';

describe('names of backups', () => {
  it.each(['a', '_1', 'nightly_2026', 'x'.repeat(128)])('may be %s', (name) => {
    expect(requireBackupName(name)).toBe(name);
  });

  it.each(['', '1a', 'a-b', 'a/b', '../a', 'a b', 'ä', 'x'.repeat(129), 'a\n'])('may not be %j', (name) => {
    expect(() => requireBackupName(name)).toThrow(expect.objectContaining({ code: 'CFG_INVALID' }));
  });

  it('are by default the time, never twice the same', () => {
    const now = new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 6));
    const made = Array.from({ length: 20 }, () => defaultBackupName(now));
    for (const name of made) expect(requireBackupName(name)).toMatch(/^backup_2026_01_02_03_04_05_006\d{6}$/);
    expect(new Set(made).size).toBeGreaterThan(1);
  });
});
