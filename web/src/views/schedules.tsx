import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, path } from '../api/client.js';
import type { Schedule } from '../api/types.js';
import { useResource } from '../api/use-resource.js';
import { time } from '../format.js';
import { useAction } from '../parts/action.js';
import { announce } from '../parts/announce.js';
import { Confirm } from '../parts/dialog.js';
import { Empty, ErrorBox } from '../parts/messages.js';
import { Tag } from '../parts/state.js';
import { type Column, Table } from '../parts/table.js';
import { View } from '../parts/view.js';
import { href } from '../router.js';
import { bodyOf, ScheduleDialog } from './schedule-dialog.js';

function columns(on: Record<'edit' | 'toggle' | 'remove', (s: Schedule) => void>): readonly Column<Schedule>[] {
  return [
    { name: 'Name', cell: ({ name }) => <strong>{name}</strong> },
    {
      name: 'When',
      cell: ({ cron, time_zone: zone }) => (
        <>
          <code>{cron}</code> <span class="hint">{zone}</span>
        </>
      ),
    },
    {
      name: 'State',
      cell: ({ enabled }) =>
        enabled ? <Tag icon="check" tone="good" text="on" /> : <Tag icon="pause" tone="quiet" text="off" />,
    },
    { name: 'Next', cell: ({ next, enabled }) => (enabled && next ? time(next) : 'none') },
    {
      name: 'Last',
      cell: ({ last }) => {
        if (!last) return 'never';
        if (last.job) return <a href={href('jobs', last.job)}>{time(last.due)}</a>;
        return `${time(last.due)}: ${last.reason}`;
      },
    },
    {
      name: 'Actions',
      cell: (schedule) => (
        <span class="actions">
          <button
            type="button"
            aria-label={`Turn ${schedule.enabled ? 'off' : 'on'} ${schedule.name}`}
            onClick={() => on.toggle(schedule)}
          >
            Turn {schedule.enabled ? 'off' : 'on'}
          </button>
          <button type="button" aria-label={`Edit ${schedule.name}`} onClick={() => on.edit(schedule)}>
            Edit
          </button>
          <button
            type="button"
            class="danger"
            aria-label={`Delete ${schedule.name}`}
            onClick={() => on.remove(schedule)}
          >
            Delete
          </button>
        </span>
      ),
    },
  ];
}

/** What runs by itself. */
export function Schedules(): JSX.Element {
  const { data, error, reload } = useResource<{ schedules: readonly Schedule[] }>('/schedules', 15_000);
  const [editing, setEditing] = useState<Schedule | 'new'>();
  const [removing, setRemoving] = useState<Schedule>();
  const action = useAction();
  const at = ({ id }: Schedule): string => path('schedules', id);
  const toggle = async (schedule: Schedule): Promise<void> => {
    const body = { ...bodyOf(schedule), enabled: !schedule.enabled };
    if (await action.run(() => call('PUT', at(schedule), body))) {
      announce(`${schedule.name} is ${schedule.enabled ? 'off' : 'on'}`);
    }
    reload();
  };
  const remove = async (): Promise<void> => {
    const schedule = removing!;
    setRemoving(undefined);
    if (await action.run(() => call('DELETE', at(schedule)))) announce(`${schedule.name} is deleted`);
    reload();
  };
  const saved = (): void => {
    setEditing(undefined);
    reload();
  };
  const add = (
    <button type="button" class="main" onClick={() => setEditing('new')}>
      New schedule
    </button>
  );
  return (
    <View title="Schedules" actions={add}>
      <ErrorBox error={action.error ?? error} />
      {data?.schedules.length === 0 && <Empty>Nothing runs by itself yet.</Empty>}
      {data && data.schedules.length > 0 && (
        <Table
          caption="Schedules"
          columns={columns({ edit: setEditing, toggle, remove: setRemoving })}
          rows={data.schedules}
          keyOf={(schedule) => schedule.name}
        />
      )}
      {editing && (
        <ScheduleDialog
          schedule={editing === 'new' ? undefined : editing}
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
          <p>It starts no more jobs. Jobs that it has started go on, and their backups stay.</p>
        </Confirm>
      )}
    </View>
  );
}
