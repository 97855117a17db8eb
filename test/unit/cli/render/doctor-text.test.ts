import { expect, it } from 'vitest';
import { doctorText } from '../../../../src/cli/render/doctor-text.js';

it('the text of doctor is a line for each check, and the next step below those that are not well', () => {
  const text = doctorText(
    {
      version: 1,
      command: 'doctor',
      task: 'H2M',
      status: 'fail',
      exit_code: 5,
      checks: [
        { of: 'source', name: 'readable', status: 'ok', detail: '5 rows', hint: null, code: null },
        { of: 'target', name: 'TLS', status: 'warn', detail: 'in clear', hint: 'Use https.', code: null },
        { of: 'target', name: 'login', status: 'fail', detail: 'refused', hint: 'Check it.', code: 'DST_AUTH' },
      ],
      seconds: 1.5,
    },
    { color: false },
  );
  expect(text.split('\n')).toEqual([
    'ok    source readable  5 rows',
    'warn  target TLS       in clear',
    '                       -> Use https.',
    'fail  target login     DST_AUTH: refused',
    '                       -> Check it.',
    'H2M doctor: 1 ok, 1 warning, 1 failed in 1.5 s',
  ]);
});
