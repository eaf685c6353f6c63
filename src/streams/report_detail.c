/* streams/report_detail.c: what is told of a connection in full: the verdict, its states over time,
 * charts, facts, the ladder of its packets and what was said.
 *
 * Charts are drawn by script; all the rest is there without. Ladders and streams share a budget, so
 * that the page stays small. */
#include "streams/report_page.h"

#define RUNGS_MAX 80u
#define PIECES_MAX 400u
#define POINT_BYTES 24u     /* a point in the page, about */
#define DETAIL_BYTES 12000u /* what has no budget of its own in a section */
#define SLACK_BYTES 20000u
#define STRIP_STEPS 200u

struct budget {
    uint64_t ladder, stream; /* bytes that are left */
};

static void write_facts(struct report_page *page, const struct report_detail *detail) {
    struct report_writer *writer = &page->writer;
    const struct report *report = page->report;
    bool directed = false;
    if (!detail->fact_count)
        return;
    for (size_t i = 0; i < detail->fact_count; i++)
        directed |= detail->facts[i].values[1] != 0;
    report_put(writer, "<section class=\"part\"><h4>Facts</h4><div class=\"scroll\"><table "
                       "class=\"facts\">");
    if (directed)
        report_put(writer,
                   "<thead><tr><td></td><th scope=\"col\">%s → %s</th><th scope=\"col\">%s → "
                   "%s</th></tr></thead>",
                   report->ends[0], report->ends[1], report->ends[1], report->ends[0]);
    report_put(writer, "<tbody>\n");
    for (size_t i = 0; i < detail->fact_count; i++) {
        const struct report_fact *fact = &detail->facts[i];
        report_put(writer, "<tr><th scope=\"row\">%s</th>", fact->name);
        if (fact->values[1])
            report_put(writer, "<td>%s</td><td>%s</td></tr>\n", fact->values[0], fact->values[1]);
        else
            report_put(writer, "<td colspan=\"2\">%s</td></tr>\n", fact->values[0]);
    }
    report_put(writer, "</tbody></table></div></section>\n");
}

/* Height of the time between two rungs, in pixels: to scale where it is short, and bounded. */
static uint64_t height_of(rill_time gap, rill_time shown) {
    uint64_t height = report_share(gap, shown, 600);
    return height > 72 ? 72 : height;
}

/* Time that passes, and what passed in it that is nothing to tell (null: nothing did). */
static void write_gap(struct report_writer *writer, rill_time gap, rill_time shown,
                      const char *text) {
    uint64_t height = height_of(gap, shown);
    if (!text && height < 8)
        return;
    report_put(writer, "<li class=\"gap\" style=\"height:%upx\"><span>%t",
               height < 24 ? 24 : height, gap);
    report_put(writer, text ? " · %s</span></li>\n" : "</span></li>\n", text);
}

static void write_rung(struct report_writer *writer, const struct report_rung *rung,
                       rill_time since) {
    static const char *const kinds[] = {"", " bad", " odd", ""};
    report_put(writer, "<li class=\"%s%s\"><time>%t</time><span>%s</span>",
               rung->direction ? "left" : "right", kinds[rung->kind], since, rung->text);
    if (rung->frame)
        report_put(writer, "<small>frame %u</small>", rung->frame);
    report_put(writer, "</li>\n");
}

static void write_ladder(struct report_page *page, const struct report_connection *it,
                         const struct report_detail *detail, struct budget *budget) {
    struct report_writer *writer = &page->writer;
    uint64_t before = writer->written;
    rill_time last = it->start;
    size_t i = 0;
    if (!detail->rung_count || !budget->ladder)
        return;
    report_put(writer,
               "<section class=\"part\"><h4>Ladder</h4><ol class=\"ladder\"><li class=\"ends\">"
               "<b>%s</b><b>%s</b></li>\n",
               it->client, it->server);
    for (; i < detail->rung_count && i < RUNGS_MAX; i++) {
        const struct report_rung *rung = &detail->ladder[i];
        rill_time gap = rung->at > last ? rung->at - last : 0;
        if (writer->written - before > budget->ladder)
            break;
        write_gap(writer, gap, it->duration, rung->kind == REPORT_STEP_FOLD ? rung->text : 0);
        if (rung->kind != REPORT_STEP_FOLD)
            write_rung(writer, rung, rung->at > it->start ? rung->at - it->start : 0);
        last = rung->at;
    }
    if (i < detail->rung_count)
        report_put(writer, "<li class=\"gap\"><span>%g lines more</span></li>\n",
                   (uint64_t)(detail->rung_count - i));
    report_put(writer, "</ol></section>\n");
    before = writer->written - before;
    budget->ladder -= before < budget->ladder ? before : budget->ladder;
}

/* Bytes as text: what is none is a dot. */
static void write_text(struct report_writer *writer, const uint8_t *data, uint64_t length) {
    for (uint64_t i = 0; i < length; i++) {
        char one[2] = {(char)data[i], '\0'};
        if (data[i] == '\r')
            continue;
        if (data[i] == '\n')
            report_put_bytes(writer, (const uint8_t *)"\n", 1);
        else if (data[i] < ' ' || data[i] > '~')
            report_put_bytes(writer, (const uint8_t *)"\xc2\xb7", 2);
        else
            report_put(writer, "%s", one);
    }
}

/* The bytes as they are, for the script, which shows them in hexadecimal and saves them. */
static void write_base64(struct report_writer *writer, const uint8_t *data, uint64_t length) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (uint64_t i = 0; i < length; i += 3) {
        uint32_t three = (uint32_t)data[i] << 16;
        three |= i + 1 < length ? (uint32_t)data[i + 1] << 8 : 0;
        three |= i + 2 < length ? data[i + 2] : 0;
        uint8_t out[4] = {(uint8_t)digits[three >> 18], (uint8_t)digits[three >> 12 & 63], '=',
                          '='};
        if (i + 1 < length)
            out[2] = (uint8_t)digits[three >> 6 & 63];
        if (i + 2 < length)
            out[3] = (uint8_t)digits[three & 63];
        report_put_bytes(writer, out, sizeof out);
    }
}

static void write_bytes(struct report_writer *writer, bool other, const uint8_t *data,
                        uint64_t offset, uint64_t length) {
    report_put(writer, other ? "<pre class=\"other\" " : "<pre ");
    report_put(writer, "data-o=\"%u\" data-b=\"", offset);
    write_base64(writer, data, length);
    report_put(writer, "\">");
    write_text(writer, data, length);
    report_put(writer, "</pre>");
}

static void write_piece(struct report_page *page, const struct report_connection *it,
                        const struct report_piece *piece, uint64_t room) {
    struct report_writer *writer = &page->writer;
    uint64_t length = piece->length < room ? piece->length : room;
    report_put(writer, "<div class=\"say d%u%s\"><p>%s at %t, bytes %g to %g</p>",
               (uint64_t)piece->direction, piece->kind == REPORT_PIECE_CONFLICT ? " again" : "",
               page->report->ends[piece->direction],
               piece->at > it->start ? piece->at - it->start : 0, piece->offset,
               piece->offset + piece->length);
    if (piece->kind == REPORT_PIECE_GAP) {
        report_put(writer, "<p class=\"hole\">%g bytes are not in the capture</p></div>\n",
                   piece->length);
        return;
    }
    write_bytes(writer, false, piece->data, piece->offset, length);
    if (piece->kind == REPORT_PIECE_CONFLICT) {
        report_put(writer, "<p>the same bytes, sent again, were</p>");
        write_bytes(writer, true, piece->other, piece->offset, length);
    }
    if (length < piece->length)
        report_put(writer, "<p>%g bytes more</p>", piece->length - length);
    report_put(writer, "</div>\n");
}

static void write_streams(struct report_page *page, const struct report_connection *it,
                          const struct report_detail *detail, struct budget *budget) {
    struct report_writer *writer = &page->writer;
    const char *follow = page->report->follow;
    uint64_t before = writer->written;
    /* The first that are told may show more than those after them, but not all there is room for.
     */
    uint64_t room = budget->stream / 4;
    bool cut = detail->pieces_cut, holes = false;
    if (!detail->piece_count || room < 256)
        return;
    report_put(writer, "<details class=\"part said\"><summary><h4>What was said</h4></summary><div "
                       "class=\"talk\">\n");
    for (size_t i = 0; i < detail->piece_count; i++) {
        uint64_t used = writer->written - before;
        const struct report_piece *piece = &detail->pieces[i];
        if (i == PIECES_MAX || used >= room) {
            cut = true;
            break;
        }
        /* A byte takes six at worst, when it is escaped, more than one as it is, and twice that in
         * a conflict. */
        uint64_t most = (room - used) / 15 + 1;
        write_piece(page, it, piece, most);
        holes |= piece->kind == REPORT_PIECE_GAP || piece->length > most;
    }
    report_put(writer, cut || holes ? "</div>" : "</div><i data-whole hidden></i>");
    if (follow)
        report_put(writer,
                   "<p class=\"hint\">%s<code>%s %u</code>; of one side, to a file, with a list of "
                   "what is missing: <code>%s %u --raw --from client --holes HOLES.json</code></p>",
                   cut ? "There is more. All of it: " : "In the terminal: ", follow, it->number,
                   follow, it->number);
    report_put(writer, "</details>\n");
    before = writer->written - before;
    budget->stream -= before < budget->stream ? before : budget->stream;
}

static void write_detail(struct report_page *page, size_t index, bool first, uint64_t points,
                         struct budget *budget) {
    struct report_writer *writer = &page->writer;
    const struct report *report = page->report;
    struct report_connection it;
    struct report_detail detail;
    report->connection(report->context, index, &it);
    if (!report->detail(report->context, index, &detail))
        return;
    report_put(writer,
               "<details class=\"one\" id=\"c%u\"%s><summary><h3><span>%s %u</span> <b>%s</b> → "
               "<b>%s</b></h3><p>%s</p></summary>\n",
               it.number, first ? " open" : "", report->noun, it.number, it.client, it.server,
               it.verdict);
    if (report->count > 1)
        report_write_bar(page, it.state_ns, true);
    report_put(writer, "<div class=\"strip\" title=\"its states over its time\">");
    report_write_strip(page, &it, &detail, STRIP_STEPS);
    report_put(writer,
               "</div>\n<div class=\"charts\"><noscript><p class=\"hint\">The charts are drawn by "
               "script; all else is here.</p></noscript></div>\n");
    report_write_charts(page, &it, &detail, points);
    report_put(writer, "<div class=\"parts\">\n");
    write_facts(page, &detail);
    write_ladder(page, &it, &detail, budget);
    write_streams(page, &it, &detail, budget);
    report_put(writer, "</div>\n</details>\n");
}

/* What the page has left, when `details` sections are still to come. */
static uint64_t room(const struct report_page *page, size_t details) {
    uint64_t taken =
        page->writer.written + page->asset_bytes + SLACK_BYTES + details * DETAIL_BYTES;
    return taken < REPORT_BYTES_MAX ? REPORT_BYTES_MAX - taken : 0;
}

/* The points that the section of the detail `k` may draw: what is left is shared with those after
 * it as they need it. */
static uint64_t points_of(const struct report_page *page, size_t k, const struct budget *budget) {
    uint64_t left = room(page, page->detail_count - k), kept = budget->ladder + budget->stream;
    uint64_t points = left > kept ? (left - kept) / POINT_BYTES : 0;
    uint64_t share = (uint64_t)REPORT_POINTS * (page->detail_count - k) / page->detail_count;
    uint64_t level =
        report_level(page->needs + k, page->detail_count - k, points < share ? points : share);
    return page->needs[k] < level ? page->needs[k] : level;
}

void report_write_details(struct report_page *page) {
    struct report_writer *writer = &page->writer;
    uint64_t left = room(page, page->detail_count);
    struct budget budget = {left / 5, left / 5};
    size_t k = 0;
    if (!page->detail_count)
        return;
    report_put(writer, "<section aria-labelledby=\"each\">\n<h2 id=\"each\">%s</h2>\n",
               page->detail_count == 1 ? "In full" : "One by one");
    report_write_notes(page);
    for (size_t i = 0; i < page->row_count; i++) {
        if (!page->rows[i].told)
            continue;
        write_detail(page, page->rows[i].index, k == 0, points_of(page, k, &budget), &budget);
        k++;
    }
    report_put(writer, "</section>\n");
}
