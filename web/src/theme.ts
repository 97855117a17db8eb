import { createStore, type Store } from './store.js';

export type Theme = 'system' | 'light' | 'dark';

const KEY = 'milvusdm-theme';
const THEMES: readonly Theme[] = ['system', 'light', 'dark'];

function saved(): Theme {
  const value = localStorage.getItem(KEY);
  return THEMES.find((theme) => theme === value) ?? 'system';
}

/** What is chosen; `system` follows the operating system. */
export const theme: Store<Theme> = createStore(saved());

function apply(): void {
  const chosen = theme.get();
  if (chosen === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
}

export function setTheme(value: Theme): void {
  if (value === 'system') localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, value);
  theme.set(value);
  apply();
}

/** Calls back whenever the colours of the page have changed. The caller calls what it returns in the end. */
export function onColours(listener: () => void): () => void {
  const system = matchMedia('(prefers-color-scheme: dark)');
  system.addEventListener('change', listener);
  const unsubscribe = theme.subscribe(() => queueMicrotask(listener));
  return () => {
    system.removeEventListener('change', listener);
    unsubscribe();
  };
}

apply();
