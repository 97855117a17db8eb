// `npm run test:fuzz [-- --cases 20000 --from 0]`: mutated Faiss and vector files. A case is known by its number, which is all that
// is needed to run it again. Exit 1 for anything but a typed error or a whole result, a case of more than 5 s, or 200 MiB.
import { parseArgs } from 'node:util';
import { fuzzer, seeds } from '../support/faiss-fuzz.js';

const MOST_SECONDS = 5;
const MOST_MIB = 200;

const { values } = parseArgs({
  options: { cases: { type: 'string', default: '20000' }, from: { type: 'string', default: '0' } },
});
const [from, cases] = [Number(values.from), Number(values.cases)];
if (!Number.isInteger(from) || !Number.isInteger(cases) || cases < 1)
  throw new Error('--cases and --from need whole numbers');

const files = seeds();
using place = fuzzer();
// What loads once (modules, the seeds) is not what a file costs.
await place.run(from, files).catch(() => undefined);
const peakMib = (): number => process.resourceUsage().maxRSS / 1024;
const before = peakMib();
const counts = { read: 0, refused: 0 };
const faults: string[] = [];
let slowest = 0;
for (let seed = from; seed < from + cases; seed++) {
  try {
    const { outcome, seconds } = await place.run(seed, files);
    counts[outcome]++;
    slowest = Math.max(slowest, seconds);
    if (seconds > MOST_SECONDS) faults.push(`seed ${seed}: ${seconds.toFixed(1)} s`);
  } catch (thrown) {
    faults.push((thrown as Error).message);
  }
  if (peakMib() - before > MOST_MIB) {
    faults.push(`seed ${seed}: memory grew by ${(peakMib() - before).toFixed(0)} MiB`);
    break;
  }
}
const figures = [
  `${cases} cases from ${from} on ${files.length} files`,
  `${counts.refused} refused`,
  `${counts.read} read whole`,
  `slowest ${slowest.toFixed(2)} s`,
  `peak memory +${(peakMib() - before).toFixed(0)} MiB`,
];
console.log(figures.join(', '));
for (const fault of faults.slice(0, 20)) console.error(fault);
if (faults.length > 0) {
  console.error(`${faults.length} faults`);
  process.exitCode = 1;
}
