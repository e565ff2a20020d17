/** How a split sends a row to its `yes` child; a missing value goes there if `missingYes`. */
export type SplitTest = '<' | '<=' | '>' | '>=' | '==' | '!=';

export interface SplitDraft {
  readonly kind: 'split';
  readonly feature: number;
  readonly test: SplitTest;
  readonly threshold: number;
  readonly missingYes: boolean;
  /** Ids of nodes in the file's own numbering. */
  readonly yes: number;
  readonly no: number;
}

/** What a leaf adds: values[i] to the score of outputs[i]. */
export interface LeafDraft {
  readonly kind: 'leaf';
  readonly outputs: readonly number[];
  readonly values: readonly number[];
}

/** A node as a model file describes it, whatever the format. */
export type NodeDraft = SplitDraft | LeafDraft;

/** One tree of a file: a root and a way from an id to its node (undefined: there is none). */
export interface TreeDraft {
  /** For messages: "tree 3". */
  readonly name: string;
  readonly root: number;
  readonly node: (id: number) => NodeDraft | undefined;
  /** How many splits the root must lead to, where the format has no room for others. */
  readonly splits?: number;
}

/** A comparison of the intermediate representation, its sides either further comparisons or ids of the file. */
export interface Comparison {
  readonly feature: number;
  readonly threshold: number;
  readonly orEqual: boolean;
  readonly missingLeft: boolean;
  readonly left: Comparison | number;
  readonly right: Comparison | number;
}

/**
 * A split as comparisons by `<` and `<=` alone. Equality takes two: x == t where not x < t and then x <= t; one of the two sides
 * appears twice.
 */
export function comparisonOf(split: SplitDraft): Comparison {
  const { feature, threshold, test, missingYes, yes, no } = split;
  switch (test) {
    case '<':
    case '<=':
      return { feature, threshold, orEqual: test === '<=', missingLeft: missingYes, left: yes, right: no };
    case '>':
    case '>=':
      return { feature, threshold, orEqual: test === '>', missingLeft: !missingYes, left: no, right: yes };
    case '==':
      return equality(split, yes, no);
    case '!=':
      return equality({ ...split, missingYes: !missingYes }, no, yes);
  }
}

function equality({ feature, threshold, missingYes }: SplitDraft, equal: number, other: number): Comparison {
  const upper = { feature, threshold, orEqual: true, missingLeft: missingYes, left: equal, right: other };
  return { feature, threshold, orEqual: false, missingLeft: !missingYes, left: other, right: upper };
}
