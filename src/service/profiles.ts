import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as z from 'zod';
import {
  localProfileName,
  profile,
  profilesFile,
  type Profile,
  type ProfileListOutcome,
} from '../core/artifact/profile.ts';
import { AppError } from '../core/error.ts';
import { toIoError, writeFileAtomic } from '../io/atomic.ts';
import { systemCode } from '../io/errors.ts';
import { withLock } from '../io/lock-file.ts';
import type { Environment, Running } from './environment.ts';

export type { Profile };

type Home = Pick<Environment, 'home'>;

export interface NewProfile {
  readonly name: string;
  readonly store: string;
  /** 'local' unless given. */
  readonly endpoint?: string | undefined;
  readonly awsProfile?: string | undefined;
  readonly region?: string | undefined;
  readonly s3Endpoint?: string | undefined;
}

/** @throws {AppError} profile.invalid naming what is wrong, io.exists where the name is taken */
export async function addProfile(options: NewProfile, environment: Environment, _running?: Running): Promise<Profile> {
  const added = checkedProfile(options);
  if (added.name === localProfileName)
    throw new AppError('io.exists', 'The profile local is always there.', { hint: 'Choose another name.' });
  await changeProfiles(environment, (profiles) => {
    if (!profiles.some(({ name }) => name === added.name)) return [...profiles, added];
    throw new AppError('io.exists', `There is a profile ${added.name} already.`, {
      hint: `Remove it first: sealpoint profiles remove ${added.name}`,
    });
  });
  return added;
}

/** `local` first, then the others in the order they were added. */
export async function listProfiles(
  _options: object,
  environment: Home,
  _running?: Running,
): Promise<ProfileListOutcome> {
  return { profiles: [localProfile(environment), ...(await readProfiles(environment))] };
}

/** Forgets a profile; its store is not touched. @throws {AppError} profile.not-found; profile.invalid for `local` */
export async function removeProfile(
  options: { readonly name: string },
  environment: Environment,
  _running?: Running,
): Promise<Profile> {
  if (options.name === localProfileName) throw new AppError('profile.invalid', 'The profile local cannot be removed.');
  const removed = await resolveProfile(options.name, environment);
  await changeProfiles(environment, (profiles) => profiles.filter(({ name }) => name !== options.name));
  return removed;
}

/** The profile of this name; `local` where none is named. @throws {AppError} profile.not-found listing what there is */
export async function resolveProfile(name: string | undefined, environment: Home): Promise<Profile> {
  if (name === undefined || name === localProfileName) return localProfile(environment);
  const profiles = await readProfiles(environment);
  const found = profiles.find((candidate) => candidate.name === name);
  if (found !== undefined) return found;
  const names = [localProfileName, ...profiles.map((candidate) => candidate.name)];
  throw new AppError('profile.not-found', `There is no profile ${JSON.stringify(name)}.`, {
    hint: `There are: ${names.join(', ')}.`,
  });
}

function localProfile({ home }: Home): Profile {
  return { name: localProfileName, store: pathToFileURL(`${join(home, 'store')}/`).href, endpoint: 'local' };
}

function checkedProfile({ endpoint = 'local', ...options }: NewProfile): Profile {
  const store = options.store.endsWith('/') ? options.store : `${options.store}/`;
  // What is absent stays out of the file.
  const given = Object.fromEntries(
    Object.entries({ ...options, store, endpoint }).filter(([, value]) => value !== undefined),
  );
  const parsed = profile.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new AppError('profile.invalid', `This cannot be a profile: ${issue?.message ?? 'it is not as it should be'}.`, {
    column: issue?.path.join('.') ?? undefined,
  });
}

function pathOf({ home }: Home): string {
  return join(home, 'profiles.json');
}

async function readProfiles(environment: Home): Promise<readonly Profile[]> {
  const file = pathOf(environment);
  const bytes = await readFile(file, 'utf8').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw toIoError(error, 'read', file);
  });
  if (bytes === undefined) return [];
  try {
    return profilesFile.parse(JSON.parse(bytes)).profiles;
  } catch (cause) {
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : 'it is no JSON';
    throw new AppError('profile.invalid', `The file of profiles is not as it should be: ${reason}`, {
      file,
      hint: 'Correct it, or remove it and add the profiles again.',
      cause,
    });
  }
}

async function changeProfiles(
  environment: Home,
  change: (profiles: readonly Profile[]) => readonly Profile[],
): Promise<void> {
  const file = pathOf(environment);
  await mkdir(environment.home, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw toIoError(error, 'create', environment.home);
  });
  await withLock(`${file}.lock`, async () => {
    const profiles = change(await readProfiles(environment));
    const text = JSON.stringify({ format: 'sealpoint.profiles', version: 1, profiles }, null, 2);
    await writeFileAtomic(file, `${text}\n`, { mode: 0o600 });
  });
}
