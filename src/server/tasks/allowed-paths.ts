import { realpathSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { fail } from '../../util/errors.js';

/** Says which files and folders of this machine requests may name. */
export interface AllowedPaths {
  /** Throws SRV_FORBIDDEN for a path outside. Relative ones start at the working folder. */
  require(path: string): void;
  /** The same for every path of a configuration, and every `${file:path}` of a text. */
  requireAll(config: unknown, text: string): void;
}

/** Where a path really leads, also one whose last parts do not exist yet. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPath(parent), path.slice(parent.length));
  }
}

/** `secrets` and `notes` hold no paths; `serverPath` is one of another machine. */
const NO_PATHS = ['secrets', 'notes', 'serverPath'];

/** Every text that is an absolute path: those of a configuration all are, and no other text of it begins so. */
function pathsOf(value: unknown): string[] {
  if (typeof value === 'string') return isAbsolute(value) ? [value] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) => (NO_PATHS.includes(key) ? [] : pathsOf(child)));
}

/** @param roots none: everything that the account of the server may use */
export function allowedPaths(roots: readonly string[]): AllowedPaths {
  const real = roots.map((root) => realPath(resolve(root)));
  const inside = (path: string): boolean =>
    real.some((root) => {
      const way = relative(root, realPath(resolve(path)));
      return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
    });
  const require = (path: string): void => {
    if (real.length === 0 || inside(path)) return;
    throw fail('SRV_FORBIDDEN', `${path} lies outside of the folders that this server may use`, {
      hint: `It was started with --allow-path ${roots.join(' --allow-path ')}.`,
    });
  };
  return {
    require,
    requireAll(config, text) {
      if (real.length === 0) return;
      for (const path of pathsOf(config)) require(path);
      for (const [, path] of text.matchAll(/\$\{file:([^}]*)\}/g)) require(path!);
    },
  };
}
