import { cp, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeContainer } from '../../src/core/artifact/container.ts';
import { readArtifact } from '../../src/core/artifact/headers.ts';
import { createKeySet } from '../../src/service/create-key-set.ts';
import { decryptResults } from '../../src/service/decrypt.ts';
import { encryptData } from '../../src/service/encrypt.ts';
import { evaluateQueries } from '../../src/service/evaluate.ts';
import { saveEvaluationKeys } from '../../src/service/keys.ts';
import { fixture, openWorkbench, refusal, running, type Workbench } from './workbench.ts';

let workbench: Workbench;
let deployment: string;
let other: string;
const data = fixture('wdbc/data.csv');
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Two jobs of the same data, encrypted and evaluated: files to attack. */
let jobs: { readonly query: string; readonly result: string }[];

beforeAll(async () => {
  workbench = await openWorkbench();
  deployment = (await workbench.compile('wdbc/logistic.onnx')).path;
  other = (await workbench.compile('wdbc/svm.onnx')).path;
  await createKeySet({ deployment, name: 'ours' }, workbench.environment, running);
  await createKeySet({ deployment, name: 'second' }, workbench.environment, running);
  await createKeySet({ deployment: other, name: 'svm' }, workbench.environment, running);
  await saveEvaluationKeys({ key: 'ours', output: workbench.path('ours.spk') }, workbench.environment, running);
  await saveEvaluationKeys({ key: 'second', output: workbench.path('second.spk') }, workbench.environment, running);
  jobs = [await makeJob('a'), await makeJob('b')];
});
afterAll(async () => {
  await workbench[Symbol.asyncDispose]();
});

async function makeJob(name: string): Promise<{ readonly query: string; readonly result: string }> {
  const { environment } = workbench;
  const encrypted = await encryptData(
    { data, deployment, key: 'ours', output: workbench.path(name) },
    environment,
    running,
  );
  const evaluated = await evaluateQueries(
    { queries: encrypted.files, deployment, evaluationKeys: workbench.path('ours.spk'), output: workbench.path(name) },
    environment,
    running,
  );
  return { query: encrypted.files[0] ?? '', result: evaluated.files[0] ?? '' };
}

/** The result with its header's fields or sections changed, and all hashes made right again: what a server can do. */
async function forge(
  file: string,
  change: { readonly header?: object; readonly sections?: readonly Uint8Array[] },
): Promise<string> {
  const { header, sections } = readArtifact('sealpoint.result', await readFile(file), file);
  const { sections: entries, ...rest } = header;
  const bytes = change.sections ?? sections;
  const named = bytes.map((section, index) => ({
    name: entries[index]?.name ?? `block-${String(index)}`,
    bytes: section,
  }));
  const path = workbench.path(`forged-${String(Math.floor(performance.now() * 1000))}.spr`);
  await writeFile(path, encodeContainer({ ...rest, ...change.header }, named, sha256));
  return path;
}

async function decryptRefusal(result: string): Promise<{ readonly code: string; readonly leftovers: boolean }> {
  const output = workbench.path('refused.csv');
  const { code } = await refusal(
    decryptResults({ results: [result], key: 'ours', output }, workbench.environment, running),
  );
  return {
    code,
    leftovers: (await readdir(workbench.folder)).some((name) => name.includes('refused') || name.endsWith('.tmp')),
  };
}

describe('a result that is not the right one', () => {
  it('is accepted when it is the right one', async () => {
    const output = workbench.path('right.csv');
    const outcome = await decryptResults(
      { results: [jobs[0]?.result ?? ''], key: 'ours', output },
      workbench.environment,
      running,
    );
    expect(outcome.records).toBe(143);
    expect(outcome.verified).toBeGreaterThanOrEqual(9);
  });

  it("is refused when it is the replayed ciphertext of another job under this job's header", async () => {
    const foreign = readArtifact('sealpoint.result', await readFile(jobs[1]?.result ?? ''), 'b').sections;
    const forged = await forge(jobs[0]?.result ?? '', { sections: foreign });
    expect(await decryptRefusal(forged)).toEqual({ code: 'result.not-verified', leftovers: false });
  });

  it('is refused when two blocks are swapped', async () => {
    const [first, second, ...rest] = readArtifact(
      'sealpoint.result',
      await readFile(jobs[0]?.result ?? ''),
      'a',
    ).sections;
    expect(second).toBeDefined();
    const forged = await forge(jobs[0]?.result ?? '', {
      sections: [second, first, ...rest].filter((section) => section !== undefined),
    });
    expect(await decryptRefusal(forged)).toEqual({ code: 'result.not-verified', leftovers: false });
  });

  it('is refused when the query itself is sent back as the result', async () => {
    const query = readArtifact('sealpoint.query', await readFile(jobs[0]?.query ?? ''), 'a').sections;
    const forged = await forge(jobs[0]?.result ?? '', { sections: query });
    expect((await decryptRefusal(forged)).code).toBe('result.not-verified');
  });

  it('is refused when another model computed it', async () => {
    // The other model's weights in an archive that claims this deployment's id.
    const { environment } = workbench;
    const { readServerArchive } = await import('../../src/service/deployment-archives.ts');
    const { openEvaluator } = await import('../../src/seal/evaluator.ts');
    const [ours, theirs] = [
      await readServerArchive(join(deployment, 'server.zip'), 'ours'),
      await readServerArchive(join(other, 'server.zip'), 'theirs'),
    ];
    const plans = theirs.document.plans.map((plan) => {
      const mine = ours.document.plans.find((candidate) => candidate.mode === plan.mode);
      return mine === undefined || !('weights' in plan) ? plan : { ...mine, weights: plan.weights, bias: plan.bias };
    });
    const impostor = {
      ...ours,
      document: { ...theirs.document, plans } as typeof ours.document,
      tensors: theirs.tensors,
    };
    await using evaluator = openEvaluator(impostor, {
      worker: environment.programs.serverWorker,
      threads: 1,
      keyCacheBytes: 1e9,
    });
    const keys = await readFile(workbench.path('ours.spk'));
    const { result } = await evaluator.evaluate(
      await readFile(jobs[0]?.query ?? ''),
      () => Promise.resolve(keys),
      running.signal,
    );
    await writeFile(workbench.path('impostor.spr'), result);
    expect(await decryptRefusal(workbench.path('impostor.spr'))).toEqual({
      code: 'result.not-verified',
      leftovers: false,
    });
  });

  it('is refused when its header claims another index, count, job, key or deployment', async () => {
    const result = jobs[0]?.result ?? '';
    const claims: readonly (readonly [object, string])[] = [
      [{ index: 1 }, 'artifact.not-found'],
      [{ records: 142 }, 'result.not-verified'],
      [{ job: '0'.repeat(32) }, 'result.not-verified'],
      [{ key: '0'.repeat(64) }, 'artifact.other-key'],
      [{ deployment: '0'.repeat(64) }, 'artifact.not-found'],
    ];
    for (const [header, code] of claims)
      expect((await decryptRefusal(await forge(result, { header }))).code, JSON.stringify(header)).toBe(code);
  });

  it('is refused when a byte of it is another one, wherever it lies', async () => {
    const bytes = await readFile(jobs[0]?.result ?? '');
    for (let step = 0; step < 12; step += 1) {
      const altered = Uint8Array.from(bytes);
      const at = Math.floor(((step + 0.5) / 12) * bytes.length);
      altered[at] = (altered[at] ?? 0) ^ 0x10;
      await writeFile(workbench.path('altered.spr'), altered);
      const { code } = await decryptRefusal(workbench.path('altered.spr'));
      expect(code).toMatch(/^artifact\.|^result\./u);
    }
  });

  it('is refused when it is cut off', async () => {
    const bytes = await readFile(jobs[0]?.result ?? '');
    for (const length of [0, 5, 11, 40, 700, bytes.length - 1]) {
      await writeFile(workbench.path('cut.spr'), bytes.subarray(0, length));
      expect((await decryptRefusal(workbench.path('cut.spr'))).code).toMatch(/^artifact\./u);
    }
  });
});

describe('the evaluator', () => {
  const evaluate = async (query: string, keys: string, at = deployment): Promise<string> =>
    (
      await refusal(
        evaluateQueries(
          { queries: [query], deployment: at, evaluationKeys: workbench.path(keys), output: workbench.path('out') },
          workbench.environment,
          running,
        ),
      )
    ).code;

  it('refuses the evaluation keys of another key set', async () => {
    expect(await evaluate(jobs[0]?.query ?? '', 'second.spk')).toBe('artifact.other-key');
  });

  it('refuses a query for another deployment', async () => {
    expect(await evaluate(jobs[0]?.query ?? '', 'ours.spk', other)).toBe('artifact.other-deployment');
  });

  it('refuses an altered or truncated query or key file', async () => {
    for (const [source, name] of [
      [jobs[0]?.query ?? '', 'query'],
      [workbench.path('ours.spk'), 'keys'],
    ] as const) {
      const bytes = Uint8Array.from(await readFile(source));
      bytes[bytes.length - 200] = (bytes[bytes.length - 200] ?? 0) ^ 1;
      await writeFile(workbench.path('altered'), bytes);
      expect(
        await evaluate(
          name === 'query' ? workbench.path('altered') : (jobs[0]?.query ?? ''),
          name === 'keys' ? 'altered' : 'ours.spk',
        ),
      ).toBe('artifact.altered');
      await writeFile(workbench.path('cut'), bytes.subarray(0, bytes.length >> 1));
      expect(
        await evaluate(
          name === 'query' ? workbench.path('cut') : (jobs[0]?.query ?? ''),
          name === 'keys' ? 'cut' : 'ours.spk',
        ),
      ).toBe('artifact.unreadable');
    }
  });

  it('refuses a deployment that was changed on disk', async () => {
    const changed = workbench.path('changed');
    await mkdir(changed, { recursive: true });
    await cp(deployment, changed, { recursive: true });
    await cp(join(other, 'server.zip'), join(changed, 'server.zip'));
    expect(await evaluate(jobs[0]?.query ?? '', 'ours.spk', changed)).toBe('artifact.other-deployment');
    const { readZip, writeZip } = await import('../../src/io/zip.ts');
    const limits = { maxEntries: 64, maxEntryBytes: 1e9, maxTotalBytes: 1e9 };
    const entries = new Map(await readZip(join(deployment, 'server.zip'), limits));
    const tensors = Uint8Array.from(entries.get('tensors.bin') ?? []);
    tensors[6] = (tensors[6] ?? 0) ^ 1;
    entries.set('tensors.bin', tensors);
    await writeZip(join(changed, 'server.zip'), entries);
    expect(await evaluate(jobs[0]?.query ?? '', 'ours.spk', changed)).toBe('artifact.altered');
  });
});

describe('a key set', () => {
  it('of another deployment is refused before anything is encrypted', async () => {
    const { code } = await refusal(
      encryptData({ data, deployment, key: 'svm', output: workbench.path('x') }, workbench.environment, running),
    );
    expect(code).toBe('key.other-deployment');
  });

  it('does not decrypt the results of another', async () => {
    const { code } = await refusal(
      decryptResults(
        { results: [jobs[0]?.result ?? ''], key: 'second', output: workbench.path('y.csv') },
        workbench.environment,
        running,
      ),
    );
    expect(code).toBe('artifact.other-key');
  });
});
