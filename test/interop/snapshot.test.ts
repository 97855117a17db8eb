import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runTaskOk } from '../e2e/catalog-support.js';
import { temporaryFolder } from '../e2e/support.js';
import { PROJECT } from '../support/environments.js';
import { python } from '../support/python.js';
import { snapshotOfSample } from '../support/snapshot-files.js';

/** The Python of docs/reading-snapshots.md, block by block. */
function documented(): string[] {
  const page = readFileSync(join(PROJECT, 'docs', 'reading-snapshots.md'), 'utf8');
  return [...page.matchAll(/```python\n([\s\S]*?)```/g)].map(([, code]) => code!);
}

test('h5py opens the archive of a snapshot as docs/reading-snapshots.md says', async () => {
  const folder = await temporaryFolder();
  const source_snapshot = snapshotOfSample(join(folder, 'bundle'), 'articles');
  const data_dir = join(folder, 'archive');
  const { report } = await runTaskOk('M2H', { source_snapshot, source_collection: 'articles', data_dir });
  expect(report.targets.reduce((sum, one) => sum + one.rows_written, 0)).toBe(1875);
  const [first, second] = documented();
  const script = join(folder, 'read.py');
  const shown =
    'print(len(titles) > 0, len(titles) == len(offsets) - 1, all(isinstance(one, str) for one in titles))\n';
  await writeFile(script, `${first}${second}`.replaceAll("'archive/", `'${data_dir}/`) + shown);
  const [figures, texts] = (await python(script, [])).trim().split('\n');
  expect(figures).toMatch(/^1875 16 \d+\.\d+$/);
  expect(texts).toBe('True True True');
});
