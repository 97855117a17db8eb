import { execFileSync } from 'node:child_process';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { sleep } from '../../src/util/abort.js';
import { startCli } from '../support/cli.js';
import { makeCollection } from '../support/python.js';
import {
  dropCollections,
  faissFlat,
  floatFields,
  milvusUri,
  QUICK,
  run,
  slowTask,
  sourceFile,
  startWriting,
  temporaryFolder,
  unique,
} from './support.js';

afterAll(dropCollections);

interface Found {
  readonly path: string;
  readonly folder: boolean;
  readonly mode: number;
}

async function everythingBelow(folder: string): Promise<Found[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = [folder, ...entries.map((entry) => join(entry.parentPath, entry.name))];
  const found = await Promise.all(
    paths.map(async (path) => {
      // A run may have removed it meanwhile.
      const facts = await stat(path).catch(() => undefined);
      return facts && { path, folder: facts.isDirectory(), mode: facts.mode & 0o777 };
    }),
  );
  return found.filter((one) => one !== undefined);
}

describe.concurrent('what a run leaves in its state folder', () => {
  test('can be read by its user alone, whatever the umask, also in mid-run and after a kill', async () => {
    const umask = process.umask(0);
    const stateFolder = join(await temporaryFolder(), 'state');
    try {
      const keys = { ...(await slowTask()), dest_collection_name: unique('modes') };
      const running = await startWriting(keys, { stateFolder });
      const during = await everythingBelow(stateFolder);
      running.child.kill('SIGKILL');
      await running.result;
      const bad = Float32Array.of(Number.NaN, 1, 2, 3);
      const data_path = await sourceFile(
        'bad.index',
        faissFlat(3, 4, (row, column) => (row === 1 ? bad[column]! : 1)),
      );
      const quarantined = await run(
        { ...QUICK, data_path, dest_collection_name: unique('modes'), on_bad_row: 'quarantine' },
        { stateFolder },
      );
      expect(quarantined.code).toBe(7);
      const all = [...during, ...(await everythingBelow(stateFolder))];
      expect(all.map((f) => f.path).join('\n')).toMatch(/jobs.*\n.*logs/s);
      expect(all.filter((f) => (f.mode & 0o077) !== 0)).toEqual([]);
    } finally {
      process.umask(umask);
    }
  });
});

describe.concurrent('secrets', () => {
  const secret = 'S3cr3t-argv-7Qx';

  test('stand in the arguments of no process', async () => {
    const source = unique('argv');
    await makeCollection({
      collection: source,
      fields: floatFields(4),
      insert: [{ rows: 50 }],
      index: { field: 'embedding', type: 'FLAT', metric: 'L2' },
      load: true,
    });
    const path = join(await temporaryFolder(), 'm2m.yaml');
    const task = {
      source_uri: milvusUri(),
      // This server takes any token.
      source_token: `\${TOKEN}`,
      source_collection: { [source]: null },
      dest_uri: join(await temporaryFolder(), 'lite'),
    };
    await writeFile(path, stringify({ M2M: task }));
    const running = await startCli(['--yaml', path, '--json'], { env: { TOKEN: secret } });
    let over = false;
    void running.result.then(() => {
      over = true;
    });
    const seen = new Set<string>();
    for (; !over; await sleep(20)) for (const line of commandLinesBelow(running.child.pid!)) seen.add(line);
    const { code, stderr } = await running.result;
    expect(code, stderr).toBe(0);
    // The embedded server was among them, or nothing was looked at.
    expect([...seen].filter((line) => /python/.test(line))).not.toHaveLength(0);
    expect([...seen].filter((line) => line.includes(secret))).toEqual([]);
  });
});

/** Command lines of a process and of all below it. */
function commandLinesBelow(pid: number): string[] {
  const all = execFileSync('ps', ['-e', '-ww', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => /^ *(\d+) +(\d+) (.*)$/.exec(line)!)
    .map(([, own, parent, args]) => ({ pid: Number(own), parent: Number(parent), args: args! }));
  const found = all.filter((one) => one.pid === pid);
  for (const one of found) found.push(...all.filter((other) => other.parent === one.pid));
  return found.map((one) => one.args);
}
