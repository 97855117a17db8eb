import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const HEAP = join(import.meta.dirname, '..', '..', '..', 'src', 'util', 'heap.ts');

describe('the heap of a run', () => {
  it('is set without a word: V8 complains of flags that it does not know', () => {
    const script = `import { sizeHeapForRuns } from ${JSON.stringify(HEAP)}; sizeHeapForRuns(); console.log('set');`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    expect([stdout, stderr]).toStrictEqual(['set\n', '']);
  });
});
