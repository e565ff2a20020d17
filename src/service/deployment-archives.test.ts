import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeZip } from '../io/zip.ts';
import { readClientArchive } from './deployment-archives.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealpoint-archives-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('a client.zip from elsewhere', () => {
  it('that would fill the memory is refused by what its directory says', async () => {
    const file = join(folder, 'client.zip');
    await writeZip(file, new Map([['canaries.bin', new Uint8Array((1 << 27) + 8)]]));
    expect((await stat(file)).size).toBeLessThan(1e6);
    await expect(readClientArchive(file, file)).rejects.toMatchObject({ code: 'archive.unsafe', place: { file } });
  });
});
