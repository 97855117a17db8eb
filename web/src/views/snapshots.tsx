import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, path } from '../api/client.js';
import type { Connection, Snapshot, SnapshotList } from '../api/types.js';
import { useResource } from '../api/use-resource.js';
import { bytes, count, time } from '../format.js';
import { useAction } from '../parts/action.js';
import { announce } from '../parts/announce.js';
import { ConnectionChoice } from '../parts/connection-choice.js';
import { Confirm } from '../parts/dialog.js';
import { Empty, ErrorBox } from '../parts/messages.js';
import { type Column, Table } from '../parts/table.js';
import { View } from '../parts/view.js';
import { go } from '../router.js';
import { RestoreSnapshotDialog, SnapshotDialog } from './snapshot-dialogs.js';

function columns(on: Record<'restore' | 'drop', (snapshot: Snapshot) => void>): readonly Column<Snapshot>[] {
  return [
    { name: 'Snapshot', cell: ({ name }) => name },
    { name: 'Collection', cell: ({ db, collection }) => `${db}.${collection}` },
    { name: 'Made', cell: ({ created }) => (created ? time(created) : 'unknown') },
    { name: 'Rows', figures: true, cell: ({ rows }) => (rows === null ? 'unknown' : count(rows)) },
    { name: 'Size', figures: true, cell: (s) => (s.bytes === null ? 'unknown' : bytes(s.bytes)) },
    {
      name: 'Actions',
      cell: (snapshot) => (
        <span class="actions">
          <button type="button" aria-label={`Restore ${snapshot.name}`} onClick={() => on.restore(snapshot)}>
            Restore
          </button>
          <button type="button" class="danger" aria-label={`Drop ${snapshot.name}`} onClick={() => on.drop(snapshot)}>
            Drop
          </button>
        </span>
      ),
    },
  ];
}

function List({ connection }: { connection: string }): JSX.Element {
  const at = path('connections', connection, 'snapshots');
  const { data, error, reload } = useResource<SnapshotList>(at, 15_000);
  const [dropping, setDropping] = useState<Snapshot>();
  const [restoring, setRestoring] = useState<Snapshot>();
  const action = useAction();
  const drop = async (): Promise<void> => {
    const { name, db, collection } = dropping!;
    setDropping(undefined);
    const query = new URLSearchParams({ db, collection });
    const done = await action.run(() => call('DELETE', `${at}/${encodeURIComponent(name)}?${query}`));
    if (done) announce(`${name} is dropped`);
    reload();
  };
  return (
    <>
      <ErrorBox error={action.error ?? error} />
      {data && (
        <p class="hint">
          Snapshots here are {data.keeper}. {data.notes.join(' ')}
        </p>
      )}
      {!data && !error && <Empty>The server is being asked.</Empty>}
      {data?.snapshots.length === 0 && <Empty>There is no snapshot.</Empty>}
      {data && data.snapshots.length > 0 && (
        <Table
          caption={`Snapshots of ${connection}`}
          columns={columns({ restore: setRestoring, drop: setDropping })}
          rows={data.snapshots}
          keyOf={(s) => `${s.db}.${s.collection}.${s.name}`}
        />
      )}
      {restoring && (
        <RestoreSnapshotDialog connection={connection} snapshot={restoring} onClose={() => setRestoring(undefined)} />
      )}
      {dropping && (
        <Confirm
          title={`Drop ${dropping.name}?`}
          action="Yes, drop it"
          onYes={drop}
          onClose={() => setDropping(undefined)}
        >
          <p>
            The snapshot of {dropping.db}.{dropping.collection} cannot be restored any more.
          </p>
        </Confirm>
      )}
    </>
  );
}

/** The snapshots of a connection. */
export function Snapshots(props: { connection: string | undefined }): JSX.Element {
  const { data, error } = useResource<{ connections: readonly Connection[] }>('/connections');
  const connection = props.connection ?? data?.connections[0]?.name;
  const [making, setMaking] = useState(false);
  const button = (
    <button type="button" class="main" onClick={() => setMaking(true)}>
      Make snapshot
    </button>
  );
  return (
    <View title="Snapshots" actions={connection && button}>
      <ConnectionChoice connections={data?.connections} value={connection} onValue={(name) => go('snapshots', name)} />
      <ErrorBox error={error} />
      {connection && <List key={connection} connection={connection} />}
      {connection && making && <SnapshotDialog connection={connection} onClose={() => setMaking(false)} />}
    </View>
  );
}
