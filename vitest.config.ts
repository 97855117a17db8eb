import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.js';

// Limits are for what hangs, and say nothing of the product: on a busy machine all takes many times as long as on an idle one.
const UNIT_MS = 180_000;
const SERVERS_MS = 900_000;

export default defineConfig({
  test: {
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          testTimeout: UNIT_MS,
          hookTimeout: UNIT_MS,
          expect: { poll: { timeout: UNIT_MS / 3 } },
        },
      },
      {
        test: {
          name: 'servers',
          include: ['test/{contract,e2e,interop,crash}/**/*.test.ts'],
          globalSetup: ['test/support/global-setup.ts'],
          testTimeout: SERVERS_MS,
          hookTimeout: SERVERS_MS,
          expect: { poll: { timeout: SERVERS_MS / 3 } },
          // Each of them is a process beside a server that takes a core for itself.
          maxConcurrency: 4,
        },
      },
    ],
  },
});
