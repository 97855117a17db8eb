// `npm test [-- vitest arguments]`: everything from a fresh clone to the result of all tests.
import { join } from 'node:path';
import { makeReady, PROJECT, run } from './ready.mjs';

makeReady();
run(process.execPath, [join(PROJECT, 'node_modules', 'vitest', 'vitest.mjs'), 'run', ...process.argv.slice(2)]);
