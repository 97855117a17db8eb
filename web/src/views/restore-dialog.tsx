import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call } from '../api/client.js';
import type { Job } from '../api/types.js';
import { Choice, Field } from '../parts/field.js';
import { FormDialog } from '../parts/form-dialog.js';
import { go } from '../router.js';

/** Names that stand in one line, separated by commas. */
export function namesOf(text: string): string[] {
  return text.split(',').flatMap((name) => name.trim() || []);
}

/** Asks how a backup is to be restored, and starts the job. */
export function RestoreDialog(props: { connection: string; backup: string; onClose: () => void }): JSX.Element {
  const { connection, backup, onClose } = props;
  const [collections, setCollections] = useState('');
  const [suffix, setSuffix] = useState('_restored');
  const [mode, setMode] = useState('skip');
  const [load, setLoad] = useState('restore');
  const submit = async (): Promise<void> => {
    const names = namesOf(collections);
    const keys = {
      mode,
      load: load === 'restore' ? load : load === 'yes',
      ...(names.length > 0 ? { source_collection: names } : {}),
      ...(suffix.trim() ? { rename: { suffix: suffix.trim() } } : {}),
    };
    const job = await call<Job>('POST', '/jobs', { task: { RESTORE: { backup_name: backup, ...keys } }, connection });
    go('jobs', job.id);
  };
  return (
    <FormDialog title={`Restore ${backup}`} action="Start restore" onSubmit={submit} onClose={onClose}>
      <p>
        Into <strong>{connection}</strong>. Each collection appears under its name when it is complete.
      </p>
      <Field
        label="Collections"
        hint="Names in the backup, separated by commas; * is a wildcard. Empty: all."
        value={collections}
        onValue={setCollections}
      />
      <Field
        label="Suffix of the new names"
        hint="Put behind the name of each collection. Empty: their own names."
        value={suffix}
        onValue={setSuffix}
      />
      <Choice
        label="A collection of the new name exists"
        value={mode}
        onValue={setMode}
        options={[
          ['skip', 'leave it alone'],
          ['overwrite', 'replace it'],
        ]}
      />
      <Choice
        label="Load"
        value={load}
        onValue={setLoad}
        options={[
          ['restore', 'as it was'],
          ['yes', 'yes'],
          ['no', 'no'],
        ]}
      />
    </FormDialog>
  );
}
