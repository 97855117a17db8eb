import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MAIN } from '../lib/cli.js';
import { measureOk } from '../lib/process.js';
import type { Result } from '../lib/results.js';
import type { Setup } from '../lib/setup.js';
import { median } from '../lib/stats.js';

const ROUNDS = 15;
const YAML = `H2M:
  data_path: [vectors.h5]
  dest_host: 127.0.0.1
  dest_port: 19530
  mode: append
  dest_collection_name: example
  collection_parameter: {dimension: 128, metric_type: L2}
`;

/** Time from spawn to exit beyond that of a bare node, each round taking one of each. */
export async function startupSection(setup: Setup): Promise<Result[]> {
  const yaml = join(setup.folder, 'startup.yaml');
  await writeFile(yaml, YAML);
  const commands: readonly (readonly [name: string, args: readonly string[], most: number | undefined])[] = [
    ['node -e 0', ['-e', '0'], undefined],
    ['milvusdm --help', [MAIN, '--help'], 60],
    ['milvusdm validate', [MAIN, 'validate', yaml], 150],
  ];
  const times = commands.map((): number[] => []);
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [i, [, args]] of commands.entries()) {
      const { seconds } = await measureOk(process.execPath, args);
      // The first round fills the caches.
      if (round > 0) times[i]!.push(seconds * 1000);
    }
  }
  const bare = times[0]!;
  return commands.map(([name, , most], i) => {
    if (most === undefined) return { section: 'start-up', name, value: median(bare), unit: 'ms', values: bare };
    const values = times[i]!.map((t, round) => t - bare[round]!);
    const target = { at: 'most' as const, value: most };
    return { section: 'start-up', name: `${name}, beyond it`, value: median(values), unit: 'ms', values, target };
  });
}
