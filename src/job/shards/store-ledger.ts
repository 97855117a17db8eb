import type { ObjectStore } from '../../store/types.js';
import { damaged, type LedgerFile } from '../ledger/file.js';
import { createLineQueue } from '../ledger/line-queue.js';
import { type LedgerLine, parseLine } from '../ledger/lines.js';

/** Lines are gathered in objects of about this size, so that a store holds few of them and each write is short. */
const OBJECT_BYTES = 64 * 1024;
const DIGITS = 6;

function number(value: number): string {
  return String(value).padStart(DIGITS, '0');
}

function keyOf(folder: string, run: number, object: number): string {
  return `${folder}/${number(run)}-${number(object)}.jsonl`;
}

const NAME = /^(\d{6,})-(\d{6,})\.jsonl$/;

/**
 * Reads the lines of a ledger in a store, run by run. Gives how many runs have written to it. Throws JOB_DAMAGED for a line that
 * is not as it was written and for an object that is gone.
 */
export async function readStoreLedger(
  store: ObjectStore,
  folder: string,
  take: (line: LedgerLine) => string | undefined,
): Promise<number> {
  const keys: { run: number; object: number; key: string }[] = [];
  for await (const { key } of store.list(`${folder}/`)) {
    const [, run, object] = NAME.exec(key.slice(folder.length + 1)) ?? [];
    if (run !== undefined) keys.push({ run: Number(run), object: Number(object), key });
  }
  keys.sort((a, b) => a.run - b.run || a.object - b.object);
  let last = { run: 0, object: 0 };
  for (const { run, object, key } of keys) {
    const wrong = (why: string) => damaged(`${key} in ${store.name}`, why);
    if (object !== (run === last.run ? last.object + 1 : 1)) throw wrong('the object before it is gone');
    last = { run, object };
    const text = Buffer.from(await store.read(key)).toString('utf8');
    for (const line of text.split('\n').slice(0, -1)) {
      const parsed = parseLine(line);
      if (!parsed) throw wrong('a line is not as it was written');
      const why = take(parsed);
      if (why !== undefined) throw wrong(why);
    }
  }
  return last.run;
}

/**
 * Appends lines to a ledger in a store. Objects appear whole or not at all, and are written again as they grow; each run writes
 * objects of its own, so that one that is thought dead overwrites nothing. A line is noted when the store has taken it.
 * @param run number of this run, one more than those before it
 */
export function openStoreLedger(store: ObjectStore, folder: string, run: number): LedgerFile {
  let object = 1;
  let held = '';
  const queue = createLineQueue(async (lines) => {
    const text = held + lines;
    await store.write(keyOf(folder, run, object), Buffer.from(text));
    held = text;
    if (text.length < OBJECT_BYTES) return;
    object++;
    held = '';
  });
  return { append: queue.append, [Symbol.asyncDispose]: queue.idle };
}
