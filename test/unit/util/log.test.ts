import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LOG_LEVELS, type Log, type LogOptions, openLog } from '../../../src/util/log.js';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'milvusdm-log-'));
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(home, { recursive: true, force: true });
});

const logs = (): string[] => readdirSync(join(home, 'logs')).sort();

async function open(
  options: Partial<LogOptions> = {},
  env: NodeJS.ProcessEnv = {},
): Promise<{ log: Log; lines: string[] }> {
  const lines: string[] = [];
  const write = (line: string): void => void lines.push(line);
  const log = await openLog(
    { level: 'info', format: 'text', secrets: [], write, ...options },
    { MILVUSDM_PATH: home, ...env },
  );
  return { log, lines };
}

function entries(log: Log): { level: number; msg: string; time: string; pid: number }[] {
  const lines = readFileSync(log.path!, 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as { level: number; msg: string; time: string; pid: number });
}

function writeAll(log: Log): void {
  for (const level of ['debug', 'info', 'warn', 'error'] as const) log[level](`a ${level} line`);
}

describe('the log', () => {
  it.each([
    ['debug', ['debug', 'info', 'warn', 'error']],
    ['info', ['info', 'warn', 'error']],
    ['warn', ['warn', 'error']],
    ['error', ['error']],
    ['silent', []],
  ] as const)('at level %s shows %j, and the file has every line', async (level, shown) => {
    const { log, lines } = await open({ level });
    writeAll(log);
    expect(lines).toStrictEqual(shown.map((name) => `a ${name} line`));
    expect(entries(log).map((entry) => [entry.level, entry.msg])).toStrictEqual([
      [20, 'a debug line'],
      [30, 'a info line'],
      [40, 'a warn line'],
      [50, 'a error line'],
    ]);
    expect(LOG_LEVELS).toContain(level);
  });

  it('goes to a file of the day that only the user can read, behind what stands there', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: new Date('2024-02-29T23:59:00Z') });
    for (const text of ['first', 'second']) (await open()).log.info(text);
    const { log } = await open();
    expect(log.path).toBe(join(home, 'logs', 'milvusdm-2024-02-29.log'));
    expect(entries(log).map((entry) => entry.msg)).toStrictEqual(['first', 'second']);
    expect(entries(log)[0]).toMatchObject({ pid: process.pid, time: '2024-02-29T23:59:00.000Z' });
    expect(statSync(log.path!).mode & 0o777).toBe(0o600);
    expect(statSync(join(home, 'logs')).mode & 0o777).toBe(0o700);
  });

  it('as JSON writes one document a line', async () => {
    const { log, lines } = await open({ format: 'json' });
    log.warn('a "line"\nin two');
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toContain('\n');
    expect(JSON.parse(lines[0]!)).toMatchObject({ level: 'warn', msg: 'a "line"\nin two', time: expect.any(String) });
  });

  it('has lines for the file alone', async () => {
    const { log, lines } = await open({ level: 'debug' });
    log.file('only here');
    expect(lines).toStrictEqual([]);
    expect(entries(log).map((entry) => entry.msg)).toStrictEqual(['only here']);
  });

  it('never holds a secret, on the terminal or in the file, in any form', async () => {
    const secret = 'pä55"word/x';
    const { log, lines } = await open({ level: 'debug', secrets: [secret] });
    const encoded = Buffer.from(`root:${secret}`).toString('base64');
    const texts = [secret, `a ${secret} b`, JSON.stringify({ secret }), encodeURIComponent(secret), encoded];
    for (const text of texts) {
      for (const level of ['debug', 'info', 'warn', 'error', 'file'] as const) log[level](text);
    }
    const written = readFileSync(log.path!, 'utf8') + lines.join('\n');
    for (const form of [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret), encoded]) {
      expect(written).not.toContain(form);
    }
    expect(written).toContain('a *** b');
  });
});

describe('old log files', () => {
  function fill(count: number): void {
    mkdirSync(join(home, 'logs'), { recursive: true });
    for (let day = 1; day <= count; day++) {
      writeFileSync(join(home, 'logs', `milvusdm-2020-01-${String(day).padStart(2, '0')}.log`), '');
    }
  }

  it.each([
    ['3', 3],
    ['1', 1],
    [undefined, 10],
    ['many', 10],
    ['0', 10],
    ['-4', 1],
    ['2.5', 2],
  ])('are kept up to LOGS_NUM=%s, that of today among them', async (number, kept) => {
    fill(15);
    const { log } = await open({}, number === undefined ? {} : { LOGS_NUM: number });
    log.info('x');
    expect(logs()).toHaveLength(kept);
    const old = Array.from({ length: kept - 1 }, (_, i) => `milvusdm-2020-01-${String(15 - i).padStart(2, '0')}.log`);
    expect(logs()).toStrictEqual([log.path!.split('/').pop()!, ...old].sort());
  });

  it('are counted with that of today when the day has one', async () => {
    fill(15);
    for (let i = 0; i < 3; i++) (await open({}, { LOGS_NUM: '4' })).log.info('x');
    expect(logs()).toHaveLength(4);
  });

  it('and nothing else is removed', async () => {
    fill(5);
    for (const name of ['notes.txt', 'milvusdm-2020-01-01.log.bak', 'other-2020-01-01.log']) {
      writeFileSync(join(home, 'logs', name), '');
    }
    (await open({}, { LOGS_NUM: '1' })).log.info('x');
    expect(logs()).toHaveLength(4);
    expect(logs()).toContain('notes.txt');
  });
});

describe('without a folder to write to', () => {
  it('the terminal still gets every line', async () => {
    writeFileSync(join(home, 'logs'), 'a file where the folder should be');
    const { log, lines } = await open();
    log.info('still here');
    expect(log.path).toBeUndefined();
    expect(lines).toStrictEqual(['still here']);
  });

  it('a read-only home is no failure', async () => {
    chmodSync(home, 0o500);
    const { log, lines } = await open();
    log.warn('still here');
    chmodSync(home, 0o700);
    expect(lines).toStrictEqual(['still here']);
  });
});
