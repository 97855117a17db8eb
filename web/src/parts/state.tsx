import type { JSX } from 'preact';
import type { JobState } from '../api/types.js';
import { Icon, type IconName } from './icon.js';

export type Tone = 'quiet' | 'busy' | 'good' | 'warn' | 'bad';

const STATES: Readonly<Record<JobState, readonly [IconName, Tone]>> = {
  queued: ['clock', 'quiet'],
  running: ['run', 'busy'],
  done: ['check', 'good'],
  skipped: ['skip', 'quiet'],
  partial: ['half', 'warn'],
  failed: ['cross', 'bad'],
  interrupted: ['pause', 'warn'],
  cancelled: ['stop', 'quiet'],
};

/** A word with a picture; its colour says nothing more. */
export function Tag({ icon, tone, text }: { icon: IconName; tone: Tone; text: string }): JSX.Element {
  return (
    <span class={`state ${tone}`}>
      <Icon name={icon} />
      {text}
    </span>
  );
}

export function State({ state }: { state: JobState }): JSX.Element {
  const [icon, tone] = STATES[state] ?? ['clock', 'quiet'];
  return <Tag icon={icon} tone={tone} text={state} />;
}
