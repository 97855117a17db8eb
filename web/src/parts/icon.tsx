import type { JSX } from 'preact';

const PATHS = {
  clock: 'M8 4.5V8l2.5 1.5M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0Z',
  run: 'M5.5 3.5v9l7-4.5z',
  check: 'M3 8.5 6.5 12 13 4.5',
  cross: 'm4 4 8 8m0-8-8 8',
  skip: 'm3 4 4 4-4 4m6-8 4 4-4 4',
  half: 'M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0ZM8 2v12',
  pause: 'M5.5 3.5v9m5-9v9',
  stop: 'M4 4h8v8H4z',
  warning: 'M8 2.5 14.5 13.5H1.5zM8 6.5v3m0 1.7v.3',
  jobs: 'M2.5 4h11m-11 4h11m-11 4h7',
  plus: 'M8 3v10M3 8h10',
  backup: 'M2.5 4.5c0-2.7 11-2.7 11 0v7c0 2.7-11 2.7-11 0zm0 0c0 2.7 11 2.7 11 0m-11 3.5c0 2.7 11 2.7 11 0',
  camera: 'M2 5h3l1-1.5h4L11 5h3v8H2zM10.5 8.8a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0Z',
  calendar: 'M2.5 4h11v9.5h-11zM2.5 7h11M5.5 2v3m5-3v3',
  plug: 'M5.5 2v3.5m5-3.5v3.5M4 5.5h8V8a4 4 0 0 1-8 0zM8 12v2.5',
} as const;

export type IconName = keyof typeof PATHS;

/** A small picture beside a word that says the same; nothing for screen readers. */
export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
