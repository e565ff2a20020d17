import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Locator, Page } from 'playwright-core';

/** The workbench as a person's hands see it: the palette, quick picks, lists, toasts. */

const slowMs = 120_000;
/** After which something is tried again. */
const stepMs = 20_000;
const paletteMs = 5000;
const settleMs = 300;

export async function openWorkbench(page: Page, origin: string, folder: string): Promise<void> {
  page.setDefaultTimeout(slowMs);
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
  const isTyped = async (): Promise<boolean> =>
    (await quickInput(page).isVisible()) && (await quickInput(page).inputValue()) === `>${title}`;
  await insist(`run ${title}`, async () => {
    await page.keyboard.press('Escape');
    await page.keyboard.press('F1');
    await quickInput(page).fill(`>${title}`, { timeout: stepMs });
    await pickRow(page, title).click({ timeout: paletteMs });
    // What the command asks next may use the same widget.
    await until(async () => !(await isTyped()));
  });
}

/** An item or a button by its name, and what appears once it was chosen. */
export interface Choice {
  readonly name: string;
  readonly opens: Locator;
}

/** Chooses from the context menu of a row. */
export async function runFromMenu(page: Page, row: Locator, what: Choice): Promise<void> {
  await insist(`choose ${what.name} in a menu`, async () => {
    if (await what.opens.isVisible()) return;
    await openMenu(page, row, what.name);
    // A menu that has just opened lets clicks pass unheard, and goes when its list is drawn anew.
    await page.waitForTimeout(settleMs);
    await menuItem(page, what.name).click({ timeout: stepMs });
    await what.opens.waitFor({ timeout: stepMs });
  });
}

/** Opens the context menu of a row and waits for an item of it. */
export async function openMenu(page: Page, row: Locator, item: string): Promise<void> {
  await insist(`open a menu with ${item}`, async () => {
    await page.keyboard.press('Escape');
    await row.click({ button: 'right', timeout: stepMs });
    await menuItem(page, item).waitFor({ timeout: stepMs });
  });
}

/** An item of the context menu that is open. */
export function menuItem(page: Page, item: string): Locator {
  return page.locator('.context-view .action-label', { hasText: item });
}

/** The title of what the workbench asks. */
export function quickInputTitle(page: Page, title: RegExp): Locator {
  return page.locator('.quick-input-title', { hasText: title });
}

/** Waits for the quick pick with this title and chooses a row. */
export async function choose(page: Page, title: RegExp, label: string): Promise<void> {
  const asked = quickInputTitle(page, title);
  await asked.waitFor();
  await insist(`choose ${label}`, async () => {
    if (await asked.isVisible()) await pickRow(page, label).click({ timeout: stepMs });
    await asked.waitFor({ state: 'hidden', timeout: stepMs });
  });
}

/** Accepts what an input box or a file dialog proposes. */
export async function acceptProposal(page: Page, title: RegExp): Promise<void> {
  const asked = quickInputTitle(page, title);
  await asked.waitFor();
  await insist('accept a proposal', async () => {
    if (await asked.isVisible()) await quickInput(page).press('Enter', { timeout: stepMs });
    await asked.waitFor({ state: 'hidden', timeout: stepMs });
  });
}

/** A tree or list row by its label; its accessible name may be a tooltip. */
export function treeRow(page: Page, label: RegExp): Locator {
  const rows = page.locator('.pane-body .monaco-list-row:visible');
  return rows.filter({ has: page.locator('.label-name', { hasText: label }) }).first();
}

/** The toast with this text, as soon as it shows. */
export async function toast(page: Page, text: RegExp): Promise<Locator> {
  const found = page.locator('.notification-toast', { hasText: text }).first();
  await found.waitFor();
  return found;
}

/** Presses a button of a notification; a toast that has gone by itself is looked for among all notifications. */
export async function pressButton(page: Page, text: RegExp, what: Choice): Promise<void> {
  const shown = page.locator('.notification-toast, .notifications-center .notification-list-item');
  const notification = shown.filter({ hasText: text, visible: true }).first();
  await insist(`press ${what.name}`, async () => {
    if (await what.opens.isVisible()) return;
    if (!(await notification.isVisible())) await runCommand(page, 'Notifications: Show Notifications');
    await notification.getByRole('button', { name: what.name, exact: true }).click({ timeout: stepMs });
    await what.opens.waitFor({ timeout: stepMs });
  });
}

/** Does it again until it succeeds: lists are drawn anew and menus close at any moment, a busy machine loses clicks. */
async function insist(what: string, work: () => Promise<void>): Promise<void> {
  for (const end = Date.now() + slowMs; ;) {
    try {
      await work();
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
      console.log(`  once more: ${what}`);
    }
  }
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + stepMs; !(await condition());) {
    if (Date.now() > end) throw new Error('The workbench did not react.');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
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
