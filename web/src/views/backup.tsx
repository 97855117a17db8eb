import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { path } from '../api/client.js';
import type { BackupContents } from '../api/types.js';
import { useResource } from '../api/use-resource.js';
import { bytes, count, time } from '../format.js';
import { Facts } from '../parts/field.js';
import { ErrorBox } from '../parts/messages.js';
import { type Column, Table } from '../parts/table.js';
import { View } from '../parts/view.js';
import { href } from '../router.js';
import { RestoreDialog } from './restore-dialog.js';

type Collection = BackupContents['collections'][number];

const COLUMNS: readonly Column<Collection>[] = [
  { name: 'Collection', cell: ({ db, name }) => `${db}.${name}` },
  { name: 'Rows', figures: true, cell: ({ rows }) => count(rows) },
  { name: 'Size', figures: true, cell: (collection) => bytes(collection.bytes) },
  { name: 'Partitions', cell: ({ partitions }) => partitions.map(({ name }) => name).join(', ') },
  {
    name: 'Indexes',
    cell: ({ indexes }) => indexes.map(({ field, type, metric }) => `${field}: ${type} ${metric}`).join(', ') || 'none',
  },
];

/** What one backup holds. */
export function BackupView({ connection, name }: { connection: string; name: string }): JSX.Element {
  const { data, error } = useResource<BackupContents>(path('connections', connection, 'backups', name));
  const [restoring, setRestoring] = useState(false);
  const actions = (
    <button type="button" class="main" onClick={() => setRestoring(true)}>
      Restore
    </button>
  );
  return (
    <View title={name} actions={data && actions}>
      <p>
        <a href={href('backups', connection)}>All backups of {connection}</a>
      </p>
      <ErrorBox error={error} />
      {data && (
        <>
          <Facts
            rows={[
              ['Made', data.created ? time(data.created) : 'unknown'],
              ['Milvus', data.milvus_version],
              ['Size', bytes(data.bytes)],
              ['Kind', data.strategy],
            ]}
          />
          <Table
            caption={`Collections of ${name}`}
            columns={COLUMNS}
            rows={data.collections}
            keyOf={(collection) => `${collection.db}.${collection.name}`}
          />
        </>
      )}
      {restoring && <RestoreDialog connection={connection} backup={name} onClose={() => setRestoring(false)} />}
    </View>
  );
}
