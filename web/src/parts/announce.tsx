import type { JSX } from 'preact';
import { createStore, useStore } from '../store.js';

const said = createStore('');

/** Tells users of screen readers something that others see happen. */
export function announce(text: string): void {
  said.set(text);
}

/** The one place that is read aloud when it changes; on every view, because a new one is not noticed. */
export function Announcer(): JSX.Element {
  return (
    <p class="unseen" role="status" aria-live="polite">
      {useStore(said)}
    </p>
  );
}
