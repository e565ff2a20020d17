import { ByteWriter, ParquetWriter, schemaFromColumnData } from 'hyparquet-writer';
import type { Cell } from '../core/table/rows.ts';
import type { TableColumn, TableEncoder } from './table-encoder.ts';

const rowGroupRows = 32 * 1024;

/** Snappy, nullable DOUBLE and UTF-8 columns, row groups of 32,768 rows; a row group is the most that is kept in memory. */
export function parquetEncoder(columns: readonly TableColumn[]): TableEncoder {
  const bytes = new ByteWriter();
  const columnTypes = columns.map(({ name, type }) => ({
    name,
    type: type === 'number' ? ('DOUBLE' as const) : ('STRING' as const),
    nullable: true,
  }));
  const schema = schemaFromColumnData({ columnData: columnTypes.map((column) => ({ ...column, data: [] })) });
  const writer = new ParquetWriter({ writer: bytes, schema, createdBy: 'sealpoint' });
  let pending: (readonly Cell[])[] = [];

  /** What the writer has made so far; its offsets go on counting while its buffer starts anew. */
  const drain = (): Uint8Array => {
    const made = bytes.getBytes().slice();
    bytes.index = 0;
    return made;
  };
  const flush = (): void => {
    if (pending.length === 0) return;
    const rows = pending;
    pending = [];
    const columnData = columns.map(({ name, type }, index) => ({
      name,
      data: rows.map((row) => toValue(row[index] ?? null, type)),
    }));
    void writer.write({ columnData, rowGroupSize: rows.length });
  };
  return {
    begin: drain,
    rows(rows) {
      for (const row of rows) {
        pending.push(row);
        if (pending.length >= rowGroupRows) flush();
      }
      return drain();
    },
    end() {
      flush();
      void writer.finish();
      return drain();
    },
  };
}

function toValue(cell: Cell, type: TableColumn['type']): number | string | null {
  if (cell === null) return null;
  return type === 'number' ? Number(cell) : String(cell);
}
