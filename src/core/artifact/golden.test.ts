import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { errorCodes } from '../error.ts';
import { encodeContainer } from './container.ts';
import { readArtifact } from './headers.ts';
import { canonicalJson, contentDigest, deploymentId, evaluationKeysId, queryDigest } from './ids.ts';
import { jobDocument } from './job.ts';
import { reportDocument } from './report.ts';
import { compileOutcome, decryptOutcome, filesOutcome, keySetOutcome, runOutcome } from './outcomes.ts';

/** The formats are frozen: these files were written once, and what is written today must equal them (docs/formats.md). */
const golden = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../../test/fixtures/golden/${name}`, import.meta.url)));
const goldenJson = (name: string): unknown => JSON.parse(new TextDecoder().decode(golden(name)));
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const ids = { deployment: 'd1'.repeat(32), key: 'a5'.repeat(32) };
const sections = [
  { name: 'block-0', bytes: bytes('first block') },
  { name: 'block-1', bytes: bytes('second block, longer') },
];

describe('files of other days', () => {
  it('query.spq is written and read as it was', () => {
    const header = {
      format: 'sealpoint.query',
      version: 1,
      deployment: ids.deployment,
      plan: 'throughput',
      key: ids.key,
      job: '0f'.repeat(16),
      index: 3,
      records: 70,
      evaluationKeys: `s3://bucket/keys/${ids.key}/evaluation-keys.spk`,
    };
    expect(encodeContainer(header, sections, sha256)).toEqual(golden('query.spq'));
    const artifact = readArtifact('sealpoint.query', golden('query.spq'), 'query.spq');
    expect(artifact.header).toMatchObject(header);
    expect(artifact.sections).toEqual(sections.map((section) => section.bytes));
  });

  it('result.spr is written and read as it was', () => {
    const query = queryDigest(readArtifact('sealpoint.query', golden('query.spq'), 'q').header.sections, sha256);
    const header = {
      format: 'sealpoint.result',
      version: 1,
      deployment: ids.deployment,
      plan: 'throughput',
      key: ids.key,
      job: '0f'.repeat(16),
      index: 3,
      records: 70,
      query,
      seconds: 0.25,
    };
    expect(encodeContainer(header, sections, sha256)).toEqual(golden('result.spr'));
    expect(readArtifact('sealpoint.result', golden('result.spr'), 'result.spr').header).toMatchObject(header);
  });

  it('evaluation-keys.spk is written and read as it was, its id made of its sections', () => {
    const keys = [{ name: 'bgv-2048-53-t30/public-key', bytes: bytes('public key') }];
    const key = evaluationKeysId(
      keys.map((section) => ({ name: section.name, sha256: sha256(section.bytes) })),
      sha256,
    );
    const header = { format: 'sealpoint.evaluation-keys', version: 1, deployment: ids.deployment, key };
    expect(encodeContainer(header, keys, sha256)).toEqual(golden('evaluation-keys.spk'));
    expect(readArtifact('sealpoint.evaluation-keys', golden('evaluation-keys.spk'), 'k').header).toMatchObject(header);
  });

  it('ids are made as they were', () => {
    const client = contentDigest(
      new Map([
        ['b.bin', bytes('b')],
        ['a.json', bytes('{}')],
      ]),
      sha256,
    );
    const server = contentDigest(new Map([['c', bytes('c')]]), sha256);
    expect({ client, server, deployment: deploymentId({ client, server }, sha256) }).toEqual(goldenJson('ids.json'));
    expect(canonicalJson({ b: [1, { d: null, c: 'x' }], a: 0.5 })).toBe('{"a":0.5,"b":[1,{"c":"x","d":null}]}');
  });

  it('documents printed by --json and job.json satisfy their schemas', () => {
    expect(() => compileOutcome.parse(goldenJson('compile.json'))).not.toThrow();
    expect(() => compileOutcome.parse(goldenJson('compile-explained.json'))).not.toThrow();
    expect(() => reportDocument.parse(goldenJson('report.json'))).not.toThrow();
    expect(() => runOutcome.parse(goldenJson('run.json'))).not.toThrow();
    expect(() => keySetOutcome.parse(goldenJson('keys-create.json'))).not.toThrow();
    expect(() => filesOutcome.parse(goldenJson('encrypt.json'))).not.toThrow();
    expect(() => decryptOutcome.parse(goldenJson('decrypt.json'))).not.toThrow();
    expect(() => jobDocument.parse(goldenJson('job.json'))).not.toThrow();
  });

  it('every error code of that day still has its exit code and HTTP status', () => {
    expect(errorCodes).toMatchObject(goldenJson('error-codes.json') as object);
  });
});
