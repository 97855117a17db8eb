import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, path } from '../api/client.js';
import type { Schedule } from '../api/types.js';
import { Area, Choice, Field, Tick } from '../parts/field.js';
import { FormDialog } from '../parts/form-dialog.js';

const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

const EXAMPLE = `BACKUP:
  source_uri: http://127.0.0.1:19530
  source_storage: {type: local, path: /var/lib/milvus/data}
  backup_store: {type: local, path: ./backups}
  kind: automatic
`;

interface Form {
  readonly name: string;
  readonly cron: string;
  readonly zone: string;
  readonly connection: string;
  readonly yaml: string;
  readonly keepLast: string;
  readonly olderThan: string;
  readonly missed: string;
  readonly enabled: boolean;
}

function formOf(schedule: Schedule | undefined): Form {
  return {
    name: schedule?.name ?? '',
    cron: schedule?.cron ?? '0 3 * * *',
    zone: schedule?.time_zone ?? ZONE,
    connection: typeof schedule?.connection === 'string' ? schedule.connection : '',
    yaml: schedule === undefined ? EXAMPLE : textOf(schedule),
    keepLast: String(schedule?.retention?.keep_last ?? ''),
    olderThan: schedule?.retention?.older_than ?? '',
    missed: schedule?.missed ?? 'skip',
    enabled: schedule?.enabled ?? true,
  };
}

function textOf({ yaml, task }: Schedule): string {
  return yaml ?? (typeof task === 'string' ? task : JSON.stringify(task, null, 2));
}

/** What the server stores of a schedule. */
export function bodyOf(schedule: Schedule): Record<string, unknown> {
  const { name, cron, time_zone, enabled, missed, retention, connection } = schedule;
  const rest = { ...(retention ? { retention } : {}), ...(connection === undefined ? {} : { connection }) };
  return { name, cron, time_zone, enabled, missed, yaml: textOf(schedule), ...rest };
}

/** A connection of one side stays as it is; the form has a field for those that are one name. */
function connectionOf(form: Form, before: Schedule | undefined): Record<string, unknown> {
  if (form.connection.trim()) return { connection: form.connection.trim() };
  return typeof before?.connection === 'object' ? { connection: before.connection } : {};
}

function bodyOfForm(form: Form, before: Schedule | undefined): Record<string, unknown> {
  const { keepLast, olderThan } = form;
  const retention = {
    ...(keepLast.trim() ? { keep_last: Number(keepLast) } : {}),
    ...(olderThan.trim() ? { older_than: olderThan.trim() } : {}),
  };
  return {
    name: form.name.trim(),
    cron: form.cron.trim(),
    time_zone: form.zone.trim(),
    yaml: form.yaml,
    enabled: form.enabled,
    missed: form.missed,
    ...(Object.keys(retention).length > 0 ? { retention } : {}),
    ...connectionOf(form, before),
  };
}

/** Makes a schedule, or changes one. */
export function ScheduleDialog(props: {
  schedule: Schedule | undefined;
  onSaved: () => void;
  onClose: () => void;
}): JSX.Element {
  const { schedule, onSaved, onClose } = props;
  const [form, setForm] = useState(() => formOf(schedule));
  const put = (key: keyof Form) => (value: string | boolean) => setForm((old) => ({ ...old, [key]: value }));
  const submit = async (): Promise<void> => {
    const body = bodyOfForm(form, schedule);
    if (schedule) await call('PUT', path('schedules', schedule.id), body);
    else await call('POST', '/schedules', body);
    onSaved();
  };
  return (
    <FormDialog
      title={schedule ? `Schedule ${schedule.name}` : 'New schedule'}
      action="Save"
      onSubmit={submit}
      onClose={onClose}
    >
      {!schedule && <Field label="Name" required value={form.name} onValue={put('name')} />}
      <Field
        label="When"
        required
        hint="Minute, hour, day, month, day of the week: 0 3 * * * is every day at three."
        value={form.cron}
        onValue={put('cron')}
      />
      <Field label="Time zone" required value={form.zone} onValue={put('zone')} />
      <Field
        label="Connection"
        hint="A named connection that brings the address. Empty: the task has it."
        value={form.connection}
        onValue={put('connection')}
      />
      <Area label="Task as YAML" rows={8} value={form.yaml} onValue={put('yaml')} />
      <Field
        label="Keep the last"
        hint="So many of its backups stay. Empty: all."
        value={form.keepLast}
        onValue={put('keepLast')}
      />
      <Field
        label="Remove when older than"
        hint="Such as 30d, 12h or 4w. Empty: never."
        value={form.olderThan}
        onValue={put('olderThan')}
      />
      <Choice
        label="A run that was missed"
        value={form.missed}
        onValue={put('missed')}
        options={[
          ['skip', 'is left out'],
          ['run', 'is made up for, once'],
        ]}
      />
      <Tick label="On" value={form.enabled} onValue={put('enabled')} />
    </FormDialog>
  );
}
