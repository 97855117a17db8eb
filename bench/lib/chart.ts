const HEIGHT = 8;
const MOST_COLUMNS = 72;

/** The largest value of each of at most `columns` stretches of equal length. */
function largest(values: readonly number[], columns: number): number[] {
  const step = Math.max(1, Math.ceil(values.length / columns));
  const out: number[] = [];
  for (let i = 0; i < values.length; i += step) out.push(Math.max(...values.slice(i, i + step)));
  return out;
}

/**
 * Values that were taken once a second as bars of text from zero on, in a Markdown code block; where there are more than fit, the
 * largest of each stretch.
 */
export function chart(title: string, unit: string, values: readonly number[]): string {
  const bars = largest(values, MOST_COLUMNS);
  const top = Math.ceil(Math.max(1, ...bars) / 50) * 50;
  const lines = Array.from({ length: HEIGHT }, (_, i) => {
    const floor = (top * (HEIGHT - 1 - i)) / HEIGHT;
    const label = i === 0 ? String(top) : '';
    return `${label.padStart(5)} |${bars.map((value) => (value > floor ? '#' : ' ')).join('')}`.trimEnd();
  });
  const axis = `    0 +${'-'.repeat(bars.length)} ${values.length} s`;
  return [`${title}, ${unit}:`, '', '```text', ...lines, axis, '```'].join('\n');
}
