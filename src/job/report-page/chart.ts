import { formatCount } from '../../util/bytes.js';
import type { Throughput } from '../recorder.js';
import { html, type Markup } from './markup.js';
import { durationText } from './words.js';

const WIDTH = 900;
const HEIGHT = 240;
const RIGHT = 12;
const TOP = 22;
const BOTTOM = 28;
/** Points that a line can show; more would only blur it. */
const MOST_POINTS = 120;
const FEWEST_POINTS = 5;

/** The next of 1, 2, 5, 10, ... that is not smaller. */
export function roundUp(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value * 0.999999) ?? value;
}

/** Means of neighbours. */
function thinned(values: readonly number[], each: number): number[] {
  const out: number[] = [];
  for (let i = 0; i < values.length; i += each) {
    const part = values.slice(i, i + each);
    out.push(part.reduce((sum, v) => sum + v, 0) / part.length);
  }
  return out;
}

/** Steps that one point stands for: a second where that leaves points enough, because batches come in bursts. */
function stepsAPoint(steps: number, seconds: number): number {
  return Math.max(
    1,
    Math.ceil(steps / MOST_POINTS),
    Math.min(Math.ceil(1 / seconds), Math.floor(steps / FEWEST_POINTS)),
  );
}

const at = (x: number): string => x.toFixed(1);

function line(points: readonly (readonly [number, number])[]): string {
  return points.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${at(x)} ${at(y)}`).join('');
}

/** Only the time in which rows were written: the zeros before and behind it are no throughput. */
function active(rows: readonly number[]): { first: number; values: readonly number[] } {
  const first = rows.findIndex((n) => n > 0);
  if (first < 0) return { first: 0, values: [] };
  return { first, values: rows.slice(first, rows.findLastIndex((n) => n > 0) + 1) };
}

function gridLine(left: number, y: number, label: string): Markup {
  return html`<line class="grid" x1="${left}" x2="${WIDTH - RIGHT}" y1="${at(y)}" y2="${at(y)}"/><text x="${left - 8}" y="${at(y + 4)}" text-anchor="end">${label}</text>`;
}

/** Rows per second over the time of the run as an inline SVG; undefined when there are too few moments for a line. */
export function throughputChart({ rows, step_seconds: step }: Throughput): Markup | undefined {
  const { first, values } = active(rows);
  if (values.length < 3) return undefined;
  const each = stepsAPoint(values.length, step);
  const means = thinned(
    values.map((n) => n / step),
    each,
  );
  const top = roundUp(Math.max(...means));
  const [begin, end] = [first * step, (first + means.length * each) * step];
  // Room for the widest number in the larger letters of a narrow screen.
  const left = 24 + 15 * formatCount(top).length;
  const x = (i: number): number => left + ((i + 0.5) / means.length) * (WIDTH - left - RIGHT);
  const y = (value: number): number => HEIGHT - BOTTOM - (value / top) * (HEIGHT - TOP - BOTTOM);
  const points = means.map((value, i) => [x(i), y(value)] as const);
  const base = HEIGHT - BOTTOM;
  const area = `${line(points)}L${at(points.at(-1)![0])} ${base}L${at(points[0]![0])} ${base}Z`;
  const steps = [0, 0.25, 0.5, 0.75, 1].map((part) =>
    gridLine(left, y(top * part), formatCount(Math.round(top * part))),
  );
  const ticks = [0, 0.5, 1].map((part) => {
    const anchor = part === 0 ? 'start' : part === 1 ? 'end' : 'middle';
    const text = durationText(begin + (end - begin) * part);
    return html`<text x="${at(left + part * (WIDTH - left - RIGHT))}" y="${HEIGHT - 8}" text-anchor="${anchor}">${text}</text>`;
  });
  const label = `Rows per second over time: at most ${formatCount(Math.round(Math.max(...means)))}`;
  return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${label}">${steps}<path class="area" d="${area}"/><path class="curve" d="${line(points)}"/>${ticks}</svg>`;
}
