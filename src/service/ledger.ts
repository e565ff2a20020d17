import { mkdir, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { hexId, jobId } from '../core/artifact/headers.ts';
import { jobState } from '../core/artifact/job.ts';
import { planMode } from '../core/artifact/outcomes.ts';
import { AppError } from '../core/error.ts';
import { toIoError, writeFileAtomic } from '../io/atomic.ts';
import { isLocked, withLock } from '../io/lock-file.ts';

/** One query of a job; `digest` is what its result must name. */
const ledgerQuery = z.strictObject({
  index: z.int().nonnegative(),
  records: z.int().positive(),
  digest: hexId,
  verified: z.boolean(),
});

/** `<home>/jobs/<job>/ledger.json`: what this machine knows of a job; readable by its user only, since it names files. */
export const ledgerDocument = z.strictObject({
  format: z.literal('sealpoint.ledger'),
  version: z.literal(1),
  job: jobId,
  created: z.iso.datetime(),
  state: jobState,
  data: z.strictObject({ file: z.string(), sha256: hexId, records: z.int().positive() }),
  deployment: hexId,
  plan: planMode,
  key: hexId,
  profile: z.string(),
  /** Where the deployment was found: a path or a URI. Jobs of earlier versions do not say. */
  source: z.string().optional(),
  output: z.string(),
  withInput: z.boolean(),
  clip: z.boolean(),
  queries: z.array(ledgerQuery),
  failure: z.strictObject({ code: z.string(), message: z.string() }).optional(),
});
export type Ledger = z.infer<typeof ledgerDocument>;

export async function writeLedger(home: string, ledger: Ledger): Promise<void> {
  const folder = await jobFolder(home, ledger.job);
  await writeFileAtomic(join(folder, 'ledger.json'), `${JSON.stringify(ledger, undefined, 2)}\n`, { mode: 0o600 });
}

async function jobFolder(home: string, job: string): Promise<string> {
  const folder = join(home, 'jobs', job);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw toIoError(cause, 'write the job ledger to', folder);
  }
  return folder;
}

/**
 * Runs `work` while no other process works on the job: two of them would take each other's results for forged ones.
 * @throws {AppError} job.not-resumable where another one does; whatever `work` throws
 */
export async function holdingJob<T>(home: string, job: string, work: () => Promise<T>): Promise<T> {
  const refusal = (who: string): AppError =>
    new AppError('job.not-resumable', `Job ${job.slice(0, 8)} is under way: it is held by ${who}.`, {
      hint: 'Wait until it has ended, or end that process.',
    });
  return await withLock(await lockOf(home, job), work, { waitMs: 0, refusal });
}

async function lockOf(home: string, job: string): Promise<string> {
  return join(await jobFolder(home, job), 'job.lock');
}

/** Whether a process works on the job. */
export async function isHeld(home: string, job: string): Promise<boolean> {
  return await isLocked(await lockOf(home, job));
}

/** @param reference a job id or its beginning. @throws {AppError} job.not-found, usage.ambiguous, artifact.unreadable */
export async function readLedger(home: string, reference: string): Promise<Ledger> {
  const names = (await ledgerNames(home)).filter((name) => name.startsWith(reference));
  const [name, ...others] = names;
  if (name === undefined || reference === '') {
    throw new AppError('job.not-found', `There is no job ${reference} on this machine.`, {
      hint: 'List them: sealpoint jobs',
    });
  }
  if (others.length > 0)
    throw new AppError('usage.ambiguous', `More than one job begins with ${reference}.`, { hint: 'Give more digits.' });
  return await readOne(home, name);
}

/** Every readable ledger, newest first. */
export async function listLedgers(home: string): Promise<Ledger[]> {
  const ledgers = await Promise.all(
    (await ledgerNames(home)).map(async (name) => await readOne(home, name).catch(() => undefined)),
  );
  return ledgers.filter((ledger) => ledger !== undefined).sort((a, b) => (a.created < b.created ? 1 : -1));
}

async function ledgerNames(home: string): Promise<string[]> {
  const names = await readdir(join(home, 'jobs')).catch((): string[] => []);
  return names.filter((name) => jobId.safeParse(name).success);
}

async function readOne(home: string, job: string): Promise<Ledger> {
  const file = join(home, 'jobs', job, 'ledger.json');
  try {
    return ledgerDocument.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (cause) {
    throw new AppError('artifact.unreadable', `The ledger of job ${job} cannot be read.`, { file, cause });
  }
}
