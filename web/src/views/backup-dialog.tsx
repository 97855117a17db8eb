import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call } from '../api/client.js';
import type { Job } from '../api/types.js';
import { useAction } from '../parts/action.js';
import { Dialog } from '../parts/dialog.js';
import { Field } from '../parts/field.js';
import { ErrorBox } from '../parts/messages.js';
import { go } from '../router.js';
import { namesOf } from './restore-dialog.js';

/** Asks what is to be backed up, and starts the job. */
export function BackupDialog({ connection, onClose }: { connection: string; onClose: () => void }): JSX.Element {
  const [collections, setCollections] = useState('');
  const [name, setName] = useState('');
  const action = useAction();
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const names = namesOf(collections);
    const keys = {
      ...(names.length > 0 ? { source_collection: names } : {}),
      ...(name.trim() ? { backup_name: name.trim() } : {}),
    };
    await action.run(async () => {
      const job = await call<Job>('POST', '/jobs', { task: { BACKUP: keys }, connection });
      onClose();
      go('jobs', job.id);
    });
  };
  return (
    <Dialog title={`Back up ${connection}`} onClose={onClose}>
      <form class="stack" onSubmit={submit}>
        <Field
          label="Collections"
          hint="Names, separated by commas; * is a wildcard. Empty: all of them."
          value={collections}
          onValue={setCollections}
        />
        <Field label="Name of the backup" hint="Empty: the time." value={name} onValue={setName} />
        <ErrorBox error={action.error} />
        <div class="actions end">
          <button type="button" onClick={onClose}>
            Close
          </button>
          <button type="submit" class="main" disabled={action.busy}>
            Start backup
          </button>
        </div>
      </form>
    </Dialog>
  );
}
