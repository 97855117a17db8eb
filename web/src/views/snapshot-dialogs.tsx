import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, path } from '../api/client.js';
import type { Job, Snapshot } from '../api/types.js';
import { Field } from '../parts/field.js';
import { FormDialog } from '../parts/form-dialog.js';
import { go } from '../router.js';

async function start(at: string, body: object): Promise<void> {
  const job = await call<Job>('POST', at, body);
  go('jobs', job.id);
}

/** Asks of what a snapshot is to be made, and starts the job. */
export function SnapshotDialog({ connection, onClose }: { connection: string; onClose: () => void }): JSX.Element {
  const [collection, setCollection] = useState('');
  const [name, setName] = useState('');
  const [description, setDescription] = useState('');
  const submit = (): Promise<void> => {
    const body = { collection: collection.trim(), name: name.trim(), description };
    return start(path('connections', connection, 'snapshots'), body);
  };
  return (
    <FormDialog title={`Snapshot of ${connection}`} action="Make snapshot" onSubmit={submit} onClose={onClose}>
      <Field label="Collection" required value={collection} onValue={setCollection} />
      <Field label="Name of the snapshot" required value={name} onValue={setName} />
      <Field label="Description" value={description} onValue={setDescription} />
    </FormDialog>
  );
}

/** Asks for the new collection, and starts the job. */
export function RestoreSnapshotDialog(props: {
  connection: string;
  snapshot: Snapshot;
  onClose: () => void;
}): JSX.Element {
  const { connection, onClose } = props;
  const { name, db, collection } = props.snapshot;
  const [to, setTo] = useState(`${collection}_restored`);
  const submit = (): Promise<void> =>
    start(path('connections', connection, 'snapshots', name, 'restore'), { collection, db, to: to.trim() });
  return (
    <FormDialog title={`Restore ${name}`} action="Start restore" onSubmit={submit} onClose={onClose}>
      <p>
        A new collection gets what {db}.{collection} was.
      </p>
      <Field label="New collection" required value={to} onValue={setTo} />
    </FormDialog>
  );
}
