import { styleText } from 'node:util';

export interface TextStyle {
  readonly color: boolean;
}

export type Tone = 'bold' | 'green' | 'yellow' | 'red' | 'dim';

export function tint(style: TextStyle, tone: Tone, text: string): string {
  // Whether there may be colours is decided in one place (mayColor), not once more by Node.
  return style.color ? styleText(tone, text, { validateStream: false }) : text;
}

/** Lines of equal columns; the first row is the heading. */
export function table(rows: readonly (readonly string[])[], style: TextStyle): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((r) => r[i]!.length)));
  return rows.map((row, n) => {
    const line = row.map((cell, i) => (/^[\d,]+$/.test(cell) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)));
    const text = `  ${line.join('  ').trimEnd()}`;
    return n === 0 ? tint(style, 'dim', text) : text;
  });
}

export function listed(title: string, items: readonly string[], style: TextStyle): string[] {
  return items.length === 0 ? [] : [tint(style, 'yellow', title), ...items.map((i) => `  - ${i}`)];
}
