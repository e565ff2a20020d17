import type { KeySetOutcome, PlanMode } from '../../core/artifact/outcomes.ts';

/** What the two trees show, free of the editor. `uri` is absolute ("s3://…" or "file:///…"). */
export type Node =
  | ProfileNode
  | GroupNode
  | DeploymentNode
  | EvaluationKeysNode
  | JobNode
  | FolderNode
  | ObjectNode
  | KeySetNode
  | NoteNode;

export interface ProfileNode {
  readonly kind: 'profile';
  readonly name: string;
  readonly uri: string;
}
/** Deployments, evaluation keys and jobs each under a heading; what other tools left in the store under one of its own, last. */
export interface GroupNode {
  readonly kind: 'group';
  readonly group: 'models' | 'keys' | 'jobs' | 'others';
  readonly profile: ProfileNode;
  /** The foreign objects of the store's root, when this is their group. */
  readonly children?: readonly Node[];
}
export interface DeploymentNode {
  readonly kind: 'deployment';
  readonly id: string;
  /** The model file that it was made of, and its plans, where the store tells them at no cost. */
  readonly made?: { readonly model: string; readonly modes: readonly PlanMode[] };
  readonly uri: string;
  readonly profile: ProfileNode;
}
export interface EvaluationKeysNode {
  readonly kind: 'evaluationKeys';
  readonly id: string;
  /** Of the key set, where this machine has it. */
  readonly name?: string;
  readonly uri: string;
}
export interface JobNode {
  readonly kind: 'job';
  readonly id: string;
  readonly uri: string;
  /** What this machine's ledger tells, where the job ran here. */
  readonly ledger?: { readonly state: string; readonly records: number; readonly file: string };
}
/** A prefix that is not Sealpoint's. */
export interface FolderNode {
  readonly kind: 'folder';
  readonly prefix: string;
  readonly uri: string;
  readonly profile: ProfileNode;
}
export interface ObjectNode {
  readonly kind: 'object';
  readonly key: string;
  readonly uri: string;
  readonly sizeBytes: number;
  readonly modified?: string;
}
export interface KeySetNode {
  readonly kind: 'keySet';
  readonly keys: KeySetOutcome;
}
/** A line that is no artifact: "Cannot list: …". */
export interface NoteNode {
  readonly kind: 'note';
  readonly text: string;
  readonly failed: boolean;
}

/** One level of a store. */
export interface Listing {
  readonly objects: readonly { readonly key: string; readonly sizeBytes: number; readonly modified?: string }[];
  /** Prefixes that end in "/". */
  readonly folders: readonly string[];
  /** Whether entries were left out. */
  readonly more: boolean;
}

const ours = ['models', 'keys', 'jobs'] as const;
const deploymentOrKey = /^[0-9a-f]{64}$/u;
const job = /^[0-9a-f]{32}$/u;

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'kind' in value && typeof value.kind === 'string';
}

/** A store's root: our three groups where they exist, then everything else apart. */
export function rootNodes(profile: ProfileNode, listing: Listing): readonly Node[] {
  const groups = ours
    .filter((group) => listing.folders.includes(`${group}/`))
    .map((group): GroupNode => ({ kind: 'group', group, profile }));
  const foreign = levelNodes(profile, {
    ...listing,
    folders: listing.folders.filter((folder) => !ours.some((group) => folder === `${group}/`)),
  });
  if (groups.length + foreign.length === 0) return [{ kind: 'note', text: 'Nothing here yet.', failed: false }];
  return foreign.length === 0 ? groups : [...groups, { kind: 'group', group: 'others', profile, children: foreign }];
}

/** What lies under `models/`, `keys/` or `jobs/`; entries without one of our ids are foreign and stay plain folders. */
export function groupNodes({ group, profile }: GroupNode, listing: Listing): readonly Node[] {
  const entries = listing.folders.map((prefix): Node => {
    const id = prefix.split('/').at(-2) ?? '';
    const uri = profile.uri + prefix;
    if (group === 'models' && deploymentOrKey.test(id)) return { kind: 'deployment', id, uri, profile };
    if (group === 'keys' && deploymentOrKey.test(id))
      return { kind: 'evaluationKeys', id, uri: `${uri}evaluation-keys.spk` };
    if (group === 'jobs' && job.test(id)) return { kind: 'job', id, uri };
    return { kind: 'folder', prefix, uri, profile };
  });
  return [...entries, ...objectNodes(profile, listing), ...moreNote(listing)];
}

/** Folders, then objects, as they are. */
export function levelNodes(profile: ProfileNode, listing: Listing): readonly Node[] {
  const folders = listing.folders.map((prefix): Node => ({
    kind: 'folder',
    prefix,
    uri: profile.uri + prefix,
    profile,
  }));
  return [...folders, ...objectNodes(profile, listing), ...moreNote(listing)];
}

function moreNote({ more }: Listing): readonly Node[] {
  return more ? [{ kind: 'note', text: 'There are more entries than are shown.', failed: false }] : [];
}

function objectNodes(profile: ProfileNode, { objects }: Listing): readonly ObjectNode[] {
  return objects.map(({ key, sizeBytes, modified }) => ({
    kind: 'object',
    key,
    uri: profile.uri + key,
    sizeBytes,
    ...(modified === undefined ? {} : { modified }),
  }));
}
