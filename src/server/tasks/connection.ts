import type { Document } from 'yaml';
import type { TaskName } from '../../config/types.js';
import { fail } from '../../util/errors.js';

/** A Milvus by name, its keys as they stand in tasks, without `source_` or `dest_`. Secrets in it are references. */
export interface ConnectionBody {
  readonly description?: string;
  readonly uri: string;
  readonly token?: string;
  readonly user?: string;
  readonly password?: string;
  readonly db?: string;
  readonly tls?: boolean | Readonly<Record<string, unknown>>;
  /** Where that Milvus keeps its data, as the server reaches it. */
  readonly storage?: Readonly<Record<string, unknown>>;
  /** Where backups of it go. */
  readonly backup_store?: Readonly<Record<string, unknown>>;
}

/** Connections of a task: one for its only Milvus, or one for each side. */
export type ConnectionChoice = string | { readonly source?: string; readonly dest?: string };

export type Sides = { readonly source?: string; readonly dest?: string };

const LOGIN = ['uri', 'token', 'user', 'password', 'tls'] as const;
/** Keys that say where a side is and how to get in: a connection brings all of them, or the task does. */
const OWN = [...LOGIN, 'host', 'port'] as const;

/** Which side of a task each connection is for. Throws SRV_REQUEST where that is not clear. */
export function sidesOf(task: TaskName, choice: ConnectionChoice): Sides {
  if (typeof choice !== 'string') return choice;
  if (task === 'M2M') {
    throw fail('SRV_REQUEST', 'an M2M has two Milvus, and connection names one', {
      hint: 'Use {"connection": {"source": NAME, "dest": NAME}}, or one of the two.',
    });
  }
  const ofSource = task === 'M2H' || task === 'BACKUP' || task === 'SNAPSHOT';
  return ofSource ? { source: choice } : { dest: choice };
}

type Side = keyof Sides;

function requireNone(document: Document, task: TaskName, side: Side, name: string): void {
  const given = OWN.map((key) => `${side}_${key}`).filter((key) => document.hasIn([task, key]));
  if (given.length === 0) return;
  throw fail('SRV_CONFLICT', `${given.join(', ')} stand in the task, and connection ${name} brings them`, {
    hint: 'Leave them out, or the connection: its login is for its own address only.',
  });
}

/** Puts what a connection says into the task of a document, below the keys that the task has itself. */
export function fillConnection(
  document: Document,
  task: TaskName,
  side: Side,
  { name, body }: { readonly name: string; readonly body: ConnectionBody },
): void {
  requireNone(document, task, side, name);
  const put = (key: string, value: unknown): void => {
    if (value !== undefined && !document.hasIn([task, key])) document.setIn([task, key], document.createNode(value));
  };
  for (const key of [...LOGIN, 'db'] as const) put(`${side}_${key}`, body[key]);
  if (task !== 'BACKUP' && task !== 'RESTORE' && task !== 'SNAPSHOT') return;
  put(`${side}_storage`, body.storage);
  if (task !== 'SNAPSHOT') put('backup_store', body.backup_store);
}
