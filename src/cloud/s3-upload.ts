import { setTimeout as sleep } from 'node:timers/promises';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
  type PutObjectCommandInput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import type { StoreTransfer } from '../core/artifact/store.ts';
import { nameOf } from './s3-error.ts';

/** S3's smallest part; up to this much goes in one request. */
const partBytes = 5 * 1024 * 1024;
const maxParts = 10_000;
const partsAtOnce = 4;
const maxConflicts = 3;

export interface S3Object {
  readonly client: S3Client;
  readonly bucket: string;
  readonly key: string;
}

/**
 * Puts an object whole: in one request, or in parts that are removed again when one fails or the signal aborts. Checksums (CRC32) are
 * the SDK's. The bytes are borrowed and must not change meanwhile.
 * @returns false where `ifAbsent` is set and the key exists
 * @throws what the SDK throws
 */
export async function putObject(
  object: S3Object,
  bytes: Uint8Array,
  options: StoreTransfer & { readonly ifAbsent?: boolean },
): Promise<boolean> {
  const input: PutObjectCommandInput = {
    Bucket: object.bucket,
    Key: object.key,
    Body: bytes,
    ContentType: 'application/octet-stream',
    ...(options.ifAbsent === true ? { IfNoneMatch: '*' } : {}),
  };
  for (let conflicts = 0; ; conflicts += 1) {
    try {
      await (bytes.length <= partBytes ? putWhole : putInParts)(object.client, input, options);
      options.onBytes?.(bytes.length);
      return true;
    } catch (error) {
      if (nameOf(error) === 'PreconditionFailed') return false;
      // Two writers finished at the same moment; S3 asks the loser to look again.
      if (nameOf(error) !== 'ConditionalRequestConflict' || conflicts === maxConflicts) throw error;
    }
  }
}

async function putWhole(client: S3Client, input: PutObjectCommandInput, { signal }: StoreTransfer): Promise<void> {
  await client.send(new PutObjectCommand(input), { abortSignal: signal });
}

/**
 * lib-storage answers an abort at once and leaves requests running behind it, so the signal goes into the requests instead: parts stop,
 * lib-storage removes what was uploaded, and only then does this reject.
 */
async function putInParts(
  client: S3Client,
  input: PutObjectCommandInput,
  { signal, onBytes }: StoreTransfer,
): Promise<void> {
  const size = (input.Body as Uint8Array).length;
  const upload = new Upload({
    client: abortable(client, signal),
    params: input,
    partSize: Math.max(partBytes, Math.ceil(size / maxParts)),
    queueSize: partsAtOnce,
    leavePartsOnError: false,
  });
  // The end is told once, by the caller, when the object is really there.
  upload.on('httpUploadProgress', ({ loaded }) => {
    if (loaded !== undefined && loaded < size) onBytes?.(loaded);
  });
  await upload.done();
}

/** The same client, whose uploads stop with the signal; the cleaning up after them does not. */
function abortable(client: S3Client, signal: AbortSignal): S3Client {
  const send = client.send.bind(client) as (
    command: unknown,
    options?: { readonly abortSignal: AbortSignal },
  ) => Promise<unknown>;
  return Object.assign(Object.create(client) as S3Client, {
    send(command: unknown) {
      if (command instanceof UploadPartCommand) return send(command, { abortSignal: signal });
      // Once completing has been asked for, only the answer tells whether the object exists: it is awaited.
      if (command instanceof CompleteMultipartUploadCommand && signal.aborted)
        return Promise.reject(signal.reason as Error);
      if (command instanceof AbortMultipartUploadCommand) return removeParts(async () => await send(command));
      return send(command);
    },
  });
}

const [mostRemovals, wantedAbsences, firstPauseMs] = [5, 2, 50];

/**
 * A part that was on its way when its upload was removed may bring it back, so that removing is asked for again until nothing is there twice
 * in turn (Amazon S3 API Reference, AbortMultipartUpload).
 */
async function removeParts(remove: () => Promise<unknown>): Promise<unknown> {
  const answer = await remove();
  let absences = 0;
  for (let again = 0; again < mostRemovals && absences < wantedAbsences; again += 1) {
    await sleep(firstPauseMs * 2 ** again);
    try {
      await remove();
      absences = 0;
    } catch (error) {
      if (nameOf(error) !== 'NoSuchUpload') throw error;
      absences += 1;
    }
  }
  return answer;
}
