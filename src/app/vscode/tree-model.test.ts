import { describe, expect, it } from 'vitest';
import { groupNodes, rootNodes, type Listing, type ProfileNode } from './tree-model.ts';

const profile: ProfileNode = { kind: 'profile', name: 'team', uri: 's3://bucket/prefix/' };
const listing = (folders: readonly string[], objects: readonly string[] = []): Listing => ({
  folders,
  objects: objects.map((key) => ({ key, sizeBytes: 1 })),
  more: false,
});

describe('the tree of a store', () => {
  it('shows our groups first and everything else apart', () => {
    const nodes = rootNodes(profile, listing(['models/', 'other/', 'jobs/'], ['notes.txt']));
    expect(nodes.map((node) => node.kind === 'group' && node.group)).toEqual(['models', 'jobs', 'others']);
    const others = nodes.at(-1);
    expect(others?.kind === 'group' && others.children?.map(({ kind }) => kind)).toEqual(['folder', 'object']);
  });

  it('says that an empty store is empty', () => {
    expect(rootNodes(profile, listing([])).map(({ kind }) => kind)).toEqual(['note']);
  });

  it('takes only entries with our ids for deployments, keys and jobs', () => {
    const id = 'a'.repeat(64);
    const models = groupNodes(
      { kind: 'group', group: 'models', profile },
      listing([`models/${id}/`, 'models/resnet/']),
    );
    expect(models).toEqual([
      { kind: 'deployment', id, uri: `s3://bucket/prefix/models/${id}/`, profile },
      { kind: 'folder', prefix: 'models/resnet/', uri: 's3://bucket/prefix/models/resnet/', profile },
    ]);
    const keys = groupNodes({ kind: 'group', group: 'keys', profile }, listing([`keys/${id}/`]));
    expect(keys).toEqual([{ kind: 'evaluationKeys', id, uri: `s3://bucket/prefix/keys/${id}/evaluation-keys.spk` }]);
  });

  it('says when a listing was cut', () => {
    const cut = groupNodes({ kind: 'group', group: 'jobs', profile }, { ...listing(['jobs/x/']), more: true });
    expect(cut.at(-1)?.kind).toBe('note');
  });
});
