import type { MilvusdmError } from '../../../../../src/util/errors.js';
import { protoDecode, protoEncode } from '../../../milvus/proto.js';
import { type FakeConnection, fakeConnection } from '../fake-connection.js';

/** common.ImportState */
const STATE = { running: 2, done: 6, failed: 1 } as const;

export interface FakeImport {
  readonly task: bigint;
  readonly collection: string;
  readonly partition: string;
  readonly files: readonly string[];
  state: keyof typeof STATE;
  rows: number;
  /** The server knows nothing of it any more. */
  forgotten: boolean;
}

export interface FakeImporter {
  readonly connection: FakeConnection;
  readonly imports: FakeImport[];
  /** Told of each import as it begins; may set its state, and throws what the caller is to see instead of the answer. */
  onImport: (begun: FakeImport) => void;
  /** Throws instead of beginning an import. */
  refuse: (() => MilvusdmError | undefined) | undefined;
}

function long(value: bigint): { low: number; high: number } {
  return { low: Number(BigInt.asIntN(32, value)), high: Number(value >> 32n) };
}

/** A server that knows imports only. */
export function fakeImporter(): FakeImporter {
  const imports: FakeImport[] = [];
  const stateOf = ({ task, files, state, rows }: FakeImport): object => ({
    status: {},
    id: long(task),
    state: STATE[state],
    row_count: rows,
    infos: [
      { key: 'files', value: files.join(',') },
      { key: 'failed_reason', value: state === 'failed' ? 'disk on fire' : '' },
    ],
  });
  const server: FakeImporter = {
    imports,
    onImport: () => {},
    refuse: undefined,
    connection: fakeConnection(({ method, request }) => {
      if (method === 'Import') {
        const refusal = server.refuse?.();
        if (refusal) throw refusal;
        const asked = protoDecode('ImportRequest', request) as unknown as {
          collection_name: string;
          partition_name?: string;
          files: string[];
        };
        const begun: FakeImport = {
          task: 470596403606015000n + BigInt(imports.length),
          collection: asked.collection_name,
          partition: asked.partition_name ?? '',
          files: asked.files,
          state: 'done',
          rows: 0,
          forgotten: false,
        };
        imports.push(begun);
        server.onImport(begun);
        return protoEncode('ImportResponse', { status: {}, tasks: [long(begun.task)] });
      }
      if (method === 'ListImportTasks') {
        const tasks = imports.filter((one) => !one.forgotten).map(stateOf);
        return protoEncode('ListImportTasksResponse', { status: {}, tasks });
      }
      const { task } = protoDecode('GetImportStateRequest', request) as unknown as { task: string };
      const found = imports.find((one) => String(one.task) === String(task) && !one.forgotten);
      if (!found) {
        const status = { error_code: 1, reason: "import task id doesn't exist" };
        return protoEncode('GetImportStateResponse', { status });
      }
      return protoEncode('GetImportStateResponse', stateOf(found));
    }),
  };
  return server;
}
