/* streams/report_map.c: the map of time: a row for each four-tuple, its lives one after the other
 * on it, numbered and in the colours of their states; and the density of all connections, where
 * there are more than can have a row. */
#include "streams/report_page.h"

#include <string.h>

#define UNMARKED (UINT64_MAX - 1) /* a lane of one life needs no mark */
#define FINENESS 8000u            /* steps of width that all lives of the map share */

/* A life on the map: which row of the table it is, and which lane it lies on. */
struct life {
    size_t index, rank;
    size_t lane_first; /* the index of the lane's first life: lanes stand in this order */
};

struct map {
    struct life lives[REPORT_ROWS];
    uint64_t lane_ids[REPORT_ROWS];
    size_t life_count, lane_count;
};

static size_t dominating(const struct report *report, const uint64_t ns[REPORT_STATES]) {
    size_t best = 0;
    for (size_t i = 1; i < report->state_count; i++)
        if (ns[i] > ns[best])
            best = i;
    return best;
}

/* Where a time lies, in steps of `fineness` from the begin of the connection. */
static uint64_t step_of(const struct report_connection *it, rill_time at, uint64_t fineness) {
    uint64_t since = at > it->start ? at - it->start : 0;
    return report_share(since < it->duration ? since : it->duration, it->duration, fineness);
}

static void write_state(struct report_page *page, const struct report_connection *it,
                        const struct report_detail *detail, size_t state, uint64_t fineness) {
    struct report_writer *writer = &page->writer;
    bool open = false;
    for (size_t i = 0; i < detail->span_count; i++) {
        const struct report_span *span = &detail->spans[i];
        uint64_t from = step_of(it, span->from, fineness), to = step_of(it, span->to, fineness);
        if (span->state != state || from == to)
            continue;
        if (!open) {
            report_put(writer, "<path class=\"");
            report_put_hue(writer, page->report->states[state].hue);
            report_put(writer, "\" d=\"");
        }
        report_put(writer, "M%u 0h%uv9H%uz", from, to - from, from);
        open = true;
    }
    if (open)
        report_put(writer, "\"/>");
}

void report_write_strip(struct report_page *page, const struct report_connection *it,
                        const struct report_detail *detail, uint64_t fineness) {
    struct report_writer *writer = &page->writer;
    size_t most = dominating(page->report, it->state_ns);
    fineness = fineness < 8 ? 8 : fineness;
    report_put(writer,
               "<svg viewBox=\"0 0 %u 9\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
               "<path class=\"",
               fineness);
    report_put_hue(writer, page->report->states[most].hue);
    report_put(writer, "\" d=\"M0 0h%uv9H0z\"/>", fineness);
    for (size_t i = 0; detail && i < page->report->state_count; i++)
        write_state(page, it, detail, i, fineness);
    report_put(writer, "</svg>");
}

/* The lane's first life among those that are there; `index` itself, if there is none. */
static size_t lane_of(struct map *map, uint64_t id, size_t index) {
    for (size_t i = 0; i < map->life_count; i++)
        if (map->lane_ids[i] == id)
            return map->lives[i].lane_first;
    map->lane_count++;
    return index;
}

/* The rows are visited by blame, so the lanes kept are those with the most to blame. */
static void gather(struct report_page *page, struct map *map) {
    const struct report *report = page->report;
    for (size_t rank = 0; rank < page->row_count; rank++) {
        struct report_connection it;
        size_t index = page->rows[rank].index, lanes = map->lane_count;
        report->connection(report->context, index, &it);
        size_t first = lane_of(map, it.lane, index);
        if (map->lane_count > REPORT_LANES) {
            map->lane_count = lanes;
            continue;
        }
        map->lane_ids[map->life_count] = it.lane;
        map->lives[map->life_count++] = (struct life){index, rank, first};
        for (size_t i = 0; index < first && i < map->life_count; i++)
            if (map->lane_ids[i] == it.lane)
                map->lives[i].lane_first = index;
        if (index < first)
            first = index;
        map->lives[map->life_count - 1].lane_first = first;
    }
}

/* By lane, then by time. Insertion: there are at most REPORT_ROWS. */
static void sort(struct map *map) {
    for (size_t i = 1; i < map->life_count; i++) {
        struct life life = map->lives[i];
        size_t at = i;
        for (; at; at--) {
            const struct life *before = &map->lives[at - 1];
            if (before->lane_first < life.lane_first ||
                (before->lane_first == life.lane_first && before->index < life.index))
                break;
            map->lives[at] = *before;
        }
        map->lives[at] = life;
    }
}

/* Thousandths of a per cent of the whole time. */
static uint64_t place(const struct report_page *page, rill_time at) {
    return report_share(at, page->report->duration, 100000);
}

static void write_life(struct report_page *page, const struct life *life,
                       const struct report_connection *it, uint64_t *marked) {
    struct report_writer *writer = &page->writer;
    const struct report *report = page->report;
    struct report_detail detail;
    bool detailed = page->rows[life->rank].told;
    uint64_t left = place(page, it->start), width = place(page, it->duration);
    uint64_t fineness = FINENESS / (page->detail_count ? page->detail_count : 1);
    bool told = detailed && report->detail(report->context, life->index, &detail);
    report_put(writer, "<a class=\"life\"");
    if (detailed)
        report_put(writer, " href=\"#c%u\"", it->number);
    report_put(writer,
               " style=\"left:%m%%;width:%m%%\" title=\"%s %u, life %u of its %s: %s. %t from %t. "
               "%s\">",
               left, width, report->noun, it->number, it->incarnation, report->numbered_from,
               it->outcome, it->duration, it->start, it->verdict);
    fineness = fineness > width / 60 ? width / 60 : fineness;
    report_write_strip(page, it, told ? &detail : 0, fineness);
    if (*marked != UNMARKED && (*marked == UINT64_MAX || left >= *marked + 2200)) {
        report_put(writer, "<b>%u</b>", it->incarnation);
        *marked = left;
    }
    report_put(writer, "</a>");
}

/* All lives of a lane, of which `first` is the first; returns where the next lane begins. */
static size_t write_lane(struct report_page *page, const struct map *map, size_t first) {
    struct report_writer *writer = &page->writer;
    const struct report *report = page->report;
    struct report_connection it;
    uint64_t marked, ended = UINT64_MAX;
    size_t next = first, lives = 0;
    while (next < map->life_count && map->lives[next].lane_first == map->lives[first].lane_first)
        next++;
    lives = next - first;
    marked = lives > 1 ? UINT64_MAX : UNMARKED;
    report->connection(report->context, map->lives[first].index, &it);
    report_put(writer,
               lives > 1 ? "<div class=\"lane lives\"><div class=\"who\"><b>%s</b> → <b>%s</b>"
                         : "<div class=\"lane\"><div class=\"who\"><b>%s</b> → <b>%s</b>",
               it.client, it.server);
    if (lives > 1)
        report_put(writer, " <em>%u %s</em>", (uint64_t)lives, report->nouns);
    else
        report_put(writer, " <small>#%u</small>", it.number);
    report_put(writer, "</div><div class=\"track\">");
    for (size_t i = first; i < next; i++) {
        report->connection(report->context, map->lives[i].index, &it);
        uint64_t left = place(page, it.start);
        if (ended < left)
            report_put(writer, "<i class=\"link\" style=\"left:%m%%;width:%m%%\"></i>", ended,
                       left - ended);
        write_life(page, &map->lives[i], &it, &marked);
        ended = place(page, it.start + it.duration);
    }
    report_put(writer, "</div></div>\n");
    return next;
}

/* The largest of 1, 2, 5 times a power of ten that gives at least four ticks. */
static rill_time tick_of(rill_time duration) {
    rill_time power = 1;
    while (power * 10 <= duration / 4)
        power *= 10;
    for (rill_time step = 5; step > 1; step -= step / 2 + 1)
        if (power * step <= duration / 4)
            return power * step;
    return power;
}

static void write_axis(struct report_page *page) {
    struct report_writer *writer = &page->writer;
    rill_time duration = page->report->duration, tick = tick_of(duration);
    report_put(writer,
               "<div class=\"lane axis\" aria-hidden=\"true\"><div class=\"who\"></div><div "
               "class=\"track\">");
    for (rill_time at = 0; at <= duration; at += tick) {
        report_put(writer, "<i style=\"left:%m%%\"><span>", place(page, at));
        if (at)
            report_put(writer, "%t", at);
        else
            report_put(writer, "0");
        report_put(writer, "</span></i>");
    }
    report_put(writer, "</div></div>\n");
}

void report_write_map(struct report_page *page) {
    struct report_writer *writer = &page->writer;
    const struct report *report = page->report;
    struct map map;
    memset(&map, 0, sizeof map);
    gather(page, &map);
    sort(&map);
    report_put(
        writer,
        "<section aria-labelledby=\"map\">\n<h2 id=\"map\">Map of time</h2>\n<p class=\"hint\">"
        "A row for each %s; each bar on it is a %s of its own, ",
        report->numbered_from, report->noun);
    if (map.life_count > map.lane_count)
        report_put(writer,
                   "and where a row has several, the same addresses and ports were used again. ");
    else
        report_put(writer, "and %s. ", report->count == 1 ? "there is one" : "no row has a second");
    report_put(writer, "Colours as above.");
    if (map.life_count < report->count)
        report_put(writer, " Shown: the %g with the most to blame.", (uint64_t)map.life_count);
    report_put(writer, "</p>\n<div class=\"map\" style=\"--tick:%m%%\">\n",
               place(page, tick_of(report->duration)));
    write_axis(page);
    for (size_t i = 0; i < map.life_count;)
        i = write_lane(page, &map, i);
    report_put(writer, "</div>\n</section>\n");
}

/* ---- density ---- */

#define GRID_COLUMNS 96u
#define GRID_ROWS 16u /* from 10, 30, 100, 300 us … on; the lowest has what is shorter */

struct grid {
    uint32_t count[GRID_ROWS][GRID_COLUMNS];
    uint32_t most;
    rill_time blame[GRID_ROWS][GRID_COLUMNS];
    uint8_t state[GRID_ROWS][GRID_COLUMNS]; /* of the one with the most to blame there */
};

static rill_time grid_floor(unsigned row) {
    rill_time floor = row ? 10000 : 0;
    for (; row > 2; row -= 2)
        floor *= 10;
    return row == 2 ? floor * 3 : floor;
}

static unsigned grid_row(rill_time duration) {
    unsigned row = 0;
    while (row + 1 < GRID_ROWS && duration >= grid_floor(row + 1))
        row++;
    return row;
}

static void fill(const struct report_page *page, struct grid *grid) {
    const struct report *report = page->report;
    for (size_t i = 0; i < report->count; i++) {
        struct report_connection it;
        report->connection(report->context, i, &it);
        uint64_t column = report_share(it.start, report->duration, GRID_COLUMNS - 1);
        unsigned row = grid_row(it.duration);
        if (++grid->count[row][column] > grid->most)
            grid->most = grid->count[row][column];
        if (it.duration >= grid->blame[row][column]) {
            grid->blame[row][column] = it.duration;
            grid->state[row][column] = (uint8_t)dominating(report, it.state_ns);
        }
    }
}

static bool empty(const struct grid *grid, unsigned row) {
    for (unsigned column = 0; column < GRID_COLUMNS; column++)
        if (grid->count[row][column])
            return false;
    return true;
}

static unsigned bits(uint32_t value) {
    unsigned n = 0;
    for (; value; value >>= 1)
        n++;
    return n;
}

static void write_cells(struct report_page *page, const struct grid *grid, unsigned row) {
    struct report_writer *writer = &page->writer;
    report_put(writer,
               "<svg viewBox=\"0 0 %u 1\" preserveAspectRatio=\"none\" aria-hidden=\"true\">",
               (uint64_t)GRID_COLUMNS);
    for (uint64_t column = 0; column < GRID_COLUMNS; column++) {
        uint32_t count = grid->count[row][column];
        if (!count)
            continue;
        report_put(writer, "<path class=\"");
        report_put_hue(writer, page->report->states[grid->state[row][column]].hue);
        report_put(writer, "\" opacity=\"%m\" d=\"M%u 0h1v1h-1z\"><title>%g %s</title></path>",
                   (uint64_t)(250 + 750 * bits(count) / bits(grid->most)), column, (uint64_t)count,
                   count == 1 ? page->report->noun : page->report->nouns);
    }
    report_put(writer, "</svg>");
}

void report_write_density(struct report_page *page) {
    struct report_writer *writer = &page->writer;
    const struct report *report = page->report;
    struct grid grid;
    if (report->count <= REPORT_LANES)
        return;
    memset(&grid, 0, sizeof grid);
    fill(page, &grid);
    report_put(
        writer,
        "<section aria-labelledby=\"density\">\n<h2 id=\"density\">All %g %s</h2>\n"
        "<p class=\"hint\">By when they began (to the right) and how long they lasted "
        "(upwards, each row about three times the one below). The fuller the colour, the more "
        "of them; the colour is that of the longest there.</p>\n<div class=\"map "
        "density\" style=\"--tick:%m%%\">\n",
        (uint64_t)report->count, report->nouns, place(page, tick_of(report->duration)));
    unsigned top = GRID_ROWS, bottom = 0;
    while (top > 1 && empty(&grid, top - 1))
        top--;
    while (bottom + 1 < top && empty(&grid, bottom))
        bottom++;
    for (unsigned row = top; row-- > bottom;) {
        report_put(writer, "<div class=\"lane\"><div class=\"who\">");
        report_put(writer, row ? "from %t" : "shorter", grid_floor(row));
        report_put(writer, "</div><div class=\"track\">");
        write_cells(page, &grid, row);
        report_put(writer, "</div></div>\n");
    }
    write_axis(page);
    report_put(writer, "</div>\n</section>\n");
}
