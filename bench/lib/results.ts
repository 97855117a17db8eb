/** One number of a run, with its target where the project has set one. */
export interface Result {
  readonly section: string;
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** Every repetition, in order. */
  readonly values?: readonly number[];
  readonly target?: { readonly at: 'least' | 'most'; readonly value: number };
}

/** What a part has found, with Markdown to stand under its table. */
export interface Findings {
  readonly results: readonly Result[];
  readonly notes: readonly string[];
}

/** Whether the target is met; undefined without one. */
export function isMet({ value, target }: Result): boolean | undefined {
  if (!target) return undefined;
  return target.at === 'least' ? value >= target.value : value <= target.value;
}

function digits(value: number): string {
  if (value >= 1000) return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',');
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}

function row(result: Result): string[] {
  const { section, name, value, unit, values = [], target } = result;
  const spread = values.length > 1 ? `${digits(Math.min(...values))} to ${digits(Math.max(...values))}` : '';
  const wanted = target ? `${target.at === 'least' ? '>=' : '<='} ${digits(target.value)}` : '';
  const met = isMet(result);
  return [section, name, digits(value), unit, spread, wanted, met === undefined ? '' : met ? 'met' : 'MISSED'];
}

const HEAD = ['part', 'what', 'median', 'unit', 'from, to', 'target', ''];

/** All results as a Markdown table. */
export function table(results: readonly Result[]): string {
  const rows = [HEAD, ...results.map(row)];
  const widths = HEAD.map((_, i) => Math.max(...rows.map((r) => r[i]!.length)));
  const line = (cells: readonly string[]): string => `| ${cells.map((c, i) => c.padEnd(widths[i]!)).join(' | ')} |`;
  return [line(HEAD), line(widths.map((w) => '-'.repeat(w))), ...rows.slice(1).map(line)].join('\n');
}
