/** Rows one behind the other, without ids. */
export interface FlatLayout {
  readonly kind: 'flat';
  readonly rows: number;
  readonly rowBytes: number;
  /** Offset of the first row. */
  readonly at: number;
}

/** Rows in inverted lists, each row with an id. Empty lists are left out. */
export interface ListLayout {
  readonly kind: 'lists';
  readonly rows: number;
  readonly rowBytes: number;
  /** Row number of the first row of each list; one more entry than lists, the last being `rows`. */
  readonly firstRow: Float64Array;
  readonly place: PackedLists | PlacedLists;
}

/** Lists one behind the other in the index file: all codes of a list, then all its ids. */
export interface PackedLists {
  readonly kind: 'packed';
  readonly at: number;
}

/** Lists anywhere in a file beside the index. */
export interface PlacedLists {
  readonly kind: 'placed';
  readonly codesAt: Float64Array;
  readonly idsAt: Float64Array;
  /** Path as the index file names it. */
  readonly storedPath: string;
  /** Size that the data file must have at least. */
  readonly totalBytes: number;
}

/** Rows of another layout under new ids: row r of a flat one, else the row whose inner id is r, has id `map[r]`. */
export interface MappedLayout {
  readonly kind: 'mapped';
  readonly rows: number;
  readonly rowBytes: number;
  readonly inner: RowLayout;
  /** Offset of the map, `rows` times int64. */
  readonly mapAt: number;
}

/** Where the rows of an index lie. Every offset has been checked against the size of its file. */
export type RowLayout = FlatLayout | ListLayout | MappedLayout;

export function hasIds(layout: RowLayout): boolean {
  return layout.kind !== 'flat';
}

/** The lists outside the index file, if there are any. */
export function placedLists(layout: RowLayout): PlacedLists | undefined {
  if (layout.kind === 'mapped') return placedLists(layout.inner);
  return layout.kind === 'lists' && layout.place.kind === 'placed' ? layout.place : undefined;
}
