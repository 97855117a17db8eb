import type { ObjectStore, StoreOptions } from '../../../store/types.js';
import { MilvusdmError } from '../../../util/errors.js';
import { sideKey } from './layout.js';

/** What milvusdm knows of a snapshot besides its metadata: nothing that could not be found out from the files. */
export interface SideFile {
  readonly version: 1;
  readonly tool: string;
  readonly milvus_version: string;
  /** ISO 8601, UTC. */
  readonly started: string;
  readonly ended: string;
  /** Rows in its files, deleted ones with them. */
  readonly rows: string;
  readonly bytes: number;
  readonly segments: number;
  readonly files: number;
  /** The files are second names of the server's own. */
  readonly linked: boolean;
  /** Whether the server was told to flush before. */
  readonly flushed: boolean;
}

export async function writeSideFile(
  store: ObjectStore,
  bundle: string,
  side: SideFile,
  o: StoreOptions,
): Promise<void> {
  await store.write(sideKey(bundle), Buffer.from(`${JSON.stringify(side, null, 2)}\n`), o);
}

/** Undefined where there is none that can be used: of a bundle that somebody else has put there. */
export async function readSideFile(store: ObjectStore, bundle: string, o: StoreOptions): Promise<SideFile | undefined> {
  const bytes = await store.read(sideKey(bundle), o).catch((thrown: unknown) => {
    if (thrown instanceof MilvusdmError && thrown.code === 'STORE_MISSING') return new Uint8Array();
    throw thrown;
  });
  try {
    const side = JSON.parse(Buffer.from(bytes).toString()) as SideFile;
    const sound = side.version === 1 && /^\d{1,19}$/.test(side.rows) && Number.isSafeInteger(side.bytes);
    return sound && Number.isSafeInteger(side.segments) ? side : undefined;
  } catch {
    return undefined;
  }
}
