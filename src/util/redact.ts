/** Shorter secrets are left alone: replacing every "ab" would only make a text unreadable. */
const SHORTEST = 3;
/** Base64 of a secret inside a longer text differs at its edges; below this length what is left would match by chance. */
const SHORTEST_INSIDE = 6;
const MASK = '***';

/** The part of the base64 of "...secret..." that does not depend on what stands around it, for each of the three alignments. */
function base64Inside(bytes: Buffer): string[] {
  return [0, 1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replaceAll('=', '');
    const whole = Math.floor(((shift + bytes.length) * 8) / 6);
    return encoded.slice(Math.ceil((shift * 8) / 6), whole);
  });
}

function base64Forms(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const plain = bytes.toString('base64');
  const forms = [plain, plain.replaceAll('=', ''), ...(bytes.length >= SHORTEST_INSIDE ? base64Inside(bytes) : [])];
  return forms.flatMap((form) => [form, form.replaceAll('+', '-').replaceAll('/', '_')]);
}

function uriForms(secret: string): string[] {
  // Through bytes: half of a surrogate pair cannot be encoded.
  const encoded = encodeURIComponent(Buffer.from(secret).toString());
  const lower = encoded.replace(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase());
  return [encoded, lower, encoded.replaceAll('%20', '+')];
}

function formsOf(secret: string): string[] {
  const json = JSON.stringify(secret).slice(1, -1);
  return [secret, json, ...base64Forms(secret), ...uriForms(secret)];
}

/**
 * The text with `***` in place of every secret of at least 3 characters, also where a secret stands as base64 (alone or
 * inside a longer base64 text, as in an authorization header), URI-encoded, or escaped as in JSON.
 */
export function redact(text: string, secrets: readonly string[]): string {
  const forms = new Set(secrets.filter((secret) => secret.length >= SHORTEST).flatMap(formsOf));
  const found = [...forms].filter((form) => form.length >= SHORTEST && text.includes(form));
  if (found.length === 0) return text;
  // The longest first: of two secrets that overlap, the longer must not leave its tail.
  found.sort((a, b) => b.length - a.length);
  const pattern = found.map((form) => form.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')).join('|');
  return text.replace(new RegExp(pattern, 'g'), MASK);
}
