import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, path } from '../api/client.js';
import type { BackupEntry, Connection } from '../api/types.js';
import { useResource } from '../api/use-resource.js';
import { bytes, time } from '../format.js';
import { useAction } from '../parts/action.js';
import { announce } from '../parts/announce.js';
import { ConnectionChoice } from '../parts/connection-choice.js';
import { Confirm } from '../parts/dialog.js';
import { Empty, ErrorBox } from '../parts/messages.js';
import { Tag } from '../parts/state.js';
import { type Column, Table } from '../parts/table.js';
import { View } from '../parts/view.js';
import { go, href } from '../router.js';
import { BackupView } from './backup.js';
import { BackupDialog } from './backup-dialog.js';
import { RestoreDialog } from './restore-dialog.js';

const TONES = { complete: ['check', 'good'], unfinished: ['half', 'warn'], unreadable: ['cross', 'bad'] } as const;

function columns(
  connection: string,
  onRestore: (name: string) => void,
  onDelete: (name: string) => void,
): readonly Column<BackupEntry>[] {
  return [
    {
      name: 'Backup',
      cell: ({ name, state }) =>
        state === 'complete' ? <a href={href('backups', connection, name)}>{name}</a> : <span>{name}</span>,
    },
    {
      name: 'State',
      cell: ({ state, error }) => (
        <>
          <Tag icon={TONES[state][0]} tone={TONES[state][1]} text={state} /> {error}
        </>
      ),
    },
    { name: 'Made', cell: ({ created }) => (created ? time(created) : 'unknown') },
    {
      name: 'Kind',
      cell: ({ strategy, kind }) => (kind === null ? `${strategy}, not made here` : `${strategy}, ${kind}`),
    },
    { name: 'Size', figures: true, cell: (entry) => (entry.bytes === null ? 'unknown' : bytes(entry.bytes)) },
    {
      name: 'Actions',
      cell: ({ name, state }) => (
        <span class="actions">
          {state === 'complete' && (
            <button type="button" aria-label={`Restore ${name}`} onClick={() => onRestore(name)}>
              Restore
            </button>
          )}
          <button type="button" class="danger" aria-label={`Delete ${name}`} onClick={() => onDelete(name)}>
            Delete
          </button>
        </span>
      ),
    },
  ];
}

function List({ connection }: { connection: string }): JSX.Element {
  const at = path('connections', connection, 'backups');
  const { data, error, reload } = useResource<{ backups: readonly BackupEntry[] }>(at, 15_000);
  // The first backup makes the folder.
  const unmade = error?.code === 'STORE_NOT_FOUND' && !data;
  const [restoring, setRestoring] = useState('');
  const [deleting, setDeleting] = useState('');
  const action = useAction();
  const remove = async (): Promise<void> => {
    const name = deleting;
    setDeleting('');
    const done = await action.run(() => call('DELETE', `${at}/${encodeURIComponent(name)}`));
    if (done) announce(`${name} is deleted`);
    reload();
  };
  return (
    <>
      <ErrorBox error={action.error ?? (unmade ? undefined : error)} />
      {!data && !error && <Empty>The store of backups is being read.</Empty>}
      {(unmade || data?.backups.length === 0) && <Empty>No backup lies here yet.</Empty>}
      {data && data.backups.length > 0 && (
        <Table
          caption={`Backups of ${connection}`}
          columns={columns(connection, setRestoring, setDeleting)}
          rows={data.backups}
          keyOf={(entry) => entry.name}
        />
      )}
      {restoring && <RestoreDialog connection={connection} backup={restoring} onClose={() => setRestoring('')} />}
      {deleting && (
        <Confirm title={`Delete ${deleting}?`} action="Yes, delete it" onYes={remove} onClose={() => setDeleting('')}>
          <p>Its files are removed from the store of backups. This cannot be undone.</p>
        </Confirm>
      )}
    </>
  );
}

/** The backups of a connection, or one of them. */
export function Backups(props: { connection: string | undefined; backup: string | undefined }): JSX.Element {
  const { data, error } = useResource<{ connections: readonly Connection[] }>('/connections');
  const [starting, setStarting] = useState(false);
  if (props.connection !== undefined && props.backup !== undefined) {
    return <BackupView connection={props.connection} name={props.backup} />;
  }
  const connection = props.connection ?? data?.connections[0]?.name;
  const button = (
    <button type="button" class="main" onClick={() => setStarting(true)}>
      Back up
    </button>
  );
  return (
    <View title="Backups" actions={connection && button}>
      <ConnectionChoice connections={data?.connections} value={connection} onValue={(name) => go('backups', name)} />
      <ErrorBox error={error} />
      {connection && <List key={connection} connection={connection} />}
      {connection && starting && <BackupDialog connection={connection} onClose={() => setStarting(false)} />}
    </View>
  );
}
