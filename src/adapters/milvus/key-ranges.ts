import type { Key, KeySpace } from './key-space.js';

/** The rows with `after` < key <= `upTo`; an end that is absent is open. */
export interface KeyRange {
  readonly after?: Key;
  readonly upTo?: Key;
  readonly rows: number;
}

/** What can be asked of the server about keys; each is one query. */
export interface KeySurvey {
  /** Rows whose key is at most `key`. */
  rowsUpTo(key: Key): Promise<number>;
  /** The smallest key above `key`, of all where it is absent; undefined where there is none. */
  nextKey(key: Key | undefined): Promise<Key | undefined>;
}

interface Point {
  readonly key: Key;
  /** Rows whose key is at most `key`. */
  readonly rows: number;
}

/** Queries for one end of a range at most: 6 or 7 find the scale of a gap in int64, twice as many do for nested clusters. */
const QUERIES_PER_CUT = 32;
/** How far a range may be from its fair share. */
const TOLERANCE = 0.15;
/** A range this much smaller or larger than its share is joined to its neighbour. */
const USELESS = 0.6;
/** Guesses by proportion that may go wrong before the gap is skipped and its scale looked for. */
const POOR_GUESSES = 2;

/** Looks for the keys at which `rows` rows fall into equal parts. */
class Divider {
  private readonly space: KeySpace;
  private readonly survey: KeySurvey;
  private readonly points: Point[] = [];
  private readonly rows: number;
  private readonly tolerance: number;
  private queries: number;

  constructor(space: KeySpace, survey: KeySurvey, rows: number, parts: number) {
    this.space = space;
    this.survey = survey;
    this.rows = rows;
    this.tolerance = (TOLERANCE * rows) / parts;
    this.queries = QUERIES_PER_CUT * (parts - 1);
  }

  private near(point: Point | undefined, target: number): boolean {
    return point !== undefined && Math.abs(point.rows - target) <= this.tolerance;
  }

  /** The known points around a target. */
  private around(target: number): { below: Point | undefined; above: Point | undefined } {
    const at = this.points.findIndex((p) => p.rows >= target);
    const index = at < 0 ? this.points.length : at;
    return { below: this.points[index - 1], above: this.points[index] };
  }

  private async ask(key: Key): Promise<Point> {
    this.queries--;
    const point = { key, rows: await this.survey.rowsUpTo(key) };
    const at = this.points.findIndex((p) => this.space.compare(p.key, key) >= 0);
    const known = at >= 0 && this.space.compare(this.points[at]!.key, key) === 0;
    if (!known) this.points.splice(at < 0 ? this.points.length : at, 0, point);
    return point;
  }

  /** Finds a point near the target, as long as there are queries left. */
  async find(target: number): Promise<void> {
    let poor = 0;
    while (this.queries > 0) {
      const { below, above } = this.around(target);
      if (this.near(below, target) || this.near(above, target)) return;
      if (below && above && poor < POOR_GUESSES) {
        if (!(await this.guess(below, above, target))) poor++;
        continue;
      }
      if (!(await this.climb(below, above, target))) return;
      poor = 0;
    }
  }

  /** Asks at the point where the target would be if keys were evenly spread; says whether that halved the rows in question. */
  private async guess(below: Point, above: Point, target: number): Promise<boolean> {
    const rows = above.rows - below.rows;
    const share = Math.min(0.98, Math.max(0.02, (target - below.rows) / rows));
    const key = this.space.between(below.key, above.key, share);
    if (key === undefined) return false;
    const point = await this.ask(key);
    const left = point.rows >= target ? point.rows - below.rows : above.rows - point.rows;
    return left <= rows / 2;
  }

  /**
   * Skips the gap behind `below`, and finds how many powers of two behind the first key there the target lies. False where
   * all rows up to `above` have one key.
   */
  private async climb(below: Point | undefined, above: Point | undefined, target: number): Promise<boolean> {
    this.queries--;
    const first = await this.survey.nextKey(below?.key);
    if (first === undefined || (above && this.space.compare(first, above.key) >= 0)) return false;
    if ((await this.ask(first)).rows >= target) return false;
    let low = -1;
    let high = this.space.steps(first);
    while (high - low > 1 && this.queries > 0) {
      const step = (low + high) >> 1;
      const key = this.space.ahead(first, step);
      if (this.space.compare(key, first) <= 0) low = step;
      else if (above && this.space.compare(key, above.key) >= 0) high = step;
      else {
        const point = await this.ask(key);
        if (this.near(point, target)) return true;
        if (point.rows < target) low = step;
        else high = step;
      }
    }
    return true;
  }

  /** The ranges between the points that came nearest to the targets. */
  ranges(targets: readonly number[]): KeyRange[] {
    const share = this.rows / (targets.length + 1);
    const distance = (p: Point, target: number): number => Math.abs(p.rows - target);
    const cuts = targets.flatMap((target) => {
      const [best] = this.points.toSorted((a, b) => distance(a, target) - distance(b, target));
      return best && distance(best, target) <= USELESS * share && best.rows > 0 && best.rows < this.rows ? [best] : [];
    });
    const ends = cuts.filter((p, i) => i === 0 || p.rows > cuts[i - 1]!.rows);
    return [...ends, undefined].map((end, i) => ({
      ...(i === 0 ? {} : { after: ends[i - 1]!.key }),
      ...(end ? { upTo: end.key } : {}),
      rows: (end?.rows ?? this.rows) - (ends[i - 1]?.rows ?? 0),
    }));
  }
}

/**
 * Divides `rows` rows into at most `parts` ranges of keys of about equal size, by a bounded number of queries. Together the
 * ranges hold every key. What they are depends on the keys alone, so that another process finds the same ones.
 */
export async function divideKeys(
  space: KeySpace,
  survey: KeySurvey,
  rows: number,
  parts: number,
): Promise<readonly KeyRange[]> {
  if (parts < 2) return [{ rows }];
  const targets = Array.from({ length: parts - 1 }, (_, i) => (rows * (i + 1)) / parts);
  const divider = new Divider(space, survey, rows, parts);
  // From the last one on: what is found on the way there surrounds the others.
  for (const target of targets.toReversed()) await divider.find(target);
  return divider.ranges(targets);
}
