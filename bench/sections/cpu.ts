import { type Cost, costOf, labelOf, startCost, type Workload } from '../lib/cost.js';
import { load } from '../lib/machine.js';
import { startNullServer } from '../lib/null-server.js';
import type { Result } from '../lib/results.js';
import type { Setup } from '../lib/setup.js';
import { median } from '../lib/stats.js';

const DIM = 128;
const MOST_PER_GB = 3.5;

/** CPU time alone, with a server that takes everything at once. */
export async function cpuSection(setup: Setup): Promise<Result[]> {
  const scale = setup.quick ? 5 : 1;
  const workloads = [1_000_000, 4_000_000].map((rows): Workload => ({ rows: rows / scale, dim: DIM }));
  const costs = workloads.map((): Cost[] => []);
  for (let repetition = 0; repetition < setup.repetitions; repetition++) {
    for (const [i, { rows, dim }] of workloads.entries()) {
      await using server = await startNullServer();
      const { address } = server;
      const source = await setup.data('hdf5', rows, dim);
      const before = load();
      const start = await startCost(setup, address, dim);
      const cost = await costOf(setup, { task: 'H2M', source, address, collection: 'bench_null' }, dim, start);
      costs[i]!.push(cost);
      setup.log(`${labelOf({ rows, dim })}: ${cost.perGb.toFixed(2)} s/GB besides ${start} s (load before ${before})`);
    }
  }
  const section = 'null server';
  const result = (name: string, unit: string, values: readonly number[], more: Partial<Result> = {}): Result => {
    return { section, name, value: median(values), unit, values, ...more };
  };
  const target = { at: 'most', value: MOST_PER_GB } as const;
  return [
    result(
      'CPU of one row',
      's',
      costs.flat().map(({ start }) => start),
    ),
    ...workloads.flatMap((workload, i) => {
      const label = `CPU, digest included, ${labelOf(workload)}`;
      const own = costs[i]!;
      return [
        result(
          `${label}, less that of one row`,
          's/GB',
          own.map(({ perGb }) => perGb),
          { target },
        ),
        result(
          `${label}, whole process`,
          's/GB',
          own.map(({ wholePerGb }) => wholePerGb),
        ),
      ];
    }),
  ];
}
