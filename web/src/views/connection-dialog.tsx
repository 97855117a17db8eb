import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, path } from '../api/client.js';
import type { Connection } from '../api/types.js';
import { Field } from '../parts/field.js';
import { FormDialog } from '../parts/form-dialog.js';

// biome-ignore lint/suspicious/noTemplateCurlyInString: it is shown as it stands
const REFERENCE = 'A reference such as ${MILVUS_TOKEN} or ${file:/run/secrets/token}, never the secret itself.';

type Text = 'name' | 'description' | 'uri' | 'db' | 'user' | 'password' | 'token';
type Form = Record<Text | 'storage' | 'backup_store', string>;

/** A place of files as one line of JSON, which people can type. */
function placeText(place: Readonly<Record<string, unknown>> | undefined): string {
  return place ? JSON.stringify(place) : '';
}

function placeOf(name: string, text: string): Record<string, unknown> | undefined {
  if (text.trim() === '') return undefined;
  if (!text.trim().startsWith('{')) return { type: 'local', path: text.trim() };
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw new Error(`${name} is neither a folder nor JSON: ${(cause as Error).message}`, { cause });
  }
}

function bodyOf(form: Form, before: Connection | undefined): Record<string, unknown> {
  const { name: _, storage, backup_store, ...texts } = form;
  const given = Object.entries(texts).filter(([, value]) => value.trim() !== '');
  const places = { storage: placeOf('Storage', storage), backup_store: placeOf('Store of backups', backup_store) };
  const set = Object.entries(places).filter(([, value]) => value !== undefined);
  return { ...(before?.tls === undefined ? {} : { tls: before.tls }), ...Object.fromEntries([...given, ...set]) };
}

/** Makes a connection, or changes one. */
export function ConnectionDialog(props: {
  connection: Connection | undefined;
  onSaved: () => void;
  onClose: () => void;
}): JSX.Element {
  const { connection, onSaved, onClose } = props;
  const [form, setForm] = useState<Form>({
    name: connection?.name ?? '',
    description: connection?.description ?? '',
    uri: connection?.uri ?? 'http://127.0.0.1:19530',
    db: connection?.db ?? '',
    user: connection?.user ?? '',
    password: connection?.password ?? '',
    token: connection?.token ?? '',
    storage: placeText(connection?.storage),
    backup_store: placeText(connection?.backup_store),
  });
  const put = (key: keyof Form) => (value: string) => setForm((old) => ({ ...old, [key]: value }));
  const submit = async (): Promise<void> => {
    await call('PUT', path('connections', form.name.trim()), bodyOf(form, connection));
    onSaved();
  };
  const field = (key: keyof Form, label: string, hint?: string): JSX.Element => (
    <Field label={label} value={form[key]} onValue={put(key)} {...(hint ? { hint } : {})} />
  );
  return (
    <FormDialog
      title={connection ? `Connection ${connection.name}` : 'New connection'}
      action="Save"
      onSubmit={submit}
      onClose={onClose}
    >
      {!connection && <Field label="Name" required value={form.name} onValue={put('name')} />}
      <Field label="Address" required value={form.uri} onValue={put('uri')} />
      {field('description', 'Description')}
      {field('db', 'Database')}
      {field('token', 'Token', REFERENCE)}
      {field('user', 'User')}
      {field('password', 'Password', REFERENCE)}
      {field('storage', 'Storage of that Milvus', 'A folder, or JSON as source_storage in a BACKUP.')}
      {field('backup_store', 'Store of its backups', 'A folder, or JSON as backup_store in a BACKUP.')}
    </FormDialog>
  );
}
