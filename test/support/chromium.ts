import { type Browser, chromium } from 'playwright-core';
import { ensurePackages, findProgram } from './debian.js';

/** Starts the distribution's Chromium, installed where it is missing and we are root. The caller closes it. */
export async function openChromium(): Promise<Browser> {
  const executablePath = await ensurePackages(['chromium'], () => findProgram(['chromium', 'chromium-browser']));
  // Its sandbox refuses to run as root; it only opens pages of our own.
  return await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}
