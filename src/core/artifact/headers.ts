import * as z from 'zod';
import { AppError } from '../error.ts';
import { decodeHeader, sectionViews } from './container.ts';
import { planMode } from './outcomes.ts';

/** 64 hexadecimal digits: a SHA-256. */
export const hexId = z.string().regex(/^[0-9a-f]{64}$/u);
/** A job: 32 hexadecimal digits drawn at random, so that no two queries ever share canary slots. */
export const jobId = z.string().regex(/^[0-9a-f]{32}$/u);

const section = z.strictObject({
  name: z.string().max(200),
  offset: z.int().nonnegative(),
  length: z.int().nonnegative(),
  sha256: hexId,
});
const sections = z.array(section).max(4096);
const count = z.int().nonnegative();

export const queryHeader = z.strictObject({
  format: z.literal('sealpoint.query'),
  version: z.literal(1),
  deployment: hexId,
  plan: planMode,
  key: hexId,
  job: jobId,
  index: count,
  records: z.int().positive(),
  /** Where the endpoint finds the evaluation keys when the request does not say. */
  evaluationKeys: z.string().max(2048).optional(),
  sections,
});
export type QueryHeader = z.infer<typeof queryHeader>;

export const resultHeader = z.strictObject({
  format: z.literal('sealpoint.result'),
  version: z.literal(1),
  deployment: hexId,
  plan: planMode,
  key: hexId,
  job: jobId,
  index: count,
  records: z.int().positive(),
  /** SHA-256 of the query's sections' hashes, in order, joined. */
  query: hexId,
  /** Seconds from the query's bytes in to the result's bytes out, as the server measured them. */
  seconds: z.number().nonnegative(),
  sections,
});
export type ResultHeader = z.infer<typeof resultHeader>;

export const evaluationKeysHeader = z.strictObject({
  format: z.literal('sealpoint.evaluation-keys'),
  version: z.literal(1),
  deployment: hexId,
  key: hexId,
  sections,
});
export type EvaluationKeysHeader = z.infer<typeof evaluationKeysHeader>;

const schemas = {
  'sealpoint.query': queryHeader,
  'sealpoint.result': resultHeader,
  'sealpoint.evaluation-keys': evaluationKeysHeader,
} as const;
type Headers = { [Format in keyof typeof schemas]: z.infer<(typeof schemas)[Format]> };

export interface Artifact<Header> {
  readonly header: Header;
  /** Views on the file, one a section, hashes not checked yet. */
  readonly sections: readonly Uint8Array[];
}

/**
 * Checks magic, format, version, schema and lengths. Hashes are checked by whoever uses a section, in the thread that uses it.
 * @throws {AppError} artifact.unreadable, artifact.version, artifact.altered
 */
export function readArtifact<Format extends keyof Headers>(
  format: Format,
  bytes: Uint8Array,
  file: string,
): Artifact<Headers[Format]> {
  const { header, base } = decodeHeader(bytes, file);
  const found = z.looseObject({ format: z.string(), version: z.int() }).safeParse(header);
  if (!found.success) throw new AppError('artifact.unreadable', 'The header names no format and version.', { file });
  if (found.data.format !== format) {
    throw new AppError('artifact.unreadable', `This file is a ${found.data.format}, not a ${format}.`, { file });
  }
  if (found.data.version !== 1) {
    throw new AppError(
      'artifact.version',
      `This file has version ${String(found.data.version)}; this program reads version 1.`,
      {
        file,
        hint: 'Update Sealpoint on this machine.',
      },
    );
  }
  const parsed = schemas[format].safeParse(header);
  if (!parsed.success) {
    throw new AppError(
      'artifact.unreadable',
      `The header is not as the format wants it: ${z.prettifyError(parsed.error)}`,
      { file },
    );
  }
  const checked = parsed.data as Headers[Format];
  return { header: checked, sections: sectionViews(bytes, { base, entries: checked.sections }, file) };
}
