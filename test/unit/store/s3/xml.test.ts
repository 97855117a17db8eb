import { expect, it } from 'vitest';
import { elements, escapeXml, textOf } from '../../../../src/store/s3/xml.js';

it('finds elements and their text', () => {
  const xml = '<L xmlns="u"><C><Key>a&amp;b&#x27;&#60;&lt;&unknown;</Key></C><C><Key>2</Key></C><Key2>x</Key2></L>';
  expect(elements(xml, 'C')).toHaveLength(2);
  expect(textOf(xml, 'Key')).toBe("a&b'<<&unknown;");
  expect(elements(xml, 'Key').at(-1)).toBe('2');
  expect(textOf(xml, 'None')).toBeUndefined();
  expect(elements('<Key>cut', 'Key')).toEqual([]);
  expect(textOf('<Key>&#x110000;</Key>', 'Key')).toBe('&#x110000;');
});

it('escapes what a text may hold', () => {
  const text = `<&>"'é`;
  expect(textOf(`<Key>${escapeXml(text)}</Key>`, 'Key')).toBe(text);
});
