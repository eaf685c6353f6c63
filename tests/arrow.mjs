// A table that `rill streams export --arrow` wrote, read by Apache Arrow's own reader, against the same as CSV:
// node tests/arrow.mjs [TABLE KIND CSV]…. TABLE is a file, or - for a stream on standard input; KIND is connections or
// packets. Prints "N rows, N batches" for each; throws where they differ.
import { RecordBatchReader, Type } from 'apache-arrow';
import { createReadStream, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import assert from 'node:assert/strict';

/* What a column must be, by its name. */
const text = ['scope', 'client', 'server', 'state', 'handshake', 'closed_by', 'community_id', 'tap', 'verdict'];
const bool = ['sack', 'timestamps', 'from_client', 'resent', 'spurious', 'reordered', 'repaired', 'hole', 'second_sighting',
  'zero_window', 'window_probe', 'keepalive', 'syn_resent', 'fin_resent'];
const small = { interface: 32, length: 32, captured: 32, window_field: 32, identification: 32, mss: 32, flags: 16, ttl: 16,
  window_scale: 16, sack_blocks: 16 };
const checkType = (kind, { name, type }) => {
  if (text.includes(name)) return assert.equal(type.typeId, Type.Utf8, name);
  if (bool.includes(name)) return assert.equal(type.typeId, Type.Bool, name);
  if (name === 'start' || name === 'time') return assert.equal(`${type}`, 'Timestamp<NANOSECOND>', name);
  return assert.equal(`${type}`, `Int${kind === 'packets' && small[name] || 64}`, name);
};

/* A field of a line; no text of rill's has quotes in it. */
const split = (line) => line.match(/("[^"]*"|[^",]*)(,|$)/g).map((one) => one.replace(/,$/, '').replace(/^"|"$/g, ''));

/* The values of a batch's column as CSV has them: by the buffers, as get() makes a float of a nanosecond. */
const cells = (data, vector) => {
  const plain = data.type.typeId === Type.Timestamp || data.type.typeId === Type.Int;
  return (row) => (data.getValid(row) ? String(plain ? data.values[row] : vector.get(row)) : '');
};

const compare = async (path, kind, csv) => {
  const reader = RecordBatchReader.from(readFileSync(path === '-' ? 0 : path)).open();
  const { schema } = reader;
  const batches = [...reader]; // one without rows if there is none
  const lines = createInterface({ input: createReadStream(csv), crlfDelay: Infinity })[Symbol.asyncIterator]();
  const header = (await lines.next()).value;
  assert.deepEqual(schema.fields.map((field) => field.name), header.split(','));
  assert.equal(schema.metadata.get('rill'), `${kind} 1`);
  schema.fields.forEach((field) => checkType(kind, field));
  let rows = 0;
  for (const batch of batches) {
    assert.ok(batch.numRows <= 65536, `a batch of ${batch.numRows} rows`);
    const columns = schema.fields.map((field, i) => {
      const offset = batch.data.children[i].values?.byteOffset ?? 0;
      assert.equal(offset % 8, 0, `${field.name} begins at ${offset}`);
      return cells(batch.data.children[i], batch.getChildAt(i));
    });
    for (let row = 0; row < batch.numRows; row++, rows++) {
      const line = (await lines.next()).value;
      assert.ok(line !== undefined, `row ${rows} is not in the CSV`);
      const wanted = split(line);
      columns.forEach((cell, i) => {
        if (cell(row) !== wanted[i])
          assert.fail(`row ${rows}, ${schema.fields[i].name}: ${cell(row)}, in the CSV ${wanted[i]}`);
      });
    }
  }
  assert.ok((await lines.next()).done, 'the CSV has more rows');
  console.log(`${rows} rows, ${batches.filter((batch) => batch.numRows).length} batches`);
};

const words = process.argv.slice(2);
while (words.length) await compare(...words.splice(0, 3));
