import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createRecorder } from '../../../src/job/recorder.js';
import { REPORT_VERSION, type Report } from '../../../src/job/report.js';
import { saveReport, toSavedReport, yamlFingerprint } from '../../../src/job/saved-report.js';
import { writeWhole } from '../../../src/util/atomic.js';
import { temporaryFolder } from '../../support/temporary.js';
import { taskConfig } from './support.js';

const folder = (): string => temporaryFolder('report');

function report(more: Partial<Report> = {}): Report {
  return {
    version: REPORT_VERSION,
    task: 'H2M',
    status: 'done',
    exit_code: 0,
    job_id: '0123456789ab',
    resumable: false,
    targets: [],
    warnings: [],
    error: null,
    seconds: 1,
    bytes: 123456,
    ...more,
  };
}

function save(more: Partial<Report> = {}, secrets: readonly string[] = []) {
  const config = taskConfig({}, { secrets });
  const started = new Date('2026-11-21T13:05:59.123Z');
  const yaml = { path: '/a/hunter22.yaml', sha256: 'f'.repeat(64), cwd: '/a' };
  return toSavedReport({ report: report(more), record: createRecorder().record(), config, started, yaml, limit: 5 });
}

describe('a saved report', () => {
  it('is two whole files for the eyes of their owner alone', async () => {
    const dir = join(folder(), 'new', 'reports');
    const files = await saveReport(dir, save(), (saved) => `<p>${saved.job_id}</p>`);
    expect(readdirSync(dir).sort()).toEqual([
      '20261121T130559123Z-H2M-0123456789ab.html',
      '20261121T130559123Z-H2M-0123456789ab.json',
    ]);
    for (const path of Object.values(files)) expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    expect(readFileSync(files.html, 'utf8')).toBe('<p>0123456789ab</p>');
    const saved = JSON.parse(readFileSync(files.json, 'utf8'));
    expect(saved).toMatchObject({
      status: 'done',
      run: { from: '/data/a.h5', to: 'Milvus at http://127.0.0.1:19530', limit: 5 },
    });
  });

  it('has no secret in any text, and all of its keys and numbers', () => {
    const saved = save({ warnings: ['token hunter22 refused'] }, ['hunter22', '123456', 'status']);
    expect(JSON.stringify(saved)).not.toContain('hunter22');
    expect(saved.warnings).toEqual(['token *** refused']);
    expect(saved).toMatchObject({ status: 'done', bytes: 123456, run: { yaml: { path: '/a/***.yaml' } } });
  });

  it('leaves a file that is there as it is, and nothing of its own behind', async () => {
    const dir = folder();
    await saveReport(dir, save(), () => 'first');
    await expect(saveReport(dir, save(), () => 'second')).rejects.toMatchObject({ code: 'DST_STORAGE' });
    expect(readdirSync(dir)).toHaveLength(2);
  });

  it('cannot be written where a file stands in the way of the folder', async () => {
    const path = join(folder(), 'file');
    writeFileSync(path, '');
    await expect(writeWhole(join(path, 'a.json'), '{}')).rejects.toMatchObject({ code: 'DST_STORAGE' });
  });

  it('knows its YAML again, and knows when there is none to read again', () => {
    const dir = folder();
    const path = join(dir, 'a.yaml');
    writeFileSync(path, 'F2M:\n');
    const before = yamlFingerprint(path);
    expect(before).toEqual({ path, sha256: expect.stringMatching(/^[0-9a-f]{64}$/), cwd: process.cwd() });
    writeFileSync(path, 'F2M: \n');
    expect(yamlFingerprint(path)?.sha256).not.toBe(before?.sha256);
    mkdirSync(join(dir, 'folder'));
    expect([
      yamlFingerprint(join(dir, 'folder')),
      yamlFingerprint(join(dir, 'gone')),
      yamlFingerprint('/dev/null'),
    ]).toEqual([null, null, null]);
  });
});
