import { execFileSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openExternalData } from './external-data.ts';

let base: string;
let model: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'sealpoint-external-'));
  mkdirSync(join(base, 'models', 'parts'), { recursive: true });
  model = join(base, 'models', 'model.onnx');
  writeFileSync(join(base, 'models', 'weights.bin'), '0123456789');
  writeFileSync(join(base, 'secret.bin'), 'secret');
});
afterEach(() => {
  rmSync(base, { recursive: true });
});

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

describe('weights beside a model', () => {
  it('are read from their place, as many as there are', () => {
    const read = openExternalData(model);
    expect(text(read('weights.bin', 2, 3))).toBe('234');
    expect(text(read('weights.bin', 8, 5))).toBe('89');
    expect(read('weights.bin', 20, 5)).toHaveLength(0);
  });

  it('may be a link to a file of the same folder', () => {
    symlinkSync('../weights.bin', join(base, 'models', 'parts', 'link.bin'));
    expect(text(openExternalData(model)('parts/link.bin', 0, 2))).toBe('01');
  });

  it.each(['file', 'folder'])('are not read through a %s that is a link out of the folder', (kind) => {
    symlinkSync(kind === 'file' ? '../secret.bin' : '..', join(base, 'models', 'out'));
    const location = kind === 'file' ? 'out' : 'out/secret.bin';
    expect(() => openExternalData(model)(location, 0, 6)).toThrow(
      expect.objectContaining({ code: 'model.invalid', message: expect.stringContaining('leaves') }),
    );
  });

  it('that are missing are named', () => {
    expect(() => openExternalData(model)('none.bin', 0, 6)).toThrow(
      expect.objectContaining({ code: 'io.not-found', message: expect.stringContaining('none.bin') }),
    );
  });

  it('are no folder and no pipe, which would be waited for', () => {
    expect(() => openExternalData(model)('parts', 0, 1)).toThrow(expect.objectContaining({ code: 'io.failed' }));
    execFileSync('mkfifo', [join(base, 'models', 'pipe')]);
    expect(() => openExternalData(model)('pipe', 0, 1)).toThrow(expect.objectContaining({ code: 'io.failed' }));
  });

  it('are bounded all together', () => {
    truncateSync(join(base, 'models', 'weights.bin'), 400e6);
    const read = openExternalData(model);
    expect(read('weights.bin', 0, 300e6)).toHaveLength(300e6);
    expect(() => read('weights.bin', 0, 300e6 + 1)).toThrow(expect.objectContaining({ code: 'model.unsupported' }));
  });
});
