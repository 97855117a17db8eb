/** Exit codes of the command line; `docs/errors.md` explains each. */
export const EXIT = {
  ok: 0,
  internal: 1,
  config: 2,
  source: 3,
  target: 4,
  network: 5,
  verify: 6,
  partial: 7,
  nothing: 8,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
