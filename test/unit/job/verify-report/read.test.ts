import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type SavedReport, yamlFingerprint } from '../../../../src/job/saved-report.js';
import { findYaml, readReport } from '../../../../src/job/verify-report/read.js';
import { temporaryFolder } from '../../../support/temporary.js';

const dir = temporaryFolder('read');
const TARGET = { collection: 'c', source: 's', rows_written: 1 };
const COLLECTION = { collection: 'c', server: 'm', fields: [{ name: 'id', type: 'INT64' }], fresh: [null] };
const GOOD = { version: 1, targets: [TARGET], run: { collections: [COLLECTION] } };

function write(name: string, content: string): string {
  const path = join(dir, name);
  writeFileSync(path, content);
  return path;
}

describe('reading a report', () => {
  it('takes what a run has written', () => {
    expect(readReport(write('good.json', JSON.stringify(GOOD)))).toEqual(GOOD);
  });

  it.each([
    ['no JSON', '{'],
    ['a list', '[]'],
    ['null', 'null'],
    ['another version', JSON.stringify({ ...GOOD, version: 2 })],
    ['what is printed on stdout', JSON.stringify({ version: 1, targets: [] })],
    ['targets that are none', JSON.stringify({ ...GOOD, targets: [{ collection: 1 }] })],
    ['no targets', JSON.stringify({ ...GOOD, targets: 'none' })],
    [
      'collections without fields',
      JSON.stringify({ ...GOOD, run: { collections: [{ collection: 'c', server: 'm' }] } }),
    ],
    ['fields that are none', JSON.stringify({ ...GOOD, run: { collections: [{ ...COLLECTION, fields: [{}] }] } })],
  ])('refuses %s', (name, text) => {
    const path = write('bad.json', text);
    expect(() => readReport(path), name).toThrow(expect.objectContaining({ code: 'CFG_FILE' }));
    expect(() => readReport(path)).toThrow(path);
  });

  it.each(['BACKUP', 'RESTORE'])('refuses that of a %s, and says what compares', (task) => {
    const path = write('other.json', JSON.stringify({ ...GOOD, task }));
    expect(() => readReport(path)).toThrow(expect.objectContaining({ code: 'CFG_CONFLICT' }));
    expect(() => readReport(path)).toThrow(`${path} is the report of a ${task}`);
  });

  it('refuses a folder, and a file that is not there', () => {
    for (const path of [dir, join(dir, 'none.json')]) {
      expect(() => readReport(path)).toThrow(expect.objectContaining({ code: 'CFG_FILE' }));
    }
  });
});

describe('the YAML file of a report', () => {
  const saved = (path: string): SavedReport => ({ run: { yaml: yamlFingerprint(path) } }) as unknown as SavedReport;

  it('is found where it was, or where a copy of it is', () => {
    const path = write('a.yaml', 'H2M: {}\n');
    const report = saved(path);
    expect(findYaml(report, undefined)).toEqual({ path, cwd: process.cwd() });
    const copy = write('copy.yaml', 'H2M: {}\n');
    expect(findYaml(report, copy).path).toBe(copy);
  });

  it('is refused when it has changed, is gone, or never was a file', () => {
    const path = write('b.yaml', 'H2M: {}\n');
    const report = saved(path);
    writeFileSync(path, 'H2M: {a: 1}\n');
    expect(() => findYaml(report, undefined)).toThrow(expect.objectContaining({ code: 'CFG_CONFLICT' }));
    expect(() => findYaml(report, join(dir, 'none.yaml'))).toThrow(expect.objectContaining({ code: 'CFG_FILE' }));
    expect(() => findYaml(saved('/dev/null'), undefined)).toThrow(/no file/);
  });
});
