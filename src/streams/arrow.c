/* streams/arrow.c: see arrow.h. The format is that of the Arrow Columnar Format, version 1.5, with
 * metadata version V5 (Schema.fbs, Message.fbs, File.fbs); no dictionaries, no compression.
 *
 *     file     "ARROW1", two zeros, the stream, the footer, its length, "ARROW1"
 *     stream   messages: the schema, the record batches; then a message of length 0
 *     message  0xffffffff, int32 length of the metadata with its padding, the metadata (a
 *              FlatBuffer), the body
 *     body     for each column: which rows are not null, a bit a row, or nothing if all are; for
 *              text int32 offsets, one more than rows; the values
 *
 * The metadata is padded so that each body begins at a multiple of 64 bytes in what is written, and
 * so does each buffer in it. Everything is little-endian, and the schema says so. */
#include "streams/arrow.h"

#include "streams/flat.h"

#include <string.h>

enum { ALIGNMENT = 64, ROWS_FIRST = 256, TEXT_FIRST = 4096, METADATA_V5 = 4 };
enum { HEADER_SCHEMA = 1, HEADER_BATCH = 3 }; /* union MessageHeader */
/* union Type */
enum { TYPE_INT = 2, TYPE_UTF8 = 5, TYPE_BOOL = 6, TYPE_TIMESTAMP = 10, UNIT_NANOSECOND = 3 };

/* A column of the batch at hand. */
struct column {
    uint8_t *valid;  /* a bit a row */
    uint8_t *values; /* of text: int32 where each ends, after one 0 */
    uint8_t *text;
    size_t room; /* rows */
    size_t text_used, text_room;
    uint64_t nulls;
};

struct block {
    uint64_t offset, body;
    uint32_t metadata;
};

struct arrow_writer {
    struct arrow_config config;
    struct flat flat;
    struct column *columns;
    size_t rows;
    size_t bytes; /* of the batch at hand, about */
    struct block *blocks;
    size_t block_count, block_room;
    uint64_t offset; /* bytes written */
    bool failed;
};

static void *allocate(struct arrow_writer *writer, size_t size) {
    struct rill_allocator *allocator = &writer->config.allocator;
    void *memory = writer->failed ? 0 : allocator->allocate(allocator->context, size);
    if (memory)
        memset(memory, 0, size);
    else
        writer->failed = true;
    return memory;
}

static void release(struct arrow_writer *writer, void *memory, size_t size) {
    struct rill_allocator *allocator = &writer->config.allocator;
    if (memory)
        allocator->release(allocator->context, memory, size);
}

/* Null, and the old memory stays: there is none. */
static void *grow(struct arrow_writer *writer, void *old, size_t size, size_t wanted) {
    void *memory = allocate(writer, wanted);
    if (!memory)
        return 0;
    if (size)
        memcpy(memory, old, size);
    release(writer, old, size);
    return memory;
}

static size_t width(enum arrow_type type) {
    static const uint8_t widths[] = {2, 4, 8, 8, 0, 4};
    return widths[type];
}

static size_t bitmap_size(size_t rows) {
    return (rows + 7) / 8;
}

/* Bytes of a column's values, of text: of its offsets. */
static size_t values_size(enum arrow_type type, size_t rows) {
    if (type == ARROW_BOOL)
        return bitmap_size(rows);
    return width(type) * (rows + (type == ARROW_TEXT));
}

static void put(struct arrow_writer *writer, const uint8_t *bytes, size_t length) {
    if (length && !writer->failed)
        writer->failed = !writer->config.write(writer->config.context, bytes, length);
    writer->offset += length;
}

static void put_zeros(struct arrow_writer *writer, uint64_t length) {
    static const uint8_t zeros[ALIGNMENT];
    for (; length; length -= length < ALIGNMENT ? length : ALIGNMENT)
        put(writer, zeros, (size_t)(length < ALIGNMENT ? length : ALIGNMENT));
}

static void put32(struct arrow_writer *writer, uint32_t value) {
    uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                        (uint8_t)(value >> 24)};
    put(writer, bytes, sizeof bytes);
}

/* The metadata at hand as the head of a message; returns how long that is. */
static uint32_t put_head(struct arrow_writer *writer) {
    struct flat *flat = &writer->flat;
    uint64_t end = writer->offset + 8 + flat->used;
    uint64_t padding = (ALIGNMENT - end % ALIGNMENT) % ALIGNMENT;
    uint32_t length = (uint32_t)(flat->used + padding);
    writer->failed = writer->failed || flat->failed;
    put32(writer, UINT32_MAX);
    put32(writer, length);
    put(writer, flat->bytes, flat->used);
    put_zeros(writer, padding);
    return 8 + length;
}

/* Begins a message; returns where the offset to its header lies. */
static size_t begin_message(struct flat *flat, unsigned header, uint64_t body) {
    size_t at[4];
    rill__flat_begin(flat);
    rill__flat_lead(flat, 0, rill__flat_table(flat, "2148", at));
    rill__flat_set(flat, at[0], METADATA_V5, 2);
    rill__flat_set(flat, at[1], header, 1);
    rill__flat_set(flat, at[3], body, 8);
    return at[2];
}

static size_t add_type(struct flat *flat, enum arrow_type type, unsigned *kind) {
    size_t at[2], table;
    switch (type) {
    case ARROW_TEXT:
        *kind = TYPE_UTF8;
        return rill__flat_table(flat, "", at);
    case ARROW_BOOL:
        *kind = TYPE_BOOL;
        return rill__flat_table(flat, "", at);
    case ARROW_TIME:
        *kind = TYPE_TIMESTAMP;
        table = rill__flat_table(flat, "2", at);
        rill__flat_set(flat, at[0], UNIT_NANOSECOND, 2);
        return table;
    default:
        *kind = TYPE_INT;
        table = rill__flat_table(flat, "41", at);
        rill__flat_set(flat, at[0], 8 * width(type), 4);
        rill__flat_set(flat, at[1], 1, 1); /* signed */
        return table;
    }
}

static size_t add_field(struct flat *flat, const struct arrow_column *column) {
    size_t at[6];
    unsigned kind;
    size_t field = rill__flat_table(flat, "411404", at); /* no dictionary */
    rill__flat_lead(flat, at[0], rill__flat_text(flat, column->name));
    rill__flat_set(flat, at[1], column->nullable, 1);
    rill__flat_lead(flat, at[3], add_type(flat, column->type, &kind));
    rill__flat_set(flat, at[2], kind, 1);
    rill__flat_lead(flat, at[5], rill__flat_vector(flat, 0, 4, 4)); /* no children */
    return field;
}

static size_t add_schema(struct flat *flat, const struct arrow_config *config) {
    size_t at[3], pair[2];
    size_t schema = rill__flat_table(flat, "244", at);
    size_t fields = rill__flat_vector(flat, config->count, 4, 4);
    rill__flat_lead(flat, at[1], fields);
    for (size_t i = 0; i < config->count; i++)
        rill__flat_lead(flat, fields + 4 + 4 * i, add_field(flat, &config->columns[i]));
    size_t metadata = rill__flat_vector(flat, 1, 4, 4);
    rill__flat_lead(flat, at[2], metadata);
    rill__flat_lead(flat, metadata + 4, rill__flat_table(flat, "44", pair));
    rill__flat_lead(flat, pair[0], rill__flat_text(flat, "rill"));
    rill__flat_lead(flat, pair[1], rill__flat_text(flat, config->table));
    return schema;
}

static uint64_t padded(uint64_t length) {
    return (length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

struct buffer {
    const uint8_t *bytes;
    size_t length;
};

/* The buffers of a column: two or three. */
static size_t buffers_of(const struct arrow_writer *writer, size_t index, struct buffer out[3]) {
    const struct column *column = &writer->columns[index];
    enum arrow_type type = writer->config.columns[index].type;
    out[0] = (struct buffer){column->valid, column->nulls ? bitmap_size(writer->rows) : 0};
    out[1] = (struct buffer){column->values, values_size(type, writer->rows)};
    out[2] = (struct buffer){column->text, column->text_used};
    return type == ARROW_TEXT ? 3 : 2;
}

/* The metadata of the batch at hand; returns the length of its body. */
static uint64_t describe_batch(struct arrow_writer *writer) {
    struct flat *flat = &writer->flat;
    size_t at[3], count = writer->config.count, buffer_count = 0;
    uint64_t body = 0;
    struct buffer buffers[3];
    for (size_t i = 0; i < count; i++) {
        size_t each = buffers_of(writer, i, buffers);
        buffer_count += each;
        for (size_t j = 0; j < each; j++)
            body += padded(buffers[j].length);
    }
    size_t header = begin_message(flat, HEADER_BATCH, body);
    rill__flat_lead(flat, header, rill__flat_table(flat, "844", at));
    rill__flat_set(flat, at[0], writer->rows, 8);
    size_t nodes = rill__flat_vector(flat, count, 16, 8);
    rill__flat_lead(flat, at[1], nodes);
    size_t places = rill__flat_vector(flat, buffer_count, 16, 8);
    rill__flat_lead(flat, at[2], places);
    places += 4;
    uint64_t offset = 0;
    for (size_t i = 0; i < count; i++) {
        rill__flat_set(flat, nodes + 4 + 16 * i, writer->rows, 8);
        rill__flat_set(flat, nodes + 12 + 16 * i, writer->columns[i].nulls, 8);
        size_t each = buffers_of(writer, i, buffers);
        for (size_t j = 0; j < each; j++, places += 16) {
            rill__flat_set(flat, places, offset, 8);
            rill__flat_set(flat, places + 8, buffers[j].length, 8);
            offset += padded(buffers[j].length);
        }
    }
    return body;
}

static bool note_block(struct arrow_writer *writer, struct block block) {
    if (writer->config.stream)
        return true;
    if (writer->block_count == writer->block_room) {
        size_t room = writer->block_room ? 2 * writer->block_room : 64;
        struct block *blocks =
            grow(writer, writer->blocks, writer->block_room * sizeof block, room * sizeof block);
        if (!blocks)
            return false;
        writer->blocks = blocks;
        writer->block_room = room;
    }
    writer->blocks[writer->block_count++] = block;
    return true;
}

static void empty_columns(struct arrow_writer *writer) {
    for (size_t i = 0; i < writer->config.count; i++) {
        struct column *column = &writer->columns[i];
        memset(column->valid, 0, bitmap_size(writer->rows));
        memset(column->values, 0, values_size(writer->config.columns[i].type, writer->rows));
        column->text_used = 0;
        column->nulls = 0;
    }
    writer->rows = 0;
    writer->bytes = 0;
}

bool rill__arrow_flush(struct arrow_writer *writer) {
    struct block block = {0};
    struct buffer buffers[3];
    if (!writer->rows || writer->failed)
        return !writer->failed;
    block.offset = writer->offset;
    block.body = describe_batch(writer);
    block.metadata = put_head(writer);
    for (size_t i = 0; i < writer->config.count; i++) {
        size_t each = buffers_of(writer, i, buffers);
        for (size_t j = 0; j < each; j++) {
            put(writer, buffers[j].bytes, buffers[j].length);
            put_zeros(writer, padded(buffers[j].length) - buffers[j].length);
        }
    }
    empty_columns(writer);
    return note_block(writer, block) && !writer->failed;
}

/* Room for one more row. */
static bool make_room(struct arrow_writer *writer, struct column *column, enum arrow_type type) {
    size_t old = column->room, room = old ? 2 * old : ROWS_FIRST;
    if (writer->rows < old)
        return true;
    uint8_t *valid = grow(writer, column->valid, old ? bitmap_size(old) : 0, bitmap_size(room));
    if (!valid)
        return false;
    column->valid = valid;
    uint8_t *values =
        grow(writer, column->values, old ? values_size(type, old) : 0, values_size(type, room));
    if (!values) { /* each column is released by its room */
        release(writer, valid, bitmap_size(room));
        column->valid = 0;
        release(writer, column->values, old ? values_size(type, old) : 0);
        column->values = 0;
        column->room = 0;
        return false;
    }
    column->values = values;
    column->room = room;
    return true;
}

static void set(uint8_t *out, uint64_t value, size_t size) {
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(value >> 8 * i);
}

static bool add_text(struct arrow_writer *writer, struct column *column, const char *text) {
    size_t length = text ? strlen(text) : 0;
    if (column->text_room - column->text_used < length) {
        size_t room = column->text_room ? column->text_room : TEXT_FIRST;
        while (room - column->text_used < length)
            room *= 2;
        uint8_t *grown = grow(writer, column->text, column->text_room, room);
        if (!grown)
            return false;
        column->text = grown;
        column->text_room = room;
    }
    if (length)
        memcpy(column->text + column->text_used, text, length);
    column->text_used += length;
    writer->bytes += length;
    set(column->values + 4 * (writer->rows + 1), column->text_used, 4);
    return true;
}

static bool add_cell(struct arrow_writer *writer, size_t index, const struct arrow_cell *cell) {
    struct column *column = &writer->columns[index];
    enum arrow_type type = writer->config.columns[index].type;
    uint8_t bit = (uint8_t)(1u << writer->rows % 8);
    if (!make_room(writer, column, type))
        return false;
    if (cell->null)
        column->nulls++;
    else
        column->valid[writer->rows / 8] |= bit;
    writer->bytes += width(type);
    if (type == ARROW_TEXT)
        return add_text(writer, column, cell->null ? 0 : cell->text);
    if (type == ARROW_BOOL && cell->number && !cell->null)
        column->values[writer->rows / 8] |= bit;
    else if (type != ARROW_BOOL)
        set(column->values + width(type) * writer->rows, cell->null ? 0 : cell->number,
            width(type));
    return true;
}

bool rill__arrow_row(struct arrow_writer *writer, const struct arrow_cell *cells) {
    for (size_t i = 0; i < writer->config.count; i++)
        if (writer->failed || !add_cell(writer, i, &cells[i]))
            return false;
    writer->rows++;
    if (writer->rows == ARROW_ROWS_MAX || writer->bytes >= ARROW_BATCH_BYTES)
        return rill__arrow_flush(writer);
    return true;
}

struct arrow_writer *rill__arrow_open(const struct arrow_config *config) {
    static const uint8_t magic[8] = "ARROW1\0";
    const struct rill_allocator *allocator = &config->allocator;
    struct arrow_writer *writer = allocator->allocate(allocator->context, sizeof *writer);
    if (!writer)
        return 0;
    memset(writer, 0, sizeof *writer);
    writer->config = *config;
    rill__flat_init(&writer->flat, &writer->config.allocator);
    writer->columns = allocate(writer, config->count * sizeof *writer->columns);
    if (!writer->columns) {
        rill__arrow_close(writer);
        return 0;
    }
    if (!config->stream)
        put(writer, magic, sizeof magic);
    size_t header = begin_message(&writer->flat, HEADER_SCHEMA, 0);
    rill__flat_lead(&writer->flat, header, add_schema(&writer->flat, config));
    put_head(writer);
    return writer;
}

static void put_footer(struct arrow_writer *writer) {
    struct flat *flat = &writer->flat;
    size_t at[4];
    rill__flat_begin(flat);
    rill__flat_lead(flat, 0, rill__flat_table(flat, "2444", at));
    rill__flat_set(flat, at[0], METADATA_V5, 2);
    rill__flat_lead(flat, at[1], add_schema(flat, &writer->config));
    rill__flat_lead(flat, at[2], rill__flat_vector(flat, 0, 24, 8)); /* no dictionaries */
    size_t blocks = rill__flat_vector(flat, writer->block_count, 24, 8);
    rill__flat_lead(flat, at[3], blocks);
    for (size_t i = 0; i < writer->block_count; i++) {
        const struct block *block = &writer->blocks[i];
        rill__flat_set(flat, blocks + 4 + 24 * i, block->offset, 8);
        rill__flat_set(flat, blocks + 12 + 24 * i, block->metadata, 4);
        rill__flat_set(flat, blocks + 20 + 24 * i, block->body, 8);
    }
    writer->failed = writer->failed || flat->failed;
    put(writer, flat->bytes, flat->used);
    put32(writer, (uint32_t)flat->used);
    put(writer, (const uint8_t *)"ARROW1", 6);
}

bool rill__arrow_finish(struct arrow_writer *writer) {
    rill__arrow_flush(writer);
    put32(writer, UINT32_MAX);
    put32(writer, 0);
    if (!writer->config.stream)
        put_footer(writer);
    return !writer->failed;
}

void rill__arrow_close(struct arrow_writer *writer) {
    struct rill_allocator allocator = writer->config.allocator;
    for (size_t i = 0; writer->columns && i < writer->config.count; i++) {
        struct column *column = &writer->columns[i];
        size_t room = column->room;
        release(writer, column->valid, bitmap_size(room));
        release(writer, column->values, values_size(writer->config.columns[i].type, room));
        release(writer, column->text, column->text_room);
    }
    release(writer, writer->columns, writer->config.count * sizeof *writer->columns);
    release(writer, writer->blocks, writer->block_room * sizeof *writer->blocks);
    rill__flat_fini(&writer->flat);
    allocator.release(allocator.context, writer, sizeof *writer);
}
