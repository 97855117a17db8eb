const NAMED: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function decoded(text: string): string {
  return text.replace(/&(?:#x([0-9a-fA-F]+)|#([0-9]+)|(\w+));/g, (whole, hex?: string, decimal?: string, name = '') => {
    const code = hex ? Number.parseInt(hex, 16) : decimal ? Number(decimal) : undefined;
    if (code !== undefined) return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    return NAMED[name] ?? whole;
  });
}

/**
 * The contents of all elements of a name, in their order. Enough for S3's answers, whose elements never hold another one
 * of their own name, nor attributes but those of the outermost, nor CDATA.
 */
export function elements(xml: string, name: string): string[] {
  const found: string[] = [];
  const [start, end] = [`<${name}>`, `</${name}>`];
  for (let at = xml.indexOf(start); at >= 0; at = xml.indexOf(start, at)) {
    const from = at + start.length;
    const to = xml.indexOf(end, from);
    if (to < 0) break;
    found.push(xml.slice(from, to));
    at = to + end.length;
  }
  return found;
}

/** The text of the first element of a name; undefined where there is none. */
export function textOf(xml: string, name: string): string | undefined {
  const [first] = elements(xml, name);
  return first === undefined ? undefined : decoded(first);
}

/** A text for the body of a request. */
export function escapeXml(text: string): string {
  return text.replace(/[<>&"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
