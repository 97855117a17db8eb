import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call } from '../api/client.js';
import type { Job } from '../api/types.js';
import { Field } from '../parts/field.js';
import { FormDialog } from '../parts/form-dialog.js';
import { go } from '../router.js';
import { namesOf } from './restore-dialog.js';

/** Asks what is to be backed up, and starts the job. */
export function BackupDialog({ connection, onClose }: { connection: string; onClose: () => void }): JSX.Element {
  const [collections, setCollections] = useState('');
  const [name, setName] = useState('');
  const submit = async (): Promise<void> => {
    const names = namesOf(collections);
    const keys = {
      ...(names.length > 0 ? { source_collection: names } : {}),
      ...(name.trim() ? { backup_name: name.trim() } : {}),
    };
    const job = await call<Job>('POST', '/jobs', { task: { BACKUP: keys }, connection });
    go('jobs', job.id);
  };
  return (
    <FormDialog title={`Back up ${connection}`} action="Start backup" onSubmit={submit} onClose={onClose}>
      <Field
        label="Collections"
        hint="Names, separated by commas; * is a wildcard. Empty: all of them."
        value={collections}
        onValue={setCollections}
      />
      <Field label="Name of the backup" hint="Empty: the time." value={name} onValue={setName} />
    </FormDialog>
  );
}
