import { accessSync } from 'node:fs';
import chromium from '@sparticuz/chromium';
import { type Browser, chromium as driver } from 'playwright-core';

/** Where Debian and others put it. */
const installed = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
});

/**
 * Starts a real browser: the installed one if there is one, else the one from npm.
 *
 * @throws Error with the command that helps when neither runs.
 */
export async function launchBrowser(): Promise<Browser> {
  try {
    const executablePath = installed ?? (await chromium.executablePath());
    return await driver.launch({
      executablePath,
      args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
      headless: true,
    });
  } catch (error) {
    throw new Error('No browser runs here. Install what Chromium needs, for example: apt-get install -y chromium', {
      cause: error,
    });
  }
}
