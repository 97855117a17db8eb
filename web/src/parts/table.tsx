import type { ComponentChildren, JSX } from 'preact';

export interface Column<T> {
  readonly name: string;
  readonly cell: (row: T) => ComponentChildren;
  /** Figures stand at the right. */
  readonly figures?: boolean;
}

/** A table with a caption for screen readers; on narrow screens each row becomes a block with the names of its columns. */
export function Table<T>(props: {
  caption: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  keyOf: (row: T) => string;
}): JSX.Element {
  const { caption, columns, rows, keyOf } = props;
  return (
    <table>
      <caption class="unseen">{caption}</caption>
      <thead>
        <tr>
          {columns.map(({ name, figures }) => (
            <th key={name} scope="col" class={figures ? 'figures' : undefined}>
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={keyOf(row)}>
            {columns.map(({ name, cell, figures }) => (
              <td key={name} data-name={name} class={figures ? 'figures' : undefined}>
                <div>{cell(row)}</div>
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
