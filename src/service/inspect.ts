import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { decodeHeader } from '../core/artifact/container.ts';
import type { ClientDeployment, ServerDeployment } from '../core/artifact/deployment.ts';
import { readArtifact } from '../core/artifact/headers.ts';
import type { InspectOutcome } from '../core/artifact/outcomes.ts';
import { AppError } from '../core/error.ts';
import { securityOf } from '../core/plan/parameters.ts';
import { packingOf, queryCapacity } from '../core/plan/plan.ts';
import { describeExport } from '../io/key-export.ts';
import { readClientArchive, readServerArchive } from './deployment-archives.ts';
import type { Environment, Running } from './environment.ts';
import { readWhole } from './evaluate.ts';
import { findDeployment, type FoundDeployment } from './find-deployment.ts';
import { keySetOutcome } from './keys.ts';
import { readReport } from './report-file.ts';
import { storeAround } from './stores.ts';
import { revealsOf } from './reveals.ts';

const maxInspectedBytes = 1 << 30;

/** Any artifact: what it is, for what, sizes, parameters, security level, what it reveals. */
export async function inspectArtifact(
  options: { readonly target: string },
  environment: Environment,
  running: Running,
): Promise<InspectOutcome> {
  const { target } = options;
  if (target.startsWith('s3://') && /\.(?:spq|spr|spk|zip|json)$/u.test(target))
    return await inspectBytes(target, await readUri(target, environment, running));
  const path = resolve(target);
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() === true) return await inspectBytes(path, await readWhole(path, running.signal));
  if (found?.isDirectory() === true) return await inspectFolder(path, environment, running);
  return await deploymentFacts(await findDeployment({ deployment: target }, environment, running), running);
}

async function readUri(uri: string, environment: Environment, running: Running): Promise<Uint8Array> {
  const slash = uri.lastIndexOf('/');
  const store = await storeAround(uri.slice(0, slash), undefined, environment);
  return await store.read(uri.slice(slash + 1), {
    signal: running.signal,
    maxBytes: maxInspectedBytes,
  });
}

async function inspectFolder(path: string, environment: Environment, running: Running): Promise<InspectOutcome> {
  return {
    ...(await deploymentFacts(await findDeployment({ deployment: path }, environment, running), running)),
    path,
  };
}

async function deploymentFacts(found: FoundDeployment, running: Running): Promise<InspectOutcome> {
  const report = await readReport(found, running);
  return { ...clientFacts(found.client), kind: 'deployment', ...(report === undefined ? {} : { report }) };
}

async function inspectBytes(file: string, bytes: Uint8Array): Promise<InspectOutcome> {
  const isZip = bytes[0] === 0x50 && bytes[1] === 0x4b;
  if (isZip) return { ...(await archiveFacts(bytes, file)), file, bytes: bytes.length };
  const document = parseJson(bytes);
  const named = formatOf(document);
  if (named !== undefined) return { kind: named, file, document };
  const exported = describeExport(bytes, file);
  if (exported !== undefined)
    return { kind: 'sealpoint.key-export', file, size: bytes.length, ...keySetOutcome(exported) };
  const format = formatOf(decodeHeader(bytes, file).header);
  if (format !== 'sealpoint.query' && format !== 'sealpoint.result' && format !== 'sealpoint.evaluation-keys') {
    throw new AppError('artifact.unreadable', `${basename(file)} is of no kind that Sealpoint knows.`, { file });
  }
  const { format: kind, version, sections, ...ids } = readArtifact(format, bytes, file).header;
  const parts = sections.map(({ name, length }) => ({ name, bytes: length }));
  return { kind, version, file, bytes: bytes.length, ...ids, sections: parts };
}

function formatOf(document: unknown): string | undefined {
  return typeof document === 'object' && document !== null && 'format' in document
    ? String(document.format)
    : undefined;
}

async function archiveFacts(bytes: Uint8Array, file: string): Promise<InspectOutcome> {
  try {
    return clientFacts(await readClientArchive(bytes, file));
  } catch (error) {
    // The other side's archive says so in its identity; what is wrong with it is told by reading it as that.
    if (!(error instanceof AppError) || !error.message.includes("the server's archive")) throw error;
    return serverFacts(await readServerArchive(bytes, file));
  }
}

function clientFacts(client: ClientDeployment): InspectOutcome {
  const { document } = client;
  const { task } = document;
  return {
    kind: 'client.zip',
    deployment: client.id,
    backend: document.backend,
    model: document.source,
    task: task.kind,
    ...(task.kind === 'classification' ? { classes: task.classes } : {}),
    columns: document.preprocessing.columns,
    plans: document.plans.map((plan) => ({
      mode: plan.mode,
      packing: packingOf(plan),
      parameters: plan.parameters,
      securityBits: 128,
      security: securityOf(plan.parameters),
      capacity: queryCapacity(plan),
      errorBound: plan.errorBound,
      bytes: {
        query: plan.estimate.queryBytes * plan.blocksPerQuery,
        result: plan.estimate.resultBytes * plan.blocksPerQuery,
      },
    })),
    reveals: revealsOf(document),
  };
}

function serverFacts(server: ServerDeployment): InspectOutcome {
  return {
    kind: 'server.zip',
    deployment: server.id,
    backend: server.document.backend,
    plans: server.document.plans.map(({ mode, circuit, parameters }) => ({
      mode,
      circuit,
      parameters,
      securityBits: 128,
      security: securityOf(parameters),
    })),
    reveals: ['the model: server.zip is for whoever evaluates it, and for nobody else'],
  };
}

function parseJson(bytes: Uint8Array): unknown {
  if (bytes[0] !== 0x7b) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as unknown;
  } catch {
    return undefined;
  }
}
