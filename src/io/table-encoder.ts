import type { Cell } from '../core/table/rows.ts';

export interface TableColumn {
  readonly name: string;
  readonly type: 'number' | 'text';
}

/** Rows to bytes, one format each. Encoders keep at most one row group. */
export interface TableEncoder {
  begin(): Uint8Array | string;
  rows(rows: readonly (readonly Cell[])[]): Uint8Array | string;
  end(): Uint8Array | string;
}
