/* tests/tcp/arrives_test.c: every state, kind of segment, sequence and acknowledgement number: the
 * program does what the model wants, and docs/segment-arrives.md says so. --write writes that page.
 */
#include "tcp/arrives.h"

#define PAGE "docs/segment-arrives.md"

static const char *const state_names[IN_COUNT] = {"CLOSED",
                                                  "LISTEN",
                                                  "SYN-SENT",
                                                  "SYN-RECEIVED after a passive open",
                                                  "SYN-RECEIVED after an active open",
                                                  "ESTABLISHED",
                                                  "FIN-WAIT-1",
                                                  "FIN-WAIT-2",
                                                  "CLOSE-WAIT",
                                                  "CLOSING",
                                                  "LAST-ACK",
                                                  "TIME-WAIT, with a listener at the port"};
static const char *const next_names[] = {"CLOSED",      "LISTEN",     "SYN-SENT",   "SYN-RECEIVED",
                                         "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT",
                                         "CLOSING",     "LAST-ACK",   "TIME-WAIT"};

static const struct kind {
    const char *name;
    uint8_t flags;
    uint32_t length;
} kinds[] = {
    {"SYN", WIRE_SYN, 0},
    {"SYN, data", WIRE_SYN, 10},
    {"SYN, ACK", WIRE_SYN | WIRE_ACK, 0},
    {"SYN, FIN", WIRE_SYN | WIRE_FIN, 0},
    {"SYN, RST", WIRE_SYN | WIRE_RST, 0},
    {"ACK", WIRE_ACK, 0},
    {"data, ACK", WIRE_ACK, 10},
    {"FIN, ACK", WIRE_FIN | WIRE_ACK, 0},
    {"data, FIN, ACK", WIRE_FIN | WIRE_ACK, 10},
    {"data", 0, 10},
    {"FIN", WIRE_FIN, 0},
    {"RST", WIRE_RST, 0},
    {"RST, ACK", WIRE_RST | WIRE_ACK, 0},
    {"RST, data", WIRE_RST, 10},
};
#define KINDS (sizeof kinds / sizeof *kinds)

enum place { BEFORE, ADJACENT, ACROSS, EXACT, WITHIN, LAST, BEYOND, PLACES };
static const char *const place_names[PLACES] = {"before", "RCV.NXT-1", "across", "RCV.NXT",
                                                "within", "last",      "beyond"};

enum number { TOO_OLD, OLD, UNACKED, SOME, ALL, FUTURE, NUMBERS };
static const char *const number_names[NUMBERS] = {"too old", "old",     "SND.UNA",
                                                  "some",    "SND.NXT", "future"};

static uint32_t sequence_at(const struct situation *at, enum place place, const struct kind *kind) {
    uint32_t length =
        kind->length + (kind->flags & WIRE_SYN ? 1 : 0) + (kind->flags & WIRE_FIN ? 1 : 0);
    switch (place) {
    case BEFORE:
        return at->rcv_nxt - 50;
    case ADJACENT:
        return at->rcv_nxt - 1;
    case ACROSS:
        return at->rcv_nxt - length / 2;
    case EXACT:
        return at->rcv_nxt;
    case WITHIN:
        return at->rcv_nxt + 1000;
    case LAST:
        return at->rcv_nxt + at->rcv_wnd - 1;
    default:
        return at->rcv_nxt + at->rcv_wnd + 100;
    }
}

static uint32_t acknowledgement_at(const struct situation *at, enum number number) {
    switch (number) {
    case TOO_OLD:
        return at->snd_una - at->snd_wnd_max - 1;
    case OLD:
        return at->snd_una - 1;
    case UNACKED:
        return at->snd_una;
    case SOME:
        return at->snd_una + 1;
    case ALL:
        return at->snd_nxt;
    default:
        return at->snd_nxt + 1;
    }
}

/* Whether the case is one of its own. */
static bool is_place(enum situation_state state, enum place place, const struct kind *kind) {
    if (state <= IN_SYN_SENT)
        return place == EXACT; /* RCV.NXT means nothing yet */
    if (place == ACROSS)
        return kind->length > 1;
    return place != ADJACENT || kind->length <= 1 || kind->flags & WIRE_SYN;
}

static bool is_number(const struct situation *at, enum number number, const struct kind *kind) {
    uint32_t flight = at->snd_nxt - at->snd_una;
    if (!(kind->flags & WIRE_ACK) || at->state <= IN_LISTEN)
        return number == UNACKED;
    return number == SOME ? flight > 1 : number != ALL || flight > 0;
}

struct cell {
    bool there;
    struct outcome outcome;
};

static bool same(const struct outcome *a, const struct outcome *b) {
    return a->replies == b->replies && a->flags == b->flags && a->sequence == b->sequence &&
           a->acknowledgement == b->acknowledgement && a->next == b->next;
}

static void tell(const char *who, const struct outcome *o) {
    print_error("  %s: %u replies, flags %#x sequence %d acknowledgement %d; acked %u; then %s\n",
                who, o->replies, o->flags, (int)o->sequence, (int)o->acknowledgement, o->acked,
                next_names[o->next]);
}

static unsigned cases, wrong;

static struct cell try(const struct situation *at, const struct kind *kind, enum place place,
                       enum number number) {
    struct cell cell = {0};
    if (!is_place(at->state, place, kind) || !is_number(at, number, kind))
        return cell;
    struct arriving segment = {.flags = kind->flags,
                               .sequence = sequence_at(at, place, kind),
                               .acknowledgement = acknowledgement_at(at, number),
                               .length = kind->length};
    struct outcome want = arrives_expected(at, &segment);
    cell.there = true;
    cell.outcome = arrives_run(at->state, &segment);
    cases++;
    bool counted = at->state >= IN_ESTABLISHED && at->state != IN_TIME_WAIT &&
                   want.next != RILL_TCP_CLOSED && want.next != RILL_TCP_TIME_WAIT;
    if (!same(&want, &cell.outcome) || (counted && want.acked != cell.outcome.acked)) {
        if (wrong++ < 40) {
            print_error("%s: %s at %s, acknowledgement %s\n", state_names[at->state], kind->name,
                        place_names[place], number_names[number]);
            tell("want", &want);
            tell("does", &cell.outcome);
        }
    }
    return cell;
}

/* "ACK", "ACK+10 -> CLOSE-WAIT", "-" */
static void describe(const struct situation *at, const struct cell *cell, char *out, size_t size) {
    static const struct {
        uint8_t flags;
        const char *name;
    } names[] = {{WIRE_ACK, "ACK"},
                 {WIRE_RST, "RST"},
                 {WIRE_RST | WIRE_ACK, "RST, ACK"},
                 {WIRE_SYN | WIRE_ACK, "SYN, ACK"}};
    const char *reply = "–";
    char taken[16] = "", next[40] = "";
    static const enum rill_tcp_state states[IN_COUNT] = {
        RILL_TCP_CLOSED,       RILL_TCP_LISTEN,      RILL_TCP_SYN_SENT,   RILL_TCP_SYN_RECEIVED,
        RILL_TCP_SYN_RECEIVED, RILL_TCP_ESTABLISHED, RILL_TCP_FIN_WAIT_1, RILL_TCP_FIN_WAIT_2,
        RILL_TCP_CLOSE_WAIT,   RILL_TCP_CLOSING,     RILL_TCP_LAST_ACK,   RILL_TCP_TIME_WAIT};
    const struct outcome *o = &cell->outcome;
    out[0] = 0;
    if (!cell->there)
        return;
    for (size_t i = 0; o->replies && i < sizeof names / sizeof *names; i++)
        if (names[i].flags == o->flags)
            reply = names[i].name;
    if (o->replies && o->flags == WIRE_ACK && o->acknowledgement != at->rcv_nxt &&
        at->state > IN_SYN_SENT)
        snprintf(taken, sizeof taken, "+%u", o->acknowledgement - at->rcv_nxt);
    if (o->next != states[at->state])
        snprintf(next, sizeof next, " → %s", next_names[o->next]);
    snprintf(out, size, "%s%s%s", reply, taken, next);
}

#define CELL 64
static void row(FILE *page, const struct situation *at, const struct kind *kind) {
    static char cells[NUMBERS][PLACES][CELL];
    bool there[NUMBERS] = {false}, done[NUMBERS] = {false};
    memset(cells, 0, sizeof cells); /* compared whole */
    for (unsigned n = 0; n < NUMBERS; n++)
        for (unsigned p = 0; p < PLACES; p++) {
            struct cell cell = try(at, kind, (enum place)p, (enum number)n);
            there[n] |= cell.there;
            describe(at, &cell, cells[n][p], CELL);
        }
    for (unsigned n = 0; n < NUMBERS; n++) {
        if (!there[n] || done[n])
            continue;
        char label[80] = "";
        unsigned alike = 0, all = 0;
        for (unsigned m = n; m < NUMBERS; m++) {
            all += there[m];
            if (!there[m] || memcmp(cells[n], cells[m], sizeof cells[n]) != 0)
                continue;
            done[m] = true;
            alike++;
            snprintf(label + strlen(label), sizeof label - strlen(label), "%s%s",
                     *label ? ", " : "", number_names[m]);
        }
        bool any = alike == all && n == (there[TOO_OLD] ? TOO_OLD : UNACKED);
        bool numbered = kind->flags & WIRE_ACK && at->state > IN_LISTEN;
        fprintf(page, "| %s | %s |", kind->name, !numbered ? "" : any ? "any" : label);
        for (unsigned p = 0; p < PLACES; p++)
            if (at->state > IN_SYN_SENT || p == EXACT)
                fprintf(page, " %s |", cells[n][p]);
        fprintf(page, "\n");
    }
}

static void write_page(FILE *page) {
    fprintf(
        page,
        "# A segment arrives\n\n"
        "What a connection answers, and where it goes, for each state, kind of segment, sequence "
        "and\n"
        "acknowledgement number (RFC 9293 §3.10.7). This page is written by the program that tries "
        "every case,\n"
        "`build-test/tests/arrives_test --write`; `make test` fails when the program does "
        "otherwise "
        "than\n"
        "`tests/tcp/arrives_model.c` wants, or than this page says.\n\n"
        "A cell is the reply and, where the state changes, the next one: `–` is silence, `ACK` "
        "says "
        "SND.NXT and\n"
        "RCV.NXT, `ACK+10` has taken ten sequence numbers first. Data are 10 bytes. Sequence "
        "numbers: *before*,\n"
        "all of the segment lies well before RCV.NXT; *RCV.NXT-1*, it ends there or begins there; "
        "*across*, it begins\n"
        "before and ends behind; *within*, inside the window and not at RCV.NXT; *last*, at "
        "RCV.NXT "
        "+ RCV.WND - 1;\n"
        "*beyond*, behind that. Acknowledgement numbers: *too old*, more than the largest window "
        "before SND.UNA; *old*,\n"
        "SND.UNA - 1; *some*, SND.UNA + 1; *future*, SND.NXT + 1. 100 bytes are in flight where "
        "the "
        "state lets them be,\n"
        "and our FIN behind them where it has been sent. No timestamps, no challenge ACK sent "
        "before.\n\n"
        "Where the house departs from the letter:\n\n"
        "- A SYN with FIN opens nothing: in LISTEN and TIME-WAIT it is no SYN.\n"
        "- A segment that is wholly old is answered as the text wants, but its acknowledgement "
        "number counts.\n"
        "- RST in TIME-WAIT is ignored (RFC 1337 §3); RFC 5961 rules RST and SYN elsewhere.\n"
        "- In TIME-WAIT whatever is not the last ACK itself is acknowledged.\n");
    for (unsigned state = 0; state < IN_COUNT; state++) {
        struct situation at = arrives_situation((enum situation_state)state);
        fprintf(page, "\n## %s\n\n| segment | ack |", state_names[state]);
        if (state <= IN_SYN_SENT)
            fprintf(page, " reply |\n| --- | --- | --- |\n");
        else
            for (unsigned p = 0; p < PLACES; p++)
                fprintf(page, " %s |%s", place_names[p],
                        p == PLACES - 1
                            ? "\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
                            : "");
        for (size_t k = 0; k < KINDS; k++)
            row(page, &at, &kinds[k]);
    }
}

static char *whole(FILE *file) {
    fseek(file, 0, SEEK_END);
    long length = ftell(file);
    char *text = calloc(1, (size_t)length + 1);
    rewind(file);
    assert_int_equal(fread(text, 1, (size_t)length, file), length);
    return text;
}

static void program_does_what_the_texts_want_and_the_page_says(void **state) {
    (void)state;
    FILE *fresh = tmpfile(), *kept = fopen(PAGE, "r");
    assert_non_null(fresh);
    write_page(fresh);
    print_message("# %u cases, %u otherwise than wanted\n", cases, wrong);
    assert_int_equal(wrong, 0);
    assert_true(cases > 2000);
    if (!kept)
        fail_msg("no " PAGE);
    char *now = whole(fresh), *before = whole(kept);
    if (strcmp(now, before) != 0)
        fail_msg(
            PAGE
            " is out of date: build-test/tests/arrives_test --write, and look at the difference");
    free(now);
    free(before);
    fclose(fresh);
    fclose(kept);
}

int main(int count, char **arguments) {
    if (count == 2 && strcmp(arguments[1], "--write") == 0) {
        FILE *page = fopen(PAGE, "w");
        if (!page) {
            perror(PAGE);
            return 1;
        }
        write_page(page);
        return fclose(page) != 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(program_does_what_the_texts_want_and_the_page_says),
    };
    return cmocka_run_group_tests_name("segment arrives", tests, 0, 0);
}
