import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.js';

export default defineConfig({
  test: {
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'servers',
          include: ['test/{contract,e2e,interop,crash}/**/*.test.ts'],
          globalSetup: ['test/support/global-setup.ts'],
          testTimeout: 300_000,
          hookTimeout: 120_000,
          // Servers that share two cores with everything else stall at times. scripts/totals.mjs tells what was tried again;
          // test/crash, where a failure may be a lost row, tries nothing again.
          retry: 1,
          // Each of them is a process beside a server that takes a core for itself.
          maxConcurrency: 4,
        },
      },
    ],
  },
});
