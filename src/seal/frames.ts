import { AppError } from '../core/error.ts';

/** Several byte strings in one section: for each its length (u32, little-endian) and its bytes. */
export function joinFrames(frames: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(frames.reduce((sum, frame) => sum + 4 + frame.length, 0));
  const view = new DataView(joined.buffer);
  let offset = 0;
  for (const frame of frames) {
    view.setUint32(offset, frame.length, true);
    joined.set(frame, offset + 4);
    offset += 4 + frame.length;
  }
  return joined;
}

/** @throws {AppError} artifact.unreadable unless the section holds exactly `count` frames */
export function splitFrames(section: Uint8Array, count: number): Uint8Array[] {
  const view = new DataView(section.buffer, section.byteOffset, section.byteLength);
  const frames: Uint8Array[] = [];
  let offset = 0;
  while (offset < section.length && frames.length <= count) {
    const length = offset + 4 <= section.length ? view.getUint32(offset, true) : Number.POSITIVE_INFINITY;
    if (offset + 4 + length > section.length) break;
    frames.push(section.subarray(offset + 4, offset + 4 + length));
    offset += 4 + length;
  }
  if (frames.length === count && offset === section.length) return frames;
  throw new AppError(
    'artifact.unreadable',
    `A block does not hold the ${String(count)} ciphertexts that the plan wants.`,
  );
}
