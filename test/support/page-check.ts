/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import type { Page } from 'playwright-core';

interface AxNode {
  readonly ignored: boolean;
  readonly role?: { readonly value?: string };
  readonly name?: { readonly value?: string };
}

/** Roles whose meaning is their name. */
const NAMED = new Set([
  'button',
  'link',
  'textbox',
  'combobox',
  'checkbox',
  'dialog',
  'navigation',
  'progressbar',
  'region',
  'img',
  'table',
  'heading',
]);

/** What screen readers would stumble over, as Chromium's accessibility tree has it: things without a name. */
async function unnamed(page: Page): Promise<string[]> {
  const session = await page.context().newCDPSession(page);
  const { nodes } = (await session.send('Accessibility.getFullAXTree')) as unknown as { nodes: readonly AxNode[] };
  await session.detach();
  return nodes.flatMap(({ ignored, role, name }) => {
    const bare = !ignored && NAMED.has(role?.value ?? '') && (name?.value ?? '').trim() === '';
    return bare ? [`a ${role?.value} has no name`] : [];
  });
}

/** Structure: landmarks, headings, unique ids, labels of inputs. Runs in the page. */
function structure(): string[] {
  const found: string[] = [];
  const count = (what: string, selector: string, wanted: number): void => {
    const { length } = document.querySelectorAll(selector);
    if (length !== wanted) found.push(`${length} ${what} (${selector}), expected ${wanted}`);
  };
  count('main landmarks', 'main', 1);
  count('navigations', 'nav', 1);
  count('headings of the page', 'h1', 1);
  count('places that are read aloud', '.shell > [role=status][aria-live=polite]', 1);
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  for (const id of ids.filter((one, i) => ids.indexOf(one) !== i)) found.push(`two elements have the id ${id}`);
  for (const fields of document.querySelectorAll('fieldset')) {
    if (!fields.querySelector(':scope > legend')) found.push('a fieldset has no legend');
  }
  for (const table of document.querySelectorAll('table')) {
    if (!table.caption) found.push('a table has no caption');
    if (table.querySelector('th:not([scope])')) found.push('a heading of a table has no scope');
  }
  for (const one of document.querySelectorAll('[tabindex]')) {
    if (Number(one.getAttribute('tabindex')) > 0) found.push('a tabindex changes the order');
  }
  for (const one of document.querySelectorAll('[aria-describedby], [aria-labelledby]')) {
    const said = `${one.getAttribute('aria-describedby') ?? ''} ${one.getAttribute('aria-labelledby') ?? ''}`;
    for (const id of said.split(' ').filter(Boolean)) if (!ids.includes(id)) found.push(`${id} is named and not there`);
  }
  if (!document.documentElement.lang) found.push('the language is not said');
  if (document.documentElement.scrollWidth > innerWidth) found.push('the page is wider than the window');
  return found;
}

/** Texts whose contrast with what is behind them is below 4.5 (WCAG AA). Runs in the page. */
function faint(): string[] {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 1;
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  const paint = (colours: readonly string[]): number[] => {
    context.clearRect(0, 0, 1, 1);
    for (const colour of colours) {
      context.fillStyle = colour;
      context.fillRect(0, 0, 1, 1);
    }
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (rgb: readonly number[]): number => {
    const [r, g, b] = rgb.map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
  };
  const behind = (element: Element): string[] => {
    const layers: string[] = [];
    for (let at: Element | null = element; at; at = at.parentElement)
      layers.unshift(getComputedStyle(at).backgroundColor);
    return layers;
  };
  const found: string[] = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent?.trim();
    const element = walker.currentNode.parentElement!;
    if (!text || element.closest('.unseen, option, :disabled, .skip') || !element.checkVisibility()) continue;
    const layers = behind(element);
    const [a, b] = [luminance(paint([...layers, getComputedStyle(element).color])), luminance(paint(layers))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push(`"${text.slice(0, 40)}" has a contrast of ${ratio.toFixed(2)}`);
  }
  return found;
}

/** Whether everything that can be used is reached by Tab, in the order of the document, with the focus to be seen. */
async function unreachable(page: Page): Promise<string[]> {
  await page.evaluate(() => {
    const usable = 'a[href], button:not(:disabled), input, select, textarea, summary, [tabindex="0"]';
    for (const one of document.querySelectorAll<HTMLElement>('[data-place]')) delete one.dataset.place;
    const all = [...document.querySelectorAll<HTMLElement>(usable)].filter((one) => one.checkVisibility());
    all.forEach((one, i) => {
      one.dataset.place = String(i);
    });
    document.body.tabIndex = -1;
    document.body.focus();
    document.body.removeAttribute('tabindex');
  });
  const count = await page.locator('[data-place]').count();
  const found: string[] = [];
  for (let i = 0; i < count; i++) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate(() => {
      const one = document.activeElement as HTMLElement;
      const frame = one.closest<HTMLElement>('.text') ?? one;
      return {
        place: one.dataset.place,
        seen: getComputedStyle(frame).outlineStyle !== 'none',
        text: (one.textContent || one.tagName).slice(0, 30),
      };
    });
    if (at.place !== String(i)) found.push(`Tab ${i + 1} leads to ${at.text} (${at.place}), expected ${i}`);
    else if (!at.seen) found.push(`the focus on ${at.text} cannot be seen`);
  }
  return found;
}

/** What keeps people from using a view: names, structure, contrast, the keyboard. Empty where all is well. */
export async function obstacles(page: Page): Promise<string[]> {
  return [
    ...(await unnamed(page)),
    ...(await page.evaluate(structure)),
    ...(await page.evaluate(faint)),
    ...(await unreachable(page)),
  ];
}
