import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { jobFiles } from '../../../src/server/state/folders.js';
import { boundLog } from '../../../src/server/worker/job-log.js';
import { task, temporaryFolder } from './support.js';

const WORKER = fileURLToPath(new URL('../../../src/server/worker/main.ts', import.meta.url));
const CUT =
  /^\{"level":"info","time":"[^"]+","msg":"the log was longer than \d+ bytes: what came before was removed"\}$/;

describe('the log of a job', () => {
  it('keeps its last lines, whole and in order, and never more than it may', () => {
    const path = join(temporaryFolder(), 'log.txt');
    const fd = openSync(path, 'a');
    try {
      for (let at = 0; at < 5000; at++) {
        writeSync(fd, `line ${at}, as long as ${'é'.repeat(at % 40)} is\n`);
        boundLog(fd, path, { most: 10_000, kept: 4000 });
        expect(statSync(path).size).toBeLessThanOrEqual(10_000);
      }
    } finally {
      closeSync(fd);
    }
    const [first, ...lines] = readFileSync(path, 'utf8').trimEnd().split('\n');
    expect(first).toMatch(CUT);
    expect(lines.length).toBeGreaterThan(30);
    expect(lines.map((line) => Number(/^line (\d+), .* is$/.exec(line)?.[1]))).toStrictEqual(
      lines.map((_, i) => 5000 - lines.length + i),
    );
  });

  it('is kept in bounds by the process that runs the job', async () => {
    const server = temporaryFolder();
    const files = jobFiles(server, 'j1');
    mkdirSync(files.folder, { recursive: true });
    writeFileSync(files.log, 'of an earlier attempt\n'.repeat(200_000));
    const fd = openSync(files.log, 'a');
    const args = ['--import', import.meta.resolve('tsx'), WORKER];
    const env = { ...process.env, MILVUSDM_PATH: join(server, 'state') };
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', fd, fd, 'ipc'], serialization: 'advanced' });
    closeSync(fd);
    child.send({ type: 'start', text: task('c', 'http://127.0.0.1:1'), cwd: server, attempt: 1, server, job: 'j1' });
    await once(child, 'exit');
    const text = readFileSync(files.log, 'utf8');
    expect(text.length).toBeLessThan(3 << 20);
    expect(text.split('\n')[0]).toMatch(CUT);
    expect(text).toContain('attempt 1 of H2M');
    expect(JSON.parse(readFileSync(files.report(1), 'utf8'))).toMatchObject({ status: 'failed' });
  });
});
