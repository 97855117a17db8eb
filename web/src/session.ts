import { createStore, type Store } from './store.js';

const KEY = 'milvusdm-token';

/** The bearer token of this tab; '' without one. It lives as long as the tab. */
export const token: Store<string> = createStore(sessionStorage.getItem(KEY) ?? '');

/** Whether the server has refused to answer without a (valid) token. */
export const locked: Store<boolean> = createStore(false);

export function logIn(value: string): void {
  sessionStorage.setItem(KEY, value);
  token.set(value);
  locked.set(false);
}

export function logOut(): void {
  sessionStorage.removeItem(KEY);
  token.set('');
  locked.set(true);
}
