import type { FieldSpec } from '../../../batch/fields.js';
import type { GrowingObject } from '../../../store/types.js';
import { type ColumnFile, columnFile } from './column.js';
import { HEADER_BYTES } from './npy.js';
import type { Foreseen, SetFiles, SetFilesOptions } from './set-files.js';

interface Member {
  readonly name: string;
  readonly key: string;
  readonly object: GrowingObject;
  readonly file: ColumnFile;
}

const WHY = 'in a numpy file every text takes the room of the longest';

/** A .npy file for each field, called like it. */
export function numpyFiles({ store, folder }: SetFilesOptions): SetFiles {
  const members: Member[] = [];

  async function member(spec: FieldSpec): Promise<Member> {
    const { name } = spec;
    const key = `${folder}${name}.npy`;
    const object = await store.begin(key, HEADER_BYTES);
    return { name, key, object, file: columnFile(spec, object) };
  }

  return {
    get bytes() {
      return members.reduce((sum, { file }) => sum + file.bytes, 0);
    },
    get keys() {
      return members.map(({ key }) => key);
    },
    get held() {
      return members.reduce((sum, { file }) => sum + file.held, 0);
    },
    async begin(specs) {
      for (const spec of specs) members.push(await member(spec));
    },
    longestWith(columns) {
      const all = members.map(({ name, file }, i): Foreseen => {
        return { bytes: file.bytesWith(columns[i]!), what: `the file of "${name}"`, why: WHY };
      });
      return all.reduce((longest, one) => (one.bytes > longest.bytes ? one : longest));
    },
    async append(columns) {
      for (const [i, { file }] of members.entries()) await file.append(columns[i]!);
    },
    async finish() {
      for (const { file } of members) await file.finish();
    },
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(members.map(({ object }) => object[Symbol.asyncDispose]()));
    },
  };
}
