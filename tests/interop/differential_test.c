/* tests/interop/differential_test.c: the same random segments and calls to the kernel's TCP and to
 * rill's: each reply and the state at the end are alike.
 *
 * What may differ is named in `rules`, each with its reason, and counted. A difference that no rule
 * explains is tried again (the kernel's clock runs on while a busy machine makes us wait), cut down
 * to the steps it needs, and written as a packetdrill script with what the kernel answers.
 *
 *     tcp_differential_test [SEQUENCES [FIRST-SEED]]     default 400 */
#include "differential_rules.h"
#include "tunnel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 3, SHOWN = 20 };

/* What explains a difference, or null. */
static struct rule *rule_for(const struct sequence *sequence, const struct step *step,
                             const char *kernel, const char *rill) {
    for (unsigned i = 0; i < rule_count; i++)
        if (rules[i].explains(sequence, step, kernel, rill))
            return &rules[i];
    return 0;
}

/* The first step that is answered differently and that no rule explains; `sequence->count`: the
 * state at the end; -1: none. */
static int difference(const struct sequence *sequence, const struct answers *kernel,
                      const struct answers *rill, bool count) {
    for (int i = 0; i <= sequence->count; i++) {
        bool end = i == sequence->count;
        const char *texts[2] = {end ? kernel->end : kernel->step[i],
                                end ? rill->end : rill->step[i]};
        if (!strcmp(texts[0], texts[1]))
            continue;
        struct rule *rule = rule_for(sequence, end ? 0 : &sequence->steps[i], texts[0], texts[1]);
        if (!rule)
            return i;
        rule->uses += count;
        if (rule->parts)
            break;
    }
    return -1;
}

/* The same of a run, or of the last of a few. */
static int unexplained(const struct sequence *sequence, struct answers *kernel,
                       struct answers *rill, bool count) {
    int step = -1;
    for (int i = 0; i < TRIES; i++) {
        sequence_run(sequence, &kernel_subject, kernel);
        sequence_run(sequence, &rill_subject, rill);
        step = difference(sequence, kernel, rill, count && !i);
        if (step < 0)
            break;
    }
    return step;
}

/* Takes out each step that the difference does not need. */
static void shrink(struct sequence *sequence, struct answers *kernel, struct answers *rill) {
    for (int i = sequence->count - 1; i >= 0; i--) {
        struct sequence less = *sequence;
        memmove(&less.steps[i], &less.steps[i + 1],
                sizeof *less.steps * (size_t)(less.count - i - 1));
        less.count--;
        if (unexplained(&less, kernel, rill, false) >= 0)
            *sequence = less;
    }
    (void)unexplained(sequence, kernel, rill, false);
}

static void write_script(const struct sequence *sequence, const struct answers *kernel,
                         const struct answers *rill, uint64_t seed) {
    char path[64], text[SEQUENCE_TEXT];
    snprintf(path, sizeof path, "build-test/differential-%llu.pkt", (unsigned long long)seed);
    FILE *files[2] = {fopen(path, "w"), stdout};
    for (int f = 0; f < 2; f++) {
        if (!files[f])
            continue;
        const char *mark = f ? "# " : "";
        fprintf(files[f], "%s// seed %llu, begins as %u, peer's options %u; > is the kernel's\n",
                mark, (unsigned long long)seed, sequence->begin, sequence->options);
        for (int i = 0; i < sequence->count; i++) {
            step_text(sequence, i, text, sizeof text);
            fprintf(files[f], "%s+0 %s\n", mark, text);
            for (int who = 0; who < 2; who++) {
                char copy[SEQUENCE_TEXT];
                snprintf(copy, sizeof copy, "%s", who ? rill->step[i] : kernel->step[i]);
                for (char *line = strtok(copy, "\n"); line; line = strtok(0, "\n"))
                    fprintf(files[f], "%s%s%s\n", mark, who ? "//   rill: " : "+0 ", line);
            }
        }
        fprintf(files[f], "%s// at the end: kernel %s; rill %s\n", mark, kernel->end, rill->end);
        if (!f)
            fclose(files[f]);
    }
}

static void quiet_kernel(void) {
    (void)tunnel_sysctl("tcp_invalid_ratelimit", 0); /* of what is refused, each is answered */
    (void)tunnel_sysctl("tcp_challenge_ack_limit", 1 << 30);
    (void)tunnel_sysctl("tcp_ecn", 2);
    (void)tunnel_sysctl("tcp_syncookies", 0);
    (void)tunnel_sysctl("tcp_max_syn_backlog", 100000);
}

int main(int argc, char **argv) {
    unsigned long long count = argc > 1 ? strtoull(argv[1], 0, 10) : 400;
    unsigned long long first = argc > 2 ? strtoull(argv[2], 0, 10) : 1;
    unsigned found = 0;
    struct answers kernel, rill;
    const char *why_not = tunnel_open();
    printf("1..1\n");
    if (why_not) {
        printf("ok 1 - the kernel and rill answer alike # SKIP %s\n", why_not);
        return 0;
    }
    quiet_kernel();
    for (unsigned long long i = 0; i < count; i++) {
        struct sequence sequence;
        sequence_make(&sequence, first + i);
        if (unexplained(&sequence, &kernel, &rill, true) < 0)
            continue;
        found++;
        if (found > SHOWN)
            break;
        shrink(&sequence, &kernel, &rill);
        write_script(&sequence, &kernel, &rill, first + i);
    }
    for (unsigned i = 0; i < rule_count; i++)
        printf("# %u times: %s\n", rules[i].uses, rules[i].name);
    printf("%s 1 - %llu random sequences are answered alike\n", found ? "not ok" : "ok", count);
    return found != 0;
}
