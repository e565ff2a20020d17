import { resolve } from 'node:path';
import { storeKeys } from '../core/artifact/layout.ts';
import type { PlanMode, PlanOutcome } from '../core/artifact/outcomes.ts';
import { estimateJob, type JobEstimate } from '../core/plan/job-estimate.ts';
import { secondsPerByte } from '../core/plan/line.ts';
import { packingOf } from '../core/plan/plan.ts';
import { checkData } from './checked-data.ts';
import type { Environment, Running } from './environment.ts';
import { findDeployment, type FoundDeployment } from './find-deployment.ts';
import { resolveProfile, type Profile } from './profiles.ts';
import { readReport } from './report-file.ts';
import { profileStore } from './stores.ts';
import { requireKeySet } from './unlock.ts';

export interface PreviewOptions {
  readonly data: string;
  readonly deployment?: string | undefined;
  readonly key?: string | undefined;
  readonly clip?: boolean | undefined;
  /** Whose endpoint the job would run on; absent: queries are written to files, for whoever carries them. */
  readonly profile?: string | undefined;
}

/** What a job would do, before anything of it is done. */
export interface JobPreview extends JobEstimate {
  readonly records: number;
  /** Values beyond the planned range that would be clipped. */
  readonly clipped: number;
  readonly plan: Pick<PlanOutcome, 'scheme' | 'packing' | 'securityBits'> & {
    readonly mode: PlanMode;
    readonly errorBound: number;
  };
  readonly evaluationKeys: {
    readonly bytes: number;
    /** Whether the profile's store has them already. */
    readonly areThere: boolean;
  };
  /** On the line that plans are weighed for; 0 on this machine. */
  readonly lineSeconds: number;
  /** Where it goes. */
  readonly profile?: Pick<Profile, 'name' | 'store' | 'endpoint'>;
}

/**
 * Checks a data file and says what a job on it would send and take, by the plan's proof where its report is at hand. Sends nothing.
 * @throws {AppError} as a job would before it begins: data.*, key.*, artifact.*, profile.*
 */
export async function previewJob(
  options: PreviewOptions,
  environment: Environment,
  running: Running,
): Promise<JobPreview> {
  const profile = options.profile === undefined ? undefined : await resolveProfile(options.profile, environment);
  const found = await findDeployment(options, environment, running);
  const keySet = await requireKeySet(found.client, options.key, environment);
  const overLine = profile?.name !== 'local';
  const data = await checkData(resolve(options.data), found.client.document, {
    clip: options.clip ?? false,
    overLine,
    running,
  });
  const { plan, records, clipped } = data;
  const estimate = estimateJob(plan, records, await measuredPlan(found, plan.mode, running));
  const areThere = await isPublished(profile, keySet.key, running);
  const keyBytes = keySet.evaluationKeys.sizeBytes;
  const sent = estimate.bytes.queries + (areThere ? 0 : keyBytes);
  const lineSeconds = sent * secondsPerByte.sent + estimate.bytes.results * secondsPerByte.received;
  const { mode, errorBound, parameters } = plan;
  return {
    ...estimate,
    records,
    clipped,
    plan: { mode, scheme: parameters.scheme, packing: packingOf(plan), securityBits: 128, errorBound },
    evaluationKeys: { bytes: keyBytes, areThere },
    lineSeconds: overLine ? lineSeconds : 0,
    ...(profile === undefined ? {} : { profile: whereTo(profile) }),
  };
}

function whereTo({ name, store, endpoint }: Profile): NonNullable<JobPreview['profile']> {
  return { name, store, endpoint };
}

async function measuredPlan(
  found: FoundDeployment,
  mode: PlanMode,
  running: Running,
): Promise<PlanOutcome | undefined> {
  const report = await readReport(found, running);
  return report?.plans.find((plan) => plan.mode === mode);
}

/** A store that does not answer will be named when the job begins. */
async function isPublished(profile: Profile | undefined, key: string, { signal }: Running): Promise<boolean> {
  if (profile === undefined) return false;
  const stored = await profileStore(profile)
    .stat(storeKeys.evaluationKeys(key), { signal })
    .catch(() => undefined);
  signal.throwIfAborted();
  return stored !== undefined;
}
