import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Locator, Page } from 'playwright-core';

/** The workbench as a person's hands see it: the palette, quick picks, lists, toasts. */

const slowMs = 60_000;

export async function openWorkbench(page: Page, origin: string, folder: string): Promise<void> {
  await page.goto(`${origin}/?folder=${encodeURIComponent(folder)}`);
  await page.locator('.monaco-workbench').waitFor();
}

const quickInput = (page: Page): Locator => page.locator('.quick-input-widget input[type="text"]');

/** The rows of the quick pick whose label is exactly this, icons and matched letters left aside. */
function pickRow(page: Page, label: string): Locator {
  const exact = new RegExp(`^\\s*${label.replaceAll(/[.*+?^${}()|[\]\\]/gu, '\\$&')}\\s*$`, 'u');
  const rows = page.locator('.quick-input-list .monaco-list-row');
  return rows.filter({ has: page.locator('.label-name', { hasText: exact }) }).first();
}

/** The palette lists what was registered when it opened: it is opened anew until the command is there. */
export async function runCommand(page: Page, title: string): Promise<void> {
  for (const end = Date.now() + slowMs; ;) {
    await page.keyboard.press('F1');
    await quickInput(page).waitFor();
    await quickInput(page).fill(`>${title}`);
    try {
      await pickRow(page, title).click({ timeout: 2000 });
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
      await page.keyboard.press('Escape');
    }
  }
}

/** Waits for the quick pick with this title and chooses a row. */
export async function choose(page: Page, title: RegExp, label: string): Promise<void> {
  await page.locator('.quick-input-title', { hasText: title }).waitFor({ timeout: slowMs });
  await pickRow(page, label).click();
}

/** Accepts what an input box or a file dialog proposes. */
export async function acceptProposal(page: Page, title: RegExp): Promise<void> {
  await page.locator('.quick-input-title', { hasText: title }).waitFor({ timeout: slowMs });
  await page.keyboard.press('Enter');
}

/** A tree or list row by its label; its accessible name may be a tooltip. */
export function treeRow(page: Page, label: RegExp): Locator {
  const rows = page.locator('.pane-body .monaco-list-row:visible');
  return rows.filter({ has: page.locator('.label-name', { hasText: label }) }).first();
}

export async function toast(page: Page, text: RegExp): Promise<Locator> {
  const found = page.locator('.notification-toast', { hasText: text }).first();
  await found.waitFor({ timeout: slowMs });
  return found;
}

/** Saves the page once two looks in a row are the same, the pointer out of the way. */
export async function shoot(page: Page, folder: string, name: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await page.mouse.move(640, 797);
  const look = (): Promise<Buffer> => page.screenshot({ animations: 'disabled', caret: 'hide' });
  let last = await look();
  for (let tries = 0; tries < 15; tries++) {
    await page.waitForTimeout(150);
    const next = await look();
    if (next.equals(last)) break;
    last = next;
  }
  await writeFile(path.join(folder, `${name}.png`), last);
}
