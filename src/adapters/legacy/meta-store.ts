/** A value as metadata has it: whole numbers are exact at any size. */
export type MetaValue = string | bigint | null;

export type MetaRow = Readonly<Record<string, MetaValue>>;

/** A table of the metadata: its name as the database spells it, and its columns in lower case. */
export interface TableShape {
  readonly name: string;
  readonly columns: ReadonlySet<string>;
}

/** A database of metadata, opened for reading. The one who opens it disposes of it. */
export interface MetaStore extends AsyncDisposable {
  /** What it is called in messages. Has no secrets. */
  readonly label: string;
  readonly warnings: readonly string[];
  /** By the name in lower case. */
  readonly shapes: ReadonlyMap<string, TableShape>;
  /** Rows of a query; values go in only through `?`. Throws SRC_UNREADABLE or SRC_CORRUPT. */
  query(sql: string, values: readonly number[]): Promise<MetaRow[]>;
}

/** Gathers (table, column) pairs into shapes. */
export function shapesOf(pairs: Iterable<readonly [table: string, column: string]>): Map<string, TableShape> {
  const shapes = new Map<string, { name: string; columns: Set<string> }>();
  for (const [table, column] of pairs) {
    const key = table.toLowerCase();
    const shape = shapes.get(key) ?? { name: table, columns: new Set() };
    shape.columns.add(column.toLowerCase());
    shapes.set(key, shape);
  }
  return shapes;
}
