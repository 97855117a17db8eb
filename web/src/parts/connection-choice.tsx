import type { JSX } from 'preact';
import type { Connection } from '../api/types.js';
import { href } from '../router.js';
import { Empty } from './messages.js';

/** Which connection a view is about; says where to make one where there is none. */
export function ConnectionChoice(props: {
  connections: readonly Connection[] | undefined;
  value: string | undefined;
  onValue: (name: string) => void;
}): JSX.Element | null {
  const { connections, value, onValue } = props;
  if (!connections) return null;
  if (connections.length === 0) {
    return (
      <Empty>
        There is no connection yet. <a href={href('connections')}>Make one</a>: a Milvus with a name.
      </Empty>
    );
  }
  return (
    <search class="filters">
      <label>
        Connection
        <select value={value} onChange={(event) => onValue(event.currentTarget.value)}>
          {connections.map(({ name }) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
    </search>
  );
}
