import { createHash } from 'node:crypto';
import * as z from 'zod';
import {
  clientDocument,
  entryNames,
  identityDocument,
  serverDocument,
  type ClientDeployment,
  type ClientDocument,
  type IdentityDocument,
  type ServerDeployment,
  type ServerDocument,
} from '../core/artifact/deployment.ts';
import { canonicalJson, contentDigest, deploymentId } from '../core/artifact/ids.ts';
import { AppError } from '../core/error.ts';
import { readZip } from '../io/zip.ts';

export interface DeploymentContent {
  readonly client: ClientDocument;
  readonly server: ServerDocument;
  readonly tensors: Float64Array;
  readonly canaries: Float64Array;
  readonly canaryScores: Readonly<Record<string, Float64Array>>;
}

export interface DeploymentArchives {
  readonly id: string;
  readonly client: ReadonlyMap<string, Uint8Array>;
  readonly server: ReadonlyMap<string, Uint8Array>;
}

/** What a client holds grows with the model's inputs, not with its size; who has data opens what others give. */
const limits = {
  client: { maxEntries: 64, maxEntryBytes: 1 << 27, maxTotalBytes: 1 << 28 },
  server: { maxEntries: 64, maxEntryBytes: 1 << 30, maxTotalBytes: 2 ** 31 },
} as const;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** The entries of both archives, each naming both digests and the id made of them. */
export function packDeployment(content: DeploymentContent): DeploymentArchives {
  const client = new Map<string, Uint8Array>([
    [entryNames.client, json(content.client)],
    [entryNames.canaries, floatBytes(content.canaries)],
    ...Object.entries(content.canaryScores).map(
      ([mode, scores]) => [entryNames.canaryScores(mode), floatBytes(scores)] as const,
    ),
  ]);
  const server = new Map<string, Uint8Array>([
    [entryNames.server, json(content.server)],
    [entryNames.tensors, floatBytes(content.tensors)],
  ]);
  const digests = { client: contentDigest(client, sha256), server: contentDigest(server, sha256) };
  const id = deploymentId(digests, sha256);
  const identity = { format: 'sealpoint.deployment', version: 1, deployment: id, digests };
  client.set(entryNames.identity, json({ ...identity, side: 'client' }));
  server.set(entryNames.identity, json({ ...identity, side: 'server' }));
  return { id, client, server };
}

/** @throws {AppError} artifact.unreadable, artifact.altered, artifact.version, archive.unsafe */
export async function readClientArchive(source: Uint8Array | string, file: string): Promise<ClientDeployment> {
  const { entries, identity } = await readArchive(source, 'client', file);
  const document = parseEntry(clientDocument, entries.get(entryNames.client), file);
  const canaries = floats(entries.get(entryNames.canaries), file);
  const canaryScores = Object.fromEntries(
    document.plans.map((plan) => [plan.mode, floats(entries.get(entryNames.canaryScores(plan.mode)), file)]),
  );
  for (const plan of document.plans) {
    const fits =
      canaries.length === document.canaryPool * plan.inputs &&
      canaryScores[plan.mode]?.length === document.canaryPool * plan.outputs;
    if (!fits) throw unreadable(file, `the canaries do not fit the ${plan.mode} plan`);
  }
  return { id: identity.deployment, digests: identity.digests, document, canaries, canaryScores };
}

/** @throws {AppError} as {@link readClientArchive} */
export async function readServerArchive(source: Uint8Array | string, file: string): Promise<ServerDeployment> {
  const { entries, identity } = await readArchive(source, 'server', file);
  const document = parseEntry(serverDocument, entries.get(entryNames.server), file);
  return {
    id: identity.deployment,
    digests: identity.digests,
    document,
    tensors: floats(entries.get(entryNames.tensors), file),
  };
}

async function readArchive(
  source: Uint8Array | string,
  side: IdentityDocument['side'],
  file: string,
): Promise<{ readonly entries: ReadonlyMap<string, Uint8Array>; readonly identity: IdentityDocument }> {
  const entries = await readZip(source, limits[side]);
  const identity = parseEntry(identityDocument, entries.get(entryNames.identity), file);
  if (identity.side !== side) {
    throw new AppError(
      'artifact.unreadable',
      `This is the ${identity.side}'s archive, where the ${side}'s was wanted.`,
      { file },
    );
  }
  const content = new Map([...entries].filter(([name]) => name !== entryNames.identity));
  const digest = contentDigest(content, sha256);
  if (digest !== identity.digests[side] || deploymentId(identity.digests, sha256) !== identity.deployment) {
    throw new AppError(
      'artifact.altered',
      `${side}.zip was changed after it was made: its content does not have the digest that it states.`,
      {
        file,
        hint: 'Get it again from where it was made, or compile the model again.',
      },
    );
  }
  return { entries, identity };
}

function parseEntry<Schema extends z.ZodType>(
  schema: Schema,
  bytes: Uint8Array | undefined,
  file: string,
): z.infer<Schema> {
  if (bytes === undefined) throw unreadable(file, 'an entry is missing');
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw unreadable(file, 'an entry is no JSON', cause);
  }
  const version = z.looseObject({ version: z.int() }).safeParse(value);
  if (version.success && version.data.version > 1) {
    throw new AppError(
      'artifact.version',
      `The archive has version ${String(version.data.version)}; this program reads version 1.`,
      {
        file,
        hint: 'Update Sealpoint on this machine.',
      },
    );
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw unreadable(file, z.prettifyError(parsed.error), parsed.error);
  return parsed.data;
}

function unreadable(file: string, why: string, cause?: unknown): AppError {
  return new AppError('artifact.unreadable', `This is no archive of a deployment that can be read: ${why}.`, {
    file,
    cause,
    hint: 'A deployment is made by: sealpoint compile MODEL --calibration ROWS',
  });
}

function json(value: object): Uint8Array {
  return new TextEncoder().encode(canonicalJson(value));
}

/** Little-endian, as every machine that runs this is. */
function floatBytes(values: Float64Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function floats(bytes: Uint8Array | undefined, file: string): Float64Array {
  if (bytes === undefined || bytes.length % 8 !== 0) throw unreadable(file, 'numbers are missing or cut off');
  return new Float64Array(Uint8Array.from(bytes).buffer);
}
