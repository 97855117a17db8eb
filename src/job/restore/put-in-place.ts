import type { RestoreConfig } from '../../config/types.js';
import { checked } from '../../milvus/checked.js';
import { createAlias, describeCollection, dropCollection } from '../../milvus/collections.js';
import type { Connection } from '../../milvus/connection.js';
import { fail, toMilvusdmError } from '../../util/errors.js';
import { EXIT } from '../../util/exit-codes.js';
import { type RestoreItem, shownName } from './choose.js';

/** A restored collection that is complete, under the name that it was made under. */
export interface Complete {
  readonly item: RestoreItem;
  readonly mode: RestoreConfig['mode'];
  readonly making: string;
  /** Not stopped by a signal: what is begun here is finished. */
  readonly connection: Connection;
  readonly warn: (message: string) => void;
}

/** Aliases come with the collection, but for those that another one has by now. */
async function makeAliases({ item, making, connection, warn }: Complete): Promise<void> {
  for (const alias of item.info.aliases) {
    if (alias === item.name) {
      warn(`alias "${alias}" is left out: it is the collection's own name now`);
      continue;
    }
    const owner = await describeCollection(connection, alias);
    if (owner && owner.name !== making) warn(`alias "${alias}" stays with "${owner.name}"`);
    else if (!owner) await makeAlias(connection, making, alias, warn);
  }
}

/** An alias may be left of a collection that was dropped: it is free, but is not made, only moved. No alias is worth a failure. */
async function makeAlias(
  connection: Connection,
  collection: string,
  alias: string,
  warn: (message: string) => void,
): Promise<void> {
  const names = { collection_name: collection, alias };
  try {
    await createAlias(connection, collection, alias).catch(async () => {
      const owner = await describeCollection(connection, alias);
      if (owner) warn(`alias "${alias}" stays with "${owner.name}"`);
      else await checked(connection.retry, `move alias ${alias}`, () => connection.sdk.alterAlias(names));
    });
  } catch (thrown) {
    const error = toMilvusdmError(thrown);
    if (error.exitCode !== EXIT.target) throw error;
    warn(`alias "${alias}" could not be made: ${error.message}`);
  }
}

/** Throws unless the collection's name is free, or what has it may go. */
export async function requirePlace({ item, mode, connection }: Omit<Complete, 'making'>): Promise<void> {
  if (mode === 'overwrite' || !(await describeCollection(connection, item.name))) return;
  throw fail('DST_REFUSED', `somebody has made a collection "${shownName(item)}" while it was restored`, {
    hint: 'Drop it, restore under another name (rename), or set `mode: overwrite`.',
  });
}

async function rename({ item, making, connection }: Complete): Promise<void> {
  const names = { collection_name: making, new_collection_name: item.name };
  const what = `rename ${making} to ${item.name}`;
  try {
    await checked(connection.retry, what, () => connection.sdk.renameCollection(names), { repeatable: false });
  } catch (thrown) {
    // The answer may have been lost: then the old name is gone.
    if (await describeCollection(connection, making)) throw thrown;
  }
}

/**
 * Puts a collection in its place: the one that is there goes, with its aliases, and this one gets its name. Call
 * {@link requirePlace} before. When it fails, the complete collection stays under the name that the error says.
 */
export async function putInPlace(o: Complete): Promise<void> {
  const { item, making, connection } = o;
  try {
    const old = await describeCollection(connection, item.name);
    if (old) await dropCollection(connection, old);
    await makeAliases(o);
    await rename(o);
  } catch (thrown) {
    const { code, message } = toMilvusdmError(thrown);
    throw fail(code, `"${shownName(item)}" could not be put in its place: ${message}`, {
      cause: thrown,
      hint: `It is complete under the name "${making}": rename that, or run again, which makes it anew.`,
    });
  }
}
