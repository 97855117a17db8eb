import { createStore, type Store } from './store.js';

/** The parts of the address behind `#/`, decoded: `['jobs', 'ab12']`. */
export type Route = readonly string[];

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function current(): Route {
  const parts = location.hash.replace(/^#\/?/, '').split('/').filter(Boolean).map(decoded);
  return parts.length === 0 ? ['jobs'] : parts;
}

export const route: Store<Route> = createStore(current());

addEventListener('hashchange', () => route.set(current()));

/** The address of a view, for links. */
export function href(...parts: readonly string[]): string {
  return `#/${parts.map(encodeURIComponent).join('/')}`;
}

export function go(...parts: readonly string[]): void {
  location.hash = href(...parts);
}
