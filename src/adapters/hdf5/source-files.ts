import { readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Hdf5Source, SourceFile } from '../../config/types.js';
import { formatCount } from '../../util/bytes.js';
import { fail } from '../../util/errors.js';
import { fileState, unreadable } from './file.js';

const ENDINGS = ['.h5', '.hdf5'];
const MAX_LISTED = 10;

export interface SourceFiles {
  readonly files: readonly SourceFile[];
  readonly warnings: readonly string[];
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function listFolder(dir: string): SourceFiles {
  let names: string[];
  try {
    if (!statSync(dir).isDirectory()) throw fail('SRC_UNREADABLE', `${dir} is not a folder`);
    // By code units: the same order on every machine.
    names = readdirSync(dir).sort();
  } catch (thrown) {
    throw unreadable(dir, thrown);
  }
  const wanted = (name: string): boolean => {
    return ENDINGS.some((ending) => name.toLowerCase().endsWith(ending)) && isFile(join(dir, name));
  };
  const files = names.filter(wanted).map((name) => ({ path: join(dir, name) }));
  const skipped = names.filter((name) => !wanted(name));
  if (files.length === 0) {
    const entries = skipped.length === 1 ? 'entry' : 'entries';
    const have = skipped.length === 0 ? 'it is empty' : `it has ${formatCount(skipped.length)} other ${entries}`;
    throw fail('NOTHING_MATCHED', `${dir} has no .h5 or .hdf5 file: ${have}`, { hint: 'Check data_dir.' });
  }
  if (skipped.length === 0) return { files, warnings: [] };
  const rest = skipped.length > MAX_LISTED ? `, and ${skipped.length - MAX_LISTED} more` : '';
  const list = skipped.slice(0, MAX_LISTED).join(', ');
  return { files, warnings: [`skipped in ${dir}, as neither .h5 nor .hdf5 files: ${list}${rest}`] };
}

/**
 * The files of a source: those listed, or the .h5 and .hdf5 files of the folder sorted by name, without subfolders.
 * Throws SRC_NOT_FOUND, SRC_UNREADABLE, and NOTHING_MATCHED for a folder without such files.
 */
export function sourceFiles(source: Hdf5Source): SourceFiles {
  if (source.dir !== undefined) return listFolder(resolve(source.dir));
  const files = (source.files ?? []).map((file) => ({ ...file, path: resolve(file.path) }));
  if (files.length === 0) throw fail('NOTHING_MATCHED', 'the source names no HDF5 file', { hint: 'Check data_path.' });
  for (const file of files) fileState(file.path);
  return { files, warnings: [] };
}
