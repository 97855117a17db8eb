import { expect, it } from 'vitest';
import { verifyText } from '../../../../src/cli/render/verify-text.js';

it('the text of verify is a row per target, and what is wrong in words', () => {
  const base = { expected_rows: 1000, expected_digest: 'a'.repeat(32), differences: [] } as const;
  const text = verifyText(
    {
      version: 1,
      command: 'verify',
      status: 'different',
      exit_code: 6,
      job_id: '0123456789ab',
      finished: '2026-11-21T13:05:59.123Z',
      targets: [
        {
          ...base,
          collection: 'books',
          partition: 'red',
          status: 'equal',
          rows: 1000,
          digest: 'a'.repeat(32),
          detail: null,
        },
        { ...base, collection: 'cars', partition: null, status: 'gone', rows: null, digest: null, detail: 'not there' },
      ],
      seconds: 2,
    },
    { color: false },
  );
  expect(text.split('\n')).toEqual([
    'verify different in 2 s: the targets beside the run that ended at 2026-11-21T13:05:59.123Z',
    expect.stringMatching(/^ {2}target/),
    `  books/red  1,000            1,000  ${'a'.repeat(32)}  ${'a'.repeat(32)}  equal`,
    `  cars       -                1,000  -                                 ${'a'.repeat(32)}  gone`,
    'cars: not there',
  ]);
});
