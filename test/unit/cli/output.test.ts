import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { printFailure, printResult, toJson } from '../../../src/cli/output.js';
import { fail, toMilvusdmError } from '../../../src/util/errors.js';

const written = { stdout: '', stderr: '' };
beforeEach(() => {
  for (const name of ['stdout', 'stderr'] as const) {
    written[name] = '';
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      written[name] += String(text);
      return true;
    });
  }
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

describe('a result', () => {
  it('is one thing on stdout, without secrets', () => {
    printResult('token s3cret!', ['s3cret!']);
    expect(written).toStrictEqual({ stdout: 'token ***\n', stderr: '' });
  });

  it('as JSON has 64-bit integers as text', () => {
    expect(JSON.parse(toJson({ id: 2n ** 63n - 1n, rows: 5 }))).toStrictEqual({ id: '9223372036854775807', rows: 5 });
  });
});

describe('a failure before there was a job', () => {
  const error = fail('CFG_FILE', 'x.yaml with s3cret! cannot be read', { hint: 'Check s3cret!.' });

  it('is two lines on stderr', () => {
    printFailure(error, false, ['s3cret!']);
    expect(written).toStrictEqual({ stdout: '', stderr: 'x.yaml with *** cannot be read\nhint: Check ***.\n' });
  });

  it('is one document on stdout with --json', () => {
    printFailure(error, true, ['s3cret!'], 'H2M');
    expect(written.stderr).toBe('');
    expect(JSON.parse(written.stdout)).toStrictEqual({
      version: 1,
      task: 'H2M',
      status: 'failed',
      exit_code: 2,
      job_id: null,
      resumable: false,
      targets: [],
      warnings: [],
      error: { code: 'CFG_FILE', message: 'x.yaml with *** cannot be read', hint: 'Check ***.' },
      seconds: 0,
      bytes: 0,
    });
  });

  it('by a signal is an interruption', () => {
    printFailure(fail('INTERRUPTED', 'stopped'), true, []);
    expect(JSON.parse(written.stdout)).toMatchObject({ status: 'interrupted', exit_code: 130 });
  });

  it('of our own shows where only when asked, and then without secrets', () => {
    const bug = toMilvusdmError(new TypeError('s3cret! is not a function'));
    printFailure(bug, false, ['s3cret!']);
    expect(written.stderr).not.toContain('    at ');
    vi.stubEnv('MILVUSDM_DEBUG', '1');
    printFailure(bug, false, ['s3cret!']);
    expect(written.stderr).toContain('    at ');
    expect(written.stderr).not.toContain('s3cret!');
  });
});
