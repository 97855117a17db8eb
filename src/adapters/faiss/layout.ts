/** Rows one behind the other, without ids. */
export interface FlatLayout {
  readonly kind: 'flat';
  readonly rows: number;
  readonly rowBytes: number;
  /** Offset of the first row. */
  readonly at: number;
  /** Each row stands behind its dimension, which is this, as int32. */
  readonly prefixed?: number;
  /** Nothing is stored: the code of a row is its number, the lowest byte first. */
  readonly counted?: boolean;
  readonly slices?: Slices;
}

/** Rows in slices of dimensions (Panorama): batches of rows, and within a batch slice 0 of all rows, then slice 1, ... */
export interface Slices {
  /** Rows of a batch; the last one of a run is filled up with unused rows. */
  readonly batchRows: number;
  /** Bytes of a row in each slice. */
  readonly widths: readonly number[];
}

/** Rows in inverted lists, each row with an id. Empty lists are left out. */
export interface ListLayout {
  readonly kind: 'lists';
  readonly rows: number;
  readonly rowBytes: number;
  /** Row number of the first row of each list; one more entry than lists, the last being `rows`. */
  readonly firstRow: Float64Array;
  /** Number of each list in the index, which is that of its centroid. */
  readonly numbers: Int32Array;
  readonly place: PackedLists | PlacedLists;
  readonly slices?: Slices;
}

/** Lists one behind the other in the index file: all codes of a list, then all its ids. */
export interface PackedLists {
  readonly kind: 'packed';
  readonly at: number;
}

/** Lists anywhere, in the index file or in one beside it. */
export interface PlacedLists {
  readonly kind: 'placed';
  readonly codesAt: Float64Array;
  readonly idsAt: Float64Array;
  /** The file of its own that holds them; absent for the index file. */
  readonly file?: DataFile;
}

export interface DataFile {
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

/** Rows of inverted lists, then copies of some of them under ids of their own. */
export interface CopiedLayout {
  readonly kind: 'copied';
  readonly rows: number;
  readonly rowBytes: number;
  readonly inner: ListLayout;
  /** Offset of the copies: pairs of int64, the id of the row in the lists and the id of its copy. */
  readonly pairsAt: number;
}

/** Where the rows of an index lie. Every offset has been checked against the size of its file. */
export type RowLayout = FlatLayout | ListLayout | MappedLayout | CopiedLayout;

export function hasIds(layout: RowLayout): boolean {
  return layout.kind !== 'flat';
}

/** The file beside the index file that holds the lists, if there is one. */
export function dataFile(layout: RowLayout): DataFile | undefined {
  if (layout.kind === 'mapped' || layout.kind === 'copied') return dataFile(layout.inner);
  return layout.kind === 'lists' && layout.place.kind === 'placed' ? layout.place.file : undefined;
}

/** Widths of `count` slices of a row of `dim` float32: each of ceil(dim / count) values, the last of what is left. */
export function sliceWidths(dim: number, count: number): number[] {
  const most = Math.ceil(dim / count);
  const widths: number[] = [];
  for (let from = 0; from < dim; from += most) widths.push(Math.min(most, dim - from) * 4);
  return widths;
}
