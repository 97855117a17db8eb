import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, path } from '../api/client.js';
import type { Connection } from '../api/types.js';
import { useResource } from '../api/use-resource.js';
import { useAction } from '../parts/action.js';
import { announce } from '../parts/announce.js';
import { Confirm } from '../parts/dialog.js';
import { Empty, ErrorBox } from '../parts/messages.js';
import { Tag } from '../parts/state.js';
import { type Column, Table } from '../parts/table.js';
import { View } from '../parts/view.js';
import { href } from '../router.js';
import { ConnectionDialog } from './connection-dialog.js';

/** What a check has said, by connection. */
type Checks = Readonly<Record<string, { readonly ok: boolean; readonly text: string } | 'busy'>>;

interface CheckAnswer {
  readonly status: 'ok' | 'warn' | 'fail';
  readonly checks: readonly { readonly name: string; readonly status: string; readonly detail: string }[];
}

function Check({ check }: { check: Checks[string] | undefined }): JSX.Element | null {
  if (check === undefined) return null;
  if (check === 'busy') return <Tag icon="clock" tone="quiet" text="checking" />;
  const [icon, tone] = check.ok ? (['check', 'good'] as const) : (['cross', 'bad'] as const);
  return (
    <>
      <Tag icon={icon} tone={tone} text={check.ok ? 'answers' : 'fails'} /> <span class="hint">{check.text}</span>
    </>
  );
}

function columns(
  checks: Checks,
  on: Record<'check' | 'edit' | 'remove', (c: Connection) => void>,
): readonly Column<Connection>[] {
  return [
    {
      name: 'Name',
      cell: ({ name, description }) => (
        <>
          <strong>{name}</strong> {description && <span class="hint">{description}</span>}
        </>
      ),
    },
    { name: 'Address', cell: ({ uri, db }) => (db ? `${uri}, database ${db}` : uri) },
    {
      name: 'Backups',
      cell: ({ name, backup_store: store }) => (store ? <a href={href('backups', name)}>show</a> : 'no store'),
    },
    { name: 'Check', cell: ({ name }) => <Check check={checks[name]} /> },
    {
      name: 'Actions',
      cell: (connection) => (
        <span class="actions">
          <button type="button" aria-label={`Check ${connection.name}`} onClick={() => on.check(connection)}>
            Check
          </button>
          <button type="button" aria-label={`Edit ${connection.name}`} onClick={() => on.edit(connection)}>
            Edit
          </button>
          <button
            type="button"
            class="danger"
            aria-label={`Delete ${connection.name}`}
            onClick={() => on.remove(connection)}
          >
            Delete
          </button>
        </span>
      ),
    },
  ];
}

/** The steps that are not well; where all are, what the server is. */
function verdict({ status, checks }: CheckAnswer): { ok: boolean; text: string } {
  const notable = status === 'ok' ? checks.slice(-1) : checks.filter((check) => check.status !== 'ok');
  return { ok: status !== 'fail', text: notable.map(({ name, detail }) => `${name}: ${detail}`).join('; ') };
}

/** Every Milvus that has a name here. */
export function Connections(): JSX.Element {
  const { data, error, reload } = useResource<{ connections: readonly Connection[] }>('/connections');
  const [checks, setChecks] = useState<Checks>({});
  const [editing, setEditing] = useState<Connection | 'new'>();
  const [removing, setRemoving] = useState<Connection>();
  const action = useAction();
  const check = async ({ name }: Connection): Promise<void> => {
    setChecks((old) => ({ ...old, [name]: 'busy' }));
    const found = await call<CheckAnswer>('POST', path('connections', name, 'check')).then(verdict, (thrown) => ({
      ok: false,
      text: (thrown as Error).message,
    }));
    setChecks((old) => ({ ...old, [name]: found }));
    announce(`${name} ${found.ok ? 'answers' : 'fails'}. ${found.text}`);
  };
  const remove = async (): Promise<void> => {
    const { name } = removing!;
    setRemoving(undefined);
    if (await action.run(() => call('DELETE', path('connections', name)))) announce(`${name} is deleted`);
    reload();
  };
  const saved = (): void => {
    setEditing(undefined);
    reload();
  };
  const add = (
    <button type="button" class="main" onClick={() => setEditing('new')}>
      New connection
    </button>
  );
  return (
    <View title="Connections" actions={add}>
      <ErrorBox error={action.error ?? error} />
      {data?.connections.length === 0 && <Empty>No Milvus has a name here yet.</Empty>}
      {data && data.connections.length > 0 && (
        <Table
          caption="Connections"
          columns={columns(checks, { check, edit: setEditing, remove: setRemoving })}
          rows={data.connections}
          keyOf={(connection) => connection.name}
        />
      )}
      {editing && (
        <ConnectionDialog
          connection={editing === 'new' ? undefined : editing}
          onSaved={saved}
          onClose={() => setEditing(undefined)}
        />
      )}
      {removing && (
        <Confirm
          title={`Delete ${removing.name}?`}
          action="Yes, delete it"
          onYes={remove}
          onClose={() => setRemoving(undefined)}
        >
          <p>Its Milvus is not touched. Automatic backups of it go with it; manual ones stay.</p>
        </Confirm>
      )}
    </View>
  );
}
