export { safeFileNames } from '../../util/safe-names.js';

/** "red" -> "red.h5"; its third part -> "red.0003.h5". `safe` is from `safeFileNames`. */
export function archiveFileName(safe: string, part?: number): string {
  return part === undefined ? `${safe}.h5` : `${safe}.${String(part).padStart(4, '0')}.h5`;
}
