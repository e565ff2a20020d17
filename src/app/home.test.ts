import { describe, expect, it } from 'vitest';
import { sealpointHome } from './home.ts';

describe('sealpointHome', () => {
  it('prefers SEALPOINT_HOME on every platform', () => {
    for (const platform of ['linux', 'darwin', 'win32'] as const) {
      expect(sealpointHome({ platform, environment: { SEALPOINT_HOME: '/state' }, homeFolder: '/home/ada' })).toBe(
        '/state',
      );
    }
  });

  it('follows XDG_DATA_HOME on Linux, but not a relative or an empty one', () => {
    const at = (data: string | undefined): string =>
      sealpointHome({ platform: 'linux', environment: { XDG_DATA_HOME: data }, homeFolder: '/home/ada' });
    expect(at('/data')).toBe('/data/sealpoint');
    expect(at('data')).toBe('/home/ada/.local/share/sealpoint');
    expect(at(undefined)).toBe('/home/ada/.local/share/sealpoint');
  });

  it('uses the folder for application data on macOS', () => {
    expect(sealpointHome({ platform: 'darwin', environment: { SEALPOINT_HOME: '' }, homeFolder: '/Users/ada' })).toBe(
      '/Users/ada/Library/Application Support/Sealpoint',
    );
  });
});
